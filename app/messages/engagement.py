"""Opens and clicks, each with a verdict on whether a human did it. Only human ones count for anything."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.messages.verdicts import Seen, verdict

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.channels.base import Receipt


def reported(session: Session, receipt: Receipt, message: Any) -> None:
    """An open or click that the provider saw."""
    kind = "open" if receipt.kind == "opened" else "click"
    _note(session, message, kind, None, receipt.at, receipt.user_agent or "", "GET")


def seen(session: Session, message_id: int, kind: str, link: int | None, user_agent: str, method: str) -> None:
    """An open or click that came to us."""
    message = session.execute(
        text("SELECT id, customer_id, channel, accepted_at FROM message WHERE shop_id = :shop AND id = :id"),
        {"shop": session.info["shop_id"], "id": message_id},
    ).first()
    if message is not None:
        _note(session, message, kind, link, clock.now(), user_agent, method)


def _note(
    session: Session, message: Any, kind: str, link: int | None, at: datetime, user_agent: str, method: str
) -> None:
    shop_id = session.info["shop_id"]
    others = session.execute(
        text(
            "SELECT count(DISTINCT link) FROM engagement WHERE shop_id = :shop AND message_id = :id "
            "AND kind = 'click' AND at > :recent"
        ),
        {"shop": shop_id, "id": message.id, "recent": at - timedelta(seconds=10 * clock.speed())},
    ).scalar_one()
    since = None if message.accepted_at is None else (at - message.accepted_at) / clock.speed()
    word = verdict(Seen(kind, user_agent, method, since, others))
    session.execute(
        text(
            "INSERT INTO engagement (shop_id, message_id, kind, link, verdict, verdict_reason, at) "
            "VALUES (:shop, :id, :kind, :link, :verdict, :reason, :at)"
        ),
        {
            "shop": shop_id,
            "id": message.id,
            "kind": kind,
            "link": link,
            "verdict": word.verdict,
            "reason": word.reason,
            "at": at,
        },
    )
    if word.verdict != "human":
        return
    column = "opened_at" if kind == "open" else "clicked_at"
    session.execute(
        text(f"UPDATE message SET {column} = COALESCE({column}, :at) WHERE shop_id = :shop AND id = :id"),  # noqa: S608 one of two names
        {"shop": shop_id, "id": message.id, "at": at},
    )
    if kind == "click":
        session.execute(
            text("UPDATE customer SET preferred_channel = :channel WHERE shop_id = :shop AND id = :id"),
            {"shop": shop_id, "id": message.customer_id, "channel": message.channel},
        )
