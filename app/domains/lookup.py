"""Asking the DNS, within a few seconds, whatever the name servers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.exception
import dns.resolver

from app.domains.rules import Answers, Record, dmarc_names

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS_A_QUESTION = 3.0
DNS_PORT = 53


class DnsAwayError(Exception):
    """No name server gave an answer: nothing is known."""


def ask(address: str, domain: str, records: Sequence[Record]) -> Answers:
    """Everything that `rules.judge` looks at. `address`: a name server (`127.0.0.1:5353`), or empty for the machine's.

    Raises:
        DnsAwayError: a question was not answered in time. That a name doesn't exist is an answer.
    """
    resolver = _resolver(address)
    cnames: dict[str, str | None] = {}
    texts: dict[str, Sequence[str]] = {}
    try:
        for record in records:
            cnames[record.name] = next(iter(_query(resolver, record.name, "CNAME")), None)
            texts[record.name] = _query(resolver, record.name, "TXT")
        if not records:
            texts[domain] = _query(resolver, domain, "TXT")
        for name in dmarc_names(domain):
            texts[name] = _query(resolver, name, "TXT")
            if texts[name]:
                break
    except dns.exception.DNSException as error:  # time is up, or no server gives a usable answer
        raise DnsAwayError(type(error).__name__) from error
    return Answers(cnames, texts)


def _resolver(address: str) -> dns.resolver.Resolver:
    host, _, port = address.rpartition(":") if address.count(":") == 1 else (address, "", "")
    resolver = dns.resolver.Resolver(configure=not address)
    if address:
        resolver.nameservers, resolver.port = [host], int(port or DNS_PORT)
    resolver.lifetime = SECONDS_A_QUESTION
    resolver.timeout = SECONDS_A_QUESTION / 2
    return resolver


def _query(resolver: dns.resolver.Resolver, name: str, kind: str) -> list[str]:
    try:
        answer = resolver.resolve(f"{name}.", kind, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    if kind == "CNAME":
        return [str(each.target).rstrip(".").lower() for each in answer]
    return [b"".join(each.strings).decode("utf-8", "replace") for each in answer]
