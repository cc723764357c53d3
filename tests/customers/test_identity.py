"""Who is who: ids, emails, phones, guests, merges, in any order."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app import transaction
from app.customers import service as customers
from app.inbox import service as inbox
from app.orders import service as orders
from app.platforms.events import (
    CheckoutChanged,
    CustomerChanged,
    CustomerDeleted,
    CustomersMerged,
    Fact,
    Line,
    OrderChanged,
    OrderChannel,
    Payment,
    Person,
    RefundMade,
    TagsChanged,
    Version,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.inbox.conftest import House

T0 = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at(minute: int) -> Version:
    return Version(T0 + timedelta(minutes=minute), f"{minute:03d}")


def record_of(minute: int, customer_id: str, tags: tuple[str, ...] | None = None, **more: Any) -> CustomerChanged:
    return CustomerChanged(Person(customer_id, **more), at(minute), T0, tags)


def checkout(minute: int, token: str, person: Person, **more: Any) -> CheckoutChanged:
    version = at(minute)
    return CheckoutChanged(token, version, version.at, "USD", 1000, (Line("x", 1, 1000),), person, **more)


def order(minute: int, number: str, person: Person, total: int = 1000, **more: Any) -> OrderChanged:
    said: dict[str, Any] = {"payment": Payment.PAID, "channel": OrderChannel.ONLINE, "placed_at": at(minute).at, **more}
    return OrderChanged(number, at(minute), f"#{number}", currency="USD", total=total, person=person,
                        lines=(Line("x", 1, total, "1", "p", "v"),), **said)  # fmt: skip


def hear(house: House, *batches: Sequence[Fact]) -> None:
    for facts in batches:
        with transaction.transaction(house.shop_id) as session:
            inbox.record(session, facts)


def people(house: House) -> list[tuple[str | None, str | None, str | None]]:
    rows = house.rows(
        "SELECT external_id, email, phone FROM customer WHERE merged_into_id IS NULL ORDER BY external_id, email, phone"
    )
    return [tuple(row) for row in rows]


def buyers(house: House) -> dict[str, str | None]:
    rows = house.rows(
        "SELECT k.token, COALESCE(c.external_id, c.email, c.phone) AS who FROM checkout k "
        "LEFT JOIN customer c ON c.shop_id = k.shop_id AND c.id = k.customer_id"
    )
    return {row.token: row.who for row in rows}


def in_every_order(house: House, facts: Sequence[Fact]) -> None:
    """Whatever comes first, what is known in the end is what it is when they come as they happened."""
    hear(house, facts)
    expected = house.state()
    orders = list(itertools.permutations(facts))
    for number, shuffled in enumerate(orders[:: max(1, len(orders) // 30)]):
        ways: list[list[Sequence[Fact]]] = [[[f] for f in shuffled], [shuffled], [shuffled[:2], shuffled[2:]]]
        for batches in ways if len(orders) <= 6 else [ways[number % 3]]:
            house.forget()
            hear(house, *batches)
            assert house.state() == expected, [type(f).__name__ for f in shuffled]


ANA = "ana@shopper.example"
PHONE = "+12125550123"


def test_a_guest_becomes_the_customer_the_store_later_makes_of_them(house: House) -> None:
    facts: list[Fact] = [checkout(1, "t1", Person(email=ANA)), record_of(2, "501", email=ANA, first_name="Ana")]
    in_every_order(house, facts)
    assert people(house) == [("501", ANA, None)]
    assert buyers(house) == {"t1": "501"}


def test_a_customer_who_was_known_without_email_takes_the_guest_along(house: House) -> None:
    facts: list[Fact] = [
        checkout(1, "t1", Person(email=ANA)), order(2, "71", Person(email=ANA)), record_of(3, "501"),
        record_of(4, "501", email=ANA),
    ]  # fmt: skip
    in_every_order(house, facts)
    assert people(house) == [("501", ANA, None)]
    assert house.rows("SELECT orders_count FROM customer WHERE external_id = '501'")[0].orders_count == 1


def test_a_customer_who_writes_another_address_at_checkout_stays_one_person(house: House) -> None:
    work = "ana@work.example"
    facts: list[Fact] = [
        record_of(1, "501", email=ANA), order(2, "71", Person("501", email=work)),
        checkout(3, "t1", Person(email=work)),
    ]  # fmt: skip
    in_every_order(house, facts)
    assert people(house) == [("501", ANA, None)]
    assert buyers(house) == {"t1": "501"}


def test_an_email_that_moves_to_another_customer_is_theirs(house: House) -> None:
    facts: list[Fact] = [
        record_of(1, "501", email=ANA), record_of(2, "502", email=ANA), record_of(3, "501", email="new@x.example"),
    ]  # fmt: skip
    in_every_order(house, facts)
    assert people(house) == [("501", "new@x.example", None), ("502", ANA, None)]


def test_until_the_old_owner_tells_a_new_address_they_have_none(house: House) -> None:
    in_every_order(house, [record_of(1, "501", email=ANA), record_of(2, "502", email=ANA)])
    assert people(house) == [("501", None, None), ("502", ANA, None)]


def test_the_same_email_in_other_letters_is_the_same_person(house: House) -> None:
    house.deliver("customers/create", {"id": 501, "email": "Ana@Shopper.Example", "updated_at": "2026-06-01T12:00:00Z"})
    house.deliver("checkouts/update", {
        "token": "t1", "email": " ANA@shopper.example ", "currency": "USD", "total_price": "1.00", "line_items": [],
        "created_at": "2026-06-01T12:00:00Z", "updated_at": "2026-06-01T12:00:00Z",
    })  # fmt: skip
    house.apply()
    assert people(house) == [("501", ANA, None)]
    assert buyers(house) == {"t1": "501"}


def test_somebody_known_by_phone_alone_is_one_person_and_becomes_the_customer(house: House) -> None:
    facts: list[Fact] = [
        checkout(1, "t1", Person(phone=PHONE)), checkout(2, "t2", Person(phone=PHONE)),
        record_of(3, "501", phone=PHONE, email=ANA),
    ]  # fmt: skip
    in_every_order(house, facts)
    assert people(house) == [("501", ANA, PHONE)]
    assert buyers(house) == {"t1": "501", "t2": "501"}


def test_a_family_that_shares_a_phone_stays_a_family(house: House) -> None:
    ben = "ben@shopper.example"
    facts: list[Fact] = [
        record_of(1, "501", phone=PHONE, email=ANA), record_of(2, "502", phone=PHONE, email=ben),
        checkout(3, "t1", Person(email="cleo@shopper.example", phone=PHONE)),
    ]  # fmt: skip
    in_every_order(house, facts)
    assert people(house) == [("501", ANA, PHONE), ("502", ben, PHONE), (None, "cleo@shopper.example", PHONE)]


def test_two_customers_the_store_merged_are_one(house: House) -> None:
    facts: list[Fact] = [
        record_of(1, "501", email=ANA, first_name="Ana"), record_of(2, "502", email="old@x.example", phone=PHONE),
        order(3, "71", Person("501"), 2000), order(4, "72", Person("502"), 700), CustomersMerged("501", "502", at(5)),
    ]  # fmt: skip
    in_every_order(house, facts)
    assert people(house) == [("501", ANA, PHONE)]
    [ana] = house.rows("SELECT * FROM customer WHERE external_id = '501'")
    assert (ana.orders_count, ana.spent, ana.first_name) == (2, 2700, "Ana")
    assert {r.customer_id for r in house.rows("SELECT customer_id FROM purchase")} == {ana.id}


def test_what_comes_late_for_a_merged_customer_is_the_others(house: House) -> None:
    hear(house, [record_of(1, "501", email=ANA)], [record_of(2, "502")], [CustomersMerged("501", "502", at(5))])
    hear(house, [checkout(3, "t1", Person("502"))], [order(4, "71", Person("502"))])
    assert buyers(house) == {"t1": "501"}
    hear(house, [CustomersMerged("500", "501", at(9))])
    hear(house, [checkout(8, "t2", Person("502"))])
    assert buyers(house) == {"t1": "500", "t2": "500"}
    assert people(house) == [("500", ANA, None)]


def test_newer_records_replace_and_orders_only_fill_gaps(house: House) -> None:
    facts: list[Fact] = [
        record_of(1, "501", first_name="An", city="Rome"), record_of(2, "501", first_name="Ana"),
        order(3, "71", Person("501", first_name="A.", locale="it", city="Oslo")),
        order(4, "72", Person("501", first_name="Anna", locale="en")),
    ]  # fmt: skip
    in_every_order(house, facts)
    [ana] = house.rows("SELECT first_name, city, locale FROM customer")
    assert tuple(ana) == ("Ana", "Rome", "en")


def test_tags_are_what_was_said_last_of_each(house: House) -> None:
    facts: list[Fact] = [
        record_of(1, "501", tags=("a", "b")), TagsChanged("501", at(2), added=("c",)),
        TagsChanged("501", at(3), removed=("a",)), record_of(4, "501", tags=("b", "c", "d")),
        TagsChanged("501", at(5), removed=("d",)),
    ]  # fmt: skip
    in_every_order(house, facts)
    assert house.rows("SELECT tags FROM customer")[0].tags == ["b", "c"]


def test_a_deleted_customer_stays_deleted_whatever_comes_late(house: House) -> None:
    facts: list[Fact] = [
        record_of(1, "501", email=ANA), checkout(2, "t1", Person("501", email=ANA)), CustomerDeleted("501", at(3)),
        CustomerDeleted("501", at(4)),
    ]  # fmt: skip
    in_every_order(house, facts)
    assert house.rows("SELECT deleted_at FROM customer")[0].deleted_at == at(3).at


@pytest.mark.parametrize(
    ("last", "count", "spent", "purchases"),
    [
        (order(5, "71", Person("501"), 1500), 2, 1900, 2),
        (order(5, "71", Person("501"), 1000, cancelled_at=at(5).at), 1, 400, 1),
        (order(5, "71", Person("501"), 1000, is_test=True), 1, 400, 1),
        (order(5, "71", Person("501"), 0, payment=Payment.REFUNDED), 2, 400, 1),
        (order(5, "71", Person("501"), 1000, payment=Payment.VOIDED), 1, 400, 1),
    ],
    ids=["edited", "cancelled", "test", "refunded", "voided"],
)
def test_totals_and_purchases_follow_the_orders(
    house: House, last: OrderChanged, count: int, spent: int, purchases: int
) -> None:
    facts: list[Fact] = [order(1, "71", Person("501")), order(2, "72", Person("501"), 400), last]
    in_every_order(house, facts)
    [ana] = house.rows("SELECT * FROM customer")
    assert (ana.orders_count, ana.spent) == (count, spent)
    assert len(house.rows("SELECT 1 FROM purchase")) == purchases


def test_an_order_that_changes_hands_changes_both_totals(house: House) -> None:
    in_every_order(house, [record_of(0, "501"), order(1, "71", Person("501")), order(2, "71", Person("502"))])
    rows = house.rows("SELECT external_id, orders_count, spent, last_order_at FROM customer ORDER BY external_id")
    assert [tuple(row) for row in rows] == [("501", 0, 0, None), ("502", 1, 1000, at(2).at)]


def test_a_refund_told_twice_counts_once_by_its_fullest_telling(house: House) -> None:
    facts: list[Fact] = [
        order(1, "71", Person("501")),
        RefundMade("91", "71", at(3).at, 0),
        RefundMade("91", "71", at(2).at, 300),
    ]
    in_every_order(house, facts)
    [told] = house.rows("SELECT refunded, refunded_at FROM orders")
    assert tuple(told) == (300, at(2).at)


def test_nothing_of_another_shop_is_seen_or_touched(house: House) -> None:
    """The same ids, emails and phones in two shops are different people."""
    from tests.conftest import make_shop

    facts: list[Fact] = [
        record_of(1, "501", email=ANA, phone=PHONE, tags=("a",)), order(2, "71", Person("501")),
        checkout(3, "t1", Person(email=ANA)), CustomersMerged("501", "502", at(4)),
    ]  # fmt: skip
    hear(house, facts)
    before = house.state()
    other = make_shop("other.myshopify.com")
    with transaction.transaction(other) as session:
        found = customers.record(session, [*facts, record_of(9, "501", email="x@other.example", first_name="Other")])
        orders.record(session, facts, found)
        customers.suppress(session, "email", ANA, "complained", "test")
        inbox.record(session, [CustomerDeleted("501", at(9))])
    mine = {name: [row for row in rows if "x@other" not in repr(row)] for name, rows in house.state().items()}
    assert [row for row in before["customer"] if row not in mine["customer"]] == []
    [ana] = house.rows("SELECT * FROM customer WHERE external_id = '501'")
    assert (ana.email, ana.first_name, ana.deleted_at, ana.orders_count) == (ANA, "", None, 1)
    assert house.rows("SELECT 1 FROM suppression") == []
