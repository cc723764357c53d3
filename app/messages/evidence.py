"""Messages whose outcome nobody knows: evidence first, then at most one repeat by email and none by SMS.

RELIABILITY section 4, steps 5 and 6. A receipt may settle a message at any time before this does.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import clock, registry
from app.channels.base import Absent, CannotTell, Evidence, Found
from app.decisions import Decided, log
from app.messages.accounts import account_for
from app.messages.stored import stored
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from config import Settings

logger = logging.getLogger(__name__)

BATCH = 200
TELLS_AGAIN_WITHIN = 3
"""Graces within which a provider tells receipts again that could not be taken: theirs are minutes, a grace is ten."""


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
    settled = 0
    for row in rows:
        try:
            settled += _resolve(settings, row.shop_id, row.id)
        except OperationalError:
            raise
        except Exception:  # one message's oddity must not hold up the others; it is asked about again later
            logger.exception("evidence_failed", extra={"message_id": row.id})
    return settled


def _resolve(settings: Settings, shop_id: int, message_id: int) -> bool:
    with transaction(shop_id) as session:
        message = _lease(session, message_id, settings)
        if message is None:
            return False
        receipts_flow = _receipts_flow(session, message, settings)
        found = stored(session, settings, message_id)
        account = account_for(session, message.channel, ready=False)
    evidence: Evidence = CannotTell()
    if found is not None and account is not None and account.provider == message.provider:
        evidence = registry.provider(account.provider).look_up(found.outbound, account, message.begun_at)
    useless = clock.now() >= message.useful_until
    if isinstance(evidence, CannotTell) and not (receipts_flow or useless):
        return False  # the receipt channel is what may be broken: silence proves nothing
    with transaction(shop_id) as session:
        return _settle(session, message, CannotTell() if useless and isinstance(evidence, Absent) else evidence)


def _lease(session: Session, message_id: int, settings: Settings) -> Any:
    """Take the message for a while more, so that no second process asks at the same time."""
    return session.execute(
        text("""
            UPDATE message m SET lease_until = clock_timestamp() + CAST(:grace AS interval)
            FROM attempt a
            WHERE m.shop_id = :shop AND m.id = :id AND m.state = 'unknown' AND m.lease_until < clock_timestamp()
                AND a.shop_id = m.shop_id AND a.id = m.attempt_id
            RETURNING m.id, m.channel, m.provider, m.repeats, m.customer_id, m.journey_id, m.enrolment_id, m.step,
                m.attempt_id, m.useful_until, a.begun_at
        """),
        {
            "shop": session.info["shop_id"],
            "id": message_id,
            "grace": timedelta(seconds=settings.grace_seconds("email") / 5),
        },
    ).first()


def _receipts_flow(session: Session, message: Any, settings: Settings) -> bool:
    """Whether receipts of other messages came after this hand-over began; without any, keep waiting.

    A database that was away could take none: what came since is no proof until the provider has told the rest again.
    """
    return bool(
        session.scalar(
            text("""
                SELECT last_receipt_at > :begun + CAST(:grace AS interval) / 2
                    AND (pg_postmaster_start_time() < :begun
                        OR clock_timestamp() > pg_postmaster_start_time() + CAST(:grace AS interval) * :graces)
                FROM breaker WHERE provider = :provider
            """),
            {
                "provider": message.provider,
                "begun": message.begun_at,
                "grace": timedelta(seconds=settings.grace_seconds(message.channel)),
                "graces": TELLS_AGAIN_WITHIN,
            },
        )
    )


def _settle(session: Session, message: Any, evidence: Evidence) -> bool:
    now = clock.now()
    provider_ref = evidence.provider_ref if isinstance(evidence, Found) else None
    match evidence:
        case Found():
            state, reason, repeat = "accepted", "found_at_provider", 0
        case Absent():
            state, reason, repeat = "due", "surely_absent", 0
        case _:
            # An email may be repeated once, while it is of use; an SMS never on a guess.
            again = message.channel == "email" and message.repeats == 0 and now < message.useful_until
            state, reason, repeat = ("due", "repeated_once", 1) if again else ("parked", "outcome_unknown", 0)
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
