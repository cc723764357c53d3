"""Everything known of one person, in words a merchant can pass on. By the registry, so that no table is forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, select, text

from app import clock
from app.privacy.registry import TABLES, kinds, sealed, table
from app.shops import service as shops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Row
    from sqlalchemy.orm import Session

    from app.privacy.registry import Entry

INTERNAL = ("shop_id", "lease_token", "lease_until", "version_tie", "told")
"""Of our own works only: says nothing of a person."""
REPEATED = {"first_name_lower": "first_name", "last_name_lower": "last_name"}
"""Columns that say what another one says, for searching -> the one that is shown."""
WORDS = {
    "external_id": "Id in the store",
    "name": "Number",
    "first_name": "First name",
    "evidence": "How it was collected",
    "about": "Said of (id in the store)",
    "words": "What they wrote",
    "recovery_url": "Link back to the checkout",
    "status_url": "Link to the order's page",
    "context": "What the message was made of",
    "links": "Where its links lead",
    "spent": "Spent (smallest unit of the currency)",
    "total": "Total (smallest unit of the currency)",
    "price": "Price (smallest unit of the currency)",
    "erased_at": "Erased at",
    "effective_at": "In effect since",
    "double_opt_in": "Confirmed by double opt-in",
}
WEBHOOKS = (
    "The store's own notices about this person are kept, encrypted, for up to seven days, and repeat what is written "
    "here. These are the ones at hand."
)


def about(session: Session, people: Sequence[int], orders: Sequence[str], webhooks: Sequence[int]) -> dict[str, Any]:
    """The file's content, plain data. `webhooks`: ids of the deliveries that speak of them."""
    shop = shops.get(session)
    content: dict[str, Any] = {
        "Made at": clock.now().isoformat(),
        "Store": shop.name or shop.domain,
        "What this is": "Everything Regulars knows of one person. Amounts are in the smallest unit of the currency.",
    }
    if not people:
        return content | {"Person": "Nobody of this id, email or phone is known here."}
    for name, entry in TABLES.items():
        if entry.of_person is None or name == "data_file":
            continue
        rows = _rows(session, name, entry, people, orders)
        if rows:
            content[entry.title] = rows
    notices = _notices(session, webhooks)
    if notices:
        content["Webhooks"] = {"About them": WEBHOOKS, "Notices": notices}
    return content


def _rows(
    session: Session, name: str, entry: Entry, people: Sequence[int], orders: Sequence[str]
) -> list[dict[str, Any]]:
    columns = [c for c in table(name).c if _shown(name, c)]
    assert entry.of_person is not None  # noqa: S101 the caller looked
    statement = (
        select(*columns).where(table(name).c.shop_id == session.info["shop_id"]).where(text(entry.of_person))
    ).order_by(*table(name).primary_key.columns)
    parameters = {"people": list(people), "orders": list(orders), "shop": session.info["shop_id"]}
    return [_readable(row) for row in session.execute(statement, parameters)]


def _shown(name: str, column: Column[Any]) -> bool:
    if column.name in INTERNAL or column.name in REPEATED or kinds().get((name, column.name)) == "secret":
        return False
    # Hashes are bytes that nobody can read; sealed columns are opened on the way out.
    return sealed(column) or not isinstance(column.type, LargeBinary)


def _readable(row: Row[Any]) -> dict[str, Any]:
    """Labels for names, and without what is empty."""
    return {
        label(name): value.isoformat() if isinstance(value, datetime) else value
        for name, value in row._mapping.items()  # noqa: SLF001 SQLAlchemy's own way to the names
        if value not in (None, "", [], {})
    }


def label(column: str) -> str:
    """A column's name as a person would say it."""
    return WORDS.get(column) or column.replace("_", " ").capitalize()


def _notices(session: Session, webhooks: Sequence[int]) -> list[dict[str, Any]]:
    rows = session.execute(
        text("SELECT topic, received_at FROM delivery WHERE shop_id = :shop AND id = ANY(:ids) ORDER BY id"),
        {"shop": session.info["shop_id"], "ids": list(webhooks)},
    )
    return [{"Topic": row.topic, "Received at": row.received_at.isoformat()} for row in rows]
