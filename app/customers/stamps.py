"""Who said something, and when, as text that sorts: of two words on one thing the greater stamp holds. Pure.

What is known of a person comes from many sides in any order. With a stamp on each part, the end is the same whatever
came first: the store's own records count more than what orders and checkouts say along the way, and among equals the
later word counts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

GUEST, MENTION, RECORD = 0, 1, 2
"""A guest's address is the guest's own until somebody else claims it; a mention is told along the way by an order or
checkout; a record is the store's own description of its customer."""

NOTHING = ""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def stamp(rank: int, at: datetime, tie: str = "") -> str:
    """A word's stamp. `tie` decides between two of the same instant; with none, any other word of then is greater."""
    return f"{rank}{(at - _EPOCH) // _MICROSECOND:017d}{tie}"


def as_mention(stamped: str) -> str:
    """The same word, but as told along the way: what a record said that has been merged into another."""
    return str(MENTION) + stamped[1:] if stamped > str(MENTION) else stamped
