"""Reading how a shop stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy.orm import Session


def standing(session: Session, shop_id: int, domain: str, day: date) -> Any:
    """The shop's brake, its sending domain and its day, in one row; what isn't there yet is NULL."""
    return session.execute(
        text("""
            SELECT b.state, b.sent, b.complained, b.since, b.lifted_at, b.sells_to, b.looked_at,
                d.state AS domain_state, d.verified_at, d.taken,
                COALESCE(t.marketing_emails, 0) AS marketing_emails, COALESCE(t.sms_micros, 0) AS sms_micros,
                t.sms_capped_at, t.ramp_full_at
            FROM (VALUES (1)) AS one (row)
            LEFT JOIN brake b ON b.shop_id = :shop
            LEFT JOIN sending_domain d ON d.shop_id = :shop AND d.domain = :domain
            LEFT JOIN sending_day t ON t.shop_id = :shop AND t.day = :day
        """),
        {"shop": shop_id, "domain": domain, "day": day},
    ).one()


def lock_purse(session: Session, shop_id: int, day: date) -> tuple[int, int]:
    """What is reserved for texts today and this month, in micro-dollars; nobody else may reserve until commit.

    All rows of the month are locked, so that a worker whose day has just ended can't overrun the month's cap either.
    """
    parameters = {"shop": shop_id, "day": day, "first": day.replace(day=1)}
    session.execute(
        text("INSERT INTO sending_day (shop_id, day) VALUES (:shop, :day) ON CONFLICT (shop_id, day) DO NOTHING"),
        parameters,
    )
    rows = session.execute(
        text(
            "SELECT day, sms_micros FROM sending_day WHERE shop_id = :shop AND day BETWEEN :first AND :day "
            "ORDER BY day FOR UPDATE"
        ),
        parameters,
    ).all()
    return sum(row.sms_micros for row in rows if row.day == day), sum(row.sms_micros for row in rows)


def spent_this_month(session: Session, shop_id: int, day: date) -> int:
    """What was reserved for texts from the first of the month to a day, in micro-dollars."""
    found: int = session.execute(
        text(
            "SELECT COALESCE(sum(sms_micros), 0)::bigint FROM sending_day "
            "WHERE shop_id = :shop AND day BETWEEN :first AND :day"
        ),
        {"shop": shop_id, "day": day, "first": day.replace(day=1)},
    ).scalar_one()
    return found


def newcomers(session: Session, shop_id: int, people: Iterable[int], since: datetime) -> set[int]:
    """Those of the people who were first seen after `since`, have never ordered and were never texted."""
    rows = session.execute(
        text("""
            SELECT id FROM customer c WHERE shop_id = :shop AND id = ANY(:ids) AND first_seen_at > :since
                AND orders_count = 0 AND NOT EXISTS (
                    SELECT 1 FROM message m WHERE m.shop_id = :shop AND m.customer_id = c.id AND m.channel = 'sms'
                        AND m.accepted_at IS NOT NULL)
        """),
        {"shop": shop_id, "ids": sorted(set(people)), "since": since},
    )
    return {row.id for row in rows}


def blocks(session: Session, shop_id: int, since: datetime) -> dict[str, tuple[datetime, int]]:
    """Block of numbers -> (since when, how many new ones were texted), of the present hour."""
    rows = session.execute(
        text("SELECT block, from_at, firsts FROM number_block WHERE shop_id = :shop AND from_at > :since"),
        {"shop": shop_id, "since": since},
    )
    return {row.block: (row.from_at, row.firsts) for row in rows}


def held_blocks(session: Session, shop_id: int, since: datetime) -> int:
    """Blocks of numbers that were held after `since`."""
    found: int = session.execute(
        text("SELECT count(*) FROM number_block WHERE shop_id = :shop AND held_at > :since"),
        {"shop": shop_id, "since": since},
    ).scalar_one()
    return found


def complaints(session: Session, shop_id: int, since: datetime) -> tuple[int, int]:
    """Marketing emails that were taken after `since`, and how many of them were marked as spam.

    A message is planned at most weeks before it goes: the index by planning time leaves little to look through.
    """
    row = session.execute(
        text("""
            SELECT count(*) AS sent, count(*) FILTER (WHERE state = 'complained') AS complained FROM message
            WHERE shop_id = :shop AND planned_at > CAST(:since AS timestamptz) - interval '30 days'
                AND channel = 'email' AND purpose = 'marketing' AND accepted_at > :since
        """),
        {"shop": shop_id, "since": since},
    ).one()
    return row.sent, row.complained


def sells_to(session: Session, shop_id: int, least: int) -> list[str]:
    """Countries that at least so many people have ordered from."""
    rows = session.execute(
        text("""
            SELECT country FROM customer
            WHERE shop_id = :shop AND orders_count > 0 AND merged_into_id IS NULL AND country ~ '^[A-Z]{2}$'
            GROUP BY country HAVING count(*) >= :least ORDER BY country
        """),
        {"shop": shop_id, "least": least},
    )
    return [row.country for row in rows]
