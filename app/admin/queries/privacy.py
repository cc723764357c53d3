"""What the privacy page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.admin.paging import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.admin.paging import Cursor


def requests(session: Session, shop_id: int, before: Cursor | None, now: datetime) -> Sequence[Any]:
    """Privacy requests newest first, each with its file while there is one; one more than a page holds."""
    return session.execute(
        text("""
            SELECT r.id, r.kind, r.received_at, r.due_at, r.done_at, f.id AS file_id, f.expires_at
            FROM privacy_request r LEFT JOIN data_file f ON f.shop_id = r.shop_id AND f.request_id = r.id
                AND f.expires_at > :now
            WHERE r.shop_id = :shop
                AND (CAST(:at AS timestamptz) IS NULL OR (r.received_at, r.id) < (:at, CAST(:id AS bigint)))
            ORDER BY r.received_at DESC, r.id DESC LIMIT :size
        """),
        {
            "shop": shop_id,
            "now": now,
            "at": before and before.at,
            "id": before and before.id,
            "size": PAGE + 1,
        },
    ).all()
