"""Messages whose outcome nobody knows: evidence first, then at most one repeat by email and none by SMS.

RELIABILITY section 4, steps 5 and 6. A receipt may settle a message at any time before this does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock, registry
from app.channels.base import Absent, CannotTell, Evidence, Found
from app.decisions import Decided, log
from app.messages.accounts import account_for
from app.messages.claiming import GRACE
from app.messages.stored import stored
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from config import Settings

BATCH = 200


def resolve(settings: Settings, limit: int = BATCH) -> int:
    """Look at messages whose grace has passed; returns how many were settled."""
    with across_shops() as session:
        rows = session.execute(
            text(
                "SELECT shop_id, id FROM message WHERE state = 'unknown' AND lease_until < clock_timestamp() "
                "ORDER BY lease_until LIMIT :limit"
            ),
            {"limit": limit},
        ).all()
    return sum(_resolve(settings, row.shop_id, row.id) for row in rows)


def _resolve(settings: Settings, shop_id: int, message_id: int) -> bool:
    with transaction(shop_id) as session:
        message = _lease(session, message_id)
        if message is None:
            return False
        if not _receipts_flow(session, message):
            return False  # the receipt channel is what is broken: silence proves nothing
        found = stored(session, settings, message_id)
        account = account_for(session, message.channel)
    evidence: Evidence = CannotTell()
    if found is not None and account is not None and account.provider == message.provider:
        evidence = registry.provider(account.provider).look_up(found.outbound, account, message.begun_at)
    with transaction(shop_id) as session:
        return _settle(session, message, evidence)


def _lease(session: Session, message_id: int) -> Any:
    """Take the message for a grace more, so that no second process asks at the same time."""
    return session.execute(
        text("""
            UPDATE message m SET lease_until = clock_timestamp() + CAST(:grace AS interval)
            FROM attempt a
            WHERE m.shop_id = :shop AND m.id = :id AND m.state = 'unknown' AND m.lease_until < clock_timestamp()
                AND a.shop_id = m.shop_id AND a.id = m.attempt_id
            RETURNING m.id, m.channel, m.provider, m.repeats, m.customer_id, m.journey_id, m.enrolment_id, m.step,
                m.attempt_id, a.begun_at
        """),
        {"shop": session.info["shop_id"], "id": message_id, "grace": GRACE["email"] / 5},
    ).first()


def _receipts_flow(session: Session, message: Any) -> bool:
    """Whether receipts of other messages came after this hand-over began; without any, keep waiting."""
    return bool(
        session.scalar(
            text(
                "SELECT last_receipt_at > :begun + CAST(:grace AS interval) / 2 FROM breaker WHERE provider = :provider"
            ),
            {"provider": message.provider, "begun": message.begun_at, "grace": GRACE[message.channel]},
        )
    )


def _settle(session: Session, message: Any, evidence: Evidence) -> bool:
    now = clock.now()
    match evidence:
        case Found(provider_ref):
            state, reason, repeat = "accepted", "found_at_provider", 0
        case Absent() if message.repeats == 0:
            provider_ref, state, reason, repeat = None, "due", "surely_absent", 1
        case _:
            # Cannot tell: an email may be repeated once, an SMS never on a guess.
            again = message.channel == "email" and message.repeats == 0
            provider_ref, repeat = None, 1
            state, reason = ("due", "repeated_once") if again else ("parked", "outcome_unknown")
    changed = session.execute(
        text("""
            UPDATE message SET state = :state, reason = :reason, repeats = repeats + :repeat, lease_until = NULL,
                provider_ref = COALESCE(:ref, provider_ref), updated_at = :now, due_at = CASE WHEN :state = 'due'
                    THEN CAST(:now AS timestamptz) ELSE due_at END,
                accepted_at = CASE WHEN :state = 'accepted' THEN :now ELSE accepted_at END
            WHERE shop_id = :shop AND id = :id AND state = 'unknown' AND attempt_id = :attempt RETURNING 1
        """),
        {
            "shop": session.info["shop_id"],
            "id": message.id,
            "attempt": message.attempt_id,
            "state": state,
            "reason": reason,
            "repeat": repeat,
            "ref": provider_ref,
            "now": now,
        },
    ).first()
    if changed is None:
        return False
    log(
        session,
        [
            Decided(
                message.customer_id,
                message.step,
                {"accepted": "sent", "due": "deferred"}.get(state, state),
                reason,
                now,
                message.journey_id,
                message.enrolment_id,
                message.id,
            )
        ],
    )
    if state == "due":
        ring_after_commit(session, "send")
    return True
