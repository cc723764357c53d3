"""A merchant's shop: found or made once, told by its store, left alone once the app is removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import NoResultFound

from app import transaction
from app.catalog import service as catalog
from app.customers import service as customers
from app.inbox import replaying, service as inbox
from app.journeys import service as journeys
from app.journeys.models import Journey
from app.orders import service as orders
from app.platforms.events import (
    AppUninstalled,
    Person,
    PrivacyKind,
    PrivacyRequested,
    ProductChanged,
    ProductDeleted,
    ScopesChanged,
    ShopChanged,
    StockChanged,
    Variant,
    Version,
)
from app.shops import service as shops
from app.shops.models import Shop
from tests.conftest import make_shop

if TYPE_CHECKING:
    from tests.inbox.conftest import House


def hear(house: House, *facts: Any) -> None:
    with transaction.transaction(house.shop_id) as session:
        inbox.record(session, facts)


def test_fifty_at_once_find_or_make_the_same_shop(house: House) -> None:
    for turn in range(5):
        with ThreadPoolExecutor(16) as pool:
            ids = set(pool.map(lambda _: shops.find_or_create("shopify", f"new{turn}.myshopify.com"), range(50)))  # noqa: B023 - awaited within the turn
        assert len(ids) == 1
        assert shops.find(f"new{turn}.myshopify.com") in ids
    with psycopg.connect(house.url) as connection:
        assert connection.execute("SELECT count(*) FROM shop WHERE domain LIKE 'new%'").fetchone() == (5,)
    assert shops.find("nobody.myshopify.com") is None


def test_two_at_once_install_a_shop_once(house: House) -> None:
    with transaction.transaction(house.shop_id) as session:
        session.execute(text("UPDATE shop SET state = 'known'"))
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: shops.install(house.shop_id, ["a"]), range(8))) == [False] * 7 + [True]
    assert len(house.rows("SELECT 1 FROM import")) == 5
    assert {row.kind for row in house.rows("SELECT kind FROM reconciliation")} == {"orders", "customers", "products"}


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_a_store_says_last_of_itself_counts(house: House, *, newest_first: bool) -> None:
    now = house.time.at
    facts = [
        ShopChanged(Version(now, "1"), name="Old", currency="USD"), ShopChanged(Version(now, "2"), name="New"),
        ScopesChanged(("a", "b"), Version(now)), ScopesChanged(("a",), Version(now + timedelta(seconds=1))),
    ]  # fmt: skip
    for fact in reversed(facts) if newest_first else facts:
        hear(house, fact)
    [shop] = house.rows("SELECT name, scopes FROM shop")
    assert (shop.name, shop.scopes) == ("New", ["a"])


def test_nobody_enters_a_journey_of_a_shop_that_removed_the_app(house: House) -> None:
    with transaction.transaction(house.shop_id) as session:
        journeys.install_starters(session)
        for journey in session.scalars(select(Journey)):
            journeys.turn_on(session, journey)
    basket = {
        "currency": "USD", "total_price": "40.00", "email": "ana@shopper.example", "completed_at": None,
        "created_at": house.time.at.isoformat(), "updated_at": house.time.at.isoformat(),
        "line_items": [{"title": "x", "quantity": 1, "price": "40.00"}],
    }  # fmt: skip
    house.deliver("checkouts/update", {**basket, "token": "t1"})
    house.apply()
    assert len(house.rows("SELECT 1 FROM enrolment WHERE state = 'active'")) == 1
    hear(house, AppUninstalled(Version(house.time.at)))
    house.deliver("checkouts/update", {**basket, "token": "t2"})
    house.apply()
    assert house.rows("SELECT 1 FROM enrolment WHERE state = 'active'") == []
    assert len(house.rows("SELECT 1 FROM checkout")) == 2


def test_a_privacy_request_is_on_the_list_once_however_often_it_comes(house: House) -> None:
    asked = PrivacyRequested(PrivacyKind.DATA_REQUEST, Version(house.time.at), Person("501"), ("1",), "99")
    erase = PrivacyRequested(PrivacyKind.CUSTOMER_REDACT, Version(house.time.at), Person("501"), ("1",))
    for _ in range(3):
        hear(house, asked, erase)
    rows = house.rows("SELECT kind, due_at - received_at AS time FROM privacy_request ORDER BY kind")
    assert [(row.kind, row.time) for row in rows] == [
        ("customer_redact", timedelta(days=30)), ("data_request", timedelta(days=30)),
    ]  # fmt: skip


def test_stock_and_products_end_the_same_in_any_order(house: House) -> None:
    at = house.time.at

    def product(second: int, stock: int, *, available: bool = True) -> ProductChanged:
        variant = Variant("91", "250 g", stock=stock, stock_item_id="71", available=available)
        return ProductChanged("81", Version(at + timedelta(seconds=second)), "Blend", variants=(variant,))

    def level(second: int, place: str, available: int) -> StockChanged:
        return StockChanged("71", place, available, Version(at + timedelta(seconds=second)))

    cases: list[tuple[list[Any], tuple[int, bool]]] = [
        ([product(1, 40), level(2, "a", 3), level(3, "b", 2)], (5, True)),
        ([level(1, "a", 3), product(2, 40)], (40, True)),
        ([product(1, 40), level(2, "a", 0)], (0, False)),
        ([product(1, 0), level(2, "a", -2)], (-2, True)),
    ]
    for facts, expected in cases:
        for order in (facts, facts[::-1]):
            house.forget()
            for fact in order:
                hear(house, fact)
            [variant] = house.rows("SELECT stock, available FROM variant")
            assert tuple(variant) == expected, facts
    for order in (
        [product(1, 40), ProductDeleted("81", Version(at))],
        [ProductDeleted("81", Version(at)), product(1, 40)],
    ):
        house.forget()
        for fact in order:
            hear(house, fact)
        [gone] = house.rows("SELECT title, active, deleted_at FROM product")
        assert tuple(gone) == ("Blend", False, at)


def test_no_service_sees_or_writes_another_shops_rows(house: House) -> None:
    """Every use case runs inside one shop, and the database holds it there, whatever ids it is given."""
    house.deliver("orders/create", {
        "id": 1, "currency": "USD", "total_price": "1.00", "created_at": house.time.at.isoformat(), "line_items": [],
        "email": "ana@shopper.example",
    })  # fmt: skip
    house.apply()
    mine = house.rows("SELECT id FROM customer")[0].id
    before = house.state()
    other = make_shop("other.myshopify.com")
    with transaction.transaction(other) as session:
        for table in ("customer", "orders", "delivery", "customer_address"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608 - names above
        customers.consent(session, [customers.Word(mine, "email", "unsubscribed", house.time.at, "link")])
        assert shops.get(session).domain == "other.myshopify.com"
        with pytest.raises(NoResultFound):
            session.get_one(Shop, house.shop_id)
        catalog.record(session, [ProductDeleted("81", Version(house.time.at))])
        people = customers.record(session, [])
        assert people.of(Person(email="ana@shopper.example")) is None
        orders.record(session, [], people)
        foreign = "UPDATE orders SET name = 'x' RETURNING 1"
        assert session.execute(text(foreign)).all() == []
    assert replaying.replay(other) == 0
    assert inbox.apply_for(other) == 0
    assert house.state() == before
    assert house.states() == {"applied": 1}
