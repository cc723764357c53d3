"""Bookkeeping of imports: which is next, how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def wake(session: Session, export_id: str) -> None:
    """The store says that an export has ended: look now instead of at the next poll."""
    session.execute(
        text(
            "UPDATE import SET due_at = :now WHERE shop_id = :shop AND export_id = :export "
            "AND state = 'exporting' AND due_at > :now"
        ),
        {"shop": session.info["shop_id"], "export": export_id, "now": clock.now()},
    )
