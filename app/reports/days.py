"""What messages brought and whom they drove away, by day, so that no page has to look it up order by order.

Whatever changes a figure writes down which quarter of an hour is stale (triggers, in its transaction). Folding works
the stale days out anew from the facts. Pages read the days that are, and work out the stale ones themselves: together
they are what the facts say at every moment, however late folding comes.

An order counts on the day it was placed, a goodbye on the day of the message it followed, which is the last one of its
channel that a provider took before.
"""

# ruff: noqa: S608 - statements are made of our own words, values are bound

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from app.reports.rules import MODEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.reports.rules import Period

FACTS: Final = """
    SELECT day, journey_id, step, sum(orders)::bigint AS orders, sum(revenue)::bigint AS revenue,
        sum(unsubscribes)::bigint AS unsubscribes
    FROM (
        -- Of each order's facts the newest counts; few have a second one. Those are read once, and not looked for order
        -- by order: of a shop that is new to its statistics PostgreSQL would read all facts for each.
        -- Only facts with a message are read: most orders have none.
        SELECT (a.placed_at AT TIME ZONE clock.zone)::date AS day, a.journey_id, a.step, 1 AS orders,
            CASE WHEN o.currency = s.currency THEN GREATEST(o.total - o.refunded, 0) ELSE 0 END AS revenue,
            0 AS unsubscribes
        FROM clock CROSS JOIN span
        JOIN attribution a ON a.placed_at >= span.begins AND a.placed_at < span.ends
        JOIN orders o ON o.shop_id = :shop AND o.id = a.order_id
        JOIN shop s ON s.id = o.shop_id
        WHERE a.shop_id = :shop AND a.model = :model AND a.message_id IS NOT NULL
            AND (a.order_id, a.revision) NOT IN (
                SELECT order_id, generate_series(1, max(revision) - 1) FROM attribution
                WHERE shop_id = :shop AND model = :model AND revision > 1 GROUP BY order_id)
            AND o.cancelled_at IS NULL AND o.deleted_at IS NULL AND o.payment NOT IN ('voided', 'refunded')
        UNION ALL
        -- Whoever unsubscribed had enough of the message they got last.
        SELECT (m.accepted_at AT TIME ZONE clock.zone)::date, m.journey_id, m.step, 0, 0, 1
        FROM clock CROSS JOIN consent_entry c JOIN LATERAL (
            SELECT journey_id, step, accepted_at FROM message m
            WHERE m.shop_id = c.shop_id AND m.customer_id = c.customer_id AND m.channel = c.channel
                AND m.accepted_at <= c.effective_at AND m.journey_id IS NOT NULL
            ORDER BY m.accepted_at DESC LIMIT 1
        ) m ON true JOIN span ON m.accepted_at >= span.begins AND m.accepted_at < span.ends
        WHERE c.shop_id = :shop AND c.state = 'unsubscribed' AND c.effective_at >= (SELECT min(begins) FROM span)
    ) f GROUP BY day, journey_id, step"""
"""The figures of the spans of time in `span`, by the zone in `clock`."""

_SPANS: Final = """
    SELECT day, day::timestamp AT TIME ZONE clock.zone AS begins, (day + 1)::timestamp AT TIME ZONE clock.zone AS ends
    FROM clock CROSS JOIN stale"""
_PUT: Final = """
    fresh AS MATERIALIZED ({facts}),
    gone AS (
        DELETE FROM report_day d WHERE d.shop_id = :shop AND {which} AND NOT EXISTS (
            SELECT 1 FROM fresh f WHERE f.day = d.day AND f.journey_id = d.journey_id AND f.step = d.step)
        RETURNING 1
    ), put AS (
        INSERT INTO report_day AS d (shop_id, day, journey_id, step, orders, revenue, unsubscribes)
        SELECT :shop, day, journey_id, step, orders, revenue, unsubscribes FROM fresh ORDER BY day, journey_id, step
        ON CONFLICT (shop_id, day, journey_id, step) DO UPDATE
            SET orders = excluded.orders, revenue = excluded.revenue, unsubscribes = excluded.unsubscribes
            WHERE (d.orders, d.revenue, d.unsubscribes)
                <> (excluded.orders, excluded.revenue, excluded.unsubscribes)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM put)"""

FOLD: Final = f"""
    WITH clock AS (SELECT CAST(:zone AS text) AS zone),
    told AS (DELETE FROM report_stale WHERE shop_id = :shop RETURNING at),
    stale AS (SELECT DISTINCT (at AT TIME ZONE clock.zone)::date AS day FROM clock CROSS JOIN told),
    span AS ({_SPANS}),
    {_PUT.format(facts=FACTS, which="d.day IN (SELECT day FROM stale)")}"""
"""One statement sees one moment: what becomes stale meanwhile stays so."""
RECOMPUTE: Final = f"""
    WITH clock AS (SELECT CAST(:zone AS text) AS zone),
    span AS (SELECT CAST('-infinity' AS timestamptz) AS begins, CAST('infinity' AS timestamptz) AS ends),
    {_PUT.format(facts=FACTS, which="true")}"""
READ: Final = f"""
    WITH clock AS (
        SELECT COALESCE((SELECT zone FROM message_count_zone WHERE shop_id = :shop), CAST(:zone AS text)) AS zone
    ),
    stale AS (
        SELECT DISTINCT (at AT TIME ZONE clock.zone)::date AS day FROM clock CROSS JOIN report_stale
        WHERE shop_id = :shop
    ),
    span AS ({_SPANS} WHERE day BETWEEN :first AND :last)
    SELECT d.day, d.journey_id, d.step, d.orders, d.revenue, d.unsubscribes,
        CASE WHEN j.event IN ('checkout_abandoned', 'cart_abandoned') THEN d.orders ELSE 0 END AS recovered
    FROM (
        SELECT day, journey_id, step, orders, revenue, unsubscribes FROM report_day
        WHERE shop_id = :shop AND day BETWEEN :first AND :last AND day NOT IN (SELECT day FROM stale)
        UNION ALL
        {FACTS}
    ) d LEFT JOIN journey j ON j.shop_id = :shop AND j.id = d.journey_id"""


def fold(session: Session, zone: str) -> None:
    """Work a shop's stale days out anew. The caller keeps others from doing the same."""
    session.execute(text(FOLD), _parameters(session.info["shop_id"], zone))


def recompute(session: Session, zone: str) -> int:
    """Work all days of a shop out anew; returns how many figures were others. The caller keeps others from it."""
    different: int = session.execute(text(RECOMPUTE), _parameters(session.info["shop_id"], zone)).scalar_one()
    return different


def brought(session: Session, shop_id: int, period: Period) -> Sequence[Any]:
    """(day, journey_id, step, orders, recovered, revenue, unsubscribes) of a period, where there are any."""
    parameters = _parameters(shop_id, period.zone.key)
    return session.execute(text(READ), {**parameters, "first": period.first, "last": period.last}).all()


def _parameters(shop_id: int, zone: str) -> dict[str, Any]:
    return {"shop": shop_id, "zone": zone, "model": MODEL}
