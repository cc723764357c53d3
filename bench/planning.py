"""How fast do due enrolments become messages? Beside an `INSERT ... SELECT` of as many rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.journeys.service import plan_due
from bench import town
from bench.table import Row, Target, interleaved

if TYPE_CHECKING:
    from bench.house import House

COPY = """
    INSERT INTO message (shop_id, enrolment_id, journey_id, customer_id, step, template_id, channel, purpose, priority,
        audience, subject_kind, subject_key, since, conditions, state, planned_at, due_at, useful_until, updated_at)
    SELECT e.shop_id, e.id, e.journey_id, e.customer_id, 'thanks', (v.templates->>'thank_you')::bigint, 'email',
        'transactional', 60, 'anyone', e.subject_kind, e.subject_key, e.anchor_at, %s::jsonb, 'due', now(), now(),
        now() + interval '1 day', now()
    FROM enrolment e JOIN journey_version v ON v.shop_id = e.shop_id AND v.id = e.version_id
"""


def rows(house: House, count: int, rounds: int) -> list[Row]:
    """Plan `count` people's first message, and write as many rows in one statement."""
    shop = house.make_shop()
    town.people(house, shop, count)
    town.orders(house, shop)
    town.starters(house, shop)
    conditions = town.conditions_text()

    def begin() -> None:
        house.sql("TRUNCATE enrolment, message, attempt, message_content, engagement, decision")
        town.enrolments(house, shop)
        house.settle()

    def planned() -> float:
        begin()
        begun = time.perf_counter()
        with house.app.app_context():
            plan_due()
        rate = count / (time.perf_counter() - begun)
        _check(house, count)
        return rate

    def copied() -> float:
        begin()
        begun = time.perf_counter()
        house.sql(COPY, conditions)
        rate = count / (time.perf_counter() - begun)
        _check(house, count)
        return rate

    found = interleaved(rounds, {"plan": planned, "copy": copied})
    house.empty()
    return [
        Row(
            "plan: due enrolments to message rows",
            f"{found['plan']:,.0f}/s",
            f"INSERT ... SELECT: {found['copy']:,.0f}/s",
            found["plan"] / found["copy"],
            Target(0.1, "x"),
        )
    ]


def _check(house: House, count: int) -> None:
    made = house.sql("SELECT count(*) FROM message WHERE state = 'due'")[0][0]
    if made != count:
        raise SystemExit(f"{made} messages of {count} were planned")
