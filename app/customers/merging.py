"""Two records are one person: everything of the one becomes the other's, and the stricter word on consent holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text, update

from app.customers.models import Customer
from app.extensions import Base

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def merge(session: Session, *, kept: Customer, removed: Customer) -> None:
    """Move all that hangs on `removed` to `kept` and leave a signpost.

    Consent: both ledgers are joined, and a channel that either had ended stays ended (the most restrictive wins).
    """
    session.flush()
    _end_consent_that_either_ended(session, kept, removed)
    shop_id = session.info["shop_id"]
    for table in Base.metadata.sorted_tables:
        if "customer_id" not in table.c or "shop_id" not in table.c:
            continue
        key = table.c.get("id")
        condition = ""
        if table.name == "consent_entry":
            condition = (
                " AND NOT EXISTS (SELECT 1 FROM consent_entry k WHERE k.shop_id = t.shop_id AND k.customer_id = :kept "
                "AND (k.channel, k.purpose, k.effective_at, k.state, k.source) = "
                "(t.channel, t.purpose, t.effective_at, t.state, t.source))"
            )
        assert key is not None  # noqa: S101 every table that names a customer has rows of its own
        session.execute(
            text(f'UPDATE "{table.name}" t SET customer_id = :kept '  # noqa: S608 names of our own tables
                 f"WHERE t.shop_id = :shop AND t.customer_id = :removed{condition}"),
            {"shop": shop_id, "kept": kept.id, "removed": removed.id},
        )
    phone, email = removed.phone, removed.email
    removed.merged_into_id = kept.id
    session.execute(
        update(Customer)
        .where(Customer.shop_id == shop_id, Customer.merged_into_id == removed.id)
        .values(merged_into_id=kept.id)
    )
    session.flush()
    kept.phone = kept.phone or phone
    kept.email = kept.email or email
    kept.first_name = kept.first_name or removed.first_name
    kept.last_name = kept.last_name or removed.last_name
    kept.first_seen_at = min(kept.first_seen_at, removed.first_seen_at)
    kept.tags = sorted({*kept.tags, *removed.tags})


def _end_consent_that_either_ended(session: Session, kept: Customer, removed: Customer) -> None:
    session.execute(
        text("""
            INSERT INTO consent_entry
                (shop_id, customer_id, channel, purpose, state, effective_at, source, double_opt_in, recorded_at)
            SELECT :shop, :kept, channel, purpose, 'unsubscribed', max(effective_at), 'merge', false, max(recorded_at)
            FROM (
                SELECT DISTINCT ON (customer_id, channel, purpose)
                    customer_id, channel, purpose, state, effective_at, recorded_at
                FROM consent_entry
                WHERE shop_id = :shop AND customer_id IN (:kept, :removed)
                ORDER BY customer_id, channel, purpose, effective_at DESC, id DESC
            ) present
            GROUP BY channel, purpose
            HAVING count(*) > 1 AND bool_or(state = 'unsubscribed') AND NOT bool_and(state = 'unsubscribed')
            ON CONFLICT DO NOTHING
        """),
        {"shop": session.info["shop_id"], "kept": kept.id, "removed": removed.id},
    )
