"""What the audit page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.admin.paging import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.admin.paging import Cursor


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; None: any. The span is half open."""

    action: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def listed(session: Session, shop_id: int, wanted: Wanted, before: Cursor | None, size: int = PAGE) -> Sequence[Any]:
    """Entries newest first, one more than `size`."""
    conditions = ["shop_id = :shop"]
    parameters: dict[str, Any] = {"shop": shop_id, "size": size + 1}
    given: dict[str, tuple[str, Any]] = {
        "action = :action": ("action", wanted.action),
        "actor = :actor": ("actor", wanted.actor),
        "at >= :since": ("since", wanted.since),
        "at < :until": ("until", wanted.until),
    }
    for condition, (name, value) in given.items():
        if value is not None:
            conditions.append(condition)
            parameters[name] = value
    if before is not None:
        conditions.append("(at, id) < (:before, :id)")
        parameters |= {"before": before.at, "id": before.id}
    return session.execute(
        text(f"""
            SELECT id, at, actor, action, targets, before, after FROM audit_entry
            WHERE {" AND ".join(conditions)} ORDER BY at DESC, id DESC LIMIT :size
        """),  # noqa: S608 conditions are our own, values are bound
        parameters,
    ).all()


def key_names(session: Session, shop_id: int) -> dict[str, str]:
    """`key:<id>` -> the name of an API key, revoked ones too."""
    rows = session.execute(text("SELECT id, name FROM api_key WHERE shop_id = :shop"), {"shop": shop_id})
    return {f"key:{row.id}": row.name for row in rows}
