"""What the answer of a provider, or its absence, means: for a message, or for a call beside the sending."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from app.channels.base import RetryLater, Unknown
from app.security.http import NoAnswer, NotSent, Reply

RATE_LIMITED = "rate_limited"
UNREADABLE = "unreadable_answer"
ACCOUNT_STATUSES = frozenset({401, 402, 403, 404, 405, 407})
"""Refusals that say nothing about the message: key, plan, address of the API. The host can mend them."""


def unanswered(outcome: NotSent | NoAnswer) -> RetryLater | Unknown:
    """What a call without an answer means for a message."""
    return RetryLater(outcome.code) if isinstance(outcome, NotSent) else Unknown(outcome.code)


def not_about_the_message(reply: Reply) -> RetryLater | Unknown | None:
    """What an answer means that is neither a success nor a refusal of this very message, else None."""
    if reply.status == 429:  # noqa: PLR2004 - the number is the name
        return RetryLater(RATE_LIMITED, retry_after(reply))
    if reply.status in ACCOUNT_STATUSES:
        return RetryLater(f"account_{reply.status}")
    if reply.status == 408:  # noqa: PLR2004 - the provider waited for the end of the request and gave up
        return RetryLater("http_408")
    if not (200 <= reply.status < 300 or 400 <= reply.status < 500):  # noqa: PLR2004 - classes of HTTP
        return Unknown(f"http_{reply.status}")
    return None


@dataclass(frozen=True, slots=True)
class AskLater:
    """A call beside the sending that came to no end: no usable answer, or one about our account or pace.

    Asking twice does no harm.
    """

    code: str
    after_seconds: float | None = None
    """What the provider asked for; None when it didn't say."""


def parsed(outcome: Reply | NotSent | NoAnswer) -> Any | AskLater:
    """The JSON of an answer that is a success with a body (200, 201)."""
    if not isinstance(outcome, Reply):
        return AskLater(outcome.code)
    if outcome.status not in (200, 201):
        return AskLater(f"http_{outcome.status}", retry_after(outcome))
    try:
        return orjson.loads(outcome.body)
    except orjson.JSONDecodeError:
        return AskLater(UNREADABLE)


def basic(user: str, password: str) -> str:
    """The Authorization header of RFC 7617."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def retry_after(reply: Reply) -> float | None:
    """Seconds the provider asked us to wait, as it said them; None when it didn't, or not readably.

    A date is read against the answer's own `Date`, so that neither clock needs to be right.
    """
    asked = (reply.headers.get("Retry-After") or "").strip()
    if asked.isascii() and asked.replace(".", "", 1).isdigit():
        seconds = float(asked)
        return seconds if seconds != float("inf") else None
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(reply.headers.get("Date") or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, wait.total_seconds())
