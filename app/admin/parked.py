"""What a merchant can do with what stopped: try a message again, drop it, have a delivery read once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.decisions import Decided, log
from app.messages.states import may_become
from app.transaction import ring_after_commit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


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


def redrive(session: Session, shop_id: int, delivery_id: int | None = None) -> int:
    """Read parked deliveries again (one, or all of the shop); those past their retention stay. Returns how many."""
    count = len(
        session.execute(
            text("""
                UPDATE delivery SET state = 'pending', reason = NULL
                WHERE shop_id = :shop AND state = 'parked' AND body IS NOT NULL
                    AND (CAST(:id AS bigint) IS NULL OR id = :id) RETURNING id
            """),
            {"shop": shop_id, "id": delivery_id},
        ).all()
    )
    if count:
        ring_after_commit(session, "inbox")
    return count
