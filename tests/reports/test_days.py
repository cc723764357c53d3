"""What messages brought by day is what the facts say, whatever changes, and whenever stale days are worked out anew."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings, strategies as st

from app.journeys import service as journeys
from app.reports import counting, days
from app.reports.rules import MODEL, Period
from app.transaction import transaction
from tests.admin.conftest import add_customer, rows
from tests.conftest import NOON, make_shop
from tests.reports.test_attribution import order, send

ZONES = ("America/New_York", "Asia/Kathmandu", "Africa/Cairo", "UTC")
"""In Cairo a day of spring has no midnight."""
LONG = (date(2026, 1, 1), date(2026, 12, 31))
NUMBERS = itertools.count()
FIGURES = ("orders", "recovered", "revenue", "unsubscribes")


def told(shop: int, zone: str) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """(day, journey, step) -> figures, as pages read them."""
    with transaction(shop) as session:
        found = days.brought(session, shop, Period(*LONG, ZoneInfo(zone)))
    assert len({(r.day, r.journey_id, r.step) for r in found}) == len(found)
    return {(r.day, r.journey_id, r.step): tuple(getattr(r, name) for name in FIGURES) for r in found}


def truth(shop: int, zone: str) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """The same, fact by fact, in other words than SQL's."""
    found: dict[tuple[Any, ...], tuple[int, ...]] = {}

    def add(at: datetime, about: Any, *figures: int) -> None:
        cell = (at.astimezone(ZoneInfo(zone)).date(), about.journey_id, about.step)
        found[cell] = tuple(map(sum, zip(found.get(cell, (0, 0, 0, 0)), figures, strict=True)))

    currency = rows(shop, "SELECT currency FROM shop WHERE id = :shop")[0].currency
    won_back = {
        j.id
        for j in rows(shop, "SELECT id, event FROM journey WHERE shop_id = :shop")
        if j.event in ("checkout_abandoned", "cart_abandoned")
    }
    orders = {o.id: o for o in rows(shop, "SELECT * FROM orders WHERE shop_id = :shop")}
    facts = {a.order_id: a for a in rows(shop, "SELECT * FROM attribution WHERE shop_id = :shop ORDER BY revision")}
    for fact in facts.values():
        o = orders[fact.order_id]
        if fact.message_id and not o.cancelled_at and not o.deleted_at and o.payment not in ("voided", "refunded"):
            revenue = max(0, o.total - o.refunded) if o.currency == currency else 0
            add(fact.placed_at, fact, 1, int(fact.journey_id in won_back), revenue, 0)
    messages = rows(shop, "SELECT * FROM message WHERE shop_id = :shop AND accepted_at IS NOT NULL")
    for word in rows(shop, "SELECT * FROM consent_entry WHERE shop_id = :shop AND state = 'unsubscribed'"):
        before = [m for m in messages if m.channel == word.channel and m.accepted_at <= word.effective_at]
        if before:
            last = max(before, key=lambda m: m.accepted_at)
            add(last.accepted_at, last, 0, 0, 0, 1)
    return found


moment = st.integers(-60 * 24 * 60, 60 * 24).map(lambda minutes: NOON + timedelta(minutes=minutes))
change = st.fixed_dictionaries(
    {},
    optional={
        "total": st.integers(0, 9_000),
        "refunded": st.integers(0, 9_000),
        "payment": st.sampled_from(["paid", "pending", "voided", "refunded"]),
        "currency": st.sampled_from(["USD", "EUR"]),
        "cancelled_at": st.none() | moment,
        "deleted_at": st.none() | moment,
    },
).filter(bool)
deed = st.one_of(
    st.tuples(st.just("change"), st.integers(0, 3), change),
    st.tuples(st.just("find"), st.integers(0, 3), st.none() | st.integers(0, 2)),
    st.tuples(st.just("leave"), st.sampled_from(["email", "sms"]), moment),
    st.tuples(st.just("fold"), st.none(), st.none()),
    st.tuples(st.just("move"), st.sampled_from(ZONES), st.none()),
    st.tuples(st.just("charge"), st.sampled_from(["USD", "EUR"]), st.none()),
    st.tuples(st.just("recompute"), st.none(), st.none()),
)


class Deeds:
    """A shop to which things are done: orders change, facts and goodbyes are added, days are folded or not."""

    def __init__(self, shop: int, ana: int) -> None:
        self.shop, self.ana, self.zone, self.revision = shop, ana, "America/New_York", 0
        sent = {"channel": "email"}
        other = {"key": "post_purchase", "channel": "sms"}
        self.messages = [
            send(shop, ana, number, accepted_at=NOON - timedelta(days=50 - 20 * number, minutes=7 * number), **which)
            for number, which in enumerate((sent, other, sent))
        ]
        self.placed = [NOON - timedelta(days=15 * number, hours=5 * number) for number in range(4)]
        self.orders = [order(shop, ana, number, placed_at=at) for number, at in enumerate(self.placed)]

    def do(self, what: str, one: Any, other: Any) -> None:
        getattr(self, what)(one, other)

    def change(self, which: int, values: dict[str, Any]) -> None:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        rows(
            self.shop,
            f"UPDATE orders SET {changes} WHERE shop_id = :shop AND id = :id RETURNING id",  # noqa: S608 our own names
            id=self.orders[which], **values,
        )  # fmt: skip

    def find(self, which: int, touch: int | None) -> None:
        """A further revision of an order's fact."""
        self.revision += 1
        rows(
            self.shop,
            "INSERT INTO attribution (shop_id, order_id, model, revision, message_id, journey_id, step, channel, "
            "clicked_at, placed_at, made_at) SELECT :shop, :order, :model, :revision, m.id, m.journey_id, m.step, "
            "m.channel, :at, :at, :at FROM (SELECT 1) one LEFT JOIN message m ON m.shop_id = :shop AND m.id = :message "
            "RETURNING id",
            order=self.orders[which], model=MODEL, revision=self.revision, at=self.placed[which],
            message=None if touch is None else self.messages[touch],
        )  # fmt: skip

    def leave(self, channel: str, at: datetime) -> None:
        rows(
            self.shop,
            "INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, "
            "double_opt_in, recorded_at) VALUES (:shop, :ana, :channel, 'marketing', 'unsubscribed', :at, 'x', false, "
            ":at) ON CONFLICT DO NOTHING RETURNING id",
            ana=self.ana, channel=channel, at=at,
        )  # fmt: skip

    def fold(self, *_: Any) -> None:
        counting.fold(self.shop)

    def move(self, zone: str, _: None) -> None:
        self.zone = zone
        rows(self.shop, "UPDATE shop SET timezone = :zone WHERE id = :shop RETURNING id", zone=zone)
        counting.fold(self.shop)

    def charge(self, currency: str, _: None) -> None:
        rows(self.shop, "UPDATE shop SET currency = :currency WHERE id = :shop RETURNING id", currency=currency)

    def recompute(self, *_: Any) -> None:
        assert counting.recompute(self.shop) == 0


FOLD: tuple[str, None, None] = ("fold", None, None)
EACH_ALONE: list[tuple[str, Any, Any]] = [
    ("find", 0, 0), FOLD, ("find", 0, None), FOLD, ("find", 0, 2), FOLD, ("change", 0, {"refunded": 100}), FOLD,
    ("change", 0, {"currency": "EUR"}), FOLD, ("charge", "EUR", None), FOLD, ("change", 0, {"cancelled_at": NOON}),
    FOLD, ("leave", "email", NOON), FOLD, ("leave", "sms", NOON - timedelta(days=100)),
]  # fmt: skip
"""Everything that makes a day stale, with nothing else to hide behind."""


@example(deeds=EACH_ALONE)
@settings(max_examples=15)
@given(deeds=st.lists(deed, min_size=1, max_size=10))
def test_days_are_what_the_facts_say(database: str, deeds: list[tuple[str, Any, Any]]) -> None:
    del database
    shop = make_shop(f"shop-{next(NUMBERS)}.myshopify.com")  # facts can't be taken back: every story has a shop
    with transaction(shop) as session:
        journeys.install_starters(session)
    done = Deeds(shop, add_customer(shop))
    for one in deeds:
        done.do(*one)
        assert told(shop, done.zone) == truth(shop, done.zone), one
    counting.fold(shop)
    assert rows(shop, "SELECT 1 FROM report_stale WHERE shop_id = :shop") == []
    assert told(shop, done.zone) == truth(shop, done.zone)
    assert counting.recompute(shop) == 0


def test_what_somebody_wrote_past_the_days_is_put_right(shop: int) -> None:
    with transaction(shop) as session:
        journeys.install_starters(session)
    done = Deeds(shop, add_customer(shop))
    done.find(0, 0)
    counting.run(lambda: False)
    rows(shop, "UPDATE report_day SET revenue = 7, day = day - 1 WHERE shop_id = :shop RETURNING day")
    assert told(shop, done.zone) != truth(shop, done.zone)
    assert counting.recompute(shop) == 2
    assert told(shop, done.zone) == truth(shop, done.zone)
