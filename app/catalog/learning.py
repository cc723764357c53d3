"""How long things last, learned from the shop's own repeat purchases.

For each customer and variant, the days between one purchase and the next, divided by the quantity of the first. The
median over all of them is the gap; a variant needs at least twenty such gaps, else its product type's are taken
(BEHAVIOUR "Replenishment").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LEAST_EVIDENCE = 20
LONGEST_GAP_DAYS = 400
"""A longer pause is somebody who left and came back, not a supply that lasted."""


def learn(session: Session) -> None:
    """Learn anew for a shop. Scopes that lost their evidence are forgotten."""
    parameters = {
        "shop": session.info["shop_id"],
        "now": clock.now(),
        "least": LEAST_EVIDENCE,
        "longest": LONGEST_GAP_DAYS,
    }
    session.execute(
        text("""
            WITH bought AS (
                -- Two orders within a day are one purchase made in two goes.
                SELECT customer_id, variant_external_id AS variant, date_trunc('day', bought_at) AS day,
                    max(bought_at) AS at, sum(quantity) AS quantity
                FROM purchase WHERE shop_id = :shop AND variant_external_id IS NOT NULL
                GROUP BY customer_id, variant_external_id, date_trunc('day', bought_at)
            ),
            gaps AS (
                SELECT variant, EXTRACT(EPOCH FROM lead(at) OVER w - at) / 86400.0 / GREATEST(quantity, 1) AS days
                FROM bought WINDOW w AS (PARTITION BY customer_id, variant ORDER BY at)
            ),
            each AS (
                SELECT g.variant, p.product_type, g.days FROM gaps g
                JOIN variant v ON v.shop_id = :shop AND v.external_id = g.variant
                JOIN product p ON p.shop_id = :shop AND p.external_id = v.product_external_id
                WHERE g.days BETWEEN 1 AND :longest
            ),
            learned AS (
                SELECT 'variant' AS scope, variant AS key, count(*) AS n,
                    percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY days) AS q
                FROM each GROUP BY variant
                UNION ALL
                SELECT 'product_type', product_type, count(*),
                    percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY days)
                FROM each WHERE product_type <> '' GROUP BY product_type
            ),
            kept AS (
                INSERT INTO reorder_gap AS t (shop_id, scope, key, gaps, days, spread, learned_at)
                SELECT :shop, scope, key, n, q[2], jsonb_build_object('q1', q[1], 'q3', q[3]), :now
                FROM learned WHERE n >= :least ORDER BY scope, key
                ON CONFLICT (shop_id, scope, key) DO UPDATE SET gaps = excluded.gaps, days = excluded.days,
                    spread = excluded.spread, learned_at = excluded.learned_at
                RETURNING id
            )
            DELETE FROM reorder_gap WHERE shop_id = :shop AND learned_at < :now AND id NOT IN (SELECT id FROM kept)
        """),
        parameters,
    )
