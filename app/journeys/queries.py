"""Reading journeys and the people in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app.journeys.definition import Definition
from app.journeys.rules import Earlier, Facts, Place, remember

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

    from app.customers.queries import Profile
    from app.orders.subjects import Subject


@dataclass(frozen=True, slots=True)
class Running:
    """A journey that is on, with its present version."""

    id: int
    key: str
    version_id: int
    turned_on_at: datetime
    definition: Definition
    templates: dict[str, int]


@lru_cache(maxsize=2_000)
def _definition(shop_id: int, version_id: int, source: bytes) -> Definition:
    """A version never changes, so it is parsed once a process."""
    del shop_id, version_id
    return Definition.model_validate(orjson.loads(source))


def running(session: Session, shop_id: int) -> list[Running]:
    """The journeys of a shop that are on."""
    rows = session.execute(
        text("""
            SELECT j.id, j.key, j.version_id, j.turned_on_at, v.definition::text AS definition, v.templates
            FROM journey j JOIN journey_version v ON v.shop_id = j.shop_id AND v.id = j.version_id
            WHERE j.shop_id = :shop AND j.is_on ORDER BY j.id
        """),
        {"shop": shop_id},
    )
    return [
        Running(
            r.id,
            r.key,
            r.version_id,
            r.turned_on_at,
            _definition(shop_id, r.version_id, r.definition.encode()),
            r.templates,
        )
        for r in rows
    ]


def versions(session: Session, shop_id: int, ids: Collection[int]) -> dict[int, tuple[Definition, dict[str, int]]]:
    """Definitions and template ids of versions."""
    rows = session.execute(
        text(
            "SELECT id, definition::text AS definition, templates FROM journey_version "
            "WHERE shop_id = :shop AND id = ANY(:ids)"
        ),
        {"shop": shop_id, "ids": sorted(ids)},
    )
    return {r.id: (_definition(shop_id, r.id, r.definition.encode()), r.templates) for r in rows}


def priorities(session: Session, shop_id: int, ids: Collection[int]) -> dict[int, int]:
    """How important the merchant holds journeys to be; greater goes first."""
    rows = session.execute(
        text("SELECT id, priority FROM journey WHERE shop_id = :shop AND id = ANY(:ids)"),
        {"shop": shop_id, "ids": sorted(ids)},
    )
    return {row.id: row.priority for row in rows}


def earlier(
    session: Session, shop_id: int, subjects: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], tuple[int, Earlier]]:
    """(journey, subject) -> (enrolment id, its newest round)."""
    rows = session.execute(
        text("""
            SELECT DISTINCT ON (e.journey_id, e.subject_key) e.journey_id, e.subject_key, e.id, e.round, e.state,
                e.anchor_at, e.data->>'basket' AS basket,
                EXISTS (SELECT 1 FROM message m WHERE m.shop_id = e.shop_id AND m.enrolment_id = e.id) AS sent
            FROM enrolment e
            JOIN unnest(CAST(:journeys AS bigint[]), CAST(:keys AS text[])) AS k (journey_id, subject_key)
                ON e.journey_id = k.journey_id AND e.subject_key = k.subject_key
            WHERE e.shop_id = :shop
            ORDER BY e.journey_id, e.subject_key, e.round DESC
        """),
        {"shop": shop_id, "journeys": [j for j, _ in subjects], "keys": [k for _, k in subjects]},
    )
    return {
        (r.journey_id, r.subject_key): (r.id, Earlier(r.round, r.state == "active", r.anchor_at, r.basket, r.sent))
        for r in rows
    }


def last_entries(session: Session, shop_id: int, customer_ids: Collection[int]) -> dict[tuple[int, int], datetime]:
    """(journey, customer) -> when the person last entered, as far as it counts for a cool-down.

    Whoever left before anything was sent (most buyers leave a checkout by paying) wasn't bothered, so it doesn't.
    """
    rows = session.execute(
        text("""
            SELECT e.journey_id, e.customer_id, max(e.anchor_at) AS at FROM enrolment e
            WHERE e.shop_id = :shop AND e.customer_id = ANY(:ids) AND (e.state = 'active' OR EXISTS (
                SELECT 1 FROM message m WHERE m.shop_id = e.shop_id AND m.enrolment_id = e.id
                    AND m.state NOT IN ('skipped', 'expired', 'cancelled')))
            GROUP BY e.journey_id, e.customer_id
        """),
        {"shop": shop_id, "ids": sorted(customer_ids)},
    )
    return {(r.journey_id, r.customer_id): r.at for r in rows}


def messages_of(session: Session, shop_id: int, enrolment_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Enrolment -> what filters may ask about its messages: `<step>.channel`, `<step>.state`, `<step>.clicked`."""
    rows = session.execute(
        text(
            "SELECT enrolment_id, step, channel, state, clicked_at IS NOT NULL AS clicked FROM message "
            "WHERE shop_id = :shop AND enrolment_id = ANY(:ids) ORDER BY planned_at, due_at, id"
        ),
        {"shop": shop_id, "ids": sorted(enrolment_ids)},
    )
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        remember(found.setdefault(row.enrolment_id, {}), row.step, row.channel, row.state, clicked=row.clicked)
    return found


def place(enrolment: Any) -> Place:
    """Where an enrolment stands. A time that was kept holds for the step at which it was kept."""
    kept = enrolment.data.get("kept")
    until = datetime.fromisoformat(kept["until"]) if kept and kept["step"] == enrolment.step else None
    return Place(enrolment.step, enrolment.since, until)


def facts(enrolment: Any, subject: Subject, person: Profile, messages: dict[str, Any]) -> Facts:
    """All that the engine may know about an enrolment."""
    gap = enrolment.data.get("gap_days")
    return Facts(
        # The trigger is the moment the enrolment counts from: for a refilled basket, that of the refill.
        moments={**subject.moments, "trigger": enrolment.anchor_at, "entered": enrolment.entered_at},
        fields={"clicked": False, "channels": [], **person.fields, **subject.fields, **messages},
        unreachable=person.unreachable,
        consent=person.consent_about(enrolment.subject_kind),
        answered_on=person.preferred_channel,
        gap=None if gap is None else timedelta(days=gap),
    )
