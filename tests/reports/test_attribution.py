"""Which message brought which order: the last click by a human within five days, on record for good."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.journeys import service as journeys
from app.reports import queries, rules, service
from app.transaction import transaction
from tests.admin.conftest import add_customer, add_message, rows
from tests.conftest import NOON, make_shop

if TYPE_CHECKING:
    from flask import Flask

    from tests.conftest import Time

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def ana(shop: int) -> int:
    with transaction(shop) as session:
        journeys.install_starters(session)
    return add_customer(shop)


def journey(shop: int, key: str = "abandoned_checkout") -> int:
    found: int = rows(shop, "SELECT id FROM journey WHERE shop_id = :shop AND key = :key", key=key)[0].id
    return found


def send(shop: int, customer: int, number: int = 1, *, key: str = "abandoned_checkout", **more: Any) -> int:
    values = {
        "state": "delivered", "reason": None, "channel": "email", "journey_id": journey(shop, key),
        "planned_at": NOON - 9 * DAY, "accepted_at": NOON - 9 * DAY, **more,
    }  # fmt: skip
    return add_message(shop, customer, number, **values)


def click(shop: int, message: int, at: Any, verdict: str = "human") -> None:
    rows(
        shop,
        "INSERT INTO engagement (shop_id, message_id, kind, link, verdict, verdict_reason, at) VALUES (:shop, :message,"
        " 'click', 0, :verdict, '', :at) RETURNING id",
        message=message, verdict=verdict, at=at,
    )  # fmt: skip
    column = "clicked_at" if verdict == "human" else "machine_clicked_at"
    rows(
        shop,
        f"UPDATE message SET {column} = COALESCE({column}, :at) WHERE shop_id = :shop AND id = :message "  # noqa: S608
        "RETURNING id",
        message=message, at=at,
    )  # fmt: skip


def order(shop: int, customer: int | None, number: int = 1, **more: Any) -> int:
    values = {
        "external_id": f"o{number}", "name": f"#{number}", "customer_id": customer, "currency": "USD", "total": 4_550,
        "placed_at": NOON, "version_at": NOON, "payment": "paid", "channel": "online", "is_test": False,
        "fulfilled": False, "version_tie": "", **more,
    }  # fmt: skip
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    statement = f"INSERT INTO orders (shop_id, {names}) VALUES (:shop, {places}) RETURNING id"  # noqa: S608 our own names
    made: int = rows(shop, statement, **values)[0].id
    return made


def facts(shop: int) -> list[tuple[int, int | None]]:
    """(order, message) of the newest revision of each fact."""
    found = rows(
        shop,
        "SELECT DISTINCT ON (order_id) order_id, message_id FROM attribution WHERE shop_id = :shop "
        "ORDER BY order_id, revision DESC",
    )
    return [(row.order_id, row.message_id) for row in found]


@pytest.mark.parametrize(
    ("before", "verdict", "counts"),
    [
        (HOUR, "human", True),
        (5 * DAY - timedelta(seconds=1), "human", True),
        (5 * DAY, "human", False),
        (timedelta(), "human", True),
        (-timedelta(seconds=1), "human", False),
        (HOUR, "machine", False),
        (HOUR, "unknown", False),
    ],
)
def test_a_human_click_counts_for_five_days(shop: int, ana: int, before: timedelta, verdict: str, counts: bool) -> None:  # noqa: FBT001
    message = send(shop, ana)
    click(shop, message, NOON - before, verdict)
    bought = order(shop, ana)
    assert service.attribute(shop) == 1
    assert facts(shop) == [(bought, message if counts else None)]


def test_the_last_click_has_it(shop: int, ana: int) -> None:
    first, second = send(shop, ana, 1), send(shop, ana, 2)
    click(shop, second, NOON - 3 * HOUR)
    click(shop, first, NOON - HOUR)
    click(shop, second, NOON - 2 * HOUR)
    bought = order(shop, ana)
    service.attribute(shop)
    assert facts(shop) == [(bought, first)]


def test_somebody_elses_click_counts_for_nobody(shop: int, ana: int) -> None:
    click(shop, send(shop, add_customer(shop, 2)), NOON - HOUR)
    ours, guests = order(shop, ana), order(shop, None, 2)
    service.attribute(shop)
    assert facts(shop) == [(ours, None), (guests, None)]


def test_test_orders_have_no_fact(shop: int, ana: int) -> None:
    order(shop, ana, is_test=True)
    assert service.attribute(shop) == 0


def test_news_that_comes_late_is_looked_at_too(shop: int, ana: int, time: Time) -> None:
    message = send(shop, ana)
    click(shop, message, NOON - 3 * HOUR)
    order(shop, ana, 1)
    assert service.attribute(shop) == 1
    time.move(days=1)
    late = order(shop, ana, 2, placed_at=NOON - 2 * HOUR)
    assert service.attribute(shop) == 1
    assert (late, message) in facts(shop)
    assert service.attribute(shop) == 0, "nothing is looked at twice"


def test_batches_lose_none(shop: int, ana: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH", 3)
    made = [order(shop, ana, n, placed_at=NOON - n * HOUR) for n in range(10)]
    assert service.attribute(shop) == 10
    assert sorted(o for o, _ in facts(shop)) == sorted(made)
    assert service.recompute(shop) == service.Recomputed(10, 0)


def test_recomputing_gives_the_same_figures(shop: int, ana: int, app: Flask) -> None:
    click(shop, send(shop, ana), NOON - HOUR)
    order(shop, ana)
    order(shop, ana, 2, placed_at=NOON - 3 * DAY)
    service.attribute(shop)
    before = report(shop)
    answer = app.test_cli_runner().invoke(args=["regulars", "attribute", "--shop", "acme.myshopify.com", "--recompute"])
    assert answer.output == "2 orders looked at anew; 0 differ from the record.\n"
    assert report(shop) == before
    assert len(rows(shop, "SELECT 1 FROM attribution WHERE shop_id = :shop")) == 2


def test_a_click_told_late_becomes_a_further_revision(shop: int, ana: int) -> None:
    message = send(shop, ana)
    bought = order(shop, ana)
    service.attribute(shop)
    click(shop, message, NOON - HOUR)
    assert service.recompute(shop) == service.Recomputed(1, 1)
    assert facts(shop) == [(bought, message)]
    kept = rows(shop, "SELECT revision, message_id FROM attribution WHERE shop_id = :shop ORDER BY revision")
    assert [tuple(row) for row in kept] == [(1, None), (2, message)]


def test_a_fact_cannot_be_changed(shop: int, ana: int) -> None:
    order(shop, ana)
    service.attribute(shop)
    with pytest.raises(ProgrammingError, match="only ever added to"), transaction(shop) as session:
        session.execute(text("UPDATE attribution SET step = 'x'"))


def test_every_installed_shop_has_its_turn(shop: int, ana: int, monkeypatch: pytest.MonkeyPatch) -> None:
    order(shop, ana)
    other = make_shop("umbrella.myshopify.com")
    order(other, add_customer(other))
    monkeypatch.setattr(service._Turn, "listed_at", None)
    assert service.run(lambda: False) == 2
    assert service.run(lambda: False) == 0


# -- what a report says ----------------------------------------------------------------------------------------------


def report(shop: int) -> queries.Report:
    with transaction(shop) as session:
        return queries.report(session, shop, rules.last_days(30, NOON, ZONE))


def test_a_report_adds_up(shop: int, ana: int) -> None:
    message = send(shop, ana, opened_at=NOON - 2 * DAY)
    click(shop, message, NOON - HOUR)
    click(shop, message, NOON - HOUR, "machine")
    send(shop, ana, 2, state="bounced")
    send(shop, ana, 3, state="complained", key="post_purchase")
    click(shop, send(shop, ana, 4, key="post_purchase", accepted_at=NOON - 2 * DAY), NOON - 5 * HOUR)
    order(shop, ana, 1, refunded=550)
    order(shop, ana, 2, placed_at=NOON - 2 * HOUR)
    order(shop, ana, 3, cancelled_at=NOON)
    order(shop, ana, 4, placed_at=NOON - 20 * DAY)
    rows(
        shop,
        "INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, "
        "double_opt_in, recorded_at) VALUES (:shop, :ana, 'email', 'marketing', 'unsubscribed', :at, 'x', false, :at)"
        " RETURNING id",
        ana=ana, at=NOON,
    )  # fmt: skip
    service.attribute(shop)
    found = report(shop)
    assert found.total == queries.Figures(
        revenue=8_550, orders=2, recovered=1, sent=4, human_opens=1, machine_opens=0, human_clicks=2, machine_clicks=1,
        unsubscribes=1, bounces=1, complaints=1,
    )  # fmt: skip
    for name in queries.FIGURES:
        total = getattr(found.total, name)
        assert sum(getattr(f, name) for f in found.by_day.values()) == total, name
        assert sum(getattr(f, name) for f in found.by_message.values()) == total, name
    assert len(found.by_day) == 30


def test_days_are_the_shops_own(shop: int, ana: int) -> None:
    late_evening = NOON - 2 * DAY + 11 * HOUR  # eleven at night in New York, the next day in UTC
    click(shop, send(shop, ana), late_evening - HOUR)
    order(shop, ana, placed_at=late_evening)
    service.attribute(shop)
    assert [d.isoformat() for d, f in report(shop).by_day.items() if f.orders] == ["2026-06-08"]


def test_a_period_and_the_one_before_it_meet(shop: int) -> None:
    del shop
    period = rules.last_days(7, NOON, ZONE)
    assert (period.first.isoformat(), period.last.isoformat()) == ("2026-06-04", "2026-06-10")
    assert period.before.end == period.start
    assert len(period.before.days) == 7
    assert rules.change(150, 100) == 50
    assert rules.change(1, 0) is None
