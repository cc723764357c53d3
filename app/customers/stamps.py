"""Who said something, and when, as text that sorts: of two words on one thing the greater stamp holds. Pure.

What is known of a person comes from many sides in any order. With a stamp on each part, the end is the same whatever
came first: the store's own records count more than what orders and checkouts say along the way, and among equals the
later word counts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

GUEST, MENTION, MERGED, RECORD = 0, 1, 2, 3
"""A guest's address is the guest's own until somebody else claims it; a mention is told along the way by an order or
checkout; a record is the store's own description of its customer, `MERGED` that of one who was merged into another."""

NOTHING = ""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def stamp(rank: int, at: datetime, tie: str = "") -> str:
    """A word's stamp. `tie` decides between two of the same instant; with none, any other word of then is greater."""
    return f"{rank}{(at - _EPOCH) // _MICROSECOND:017d}{tie}"


def as_merged(stamped: str) -> str:
    """The same word, when whoever it describes has been merged into another."""
    return str(MERGED) + stamped[1:] if stamped > str(RECORD) else stamped
