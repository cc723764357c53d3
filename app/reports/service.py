"""Finding out which message brought which order: soon after the order, in the background, and once more at will.

Nothing in the path of a webhook waits for it. Orders are looked at by when they were placed; news of one may come late,
so every look reaches back over some days and passes over what is on record already.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from sqlalchemy import text

from app import clock
from app.reports.rules import MODEL, WINDOW
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

LOOK_EVERY_SECONDS = 60.0
REACH_BACK = timedelta(days=3)
BATCH = 500

TOUCHES = """
    SELECT o.id AS order_id, o.placed_at, t.message_id, t.journey_id, t.step, t.channel, t.clicked_at
    FROM orders o LEFT JOIN LATERAL (
        SELECT m.id AS message_id, m.journey_id, m.step, m.channel, e.at AS clicked_at
        FROM message m JOIN engagement e ON e.shop_id = m.shop_id AND e.message_id = m.id
        WHERE m.shop_id = o.shop_id AND m.customer_id = o.customer_id AND m.clicked_at IS NOT NULL
            AND m.journey_id IS NOT NULL AND e.kind = 'click' AND e.verdict = 'human'
            AND e.at <= o.placed_at AND e.at > o.placed_at - CAST(:window AS interval)
        ORDER BY e.at DESC, e.id DESC LIMIT 1
    ) t ON true
    WHERE o.shop_id = :shop AND NOT o.is_test AND o.placed_at IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """How many orders were looked at anew, and for how many another touch was found than before."""

    orders: int
    changed: int


class _Turn:
    """Whose turn it is in this process."""

    shops: ClassVar[deque[int]] = deque()
    listed_at: ClassVar[float | None] = None


def run(should_stop: Callable[[], bool]) -> int:
    """Once a minute, look at every shop's new orders; returns how many facts were written."""
    now = clock.monotonic()
    if not _Turn.shops and (_Turn.listed_at is None or now - _Turn.listed_at >= LOOK_EVERY_SECONDS):
        _Turn.listed_at = now
        with across_shops() as session:
            rows = session.execute(text("SELECT id FROM shop WHERE state = 'installed' ORDER BY id"))
            _Turn.shops.extend(row.id for row in rows)
    written = 0
    while _Turn.shops and not should_stop():
        written += attribute(_Turn.shops.popleft())
    return written


def attribute(shop_id: int) -> int:
    """Look at a shop's orders that have no fact yet; returns how many were written."""
    written = 0
    while True:
        with transaction(shop_id) as session:
            count, is_last = _attribute_some(session, clock.now())
        written += count
        if is_last:
            return written


def _attribute_some(session: Session, now: datetime) -> tuple[int, bool]:
    shop_id = session.info["shop_id"]
    since = session.scalar(
        text("""
            SELECT COALESCE((SELECT looked_until FROM attribution_cursor WHERE shop_id = :shop),
                (SELECT installed_at FROM shop WHERE id = :shop), :now)
        """),
        {"shop": shop_id, "now": now},
    )
    rows = session.execute(
        text(f"""
            {TOUCHES} AND o.placed_at > :since AND o.placed_at <= :now AND NOT EXISTS (
                SELECT 1 FROM attribution a WHERE a.shop_id = o.shop_id AND a.order_id = o.id AND a.model = :model)
            ORDER BY o.placed_at LIMIT :size
        """),  # noqa: S608 our own words
        {"shop": shop_id, "window": WINDOW, "since": since - REACH_BACK, "now": now, "model": MODEL, "size": BATCH},
    ).all()
    _add(session, [_fact(row, 1) for row in rows], now)
    is_last = len(rows) < BATCH
    session.execute(
        text("""
            INSERT INTO attribution_cursor AS c (shop_id, looked_until) VALUES (:shop, :until)
            ON CONFLICT (shop_id) DO UPDATE SET looked_until = GREATEST(c.looked_until, excluded.looked_until)
        """),
        {"shop": shop_id, "until": now if is_last else rows[-1].placed_at},
    )
    return len(rows), is_last


def recompute(shop_id: int) -> Recomputed:
    """Look at every order since the install anew. What differs from the record is added as a further revision."""
    last, orders, changed = 0, 0, 0
    while True:
        with transaction(shop_id) as session:
            rows = session.execute(
                text(f"""
                    WITH touched AS ({TOUCHES} AND o.id > :last
                        AND o.placed_at >= (SELECT installed_at FROM shop WHERE id = :shop) - CAST(:reach AS interval)
                        ORDER BY o.id LIMIT :size)
                    SELECT t.*, a.revision, a.message_id AS known_message, a.clicked_at AS known_click
                    FROM touched t LEFT JOIN LATERAL (
                        SELECT revision, message_id, clicked_at FROM attribution a
                        WHERE a.shop_id = :shop AND a.order_id = t.order_id AND a.model = :model
                        ORDER BY revision DESC LIMIT 1
                    ) a ON true ORDER BY t.order_id
                """),  # noqa: S608 our own words
                {"shop": shop_id, "window": WINDOW, "last": last, "model": MODEL, "size": BATCH, "reach": REACH_BACK},
            ).all()
            other = [
                row
                for row in rows
                if row.revision is None or (row.known_message, row.known_click) != (row.message_id, row.clicked_at)
            ]
            _add(session, [_fact(row, (row.revision or 0) + 1) for row in other], clock.now())
        orders, changed = orders + len(rows), changed + len(other)
        if len(rows) < BATCH:
            return Recomputed(orders, changed)
        last = rows[-1].order_id


def _fact(row: Any, revision: int) -> dict[str, Any]:
    return {
        "order_id": row.order_id,
        "revision": revision,
        "message_id": row.message_id,
        "journey_id": row.journey_id,
        "step": row.step,
        "channel": row.channel,
        "clicked_at": row.clicked_at,
        "placed_at": row.placed_at,
    }


def _add(session: Session, facts: Sequence[dict[str, Any]], now: datetime) -> None:
    """Write facts down. One that another process has just written stays as it is."""
    if not facts:
        return
    session.execute(
        text("""
            INSERT INTO attribution (shop_id, order_id, model, revision, message_id, journey_id, step, channel,
                clicked_at, placed_at, made_at)
            SELECT :shop, r.order_id, :model, r.revision, r.message_id, r.journey_id, r.step, r.channel, r.clicked_at,
                r.placed_at, :now
            FROM json_to_recordset(CAST(:rows AS json)) AS r (order_id bigint, revision bigint, message_id bigint,
                journey_id bigint, step text, channel text, clicked_at timestamptz, placed_at timestamptz)
            ON CONFLICT (shop_id, order_id, model, revision) DO NOTHING
        """),
        {"shop": session.info["shop_id"], "model": MODEL, "now": now, "rows": orjson.dumps(facts).decode()},
    )
