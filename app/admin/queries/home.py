"""What the home page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def imports(session: Session, shop_id: int) -> Sequence[Any]:
    """The parts of the present install's import, in their order."""
    return session.execute(
        text("""
            SELECT kind, span, state, lines_read, things, error, due_at, started_at, finished_at FROM import
            WHERE shop_id = :shop AND generation = (SELECT max(generation) FROM import WHERE shop_id = :shop)
            ORDER BY position
        """),
        {"shop": shop_id},
    ).all()


def latest_deliveries(session: Session, shop_id: int, limit: int = 8) -> Sequence[Any]:
    """The newest webhooks."""
    return session.execute(
        text(
            "SELECT id, topic, state, reason, received_at FROM delivery WHERE shop_id = :shop "
            "ORDER BY received_at DESC, id DESC LIMIT :limit"
        ),
        {"shop": shop_id, "limit": limit},
    ).all()


def skipped_steps(session: Session, shop_id: int, since: datetime) -> Sequence[Any]:
    """(reason, count) of steps that led to no message at all, since then."""
    return session.execute(
        text("""
            SELECT reason, count(*) AS count FROM decision
            WHERE shop_id = :shop AND at >= :since AND outcome = 'skipped' AND message_id IS NULL GROUP BY reason
        """),
        {"shop": shop_id, "since": since},
    ).all()


def journeys_on(session: Session, shop_id: int) -> Sequence[bool]:
    """Of each journey whether it is on."""
    return session.scalars(text("SELECT is_on FROM journey WHERE shop_id = :shop"), {"shop": shop_id}).all()


def is_verified(session: Session, shop_id: int, domain: str) -> bool:
    """Whether the DNS vouches for mail from a domain."""
    found = session.scalar(
        text("SELECT state = 'verified' FROM sending_domain WHERE shop_id = :shop AND domain = :domain"),
        {"shop": shop_id, "domain": domain},
    )
    return bool(found)


def was_accepted(session: Session, shop_id: int, message_id: int) -> bool:
    """Whether a provider took a message."""
    found = session.scalar(
        text("SELECT accepted_at IS NOT NULL FROM message WHERE shop_id = :shop AND id = :id"),
        {"shop": shop_id, "id": message_id},
    )
    return bool(found)


def attention(session: Session, shop_id: int) -> Any:
    """How many things wait for the merchant."""
    return session.execute(
        text("""
            SELECT (SELECT count(*) FROM delivery WHERE shop_id = :shop AND state = 'parked') AS deliveries,
                (SELECT count(*) FROM message WHERE shop_id = :shop AND state = 'parked') AS messages
        """),
        {"shop": shop_id},
    ).one()
