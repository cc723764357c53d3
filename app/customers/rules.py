"""What consent allows. Pure: the ledger's entries in, a word out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

STRICTNESS = {"unsubscribed": 3, "pending": 2, "never_asked": 1, "subscribed": 0}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    state: str
    effective_at: datetime
    double_opt_in: bool = False


def present_state(entries: Iterable[Entry]) -> Entry | None:
    """The word that counts: the latest by when it took effect, never by when we heard of it.

    A tie goes to the stricter.
    """
    return max(entries, key=lambda e: (e.effective_at, STRICTNESS[e.state]), default=None)


def may_receive_marketing(state: str | None, audience: str, channel: str) -> str | None:
    """None when a marketing message may go; else the reason why not.

    `audience` is `subscribers`, or `anyone`: the one courtesy mail about a cart that a person who never said no may
    get without having said yes. SMS always needs a yes.
    """
    if state == "subscribed":
        return None
    if state == "unsubscribed":
        return "unsubscribed"
    if audience == "anyone" and channel == "email" and state in (None, "never_asked"):
        return None
    return "no_consent"
