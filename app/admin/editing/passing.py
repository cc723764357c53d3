"""How many of the newest occasions some conditions would let through, by the engine's own facts and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.admin.preview_as import FRESH
from app.admin.queries import editing as queries
from app.conditions import first_failing
from app.customers.queries import profiles
from app.orders.subjects import Ref, load as load_subjects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.admin.editing.conditions import Asking
    from app.conditions import Condition

LOOKED_AT: Final = 200
"""Enough to choose by, and still a few milliseconds."""
NO_OCCASION: Final = ("nothing_in_it", "nobody_to_write_to", "gift_cards_only", "draft_not_paid", "test_order")


@dataclass(frozen=True, slots=True)
class Passing:
    """Of so many occasions, so many pass, of so many people. `skipped`: conditions that can't be counted ahead."""

    of: int
    passed: int
    people: int
    skipped: int = 0


def count(
    session: Session, shop_id: int, event: str, asked: Sequence[Condition], about: Asking, *, entering: bool
) -> Passing:
    """Ask the conditions about the newest occasions. On the way in, facts are as they are when it has just happened."""
    countable = [c for c in asked if not about.known[c.field].of_messages]
    refs = [Ref(r.kind, r.key, r.customer_id, r.since) for r in queries.latest(session, shop_id, event, LOOKED_AT)]
    subjects = load_subjects(session, refs)
    people = profiles(session, shop_id, {ref.customer_id for ref in refs})
    fresh: dict[str, Any] = FRESH[event] if entering else {}
    found = [
        (
            ref.customer_id,
            first_failing(countable, {**people[ref.customer_id].fields, **subject.fields, **fresh}) is None,
        )
        for ref, subject in subjects.items()
        if subject.refusal not in NO_OCCASION and ref.customer_id in people
    ]
    passed = [person for person, passes in found if passes]
    return Passing(len(found), len(passed), len(set(passed)), len(asked) - len(countable))
