"""The transaction after the call: what the provider answered becomes the message's state, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app import clock, faults
from app.brakes import service as brakes
from app.channels.base import HELD_UP, Accepted, Rejected, RetryLater, Unknown
from app.customers import service as customers
from app.decisions import Decided, log
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.channels.base import Answer
    from app.messages.intent import Intent
    from config import Settings

FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A hand-over and its answer."""

    intent: Intent
    answer: Answer


def settle(settings: Settings, shop_id: int, outcomes: Sequence[Outcome]) -> None:
    """Write down all outcomes of a chunk in one commit. A receipt may have been faster: its word stands.

    That a provider took it is true however late we come to say so: it counts also for a message that was given up
    for lost meanwhile and waits to be repeated.
    """
    now = clock.now()
    rows = [_row(o, now, settings.grace_seconds(o.intent.channel)) for o in outcomes]
    with transaction(shop_id) as session:
        session.execute(
            text("""
                UPDATE attempt a SET ended_at = clock_timestamp(), outcome = r.outcome, code = r.code
                FROM json_to_recordset(CAST(:rows AS json)) AS r (attempt_id bigint, outcome text, code text)
                WHERE a.shop_id = :shop AND a.id = r.attempt_id
            """),
            {"shop": shop_id, "rows": orjson.dumps(rows).decode()},
        )
        settled = {
            row.id
            for row in session.execute(
                text("""
                    UPDATE message m SET state = r.state, reason = r.reason, due_at = COALESCE(r.due_at, m.due_at),
                        provider_ref = COALESCE(r.provider_ref, m.provider_ref), lease_token = NULL,
                        lease_until = CASE WHEN r.state = 'unknown'
                            THEN clock_timestamp() + make_interval(secs => r.grace) END,
                        accepted_at = CASE WHEN r.state = 'accepted' THEN :now ELSE m.accepted_at END,
                        updated_at = :now
                    FROM json_to_recordset(CAST(:rows AS json)) AS r (id bigint, attempt_id bigint, state text,
                        reason text, due_at timestamptz, provider_ref text, grace float)
                    WHERE m.shop_id = :shop AND m.id = r.id AND m.attempt_id = r.attempt_id
                        AND (m.state IN ('sending', 'unknown') OR r.state = 'accepted'
                            AND m.state IN ('due', 'deferred', 'claimed', 'parked', 'cancelled', 'expired', 'skipped'))
                    RETURNING m.id
                """),
                {"shop": shop_id, "rows": orjson.dumps(rows).decode(), "now": now},
            )
        }
        for outcome in outcomes:
            if isinstance(outcome.answer, Rejected) and outcome.answer.suppress:
                outbound = outcome.intent.outbound
                customers.suppress(
                    session, outcome.intent.channel, outbound.to, outcome.answer.suppress, outcome.intent.provider
                )
        brakes.give_back(session, [o.intent.reserved for o in outcomes if isinstance(o.answer, Rejected | RetryLater)])
        log(
            session,
            [_decided(o, r, now) for o, r in zip(outcomes, rows, strict=True) if o.intent.message_id in settled],
        )
        faults.point("before_settle_commit")


def _row(outcome: Outcome, now: datetime, grace: float) -> dict[str, Any]:
    intent, answer = outcome.intent, outcome.answer
    row: dict[str, Any] = {
        "id": intent.message_id,
        "attempt_id": intent.attempt_id,
        "provider_ref": None,
        "due_at": None,
        "code": None,
        "grace": grace,
    }
    match answer:
        case Accepted(provider_ref):
            return row | {"state": "accepted", "reason": None, "outcome": "accepted", "provider_ref": provider_ref}
        case Rejected(code):
            return row | {"state": "failed", "reason": f"rejected:{code}", "outcome": "rejected", "code": code}
        case Unknown(code):
            return row | {"state": "unknown", "reason": code, "outcome": "unknown", "code": code}
        case RetryLater(code) if code == HELD_UP:
            return row | {"state": "due", "reason": code, "outcome": "retry_later", "code": code, "due_at": now}
        case RetryLater(code, after):
            return row | {
                "state": "due",
                "reason": code,
                "outcome": "retry_later",
                "code": code,
                "due_at": now + backoff(intent.tries, after),
            }


def backoff(tries: int, asked: float | None) -> timedelta:
    """How long until the next try: doubling from five seconds, obeying the provider within one to two of our steps."""
    step = min(FIRST_RETRY_SECONDS * 2 ** min(tries - 1, 10), LONGEST_RETRY_SECONDS)
    seconds = step if asked is None else min(max(asked, step), 2 * step)
    return timedelta(seconds=seconds * clock.speed())


def _decided(outcome: Outcome, row: dict[str, Any], now: datetime) -> Decided:
    intent = outcome.intent
    names = {"accepted": "sent", "due": "deferred"}
    return Decided(
        intent.customer_id,
        intent.step,
        names.get(row["state"], row["state"]),
        row["reason"] or "all_gates_open",
        now,
        intent.journey_id,
        intent.enrolment_id,
        intent.message_id,
        detail={"channel": intent.channel, "provider": intent.provider},
    )
