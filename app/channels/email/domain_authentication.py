"""SendGrid's domain authentication: which records a domain needs, and whether SendGrid has seen them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from app.channels.http import UNREADABLE, AskLater, parsed
from app.security.http import Client

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/v3/whitelabel/domains"
TIMEOUT = (1.5, 10.0)
LONGEST = 255
PURPOSES = {"mail_cname": "spf", "dkim1": "dkim", "dkim2": "dkim"}


@dataclass(frozen=True, slots=True)
class Authentication:
    """A domain as SendGrid knows it: with automatic security, three CNAME records."""

    ref: str
    valid: bool
    records: tuple[dict[str, str], ...]
    """purpose, kind, name, value"""


class DomainAuthentication:
    """One account's domains."""

    def __init__(self, api_base: str, api_key: str) -> None:
        self._client = Client(api_base, TIMEOUT)
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}

    def find_or_create(self, domain: str, subdomain: str) -> Authentication | AskLater:
        """The domain's authentication, made when there is none: a second one would ask for other records.

        `subdomain` is where the return path lies; empty: any will do. With one of its own for each shop, the records
        that one shop's domain has prove nothing for another shop that writes the same domain into its settings.
        """
        found = self._call("GET", f"{PATH}?{urlencode({'domain': domain, 'limit': 50})}")
        if isinstance(found, AskLater):
            return found
        known = [e for e in _list(found) if str(e.get("domain", "")).lower() == domain and _usable(e)]
        known = [e for e in known if not subdomain or e.get("subdomain") == subdomain]
        if known:
            # Of several the one that works counts, else the first.
            return _authentication(max(known, key=lambda each: bool(each.get("valid"))))
        wanted = {"domain": domain, "automatic_security": True, "default": False}
        made = self._call("POST", PATH, wanted | ({"subdomain": subdomain} if subdomain else {}))
        if isinstance(made, AskLater):
            return made
        return _authentication(made) if isinstance(made, dict) and _usable(made) else AskLater(UNREADABLE)

    def validate(self, ref: str) -> bool | AskLater:
        """Have SendGrid look at the domain's DNS itself: until it has, it signs with its own domain."""
        answer = self._call("POST", f"{PATH}/{quote(ref, safe='')}/validate")
        if isinstance(answer, AskLater):
            return answer
        return bool(answer.get("valid")) if isinstance(answer, dict) else AskLater(UNREADABLE)

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any | AskLater:
        data = orjson.dumps(body) if body is not None else b""
        return parsed(self._client.call(method, path, self._headers, data))


def _list(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _usable(entry: dict[str, Any]) -> bool:
    """Whether it is one with automatic security: its three records are CNAMEs."""
    dns = entry.get("dns")
    return bool(entry.get("id")) and isinstance(dns, dict) and all(isinstance(dns.get(n), dict) for n in PURPOSES)


def _authentication(entry: dict[str, Any]) -> Authentication:
    records = tuple(
        {
            "purpose": purpose,
            "kind": str(entry["dns"][name].get("type", "")).upper()[:LONGEST],
            "name": str(entry["dns"][name].get("host", "")).rstrip(".").lower()[:LONGEST],
            "value": str(entry["dns"][name].get("data", "")).rstrip(".").lower()[:LONGEST],
        }
        for name, purpose in PURPOSES.items()
    )
    return Authentication(str(entry["id"])[:LONGEST], bool(entry.get("valid")), records)
