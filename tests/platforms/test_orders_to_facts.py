"""What an order's payload means."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from app.platforms.base import Ignored, Unreadable
from app.platforms.events import FulfilmentChanged, OrderChanged, OrderChannel, Payment, RefundMade
from app.platforms.shopify.normalise import normalise

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def payload(**changes: Any) -> dict[str, Any]:
    return {
        "id": 820982911946154508,
        "name": "#1001",
        "currency": "USD",
        "total_price": "30.00",
        "current_total_price": "25.00",
        "financial_status": "paid",
        "source_name": "web",
        "created_at": "2026-11-20T10:00:00-05:00",
        "updated_at": "2026-11-20T11:00:00-05:00",
        "email": "  Ada@Example.COM ",
        "line_items": [],
        "refunds": [],
        "fulfillments": [],
    } | changes


def facts(topic: str = "orders/create", **changes: Any) -> Any:
    return normalise(topic, orjson.dumps(payload(**changes)), NOW, NOW)


def order(**changes: Any) -> OrderChanged:
    found = facts(**changes)[0]
    assert isinstance(found, OrderChanged)
    return found


def line(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "title": "Coffee", "quantity": 2, "price": "10.00"} | changes


def test_ids_beyond_2_to_the_53_stay_exact() -> None:
    assert order().order_id == "820982911946154508"


@pytest.mark.parametrize("form", [820982911946154508, "820982911946154508", "gid://shopify/Order/820982911946154508"])
def test_an_id_is_the_same_whether_number_text_or_gid(form: Any) -> None:
    assert order(id=form).order_id == "820982911946154508"


@pytest.mark.parametrize("form", [True, -1, 0, 1.5, "", "abc", "gid://evil/Order/1", [], {}, "9" * 21])
def test_what_is_no_id_is_named_as_the_field_at_fault(form: Any) -> None:
    assert facts(id=form) == Unreadable("bad_field:id")


def test_the_total_is_the_one_after_edits_and_refunds() -> None:
    assert order().total == 2500
    assert order(current_total_price=None).total == 3000


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [
        ("USD", "10.5", 1050),
        ("JPY", "1500", 1500),
        ("JPY", "1500.00", 1500),
        ("KWD", "1.234", 1234),
        ("USD", 7, 700),
        ("USD", 0.29, 29),
        ("USD", "0.005", 1),
        ("BHD", "2", 2000),
        ("USD", "1000000000.00", 100_000_000_000),
    ],
)
def test_amounts_are_whole_minor_units_of_their_currency(currency: str, amount: Any, minor: int) -> None:
    assert order(currency=currency, current_total_price=amount).total == minor


@pytest.mark.parametrize("amount", ["9" * 40, "-1.00", "ten", "1,5", "1e5", [], True, "1.0.0", " 1"])
def test_what_is_no_amount_is_never_guessed(amount: Any) -> None:
    assert facts(current_total_price=amount) == Unreadable("bad_field:current_total_price")


def test_a_line_costs_what_was_paid_per_unit_after_all_discounts() -> None:
    found = order(line_items=[line(discount_allocations=[{"amount": "2.00"}, {"amount": "3.00"}])]).lines
    assert [(each.price, each.quantity) for each in found] == [(750, 2)]
    assert order(line_items=[line(total_discount="4.00")]).lines[0].price == 800
    assert order(line_items=[line(total_discount="400.00")]).lines[0].price == 0


def test_lines_that_were_removed_are_gone_and_reduced_ones_are_smaller() -> None:
    lines = order(line_items=[line(current_quantity=0), line(id=2, current_quantity=1)]).lines
    assert [(each.line_id, each.quantity) for each in lines] == [("2", 1)]


@pytest.mark.parametrize("address", [[], None, {}, "", 7])
def test_an_address_may_be_a_list_or_nothing(address: Any) -> None:
    assert order(shipping_address=address, billing_address=address, customer=address).person.country is None


def test_a_guest_is_known_by_email_alone_and_a_gifts_phone_is_not_theirs() -> None:
    person = order(shipping_address={"phone": "+12025550143", "country_code": "US", "first_name": "Gift"}).person
    assert (person.customer_id, person.email, person.phone, person.country) == (None, "ada@example.com", None, "US")


def test_phones_are_read_as_of_the_address_country() -> None:
    assert order(phone="020 7946 0958", shipping_address={"country_code": "GB"}).person.phone == "+442079460958"
    assert order(phone="555-555-SHIP").person.phone is None


@pytest.mark.parametrize(
    ("source", "channel"),
    [
        ("web", OrderChannel.ONLINE),
        ("pos", OrderChannel.POINT_OF_SALE),
        ("shopify_draft_order", OrderChannel.DRAFT),
        ("12345", OrderChannel.OTHER),
        (None, OrderChannel.OTHER),
    ],
)
def test_where_an_order_was_made(source: str | None, channel: OrderChannel) -> None:
    assert order(source_name=source).channel is channel


def test_test_orders_and_gift_cards_say_so() -> None:
    assert order(test=True).is_test
    assert order(line_items=[line(gift_card=True)]).lines[0].is_gift_card


@pytest.mark.parametrize(
    ("status", "payment"),
    [(each.value, each) for each in Payment] + [("expired", Payment.VOIDED), (None, Payment.PENDING)],
)
def test_how_far_it_is_paid(status: str | None, payment: Payment) -> None:
    assert order(financial_status=status).payment is payment


def test_at_one_instant_paid_beats_pending_and_cancelled_beats_all() -> None:
    pending, paid = order(financial_status="pending"), order(financial_status="paid")
    shipped = order(financial_status="paid", fulfillment_status="fulfilled")
    cancelled = order(financial_status="pending", cancelled_at="2026-11-20T11:00:00-05:00")
    ties = [each.version.tie for each in (pending, paid, shipped, cancelled)]
    assert len({each.version.at for each in (pending, paid, cancelled)}) == 1
    assert ties == sorted(ties)
    assert len(set(ties)) == 4


def test_the_tie_is_the_same_for_the_same_content_and_differs_for_another() -> None:
    assert order().version == order().version
    assert order().version.tie != order(note="x").version.tie
    for one, other in itertools.permutations([order(), order(note="x")], 2):
        assert (one.version.tie < other.version.tie) != (other.version.tie < one.version.tie)


def test_refunds_and_parcels_inside_an_order_become_facts_of_their_own() -> None:
    refund = {
        "id": 5,
        "created_at": "2026-11-21T00:00:00Z",
        "refund_line_items": [{"line_item_id": 9}],
        "transactions": [
            {"kind": "refund", "status": "success", "amount": "4.00"},
            {"kind": "refund", "status": "failure", "amount": "4.00"},
            {"kind": "void", "status": "success", "amount": "1.00"},
        ],
    }
    parcel = {
        "id": 7,
        "status": "success",
        "shipment_status": "delivered",
        "created_at": "2026-11-21T00:00:00Z",
        "updated_at": "2026-11-22T00:00:00Z",
    }
    changed, shipped, refunded = facts(refunds=[refund], fulfillments=[parcel])
    assert changed.refunded == 400
    assert isinstance(shipped, FulfilmentChanged)
    assert (shipped.order_id, shipped.delivered_at) == ("820982911946154508", datetime(2026, 11, 22, tzinfo=UTC))
    assert isinstance(refunded, RefundMade)
    assert (refunded.amount, refunded.line_ids, refunded.currency) == (400, ("9",), "USD")


def test_a_payload_without_refunds_does_not_say_that_nothing_was_refunded() -> None:
    assert order(refunds=None).refunded is None
    assert order(refunds=[]).refunded == 0


def test_times_that_cannot_be_are_left_out() -> None:
    for bad in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday", 1, None, "2026-13-01T00:00:00Z"):
        found = order(updated_at=bad, processed_at=None)
        assert found.version.at == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert order(updated_at="2026-11-20T11:00:00").version.at == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert order(updated_at="2016-12-31T23:59:60Z").version.at == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_an_order_without_any_time_takes_the_deliverys() -> None:
    assert order(updated_at=None, created_at=None).version.at == NOW


def test_an_edit_is_told_by_orders_updated_and_a_deletion_holds_only_an_id() -> None:
    assert normalise("orders/edited", b'{"order_edit":{}}', NOW, NOW) == Ignored("unused_topic")
    (deleted,) = normalise("orders/delete", b'{"id":5}', NOW - timedelta(hours=1), NOW)  # type: ignore[misc]
    assert deleted.version.at == NOW - timedelta(hours=1)  # type: ignore[union-attr]


def test_text_is_cleaned_for_the_database_and_bounded() -> None:
    body = orjson.dumps(payload(line_items=[line(title="a\x00b" + "x" * 999, sku=5)]))
    found: Any = normalise("orders/create", body, NOW, NOW)
    assert found[0].lines[0].title.startswith("abx")
    assert len(found[0].lines[0].title) == 255
    assert found[0].lines[0].sku == "5"
    half = body.replace(b"#1001", b"#1001 \\ud83d")
    found = normalise("orders/create", half, NOW, NOW)
    assert found[0].name == "#1001 ?"


def test_a_payload_of_another_shop_is_parked_when_the_shop_is_known() -> None:
    body = b'{"shop_id":1,"shop_domain":"other.myshopify.com"}'
    assert normalise("shop/redact", body, NOW, NOW, shop_domain="mine.myshopify.com") == Unreadable("foreign_shop")
    assert isinstance(normalise("shop/redact", body, NOW, NOW, shop_domain="other.myshopify.com"), tuple)
