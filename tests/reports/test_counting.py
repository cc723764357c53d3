"""Messages counted by day are what `count(*)` says, whatever is done to messages, and whenever changes are folded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import text

from app.journeys import service as journeys
from app.messages import engagement
from app.messages.states import STATES
from app.reports import counting
from app.reports.counting import MEASURES, counts
from app.reports.rules import Period
from app.transaction import across_shops, engine, transaction
from tests.admin.conftest import add_customer, add_message, rows
from tests.conftest import NOON, make_shop
from tests.reports.test_attribution import journey

if TYPE_CHECKING:
    from flask import Flask

    from tests.conftest import Time

EVERY = ("day", "journey_id", "step", "channel", "state", "reason")
MOMENTS = ("accepted_at", "opened_at", "clicked_at", "machine_opened_at", "machine_clicked_at")
ZONES = ("America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")
LONG = (date(2026, 1, 1), date(2026, 12, 31))


@pytest.fixture
def ana(shop: int) -> int:
    with transaction(shop) as session:
        journeys.install_starters(session)
    return add_customer(shop)


def counted(shop: int, zone: str = "America/New_York", **more: Any) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Cell -> its figures, as pages read them."""
    with transaction(shop) as session:
        found = counts(session, shop, EVERY, Period(*LONG, ZoneInfo(zone)), **more)
    return {tuple(getattr(r, c) for c in EVERY): tuple(getattr(r, m) for m in MEASURES) for r in found}


def truth(shop: int, zone: str = "America/New_York") -> dict[tuple[Any, ...], tuple[int, ...]]:
    """The same, counted row by row, in other words than the trigger's."""
    found: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for m in rows(shop, "SELECT * FROM message WHERE shop_id = :shop"):
        waits = m.state in ("planned", "due", "claimed", "sending", "unknown")
        state = "waiting" if waits else "sent" if m.state in ("accepted", "delivered") else m.state
        at = m.accepted_at or (m.planned_at if waits or state == "deferred" else m.updated_at)
        reason = "" if state in ("waiting", "sent") else m.reason or ""
        cell = (at.astimezone(ZoneInfo(zone)).date(), m.journey_id or 0, m.step, m.channel, state, reason)
        one = (1, *(int(getattr(m, name) is not None) for name in MOMENTS))
        found[cell] = tuple(map(sum, zip(found.get(cell, (0,) * len(MEASURES)), one, strict=True)))
    return found


def set_to(shop: int, values: dict[str, Any], ids: list[int]) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in values)
    rows(shop, f"UPDATE message SET {changes} WHERE shop_id = :shop AND id = ANY(:ids) RETURNING id", ids=ids, **values)  # noqa: S608 our own names


moment = st.integers(-60 * 24 * 40, 60 * 24 * 2).map(lambda minutes: NOON + timedelta(minutes=minutes))
change = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(STATES),
        "reason": st.sampled_from([None, "quiet_hours", "no_consent", "5.1.1"]),
        "updated_at": moment,
        **{name: st.none() | moment for name in MOMENTS},
    },
).filter(bool)
deed = st.one_of(
    st.tuples(st.just("change"), change, st.sets(st.integers(0, 5), min_size=1)),
    st.tuples(st.just("add"), st.sampled_from(STATES), moment),
    st.tuples(st.just("remove"), st.integers(0, 5), st.none()),
    st.tuples(st.just("undo"), change, st.none()),
    st.tuples(st.just("fold"), st.none(), st.none()),
    st.tuples(st.just("move"), st.sampled_from(ZONES), st.none()),
    st.tuples(st.just("recompute"), st.none(), st.none()),
)


class Deeds:
    """A shop to which things are done."""

    def __init__(self, shop: int, ana: int) -> None:
        self.shop, self.ana, self.made, self.zone = shop, ana, 0, "America/New_York"

    def do(self, what: str, one: Any, other: Any) -> None:
        ids = [r.id for r in rows(self.shop, "SELECT id FROM message WHERE shop_id = :shop ORDER BY id")]
        getattr(self, what)(one, other, ids)

    def change(self, values: dict[str, Any], which: set[int], ids: list[int]) -> None:
        set_to(self.shop, values, [ids[n] for n in which if n < len(ids)])

    def undo(self, values: dict[str, Any], *_: Any) -> None:
        with transaction(self.shop) as session:
            session.execute(
                text("UPDATE message SET state = :state WHERE shop_id = :shop"),
                {"shop": self.shop, "state": values.get("state", "failed")},
            )
            session.rollback()

    def add(self, state: str, at: datetime, *_: Any) -> None:
        self.made += 1
        add_message(self.shop, self.ana, self.made, state=state, planned_at=at, updated_at=at)

    def remove(self, which: int, _: None, ids: list[int]) -> None:
        gone = ids[which : which + 1]
        rows(self.shop, "DELETE FROM message WHERE shop_id = :shop AND id = ANY(:ids) RETURNING id", ids=gone)

    def fold(self, *_: Any) -> None:
        counting.fold(self.shop)

    def move(self, zone: str, *_: Any) -> None:
        self.zone = zone
        rows(self.shop, "UPDATE shop SET timezone = :zone WHERE id = :shop RETURNING id", zone=zone)
        counting.fold(self.shop)

    def recompute(self, *_: Any) -> None:
        assert counting.recompute(self.shop) == 0


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=25)
@given(deeds=st.lists(deed, min_size=1, max_size=12))
def test_counts_are_what_counting_would_say(shop: int, ana: int, deeds: list[tuple[str, Any, Any]]) -> None:
    done = Deeds(shop, ana)
    rows(shop, "DELETE FROM message WHERE shop_id = :shop RETURNING id")
    done.move("America/New_York")
    for one in deeds:
        done.do(*one)
        assert counted(shop, done.zone) == truth(shop, done.zone)
    counting.fold(shop)
    assert rows(shop, "SELECT 1 FROM message_count_change WHERE shop_id = :shop") == []
    assert counted(shop, done.zone) == truth(shop, done.zone)


def test_days_are_the_shops_own(shop: int, ana: int) -> None:
    late = datetime(2026, 6, 9, 3, 50, tzinfo=UTC)  # the 8th in New York, the 9th in Kathmandu
    add_message(shop, ana, state="accepted", reason=None, accepted_at=late)
    assert [cell[0] for cell in counted(shop)] == [date(2026, 6, 8)]
    counting.fold(shop)
    assert [cell[0] for cell in counted(shop)] == [date(2026, 6, 8)]
    rows(shop, "UPDATE shop SET timezone = 'Asia/Kathmandu' WHERE id = :shop RETURNING id")
    counting.run(lambda: False)
    assert [cell[0] for cell in counted(shop, "Asia/Kathmandu")] == [date(2026, 6, 9)]


def test_a_zone_that_nobody_knows_is_utc(shop: int, ana: int) -> None:
    rows(shop, "UPDATE shop SET timezone = 'Atlantis/Capital' WHERE id = :shop RETURNING id")
    add_message(shop, ana)
    assert counting.fold(shop) == 1
    assert counting.fold(shop) == 0
    assert len(counted(shop, "UTC")) == 1


def test_a_message_on_its_usual_way_is_written_down_twice_only(shop: int, ana: int) -> None:
    message = add_message(shop, ana, state="due", reason=None)
    for state in ("claimed", "sending"):
        set_to(shop, {"state": state}, [message])
    set_to(shop, {"state": "accepted", "accepted_at": NOON}, [message])
    set_to(shop, {"state": "delivered", "delivered_at": NOON}, [message])
    written = rows(shop, "SELECT state, messages FROM message_count_change WHERE shop_id = :shop ORDER BY id, state")
    assert sorted((row.state, row.messages) for row in written) == [("sent", 1), ("waiting", -1), ("waiting", 1)]


def test_a_claim_across_shops_is_counted_in_each(shop: int, ana: int) -> None:
    other = make_shop("umbrella.myshopify.com")
    add_message(shop, ana, state="deferred", reason="quiet_hours")
    with transaction(other) as session:
        journeys.install_starters(session)
    add_message(other, add_customer(other), state="deferred", reason="quiet_hours")
    with across_shops() as session:
        session.execute(text("UPDATE message SET state = 'claimed' WHERE state = 'deferred'"))
    assert [cell[4] for cell in counted(shop)] == [cell[4] for cell in counted(other)] == ["waiting"]
    assert counting.run(lambda: False) == 6
    assert rows(other, "SELECT 1 FROM message_count_change") == []
    assert [cell[4] for cell in counted(other)] == ["waiting"]


def test_counting_while_others_write_loses_nothing(shop: int, ana: int) -> None:
    ids = [add_message(shop, ana, n, state="due", reason=None) for n in range(30)]
    states = ("claimed", "sending", "accepted", "delivered", "skipped", "deferred")

    def write(seed: int) -> None:
        for n in range(30):
            set_to(shop, {"state": states[(n + seed) % 6], "reason": f"r{n % 3}"}, [ids[(n * seed) % 30]])

    def fold(_seed: int) -> None:
        for n in range(10):
            counting.fold(shop) if n % 3 else counting.recompute(shop)

    with ThreadPoolExecutor(5) as pool:
        done = [pool.submit(write, seed) for seed in (1, 2, 7)] + [pool.submit(fold, seed) for seed in (1, 2)]
        for each in done:
            each.result()
    assert counted(shop) == truth(shop)
    assert counting.recompute(shop) == 0
    counting.fold(shop)
    assert counted(shop) == truth(shop)


def test_what_somebody_wrote_past_the_counts_is_put_right(shop: int, ana: int) -> None:
    add_message(shop, ana)
    counting.fold(shop)
    rows(shop, "UPDATE message_count SET messages = 7 WHERE shop_id = :shop RETURNING day")
    assert counted(shop) != truth(shop)
    assert counting.recompute(shop) == 1
    assert counted(shop) == truth(shop)


def test_figures_are_chosen_by_journey_channel_state_and_day(shop: int, ana: int) -> None:
    add_message(shop, ana, 1, journey_id=journey(shop), channel="email")
    add_message(shop, ana, 2, state="skipped", reason="no_consent")
    add_message(shop, ana, 3, state="skipped", reason="no_consent", updated_at=NOON - timedelta(days=200))
    assert {cell[4] for cell in counted(shop, journey_id=journey(shop))} == {"parked"}
    assert {cell[4] for cell in counted(shop, channel="email")} == {"parked"}
    assert sum(figures[0] for figures in counted(shop, states=["skipped"]).values()) == 1


def test_a_shop_that_goes_takes_its_counts_along(shop: int, ana: int) -> None:
    add_message(shop, ana)
    counting.fold(shop)
    add_message(shop, ana, 2)
    rows(shop, "DELETE FROM shop WHERE id = :shop RETURNING id")
    with engine().connect() as connection:
        for table in ("message_count", "message_count_change", "message_count_zone"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table} WHERE shop_id = :shop"), {"shop": shop}) == 0  # noqa: S608 our own names


def test_the_command_says_how_many_figures_were_wrong(shop: int, ana: int, app: Flask) -> None:
    add_message(shop, ana)
    answer = app.test_cli_runner().invoke(args=["regulars", "recount", "--shop", "acme.myshopify.com"])
    assert answer.output == "Figures that were wrong: 0.\n"
    assert "known" in app.test_cli_runner().invoke(args=["regulars", "recount", "--shop", "nobody"]).output


def test_what_machines_did_is_counted_apart_also_when_a_verdict_is_taken_back(shop: int, ana: int, time: Time) -> None:
    message = add_message(
        shop, ana, state="delivered", reason=None, channel="email", accepted_at=NOON - timedelta(hours=1)
    )

    def figures() -> tuple[int, ...]:
        (found,) = counted(shop).values()
        return found

    def visit(link: int | None, agent: str, network: bytes) -> None:
        with transaction(shop) as session:
            kind = "open" if link is None else "click"
            engagement.seen(session, message, kind, link, engagement.Visit(agent, network=network))

    browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36"
    visit(0, browser, b"one")
    assert figures() == (1, 1, 0, 1, 0, 0)
    time.move(seconds=1)
    visit(engagement.TRAP, browser, b"one")
    assert figures() == (1, 1, 0, 0, 0, 1)
    visit(None, "curl/8.0", b"one")
    visit(None, "curl/8.0", b"one")
    assert figures()[4:] == (1, 1)
