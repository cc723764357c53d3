"""What people choose on their own page: topics, how often, a pause, a language. Every change stays on record.

Rows are only ever added; the newest is what counts. Which channels they want is consent, and lives in its ledger.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.customers.rules import NOTHING_CHOSEN, Choices
from app.shops import service as shops

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

NEWEST = """
    LEFT JOIN LATERAL (
        SELECT topics_off, frequency, paused_until, locale AS chosen_locale FROM preference p
        WHERE p.shop_id = c.shop_id AND p.customer_id = c.id ORDER BY p.id DESC LIMIT 1
    ) chosen ON true
"""
"""SQL that adds a customer's (`c`) present choices to a row."""


def read(row: Any) -> Choices:
    """Choices from the columns of `NEWEST`."""
    if row.frequency is None:
        return NOTHING_CHOSEN
    return Choices(frozenset(row.topics_off), row.frequency, row.paused_until, row.chosen_locale)


def locale_of(session: Session, customer_id: int) -> str:
    """How to speak to a person and write dates: as they chose, else as the store knows them, else as in the shop."""
    known = session.scalar(
        text(
            f"SELECT COALESCE(chosen_locale, c.locale) FROM customer c {NEWEST} "  # noqa: S608 our own text
            "WHERE c.shop_id = :shop AND c.id = :id"
        ),
        {"shop": session.info["shop_id"], "id": customer_id},
    )
    return known or shops.get(session).locale


def choices_of(session: Session, customer_id: int) -> Choices:
    """What a person has chosen."""
    row = session.execute(
        text(
            f"SELECT chosen.* FROM customer c {NEWEST} WHERE c.shop_id = :shop AND c.id = :id"  # noqa: S608 our own SQL
        ),
        {"shop": session.info["shop_id"], "id": customer_id},
    ).first()
    return NOTHING_CHOSEN if row is None else read(row)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person has chosen, each thing with since when it is so; without a time they have never touched it."""

    choices: Choices
    since: Mapping[str, datetime]
    """topics_off | frequency | paused_until | locale -> when it became what it is."""


def chosen(session: Session, customer_id: int) -> Chosen:
    """A person's present choices, as they set them."""
    rows = session.execute(
        text(
            "SELECT topics_off, frequency, paused_until, locale, recorded_at FROM preference "
            "WHERE shop_id = :shop AND customer_id = :id ORDER BY id"
        ),
        {"shop": session.info["shop_id"], "id": customer_id},
    ).all()
    since: dict[str, datetime] = {}
    last: dict[str, Any] = asdict(NOTHING_CHOSEN) | {"topics_off": []}
    for row in rows:
        now = {name: getattr(row, name) for name in last}
        since |= {name: row.recorded_at for name in last if now[name] != last[name]}
        last = now
    return Chosen(Choices(**last | {"topics_off": frozenset(last["topics_off"])}), since)


def choose(session: Session, customer_id: int, wanted: Choices, source: str) -> bool:
    """Put choices on record; False when they are the present ones, and nothing is written."""
    # Two saves at once follow one another: each is compared with what the one before it left.
    customer = session.execute(
        text("SELECT id FROM customer WHERE shop_id = :shop AND id = :id FOR NO KEY UPDATE"),
        {"shop": session.info["shop_id"], "id": customer_id},
    ).first()
    if customer is None or choices_of(session, customer_id) == wanted:
        return False
    session.execute(
        text(
            "INSERT INTO preference (shop_id, customer_id, topics_off, frequency, paused_until, locale, source, "
            "recorded_at) VALUES (:shop, :id, :topics_off, :frequency, :paused_until, :locale, :source, :now)"
        ),
        {
            "shop": session.info["shop_id"],
            "id": customer_id,
            "topics_off": sorted(wanted.topics_off),
            "frequency": wanted.frequency,
            "paused_until": wanted.paused_until,
            "locale": wanted.locale,
            "source": source,
            "now": clock.now(),
        },
    )
    return True
