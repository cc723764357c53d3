"""What the health page measures, in few and quick statements."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

HOUR = timedelta(hours=1)


def waiting(session: Session, shop_id: int, now: datetime) -> Any:
    """Counts, and since when the oldest of each kind has waited."""
    return session.execute(
        text("""
            SELECT
                (SELECT count(*) FROM delivery WHERE shop_id = :shop AND received_at > :hour) AS arrived,
                (SELECT count(*) FROM delivery WHERE shop_id = :shop AND state = 'parked') AS parked_deliveries,
                (SELECT min(received_at) FROM delivery WHERE shop_id = :shop AND state = 'pending') AS webhook_since,
                (SELECT min(due_at) FROM enrolment WHERE shop_id = :shop AND state = 'active' AND due_at <= :now)
                    AS plan_since,
                (SELECT min(due_at) FROM message WHERE shop_id = :shop AND channel = ANY(:channels)
                    AND state IN ('due', 'deferred') AND due_at <= :now) AS send_since,
                (SELECT count(*) FROM message WHERE shop_id = :shop AND state = 'parked') AS parked_messages,
                (SELECT count(*) FROM message WHERE shop_id = :shop AND state = 'unknown') AS unknown
        """),
        {"shop": shop_id, "now": now, "hour": now - HOUR, "channels": ["email", "sms"]},
    ).one()


def attempts(session: Session, shop_id: int) -> dict[str, Any]:
    """Provider -> how many hand-overs began in the last hour, and how many of them failed."""
    rows = session.execute(
        text("""
            SELECT provider, count(*) AS attempts,
                count(*) FILTER (WHERE outcome IN ('rejected', 'retry_later', 'unknown')) AS failures
            FROM attempt WHERE shop_id = :shop AND begun_at > clock_timestamp() - interval '1 hour' GROUP BY provider
        """),
        {"shop": shop_id},
    )
    return {row.provider: row for row in rows}


def breakers(session: Session, providers: Collection[str], limit: int) -> dict[str, Any]:
    """Provider -> whether it is broken or paused, and how long ago its newest receipt was, in real time."""
    rows = session.execute(
        text("""
            SELECT provider, failures >= :limit AS broken, paused_until > clock_timestamp() AS paused,
                clock_timestamp() - last_receipt_at AS silent_for
            FROM breaker WHERE provider = ANY(:providers)
        """),
        {"providers": sorted(providers), "limit": limit},
    )
    return {row.provider: row for row in rows}


def clock_leads(session: Session, lock: int) -> bool:
    """Whether any process holds the clock's lock."""
    return bool(
        session.scalar(
            text(
                # objsubid 1: a lock on one number; those on two numbers name a shop.
                "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock "
                "AND objsubid = 1 AND granted)"
            ),
            {"lock": lock},
        )
    )


def reconciled(session: Session, shop_id: int) -> Sequence[Any]:
    """Up to when the store was asked, per kind of thing."""
    return session.execute(
        text("SELECT kind, cursor_at, error FROM reconciliation WHERE shop_id = :shop ORDER BY kind"), {"shop": shop_id}
    ).all()
