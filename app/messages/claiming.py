"""Which messages go next: claimed in batches with a lease, fairly between shops."""

from __future__ import annotations

import secrets
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.transaction import across_shops

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LEASE = timedelta(seconds=120)
BATCH = 200


def claim(now: datetime, channels: Sequence[str], size: int = BATCH) -> tuple[int, dict[int, list[int]]]:
    """Claim due messages: of every shop its share, so that a shop with many cannot hold up a shop with few.

    Returns:
        The lease's token, and the claimed messages by shop. Nothing is promised yet: an expired lease is simply due.
    """
    token = secrets.randbits(62)
    with across_shops() as session:
        rows = session.execute(
            text("""
                WITH RECURSIVE hop AS (
                    SELECT c.channel, (
                        SELECT m.shop_id FROM message m
                        WHERE m.state IN ('due', 'deferred') AND m.channel = c.channel
                        ORDER BY m.shop_id LIMIT 1
                    ) AS shop_id
                    FROM unnest(CAST(:channels AS text[])) AS c (channel)
                    UNION ALL
                    SELECT h.channel, (
                        SELECT m.shop_id FROM message m
                        WHERE m.state IN ('due', 'deferred') AND m.channel = h.channel AND m.shop_id > h.shop_id
                        ORDER BY m.shop_id LIMIT 1
                    )
                    FROM hop h WHERE h.shop_id IS NOT NULL
                ),
                waiting AS (SELECT channel, shop_id FROM hop WHERE shop_id IS NOT NULL),
                share AS (SELECT GREATEST(5, CAST(:size AS int) / GREATEST(1, count(*)))::int AS each FROM waiting),
                chosen AS (
                    SELECT w.shop_id, d.id, d.due_at, row_number() OVER (PARTITION BY w.shop_id ORDER BY d.due_at) AS nr
                    FROM waiting w CROSS JOIN share, LATERAL (
                        SELECT m.id, m.due_at FROM message m
                        WHERE m.channel = w.channel AND m.shop_id = w.shop_id AND m.state IN ('due', 'deferred')
                            AND m.due_at <= :now
                        ORDER BY m.due_at, m.id LIMIT share.each
                    ) d
                ),
                turn AS (SELECT shop_id, id FROM chosen ORDER BY nr, due_at LIMIT :size),
                taken AS (
                    SELECT m.shop_id, m.id FROM message m JOIN turn t ON t.shop_id = m.shop_id AND t.id = m.id
                    WHERE m.state IN ('due', 'deferred') AND m.due_at <= :now
                    ORDER BY m.shop_id, m.id FOR UPDATE OF m SKIP LOCKED
                )
                UPDATE message m SET state = 'claimed', lease_token = :token,
                    lease_until = clock_timestamp() + :lease, updated_at = :now
                FROM taken WHERE m.shop_id = taken.shop_id AND m.id = taken.id
                RETURNING m.shop_id, m.id
            """),
            {"channels": list(channels), "size": size, "now": now, "token": token, "lease": LEASE},
        )
        by_shop: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            by_shop[row.shop_id].append(row.id)
    return token, by_shop


def release(token: int) -> None:
    """Give back what was claimed and not begun, at a clean stop."""
    with across_shops() as session:
        session.execute(
            text(
                "UPDATE message SET state = 'due', lease_token = NULL, lease_until = NULL "
                "WHERE state = 'claimed' AND lease_token = :token"
            ),
            {"token": token},
        )


def sweep(now: datetime) -> tuple[int, int]:
    """What dead workers left behind: a claim is due again, a hand-over under way is unknown from now on.

    Returns:
        How many went back to due, and how many became unknown.
    """
    with across_shops() as session:
        again = session.execute(
            text("""
                UPDATE message SET state = 'due', lease_token = NULL, lease_until = NULL, updated_at = :now
                WHERE (shop_id, id) IN (
                    SELECT shop_id, id FROM message WHERE state = 'claimed' AND lease_until < clock_timestamp()
                    ORDER BY lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED)
                RETURNING 1
            """),
            {"now": now},
        ).all()
        lost = session.execute(
            text("""
                UPDATE message SET state = 'unknown', reason = 'worker_lost', lease_token = NULL,
                    lease_until = clock_timestamp() + CASE channel WHEN 'sms' THEN CAST(:sms AS interval)
                        ELSE CAST(:email AS interval) END, updated_at = :now
                WHERE (shop_id, id) IN (
                    SELECT shop_id, id FROM message WHERE state = 'sending' AND lease_until < clock_timestamp()
                    ORDER BY lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED)
                RETURNING 1
            """),
            {"now": now, "sms": GRACE["sms"], "email": GRACE["email"]},
        ).all()
    return len(again), len(lost)


GRACE = {"email": timedelta(minutes=15), "sms": timedelta(minutes=10)}
"""How long an unknown outcome waits for a receipt before anything else is asked. RELIABILITY section 4, step 5."""
