"""Deliveries come twice, late and in any order: what is known in the end is the same."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings, strategies as st
from sqlalchemy import select

from app.journeys import service as journeys
from app.journeys.models import Journey
from app.transaction import transaction
from tests.inbox.traffic import BEGIN, Traffic, Webhook, stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.inbox.conftest import House


def differences(left: dict[str, list[Any]], right: dict[str, list[Any]]) -> list[str]:
    """What is different, in words short enough to read."""
    found = []
    for table, rows in left.items():
        for row in rows:
            if row not in right[table]:
                near = min(right[table], key=lambda r: sum(r.get(k) != v for k, v in row.items()), default=None)
                what = {k: (v, near.get(k)) for k, v in row.items() if near.get(k) != v} if near else row
                found.append(f"{table}: {what}")
        if len(rows) != len(right[table]):
            found.append(f"{table}: {len(rows)} rows, {len(right[table])} rows")
    return found


@pytest.mark.parametrize("seed", range(6))
def test_a_hundred_webhooks_shuffled_and_split_leave_the_same(house: House, seed: int) -> None:
    events = Traffic(seed, shoppers=5).run(100)
    house.hear(events)
    expected = house.state()
    assert len(expected["orders"]) > 5
    shuffle = random.Random(seed)
    for _ in range(3):
        house.forget()
        shuffled = shuffle.sample(events, len(events))
        while shuffled:
            size = shuffle.choice([1, 2, 7, 30, 200])
            house.hear(shuffled[:size])
            shuffled = shuffled[size:]
        assert differences(expected, house.state()) == []


AT = BEGIN.replace(hour=12)


def event(topic: str, minute: int, **payload: Any) -> Webhook:
    at = AT.replace(minute=minute)
    told = {"updated_at": stamp(at)} if topic.startswith(("orders/", "checkouts/", "customers/")) else {}
    return Webhook(topic, {**told, **payload}, f"{topic}-{minute}", at)


BUYER = {
    "id": 501, "email": "Ana@Shopper.example", "first_name": "Ana", "last_name": "Lee", "phone": "+12125550123",
    "created_at": stamp(BEGIN), "updated_at": stamp(BEGIN),
}  # fmt: skip
LINES = [{"id": 1, "product_id": 81, "variant_id": 91, "title": "House blend", "quantity": 2, "price": "20.00"}]


def checkout(minute: int, **more: Any) -> Webhook:
    return event(
        "checkouts/update", minute, token="t1", cart_token="c1", created_at=stamp(AT), currency="USD",
        total_price="40.00", email="ana@shopper.example", line_items=LINES, customer=BUYER, completed_at=None,
        buyer_accepts_marketing=True, abandoned_checkout_url="https://acme.example/recover?key=1", **more,
    )  # fmt: skip


def order(topic: str, minute: int, **more: Any) -> Webhook:
    said = {
        "id": 7001, "name": "#1", "checkout_token": "t1", "cart_token": "c1", "email": "ana@shopper.example",
        "created_at": stamp(AT.replace(minute=10)), "processed_at": stamp(AT.replace(minute=10)), "currency": "USD",
        "total_price": "40.00", "current_total_price": "40.00", "financial_status": "pending", "source_name": "web",
        "fulfillment_status": None, "cancelled_at": None, "test": False, "customer": BUYER, "line_items": LINES,
    }  # fmt: skip
    return event(topic, minute, **{**said, **more})


LIFE = [
    order("orders/create", 10),
    order("orders/updated", 11, current_total_price="38.00"),
    order("orders/paid", 12, financial_status="paid"),
    order("orders/fulfilled", 13, financial_status="paid", fulfillment_status="fulfilled"),
    order("orders/cancelled", 14, financial_status="voided", cancelled_at=stamp(AT.replace(minute=14))),
]
PARCEL = {"id": 8001, "order_id": 7001, "created_at": stamp(AT.replace(minute=13))}
AROUND = [
    checkout(5),
    order("orders/create", 10),
    order("orders/paid", 12, financial_status="paid"),
    event("fulfillments/create", 13, **PARCEL, status="success", updated_at=stamp(AT.replace(minute=13))),
    event(
        "refunds/create", 14, id=9001, order_id=7001, created_at=stamp(AT.replace(minute=14)),
        transactions=[{"kind": "refund", "status": "success", "amount": "5.00", "currency": "USD"}],
    ),
    event("customers/update", 15, **{**BUYER, "first_name": "Anna", "updated_at": stamp(AT.replace(minute=15))}),
]  # fmt: skip


def one_by_one(events: Sequence[Webhook]) -> list[list[Webhook]]:
    return [[each] for each in events]


def test_all_120_orders_of_an_orders_life_end_the_same(house: House) -> None:
    """With its checkout before or after, and one delivery that comes twice."""
    house.hear([checkout(5), *LIFE])
    expected = house.state()
    [told] = expected["orders"]
    assert (told["payment"], told["total"], told["fulfilled"]) == ("voided", 4000, False)
    assert told["cancelled_at"] is not None
    assert expected["purchase"] == []
    for number, life in enumerate(itertools.permutations(LIFE)):
        house.forget()
        again = life[number % 5]
        events = [checkout(5), *life, again] if number % 2 else [*life, again, checkout(5)]
        batches = one_by_one(events) if number % 6 == 0 else [events] if number % 2 else [events[:3], events[3:]]
        house.hear(*batches)
        assert differences(expected, house.state()) == [], [e.topic for e in events]


def test_a_parcel_a_refund_and_a_customer_may_come_before_the_order_they_belong_to(house: House) -> None:
    house.hear(AROUND)
    expected = house.state()
    [told] = expected["orders"]
    assert (told["refunded"], told["customer_id"]) == (500, "501")
    assert told["shipped_at"] == AT.replace(minute=13)
    [person] = expected["customer"]
    assert (person["first_name"], person["orders_count"], person["spent"]) == ("Anna", 1, 4000)
    for number, events in enumerate(itertools.permutations(AROUND)):
        if number % 23 == 0:
            house.forget()
            house.hear(*one_by_one(events))
            assert differences(expected, house.state()) == [], [e.topic for e in events]


def test_nobody_who_paid_is_under_way_with_a_reminder_in_any_order(house: House) -> None:
    with transaction(house.shop_id) as session:
        journeys.install_starters(session)
        for journey in session.scalars(select(Journey).where(Journey.key == "abandoned_checkout")):
            journeys.turn_on(session, journey)
    entered = 0
    house.time.at = AT.replace(minute=20)
    for events in itertools.permutations([checkout(5), checkout(6), LIFE[0], LIFE[2]]):
        house.forget()
        house.hear(*one_by_one(events))
        journeys.plan_due()
        entered += len(house.rows("SELECT 1 FROM enrolment"))
        assert house.rows("SELECT 1 FROM enrolment WHERE state = 'active'") == []
        assert house.rows("SELECT 1 FROM message WHERE state NOT IN ('cancelled', 'skipped')") == []
    assert entered > 0


@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate], derandomize=True,
)  # fmt: skip
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_any_batch_in_any_order_split_anywhere_with_any_repeats_ends_the_same(
    house: House, data: st.DataObject, seed: int
) -> None:
    events = Traffic(seed, shoppers=3).run(45)
    house.forget()
    house.hear(events)
    expected = house.state()
    shuffled = data.draw(st.permutations(events)) + data.draw(st.lists(st.sampled_from(events), max_size=8))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(shuffled) - 1), max_size=12)))
    house.forget()
    house.hear(*(shuffled[a:b] for a, b in itertools.pairwise([0, *cuts, len(shuffled)])))
    assert differences(expected, house.state()) == []
