"""What a merchant can do with messages that stopped: try them again, or drop them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.decisions import Decided, log
from app.messages.states import may_become
from app.transaction import ring_after_commit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages; None: any."""

    group: str | None = None
    journey: str | None = None
    channel: str | None = None
    reason: str | None = None


MAY_DOUBLE = "outcome_unknown"
"""The reason of messages that the provider may have taken already."""


def retry(session: Session, shop_id: int, message_id: int) -> bool:
    """Let a parked message go once more; it passes all gates again. False when it isn't parked, or no longer useful."""
    return _leave(session, shop_id, message_id, "due", "retried_by_merchant")


def drop(session: Session, shop_id: int, message_id: int) -> bool:
    """Give a parked message up. False when it isn't parked."""
    return _leave(session, shop_id, message_id, "cancelled", "dropped_by_merchant")


def _leave(session: Session, shop_id: int, message_id: int, following: str, reason: str) -> bool:
    assert may_become("parked", following)  # noqa: S101 the table of states decides
    now = clock.now()
    row = session.execute(
        text("""
            UPDATE message SET state = :state, reason = :reason, due_at = CASE WHEN :state = 'due'
                    THEN CAST(:now AS timestamptz) ELSE due_at END, lease_token = NULL, lease_until = NULL,
                updated_at = :now
            WHERE shop_id = :shop AND id = :id AND state = 'parked' AND (:state <> 'due' OR useful_until > :now)
            RETURNING customer_id, step, journey_id, enrolment_id
        """),
        {"shop": shop_id, "id": message_id, "state": following, "reason": reason, "now": now},
    ).first()
    if row is None:
        return False
    outcome = "deferred" if following == "due" else following
    decided = Decided(row.customer_id, row.step, outcome, reason, now, row.journey_id, row.enrolment_id, message_id)
    log(session, [decided])
    if following == "due":
        ring_after_commit(session, "send")
    return True


def retry_all(session: Session, shop_id: int, wanted: Filter) -> int:
    """Let the parked messages of a choice go once more, those still useful; returns how many.

    Those whose outcome nobody knows could reach people twice: they go only when just they were chosen.
    """
    return _leave_all(session, shop_id, wanted, "due", "retried_by_merchant", spared=MAY_DOUBLE)


def drop_all(session: Session, shop_id: int, wanted: Filter) -> int:
    """Give the parked messages of a choice up; returns how many."""
    return _leave_all(session, shop_id, wanted, "cancelled", "dropped_by_merchant")


def _leave_all(
    session: Session, shop_id: int, wanted: Filter, following: str, reason: str, spared: str | None = None
) -> int:
    assert may_become("parked", following)  # noqa: S101 the table of states decides
    now = clock.now()
    rows = session.execute(
        text("""
            UPDATE message SET state = :state, reason = :because, due_at = CASE WHEN :state = 'due'
                    THEN CAST(:now AS timestamptz) ELSE due_at END, lease_token = NULL, lease_until = NULL,
                updated_at = :now
            WHERE shop_id = :shop AND state = 'parked' AND (:state <> 'due' OR useful_until > :now)
                AND (CAST(:channel AS text) IS NULL OR channel = :channel)
                AND (CAST(:reason AS text) IS NULL OR reason = :reason)
                AND (CAST(:spared AS text) IS NULL OR reason IS DISTINCT FROM :spared OR reason = :reason)
                AND (CAST(:journey AS text) IS NULL OR journey_id = (
                    SELECT id FROM journey WHERE shop_id = :shop AND key = :journey))
            RETURNING id, customer_id, step, journey_id, enrolment_id
        """),
        {
            "shop": shop_id,
            "state": following,
            "because": reason,
            "now": now,
            "channel": wanted.channel,
            "reason": wanted.reason,
            "journey": wanted.journey,
            "spared": spared,
        },
    ).all()
    outcome = "deferred" if following == "due" else following
    log(
        session,
        [Decided(r.customer_id, r.step, outcome, reason, now, r.journey_id, r.enrolment_id, r.id) for r in rows],
    )
    if rows and following == "due":
        ring_after_commit(session, "send")
    return len(rows)
