"""People under way when a journey is published anew: they stay, keep their time, or are counted anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson
from sqlalchemy import text

from app import clock
from app.journeys.definition import END
from app.transaction import ring_after_commit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.journeys.definition import Definition

Waiting = Literal["stay", "keep_time", "recompute"]
"""stay: they finish by the version they began with · keep_time: they go over to the new one, and the wait they stand in
ends when it was going to · recompute: they go over, and it is counted anew from where it began. BEHAVIOUR "Admin"."""
REASONS = {"keep_time": "kept_their_time", "recompute": "counted_anew"}


@dataclass(frozen=True, slots=True)
class Switched:
    """How many went over to the new version, and how many finish by theirs."""

    moved: int
    stayed: int


def switch(session: Session, journey_id: int, version_id: int, definition: Definition, waiting: Waiting) -> Switched:
    """Carry out what was chosen, with a decision on record for each person who goes over.

    Whoever stands at a step that is gone stays, and so does, when times are kept, whoever is being looked at just now:
    their next time isn't known until that is done.
    """
    now, shop_id = clock.now(), session.info["shop_id"]
    moved = 0
    if waiting != "stay":
        moved = session.execute(
            text("""
                WITH moved AS (
                    UPDATE enrolment SET version_id = :version,
                        due_at = CASE WHEN :keeps AND due_at IS NOT NULL THEN due_at ELSE :now END,
                        data = data - 'kept' || CASE WHEN :keeps AND due_at IS NOT NULL THEN jsonb_build_object(
                            'kept', jsonb_build_object('step', step, 'until', due_at)) ELSE '{}' END
                    WHERE shop_id = :shop AND journey_id = :journey AND state = 'active' AND version_id <> :version
                        AND step = ANY(:steps) AND NOT (:keeps AND due_at IS NOT NULL AND due_at <= :now)
                    RETURNING id, customer_id, step, subject_key
                ), noted AS (
                    INSERT INTO decision (shop_id, customer_id, journey_id, enrolment_id, subject_key, step, outcome,
                        reason, at, detail)
                    SELECT :shop, customer_id, :journey, id, subject_key, step, 'changed', :reason, :now,
                        CAST(:detail AS jsonb) FROM moved
                )
                SELECT count(*) FROM moved
            """),
            {
                "shop": shop_id,
                "journey": journey_id,
                "version": version_id,
                "keeps": waiting == "keep_time",
                "steps": [*definition.program.nodes, END],
                "now": now,
                "reason": REASONS[waiting],
                "detail": orjson.dumps({"version": version_id}).decode(),
            },
        ).scalar_one()
        ring_after_commit(session, "plan")
    stayed = session.execute(
        text(
            "SELECT count(*) FROM enrolment WHERE shop_id = :shop AND journey_id = :journey AND state = 'active' "
            "AND version_id <> :version"
        ),
        {"shop": shop_id, "journey": journey_id, "version": version_id},
    ).scalar_one()
    return Switched(moved, stayed)
