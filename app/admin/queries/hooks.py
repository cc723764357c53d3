"""What the page of subscriptions shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def latest(session: Session, shop_id: int) -> Sequence[Any]:
    """How the last thirty tellings went."""
    return session.execute(
        text("""
            SELECT d.id, d.hook_id, e.kind, d.state, d.tries, d.status, d.code, d.due_at, d.updated_at, h.url
            FROM hook_delivery d
            JOIN hook_event e ON e.shop_id = d.shop_id AND e.id = d.event_id
            JOIN hook h ON h.shop_id = d.shop_id AND h.id = d.hook_id
            WHERE d.shop_id = :shop ORDER BY d.id DESC LIMIT 30
        """),
        {"shop": shop_id},
    ).all()


def stopped(session: Session, shop_id: int) -> int:
    """How many subscriptions were stopped, since nothing arrived."""
    wanted = text("SELECT count(*) FROM hook WHERE shop_id = :shop AND state = 'stopped'")
    return session.scalar(wanted, {"shop": shop_id}) or 0
