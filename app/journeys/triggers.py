"""From rows that changed to occasions: who might enter which journey, about what."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.journeys.rules import Occasion
from app.orders.subjects import Ref, Subject, load as load_subjects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.orders.service import Touched


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person for whom an occasion arose."""

    event: str
    ref: Ref
    occasion: Occasion
    data: dict[str, Any]


def candidates(session: Session, touched: Touched, events: Collection[str]) -> list[Candidate]:
    """All occasions in what a batch touched, for the events that some journey listens to."""
    found: list[Candidate] = []
    if "checkout_abandoned" in events and touched.checkouts:
        refs = _refs(session, "checkout", touched.checkouts)
        found += [_basket("checkout_abandoned", r, s) for r, s in load_subjects(session, refs).items()]
    if "cart_abandoned" in events and touched.carts:
        refs = _refs(session, "cart", touched.carts)
        found += [_basket("cart_abandoned", r, s) for r, s in load_subjects(session, refs).items()]
    if "order_placed" in events and touched.orders:
        refs = _refs(session, "order", touched.orders)
        found += [
            Candidate("order_placed", r, Occasion(s.moments["trigger"], s.refusal, s.fields), {})
            for r, s in load_subjects(session, refs).items()
            if "trigger" in s.moments
        ]
    if "product_running_low" in events and touched.orders:
        found += running_low(session, order_ids=touched.orders)
    return found


def _basket(event: str, ref: Ref, subject: Subject) -> Candidate:
    basket = digest(subject.items)
    occasion = Occasion(subject.moments.get("trigger", ref.since), subject.refusal, subject.fields, basket)
    return Candidate(event, ref, occasion, {"basket": basket})


def digest(lines: Sequence[dict[str, Any]]) -> str:
    """The same for two baskets with the same things in the same numbers."""
    content: dict[str, int] = {}
    for line in lines:
        name = str(line["variant_id"] or line["product_id"] or line["title"])
        content[name] = content.get(name, 0) + line["quantity"]
    return hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()[:16]


TABLES = {
    "checkout": ("checkout", "version_at"),
    "cart": ("cart", "changed_at"),
    "order": ("orders", "COALESCE(placed_at, version_at)"),
}


def _refs(session: Session, kind: str, ids: Iterable[int]) -> list[Ref]:
    table, since = TABLES[kind]
    rows = session.execute(
        text(
            f"SELECT id, customer_id, {since} AS since FROM {table} "  # noqa: S608 names from TABLES
            "WHERE shop_id = :shop AND id = ANY(:ids) AND customer_id IS NOT NULL"
        ),
        {"shop": session.info["shop_id"], "ids": sorted(ids)},
    )
    return [Ref(kind, str(row.id), row.customer_id, row.since) for row in rows if row.since is not None]


def running_low(
    session: Session, *, order_ids: Collection[int] | None = None, since: datetime | None = None
) -> list[Candidate]:
    """What was bought in these orders (or by anybody since then) and is known to run out.

    The gap is the shop's own: learned for the variant, else for its product type, else set by the merchant; times
    the quantity bought. Where nothing is known, silence.
    """
    rows = session.execute(
        text("""
            WITH bought AS (
                -- The newest purchase of each person and variant; two lines of one order are one purchase.
                SELECT DISTINCT ON (customer_id, variant_external_id) customer_id, variant_external_id AS variant,
                    bought_at, sum(quantity) AS quantity
                FROM purchase
                WHERE shop_id = :shop AND variant_external_id IS NOT NULL
                    AND (CAST(:orders AS bigint[]) IS NULL OR order_id = ANY(:orders))
                    AND (CAST(:since AS timestamptz) IS NULL OR bought_at >= :since)
                GROUP BY customer_id, variant_external_id, bought_at
                ORDER BY customer_id, variant_external_id, bought_at DESC
            )
            SELECT p.customer_id, p.variant, p.bought_at, p.quantity::bigint AS quantity,
                COALESCE(g.days, t.days, v.reorder_days) AS days,
                CASE WHEN g.days IS NOT NULL THEN 'variant' WHEN t.days IS NOT NULL THEN 'product_type'
                    ELSE 'merchant' END AS source,
                COALESCE(g.gaps, t.gaps) AS evidence
            FROM bought p
            JOIN variant v ON v.shop_id = :shop AND v.external_id = p.variant
            JOIN product d ON d.shop_id = v.shop_id AND d.external_id = v.product_external_id
            LEFT JOIN reorder_gap g ON g.shop_id = :shop AND g.scope = 'variant' AND g.key = v.external_id
            LEFT JOIN reorder_gap t ON t.shop_id = :shop AND t.scope = 'product_type' AND t.key = d.product_type
                AND d.product_type <> ''
            WHERE COALESCE(g.days, t.days, v.reorder_days) IS NOT NULL
            ORDER BY p.bought_at, p.customer_id, p.variant
        """),
        {
            "shop": session.info["shop_id"],
            "since": since,
            "orders": None if order_ids is None else sorted(order_ids),
        },
    ).all()
    refs = [Ref("variant", f"{row.customer_id}:{row.variant}", row.customer_id, row.bought_at) for row in rows]
    subjects = load_subjects(session, refs)
    return [
        Candidate(
            "product_running_low",
            ref,
            Occasion(ref.since, subjects[ref].refusal, subjects[ref].fields),
            {
                "gap_days": row.days * row.quantity,
                "gap_source": row.source,
                "gap_evidence": row.evidence,
                "quantity": row.quantity,
            },
        )
        for ref, row in zip(refs, rows, strict=True)
    ]
