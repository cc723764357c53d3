"""Pages by key: the next page begins after the last row shown, so that no row is skipped or shown twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = 50
MOST_DIGITS = 18
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: when it was, and its id."""

    at: datetime
    id: int

    def __str__(self) -> str:
        """As it stands in an address."""
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id}"


def read(value: str | None) -> Cursor | None:
    """A cursor from an address; None for anything that isn't one, which then shows the first page."""
    at, dash, row = (value or "").partition("-")
    if not dash or not _is_number(at) or not _is_number(row):
        return None
    try:
        return Cursor(EPOCH + timedelta(microseconds=int(at)), int(row))
    except OverflowError:
        return None


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS


def cut(rows: Sequence[Any], at: str, size: int = PAGE) -> tuple[Sequence[Any], Cursor | None]:
    """A page of rows (asked for with one more than fits), and where the next one begins.

    `at` names the column of the time they are sorted by.
    """
    if len(rows) <= size:
        return rows, None
    last = rows[size - 1]
    return rows[:size], Cursor(getattr(last, at), last.id)
