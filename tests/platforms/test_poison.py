"""Nothing a payload can hold makes the reader fall over, and what it yields can be stored."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings, strategies as st

from app.platforms.base import Ignored, Unreadable
from app.platforms.events import Line, Version
from app.platforms.shopify.normalise import READERS, normalise

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOPICS = sorted(READERS)

FULL: dict[str, Any] = {
    "id": 1,
    "token": "t",
    "cart_token": "c",
    "checkout_token": "k",
    "order_id": 2,
    "fulfillment_id": 3,
    "customer_id": 4,
    "customerId": "gid://shopify/Customer/4",
    "status": "success",
    "type": "query",
    "state": "enabled",
    "admin_graphql_api_id": "gid://shopify/BulkOperation/1",
    "current": ["read_orders"],
    "tags": "a, b",
    "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/4",
    "occurredAt": "2026-01-01T00:00:00Z",
    "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/5",
    "happened_at": "2026-01-01T00:00:00Z",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "processed_at": "2026-01-01T00:00:00Z",
    "completed_at": "2026-01-01T00:00:00Z",
    "cancelled_at": None,
    "currency": "USD",
    "total_price": "10.00",
    "current_total_price": "10.00",
    "subtotal_price": "9.00",
    "financial_status": "paid",
    "source_name": "web",
    "email": "a@b.co",
    "phone": "+12025550143",
    "name": "#1",
    "inventory_item_id": 6,
    "location_id": 7,
    "available": 3,
    "customer": {"id": 4, "email": "a@b.co", "default_address": {"country_code": "US", "zip": 1}},
    "shipping_address": {"country_code": "US", "city": "x"},
    "billing_address": [],
    "destination": {"country_code": "US"},
    "line_items": [
        {
            "id": 1,
            "title": "x",
            "price": "1.00",
            "quantity": 1,
            "properties": {},
            "discount_allocations": [{"amount": "0.10"}],
            "price_set": {"shop_money": {"currency_code": "USD"}},
        }
    ],
    "refunds": [{"id": 1, "transactions": [{"kind": "refund", "amount": "1.00"}], "refund_line_items": []}],
    "fulfillments": [{"id": 1, "status": "success"}],
    "transactions": [],
    "refund_line_items": [{"line_item_id": 1}],
    "discount_codes": [{"code": "X"}],
    "variants": [{"id": 1, "price": "1.00"}],
    "images": [{"src": "https://x.y/z"}],
    "email_marketing_consent": {"state": "subscribed", "consent_updated_at": "2026-01-01T00:00:00Z"},
    "sms_marketing_consent": {"state": "subscribed", "consent_updated_at": "2026-01-01T00:00:00Z"},
    "whats_app_marketing_consent": {"state": "subscribed", "updated_at": "2026-01-01T00:00:00Z"},
    "accepts_marketing": True,
    "orders_to_redact": [1],
    "orders_requested": [1],
    "data_request": {"id": 1},
    "iana_timezone": "Europe/Paris",
    "domain": "x.example",
    "shop_domain": "a.myshopify.com",
}

BODIES = [
    b"",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"true",
    b"{",
    b'{"id":',
    b"\xef\xbb\xbf{}",
    '{"id":1}'.encode("utf-16"),
    b"\xff\xfe",
    b'{"id":\xc3}',
    b"{}",
    b'{"id":1,"id":2}',
    b'{"id":NaN}',
    b'{"id":Infinity}',
    b'{"id":1e400}',
    b'{"id":-1e400}',
    b'{"a":' * 10_000,
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b'{"\\ud800":1,"id":"\\ud83d"}',
    b'{"id":"\\uDEAD","n":NaN}',
    b'{"\\ud800":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"id":"\\ud800","n":' + b"9" * 5000 + b"}",
    b'{"id":"\\ud800","n":1e400}',
    b'{"id":123456789012345678901234567890}',
    b"\x00",
    b"{}\x00",
    b" " * 100_000,
]

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**53 + 1,
    2**63,
    1.5,
    -0.0,
    1e300,
    "",
    " ",
    "x" * 100_000,
    "\x00",
    "a\x00b",
    "٣",
    "²",
    "9" * 40,
    "-" * 40,
    "1e5",
    "NaN",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59+14:00",
    "2026-01-01T00:00:00",
    "\U0001d7d8",
    "gid://shopify/Customer/",
    "gid://shopify/Customer/abc",
    "//evil",
    "javascript:x",
    "https://a b",
    [],
    {},
    [[]],
    [None],
    [1],
    ["x"],
    [{}],
    {"": {}},
    [{"id": None}],
    [{"price": "x"}],
    {"id": []},
    [{"amount": "9" * 50}],
    {"shop_money": 1},
    [{"transactions": 5}],
    [{"transactions": [1]}],
    {"state": []},
    {"default_address": []},
]


def storable(thing: Any) -> None:
    """PostgreSQL takes it: no NUL, no half characters, bigints, times it can hold, text of bounded length."""
    if is_dataclass(thing):
        for each in fields(thing):
            storable(getattr(thing, each.name))
        if isinstance(thing, Line):
            assert thing.quantity > 0
            assert thing.price >= 0
        if isinstance(thing, Version):
            assert 1990 <= thing.at.year <= 2199
    elif isinstance(thing, tuple):
        for each in thing:
            storable(each)
    elif isinstance(thing, str):
        assert "\x00" not in thing
        assert len(thing.encode("utf-8")) <= 4 * 2048
    elif isinstance(thing, int):
        assert abs(thing) < 2**63
    elif isinstance(thing, datetime):
        assert thing.utcoffset() is not None


def check(topic: str, body: bytes) -> Any:
    found = normalise(topic, body, NOW, NOW)
    assert isinstance(found, tuple | Unreadable | Ignored)
    storable(found)
    assert found == normalise(topic, body, NOW, NOW)
    return found


@pytest.mark.parametrize("topic", TOPICS)
def test_the_full_payload_is_read_so_that_the_mutations_below_reach_everything(topic: str) -> None:
    data = FULL | ({"status": "completed"} if topic in ("customers/merge", "bulk_operations/finish") else {})
    data |= {"status": "delivered"} if topic.startswith("fulfillment_events") else {}
    assert isinstance(check(topic, orjson.dumps(data)), tuple)


@pytest.mark.parametrize("topic", TOPICS)
def test_bodies_that_are_no_payload_are_parked_with_a_reason(topic: str) -> None:
    for body in BODIES:
        found = check(topic, body)
        if not isinstance(found, tuple):
            assert found.reason


@pytest.mark.parametrize("topic", TOPICS)
def test_any_field_may_hold_any_wrong_value(topic: str) -> None:
    for name in FULL:
        for value in VALUES:
            check(topic, orjson.dumps(FULL | {name: value}))
        check(topic, orjson.dumps({key: value for key, value in FULL.items() if key != name}))


@pytest.mark.parametrize(
    "inside",
    [
        "customer",
        "shipping_address",
        "line_items",
        "refunds",
        "fulfillments",
        "variants",
        "email_marketing_consent",
        "transactions",
    ],
)
@pytest.mark.parametrize(
    "topic",
    [
        "orders/updated",
        "checkouts/update",
        "carts/update",
        "products/update",
        "customers/update",
        "refunds/create",
        "customers_email_marketing_consent/update",
    ],
)
def test_so_may_any_field_within_a_field(topic: str, inside: str) -> None:
    held = FULL[inside]
    one = (held[0] if held else {"kind": "refund", "amount": "1"}) if isinstance(held, list) else held
    for name in one:
        for value in VALUES:
            changed = one | {name: value}
            check(topic, orjson.dumps(FULL | {inside: [changed] if isinstance(held, list) else changed}))


def test_sizes_that_stores_really_have() -> None:
    line = FULL["line_items"][0]
    found = check("orders/create", orjson.dumps(FULL | {"line_items": [line] * 1000}))
    assert len(found[0].lines) == 1000
    variant = FULL["variants"][0]
    found = check("products/update", orjson.dumps(FULL | {"variants": [variant] * 250}))
    assert len(found[0].variants) == 250
    assert isinstance(check("orders/create", orjson.dumps(FULL | {"note": "x" * 5_000_000})), tuple)


@pytest.mark.parametrize(
    "name", ["Zoë 👩‍👩‍👧", "שלום", "𠜎𠜱", "<script>alert(1)</script>", "{{ 7 * 7 }}", "Robert'); DROP"]
)
def test_names_of_people_stay_as_they_are(name: str) -> None:
    found = check("customers/update", orjson.dumps(FULL | {"first_name": name}))
    assert found[0].person.first_name == name


def test_an_unknown_topic_is_ignored_whatever_it_holds() -> None:
    for body in BODIES:
        assert check("moons/landing", body) == Ignored("unused_topic")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from([each for each in VALUES if not isinstance(each, list | dict)]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(FULL)) | st.text(max_size=8), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=400)
@given(topic=st.sampled_from(TOPICS), changes=st.dictionaries(st.sampled_from(sorted(FULL)), JSON, max_size=8))
@example(topic="orders/updated", changes={"updated_at": "2199-12-31T23:59:59-23:59"})
@example(topic="orders/updated", changes={"updated_at": "1990-01-01T00:00:00+23:59"})
def test_any_json_in_any_field(topic: str, changes: dict[str, Any]) -> None:
    check(topic, orjson.dumps(FULL | changes))


@settings(max_examples=200)
@given(topic=st.sampled_from(TOPICS), body=st.binary(max_size=300))
def test_any_bytes(topic: str, body: bytes) -> None:
    check(topic, body)
