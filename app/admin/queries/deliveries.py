"""What the deliveries page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.admin.paging import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.admin.paging import Cursor


def listed(session: Session, shop_id: int, state: str | None, before: Cursor | None) -> Sequence[Any]:
    """Webhooks newest first (in one state, or all), one more than a page holds."""
    conditions = ["shop_id = :shop"]
    parameters: dict[str, Any] = {"shop": shop_id, "size": PAGE + 1}
    if state is not None:
        conditions.append("state = :state")
        parameters["state"] = state
    if before is not None:
        conditions.append("(received_at, id) < (:at, :id)")
        parameters |= {"at": before.at, "id": before.id}
    return session.execute(
        text(f"""
            SELECT id, topic, state, reason, received_at, tries, body IS NOT NULL AS has_body FROM delivery
            WHERE {" AND ".join(conditions)} ORDER BY received_at DESC, id DESC LIMIT :size
        """),  # noqa: S608 conditions are our own, values are bound
        parameters,
    ).all()


def is_there(session: Session, shop_id: int, delivery_id: int) -> bool:
    """Whether the shop has this delivery."""
    return bool(
        session.scalar(
            text("SELECT EXISTS (SELECT 1 FROM delivery WHERE shop_id = :shop AND id = :id)"),
            {"shop": shop_id, "id": delivery_id},
        )
    )
