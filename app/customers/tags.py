"""Tags come as whole sets and one by one, late and in any order: for each tag the last word counts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.customers.stamps import NOTHING, RECORD, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.customers.directory import Known
    from app.platforms.events import Version

WHOLE = "tags"
"""The name in `told` under which the stamp of the last whole set stands."""


def whole_set(known: Known, tags: Iterable[str], version: Version) -> None:
    """All tags a customer had at a moment: whatever isn't among them was off."""
    stamped = stamp(RECORD, version.at, version.tie)
    if stamped <= known.told.get(WHOLE, NOTHING):
        return
    known.told[WHOLE] = stamped
    newer = {tag: word for tag, word in known.tag_times.items() if word[0] > stamped}
    known.tag_times = {tag: [stamped, True] for tag in tags} | newer
    _show(known)


def change(known: Known, tag: str, version: Version, *, on: bool) -> None:
    """One tag was put on or taken off. At the same instant a whole set counts more: it shows how things ended."""
    _change(known, tag, stamp(RECORD, version.at), on=on)


def take_over(kept: Known, removed: Known) -> None:
    """What a merged customer was tagged with, as words of when it was said."""
    for tag, (stamped, on) in removed.tag_times.items():
        _change(kept, tag, stamped, on=on)


def _change(known: Known, tag: str, stamped: str, *, on: bool) -> None:
    if stamped <= known.told.get(WHOLE, NOTHING) or [stamped, on] <= known.tag_times.get(tag, [NOTHING, False]):
        return
    known.tag_times = {**known.tag_times, tag: [stamped, on]}
    _show(known)


def _show(known: Known) -> None:
    known.tags = sorted(tag for tag, (_, on) in known.tag_times.items() if on)
    known.changed = True
