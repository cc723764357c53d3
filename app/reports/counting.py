"""Messages counted by day, so that no page has to count them again.

Every statement that changes messages writes down by how much it changed their cells (a trigger, in its transaction).
Folding adds what was written down to the days, in one statement. So days and waiting changes together are what
`count(*)` would say at every moment, whoever changes messages, and however late folding comes.

A message counts at the moment a provider took it; before that, where it still may go, when it was planned; else when it
ended. So what became of the messages of a day is found on that day.
"""

# ruff: noqa: S608 - statements are made of our own words, values are bound

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from app.content.dates import zone_of
from app.reports import days
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.reports.rules import Period

BATCH: Final = 20_000
"""Changes folded at once."""
MEASURES: Final = ("messages", "sent", "opened", "clicked", "machine_opened", "machine_clicked")
CELL: Final = "journey_id, step, channel, state, reason"

COUNTED: Final = """
    SELECT date_bin('15 minutes', CASE WHEN accepted_at IS NOT NULL THEN accepted_at
            WHEN state IN ('planned', 'due', 'deferred', 'claimed', 'sending', 'unknown') THEN planned_at
            ELSE updated_at END, '2000-01-01 00:00:00+00') AS at,
        COALESCE(journey_id, 0) AS journey_id, step, channel,
        CASE WHEN state IN ('accepted', 'delivered') THEN 'sent'
            WHEN state IN ('planned', 'due', 'claimed', 'sending', 'unknown') THEN 'waiting' ELSE state END AS state,
        CASE WHEN state IN ('accepted', 'delivered', 'planned', 'due', 'claimed', 'sending', 'unknown') THEN ''
            ELSE COALESCE(reason, '') END AS reason,
        1 AS messages, (accepted_at IS NOT NULL)::int AS sent, (opened_at IS NOT NULL)::int AS opened,
        (clicked_at IS NOT NULL)::int AS clicked, (machine_opened_at IS NOT NULL)::int AS machine_opened,
        (machine_clicked_at IS NOT NULL)::int AS machine_clicked
    FROM message WHERE shop_id = :shop"""
"""Where each message is counted, as the trigger `count_messages` has it."""

_SUMS: Final = ", ".join(f"sum({name})::bigint AS {name}" for name in MEASURES)
_DIFFER: Final = " OR ".join(f"sum({name}) <> 0" for name in MEASURES)
_ADD: Final = ", ".join(f"{name} = c.{name} + excluded.{name}" for name in MEASURES)
_LESS: Final = ", ".join(f"-{name} AS {name}" for name in MEASURES)
_UPSERT: Final = f"""
    INSERT INTO message_count AS c (shop_id, day, {CELL}, {", ".join(MEASURES)})
    SELECT :shop, day, {CELL}, {_SUMS} FROM ({{rows}}) r
    GROUP BY day, {CELL} HAVING {_DIFFER} ORDER BY day, {CELL}
    ON CONFLICT (shop_id, day, {CELL}) DO UPDATE SET {_ADD}
    RETURNING 1"""
_DAY: Final = "(at AT TIME ZONE CAST(:zone AS text))::date AS day"

FOLD: Final = f"""
    WITH gone AS (
        DELETE FROM message_count_change WHERE shop_id = :shop AND id = ANY(ARRAY(
            SELECT id FROM message_count_change WHERE shop_id = :shop ORDER BY id LIMIT :batch))
        RETURNING *
    ), folded AS ({_UPSERT.format(rows=f"SELECT {_DAY}, * FROM gone")})
    SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM folded) AS days"""
RECOUNT: Final = _UPSERT.format(
    rows=f"""
        SELECT {_DAY}, {CELL}, {", ".join(MEASURES)} FROM ({COUNTED}) m
        UNION ALL
        SELECT {_DAY}, {CELL}, {_LESS} FROM message_count_change WHERE shop_id = :shop
        UNION ALL
        SELECT day, {CELL}, {_LESS} FROM message_count WHERE shop_id = :shop"""
)
"""Adds to each day what it lacks. One statement sees one moment: what changes meanwhile is written down as a change."""


def run(should_stop: Callable[[], bool]) -> int:
    """Fold the changes of all shops; returns how many."""
    with across_shops() as session:
        shops = session.scalars(
            text("""
                SELECT shop_id FROM message_count_change UNION SELECT shop_id FROM report_stale
                UNION SELECT s.id FROM shop s JOIN message_count_zone z ON z.shop_id = s.id WHERE z.zone <> s.timezone
            """)
        ).all()
    folded = 0
    for shop_id in shops:
        while not should_stop():
            count = fold(shop_id)
            folded += count
            if count < BATCH:
                break
    return folded


def fold(shop_id: int) -> int:
    """Add waiting changes to their days, or count anew when the shop has moved to another zone; returns how many.

    What became stale of the days of `days` is worked out along with it.
    """
    with transaction(shop_id) as session:
        zone, counted_in = _zones(session)
        if zone != counted_in:
            _recount(session, zone)
        days.fold(session, zone)
        parameters = {"shop": shop_id, "zone": zone, "batch": BATCH}
        folded: int = session.execute(text(FOLD), parameters).one().gone
        return folded


def recompute(shop_id: int) -> int:
    """Count all of a shop anew; returns how many figures were wrong (0, unless somebody wrote past us)."""
    with transaction(shop_id) as session:
        zone, _ = _zones(session)
        days.fold(session, zone)
        return _recount(session, zone)


def _zones(session: Session) -> tuple[str, str]:
    """The shop's zone, and the one its days are in; locked, so that one process at a time writes them."""
    shop_id = session.info["shop_id"]
    name = session.scalar(text("SELECT timezone FROM shop WHERE id = :shop"), {"shop": shop_id})
    zone = zone_of(name or "").key
    session.execute(
        text("INSERT INTO message_count_zone (shop_id, zone) VALUES (:shop, :zone) ON CONFLICT DO NOTHING"),
        {"shop": shop_id, "zone": zone},
    )
    counted_in: str = session.execute(
        text("SELECT zone FROM message_count_zone WHERE shop_id = :shop FOR UPDATE"), {"shop": shop_id}
    ).scalar_one()
    return zone, counted_in


def _recount(session: Session, zone: str) -> int:
    parameters = {"shop": session.info["shop_id"], "zone": zone}
    wrong = session.execute(text(RECOUNT), parameters).all()
    session.execute(text("UPDATE message_count_zone SET zone = :zone WHERE shop_id = :shop"), parameters)
    session.execute(text("DELETE FROM message_count WHERE shop_id = :shop AND messages = 0"), parameters)
    return len(wrong) + days.recompute(session, zone)


def counts(
    session: Session,
    shop_id: int,
    by: Sequence[str],
    period: Period,
    *,
    states: Sequence[str] | None = None,
    journey_id: int | None = None,
    channel: str | None = None,
) -> Sequence[Any]:
    """(what it is by, and every measure) of a shop's messages in a period; cells without any are left out.

    `by` names columns: day, journey_id (0: of none), step, channel, state, reason.
    """
    columns = ", ".join(by)
    return session.execute(
        text(f"""
            SELECT {columns}, {_SUMS} FROM (
                SELECT day, {CELL}, {", ".join(MEASURES)} FROM message_count
                WHERE shop_id = :shop AND day >= :first AND day <= :last
                UNION ALL
                SELECT (at AT TIME ZONE COALESCE(z.zone, :zone))::date, {CELL}, {", ".join(MEASURES)}
                FROM message_count_change c LEFT JOIN message_count_zone z ON z.shop_id = c.shop_id
                WHERE c.shop_id = :shop
            ) c
            WHERE day >= :first AND day <= :last
                AND (CAST(:states AS text[]) IS NULL OR state = ANY(:states))
                AND (CAST(:journey AS bigint) IS NULL OR journey_id = :journey)
                AND (CAST(:channel AS text) IS NULL OR channel = :channel)
            GROUP BY {columns} HAVING sum(messages) <> 0
        """),
        {
            "shop": shop_id,
            "zone": period.zone.key,
            "first": period.first,
            "last": period.last,
            "states": None if states is None else list(states),
            "journey": journey_id,
            "channel": channel,
        },
    ).all()
