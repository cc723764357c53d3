"""Asking SendGrid to forget recipients: their names, addresses, subjects and what they opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from app.channels.http import AskLater, retry_after
from app.security.http import Client, NoAnswer, NotSent, Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/v3/recipients/erasejob"
TIMEOUT = (1.5, 10.0)
MOST_ADDRESSES = 5_000
MOST_BYTES = 250_000
"""SendGrid takes 256 kB a call, or 5,000 addresses."""
LONGEST_REFERENCE = 200


@dataclass(frozen=True, slots=True)
class Taken:
    """SendGrid has the addresses and will erase them."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """SendGrid won't take one of the addresses: asking the same again would end the same."""

    code: str


Answer = Taken | Refused | AskLater


def erase(api_base: str, api_key: str, addresses: Sequence[str]) -> Answer:
    """Make one call, for at most `MOST_ADDRESSES`; use `portions` for more. Every outcome is a value."""
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    client = Client(api_base, TIMEOUT)
    try:
        outcome = client.call("POST", PATH, headers, orjson.dumps({"email_addresses": list(addresses)}))
    finally:
        client.close()
    return _answer(outcome)


def portions(addresses: Sequence[str]) -> list[list[str]]:
    """The addresses, each once, in portions that one call may carry."""
    found: list[list[str]] = []
    size = MOST_BYTES
    for address in sorted(set(addresses)):
        weight = len(orjson.dumps(address)) + 1
        if size + weight > MOST_BYTES or len(found[-1]) == MOST_ADDRESSES:
            found.append([])
            size = 0
        found[-1].append(address)
        size += weight
    return found


def _answer(outcome: Reply | NotSent | NoAnswer) -> Answer:
    if not isinstance(outcome, Reply):
        return AskLater(outcome.code)
    if outcome.status == 202:  # noqa: PLR2004 the one success the API has
        return Taken(_job_id(outcome.body))
    if outcome.status == 400:  # noqa: PLR2004 an address it finds invalid
        return Refused("http_400")
    return AskLater(f"http_{outcome.status}", retry_after(outcome) or _reset(outcome))


def _job_id(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["job_id"])[:LONGEST_REFERENCE]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return ""  # it was accepted all the same


def _reset(reply: Reply) -> float | None:
    """Seconds until SendGrid's window for this call begins anew, where it says so."""
    asked = (reply.headers.get("X-RateLimit-Reset") or "").strip()
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < len("100000") else None
