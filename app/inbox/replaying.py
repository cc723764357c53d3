"""Applying deliveries once more: after a mend, or to be sure. What is right already stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.shops.models import UNKNOWN_SHOP
from app.transaction import ring_after_commit, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ADOPTED = "adopted"
COLUMNS = "webhook_id, platform, shop_domain, topic, event_id, api_version, triggered_at, received_at, body"


def replay(shop_id: int, *, only_parked: bool = False) -> int:
    """Make a shop's deliveries wait to be applied again, all of them or those parked; returns how many.

    Deliveries whose body is gone (past its retention) stay as they are. Those that came before the shop was known are
    brought in first.
    """
    _adopt(shop_id)
    states = ["parked"] if only_parked else ["applied", "ignored", "parked"]
    with transaction(shop_id) as session:
        rows = session.execute(
            text(
                "UPDATE delivery SET state = 'pending', reason = NULL "
                "WHERE shop_id = :shop AND state = ANY(:states) AND body IS NOT NULL RETURNING 1"
            ),
            {"shop": shop_id, "states": states},
        ).all()
        ring_after_commit(session, "inbox")
    return len(rows)


def _adopt(shop_id: int) -> None:
    """Give a shop the deliveries that came under its address while nobody knew it."""
    with transaction(shop_id) as session:
        domain = session.scalar(text("SELECT domain FROM shop WHERE id = :shop"), {"shop": shop_id})
    with transaction(UNKNOWN_SHOP) as session:
        rows = _strays(session, str(domain))
    if not rows:
        return
    with transaction(shop_id) as session:
        for row in rows:
            session.execute(
                text(
                    f"INSERT INTO delivery (shop_id, {COLUMNS}, state, reason) "  # noqa: S608 a constant
                    "VALUES (:shop, :webhook_id, :platform, :shop_domain, :topic, :event_id, :api_version, "
                    ":triggered_at, :received_at, :body, 'parked', 'unknown_shop') ON CONFLICT DO NOTHING"
                ),
                {**row, "shop": shop_id},
            )
    with transaction(UNKNOWN_SHOP) as session:
        session.execute(
            text(
                "UPDATE delivery SET state = 'ignored', reason = :adopted, body = NULL, applied_at = :now "
                "WHERE shop_id = :unknown AND webhook_id = ANY(:ids) AND shop_domain = :domain"
            ),
            {
                "unknown": UNKNOWN_SHOP,
                "ids": [row["webhook_id"] for row in rows],
                "domain": domain,
                "adopted": ADOPTED,
                "now": clock.now(),
            },
        )


def _strays(session: Session, domain: str) -> list[dict[str, Any]]:
    rows = session.execute(
        text(
            f"SELECT {COLUMNS} FROM delivery "  # noqa: S608 a constant
            "WHERE shop_id = :unknown AND shop_domain = :domain AND state <> 'ignored' AND body IS NOT NULL "
            "ORDER BY id"
        ),
        {"unknown": UNKNOWN_SHOP, "domain": domain},
    )
    return [dict(row) for row in rows.mappings()]


def redrive(session: Session, shop_id: int, delivery_id: int | None = None) -> int:
    """Read parked deliveries again (one, or all of the shop); those past their retention stay. Returns how many."""
    count = len(
        session.execute(
            text("""
                UPDATE delivery SET state = 'pending', reason = NULL
                WHERE shop_id = :shop AND state = 'parked' AND body IS NOT NULL
                    AND (CAST(:id AS bigint) IS NULL OR id = :id) RETURNING id
            """),
            {"shop": shop_id, "id": delivery_id},
        ).all()
    )
    if count:
        ring_after_commit(session, "inbox")
    return count
