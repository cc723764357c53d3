"""What the message pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from app.admin.paging import PAGE
from app.reports.counting import counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.admin.paging import Cursor
    from app.messages.parked import Filter
    from app.reports.rules import Period

MOST_REASONS: Final = 12
HELD_UP: Final = ("skipped", "expired", "cancelled", "deferred", "parked", "failed", "bounced")
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "sent": ("accepted", "delivered"),
    "waiting": ("planned", "due", "deferred", "claimed", "sending", "unknown"),
    "held": ("skipped", "expired", "cancelled"),
    "parked": ("parked",),
    "failed": ("failed", "bounced", "complained"),
}


def listed(session: Session, shop_id: int, wanted: Filter, before: Cursor | None) -> Sequence[Any]:
    """Messages newest first, one more than a page holds."""
    conditions = ["m.shop_id = :shop"]
    parameters: dict[str, Any] = {"shop": shop_id, "size": PAGE + 1}
    given: dict[str, tuple[str, Any]] = {
        "m.state = ANY(:states)": ("states", list(GROUPS.get(wanted.group or "", ())) or None),
        "j.key = :journey": ("journey", wanted.journey),
        "m.channel = :channel": ("channel", wanted.channel),
        "m.reason = :reason": ("reason", wanted.reason),
    }
    for condition, (name, value) in given.items():
        if value is not None:
            conditions.append(condition)
            parameters[name] = value
    if before is not None:
        conditions.append("(m.planned_at, m.id) < (:at, :id)")
        parameters |= {"at": before.at, "id": before.id}
    return session.execute(
        text(f"""
            SELECT m.id, m.state, m.reason, m.channel, m.step, m.planned_at, m.due_at, m.accepted_at, m.updated_at,
                j.name AS journey, j.key AS journey_key, m.customer_id, c.first_name, c.last_name, c.email, c.phone
            FROM message m
            JOIN customer c ON c.shop_id = m.shop_id AND c.id = m.customer_id
            LEFT JOIN journey j ON j.shop_id = m.shop_id AND j.id = m.journey_id
            WHERE {" AND ".join(conditions)}
            ORDER BY m.planned_at DESC, m.id DESC LIMIT :size
        """),  # noqa: S608 conditions are our own, values are bound
        parameters,
    ).all()


def reasons(session: Session, shop_id: int, wanted: Filter, period: Period) -> list[tuple[str, int]]:
    """(reason, count) of a period's messages that didn't go or wait, of a journey and channel; most first."""
    parameters = {"shop": shop_id, "key": wanted.journey}
    journey_id = session.scalar(text("SELECT id FROM journey WHERE shop_id = :shop AND key = :key"), parameters)
    if wanted.journey is not None and journey_id is None:
        return []
    found = counts(session, shop_id, ["reason"], period, states=HELD_UP, journey_id=journey_id, channel=wanted.channel)
    most = sorted(((row.messages, row.reason) for row in found if row.reason), key=lambda r: (-r[0], r[1]))
    return [(reason, count) for count, reason in most[:MOST_REASONS]]


def journeys(session: Session, shop_id: int) -> Sequence[Any]:
    """Keys and names, to filter by."""
    return session.execute(
        text("SELECT key, name FROM journey WHERE shop_id = :shop ORDER BY priority DESC, id"), {"shop": shop_id}
    ).all()


def one(session: Session, shop_id: int, message_id: int) -> Any:
    """A message with its person and journey; None when the shop has no such message."""
    return session.execute(
        text("""
            SELECT m.*, j.name AS journey, j.key AS journey_key, c.first_name, c.last_name, c.email, c.phone
            FROM message m
            JOIN customer c ON c.shop_id = m.shop_id AND c.id = m.customer_id
            LEFT JOIN journey j ON j.shop_id = m.shop_id AND j.id = m.journey_id
            WHERE m.shop_id = :shop AND m.id = :id
        """),
        {"shop": shop_id, "id": message_id},
    ).first()


def decisions(session: Session, shop_id: int, message: Any) -> Sequence[Any]:
    """Every decision about a message, and those of its step before it was written."""
    return session.execute(
        text("""
            SELECT at, step, outcome, reason, detail FROM decision
            WHERE shop_id = :shop AND (message_id = :id OR (message_id IS NULL AND enrolment_id = :enrolment
                AND step = :step))
            ORDER BY at, id
        """),
        {"shop": shop_id, "id": message.id, "enrolment": message.enrolment_id, "step": message.step},
    ).all()


def attempts(session: Session, shop_id: int, message_id: int) -> Sequence[Any]:
    """Every hand-over to a provider."""
    return session.execute(
        text("""
            SELECT provider, outcome, code, begun_at, extract(epoch FROM ended_at - begun_at) AS seconds FROM attempt
            WHERE shop_id = :shop AND message_id = :id ORDER BY id
        """),
        {"shop": shop_id, "id": message_id},
    ).all()


def receipts(session: Session, shop_id: int, message_id: int) -> Sequence[Any]:
    """What the provider reported, and what the reader did."""
    return session.execute(
        text("""
            SELECT at, kind, code AS detail FROM receipt WHERE shop_id = :shop AND message_id = :id
            UNION ALL
            SELECT at, kind || ' · ' || verdict, '' FROM engagement WHERE shop_id = :shop AND message_id = :id
            ORDER BY at LIMIT 100
        """),
        {"shop": shop_id, "id": message_id},
    ).all()


def of_customer(session: Session, shop_id: int, external_id: str) -> tuple[Sequence[Any], Sequence[Any]]:
    """Messages and decisions about a customer, by the store's id of them, oldest first."""
    parameters = {"shop": shop_id, "external": external_id}
    messages = session.execute(
        text("""
            SELECT j.key AS journey, m.step, m.channel, m.state, m.reason, m.due_at, m.accepted_at,
                right(CASE m.channel WHEN 'email' THEN c.email ELSE c.phone END, 6) AS address_tail
            FROM message m
            JOIN customer c ON c.shop_id = m.shop_id AND c.id = m.customer_id
            LEFT JOIN journey j ON j.shop_id = m.shop_id AND j.id = m.journey_id
            WHERE m.shop_id = :shop AND c.external_id = :external ORDER BY m.planned_at, m.id LIMIT 500
        """),
        parameters,
    ).all()
    decisions = session.execute(
        text("""
            SELECT j.key AS journey, d.step, d.outcome, d.reason, d.at
            FROM decision d
            JOIN customer c ON c.shop_id = d.shop_id AND c.id = d.customer_id
            LEFT JOIN journey j ON j.shop_id = d.shop_id AND j.id = d.journey_id
            WHERE d.shop_id = :shop AND c.external_id = :external ORDER BY d.at, d.id LIMIT 1000
        """),
        parameters,
    ).all()
    return messages, decisions
