"""The first import: exports begun, watched and read, and gone on with after a kill."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

import config
from app.platforms.base import ExportFailed, ExportReady, ExportRunning, ExportStarted, ShopAccess, StoreSilentError
from app.platforms.events import (
    Channel,
    ConsentChanged,
    ConsentState,
    CustomerChanged,
    FulfilmentChanged,
    OrderChanged,
    Payment,
    ProductChanged,
    RefundMade,
)
from app.platforms.shopify.exports import read_export
from app.platforms.shopify.importing import span_filter
from app.platforms.shopify.platform import ShopifyPlatform

AT = "2026-11-20T10:00:00Z"
THEN = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def platform(store: Any) -> ShopifyPlatform:
    return ShopifyPlatform(config.Shopify("key", "secret", "", store.url + "/{shop}", "https://bridge.example/x.js"))


def customer(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Customer/{number}",
        "firstName": "Ada",
        "updatedAt": AT,
        "createdAt": AT,
        "tags": ["vip"],
        "defaultEmailAddress": {
            "emailAddress": f"a{number}@b.co",
            "marketingState": "SUBSCRIBED",
            "marketingOptInLevel": "CONFIRMED_OPT_IN",
            "marketingUpdatedAt": "2025-01-02T00:00:00Z",
        },
        "defaultPhoneNumber": {
            "phoneNumber": "+12025550143",
            "smsMarketingConsent": {
                "state": "UNSUBSCRIBED",
                "updatedAt": "2025-03-04T00:00:00Z",
                "collectedFrom": "OTHER",
            },
            "whatsAppMarketingConsent": {"state": "NOT_SUBSCRIBED"},
        },
    } | changes


def order(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Order/{number}",
        "name": f"#{number}",
        "updatedAt": AT,
        "createdAt": AT,
        "processedAt": AT,
        "currencyCode": "EUR",
        "displayFinancialStatus": "PARTIALLY_REFUNDED",
        "displayFulfillmentStatus": "FULFILLED",
        "currentTotalPriceSet": {"shopMoney": {"amount": "20.0"}},
        "email": "a@b.co",
        "sourceName": "web",
        "totalRefundedSet": {"shopMoney": {"amount": "5.0"}},
        "customer": {"id": "gid://shopify/Customer/1"},
        "checkoutToken": "t",
        "discountCodes": ["X"],
        "fulfillments": [
            {
                "id": f"gid://shopify/Fulfillment/{number}",
                "status": "SUCCESS",
                "displayStatus": "DELIVERED",
                "createdAt": AT,
                "updatedAt": AT,
                "deliveredAt": AT,
            }
        ],
        "refunds": [
            {
                "id": f"gid://shopify/Refund/{number}",
                "createdAt": AT,
                "processedAt": AT,
                "totalRefundedSet": {"shopMoney": {"amount": "5.0", "currencyCode": "EUR"}},
            }
        ],
    } | changes


def line(number: int, parent: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/LineItem/{number}",
        "title": "Coffee",
        "currentQuantity": 2,
        "discountedUnitPriceAfterAllDiscountsSet": {"shopMoney": {"amount": "7.5"}},
        "variant": {"id": "gid://shopify/ProductVariant/3"},
        "__parentId": f"gid://shopify/Order/{parent}",
    } | changes


def jsonl(*nodes: Any) -> bytes:
    return b"".join(orjson.dumps(node) + b"\n" for node in nodes)


def test_a_span_begins_with_its_first_moment_and_ends_before_its_last(now: datetime) -> None:
    assert span_filter("orders", now, None) == "created_at:>='2026-11-22T12:00:00Z'"
    assert span_filter("customers", None, now) == "updated_at:<'2026-11-22T12:00:00Z'"
    assert (
        span_filter("orders", now, now) == "created_at:>='2026-11-22T12:00:00Z' AND created_at:<'2026-11-22T12:00:00Z'"
    )
    assert span_filter("products", None, None) == ""


def test_an_export_is_begun_with_its_filter_inside(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess, now: datetime
) -> None:
    begun = {"bulkOperation": {"id": "gid://shopify/BulkOperation/5", "status": "CREATED"}, "userErrors": []}
    store.replies = [reply(200, {"data": {"bulkOperationRunQuery": begun}})]
    assert platform.start_export(access, "orders", now, None) == ExportStarted("5")
    assert "orders(query: \"created_at:>='2026-11-22T12:00:00Z'\"" in store.calls[0].json["variables"]["query"]


@pytest.mark.parametrize("code", ["LIMIT_REACHED", "OPERATION_IN_PROGRESS"])
def test_other_exports_under_way_are_no_failure(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess, code: str
) -> None:
    error = {"bulkOperation": None, "userErrors": [{"code": code, "message": "one is running"}]}
    store.replies = [reply(200, {"data": {"bulkOperationRunQuery": error}})]
    assert platform.start_export(access, "products", None, None) == ExportFailed("busy")


def test_an_export_that_cannot_begin_says_why(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess
) -> None:
    store.replies = [reply(401, b"")]
    assert platform.start_export(access, "products", None, None) == ExportFailed("unauthorized")
    store.replies = [reply(200, {"data": {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": []}}})]
    assert platform.start_export(access, "products", None, None) == ExportFailed("unreadable")


def test_how_far_an_export_is(store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess) -> None:
    def ask(**fields: Any) -> Any:
        told = {"id": "x", "objectCount": "12", **fields} if fields else None
        store.replies = [reply(200, {"data": {"bulkOperation": told}})]
        return platform.export_status(access, "5")

    assert ask(status="RUNNING") == ExportRunning(12)
    assert ask(status="COMPLETED", url="https://x", rootObjectCount="3") == ExportReady("https://x", 12, 3)
    assert ask(status="COMPLETED", url=None) == ExportReady(None, 12, 0)
    assert ask(status="FAILED", errorCode="ACCESS_DENIED") == ExportFailed("access_denied", lost=True)
    assert ask(status="EXPIRED") == ExportFailed("expired", lost=True)
    assert ask() == ExportFailed("unknown_export", lost=True)
    assert store.calls[-1].json["variables"] == {"id": "gid://shopify/BulkOperation/5"}
    store.replies = [reply(401, b"")]
    assert platform.export_status(access, "5") == ExportFailed("unauthorized", lost=False)


def test_customers_come_with_their_consent_and_its_original_times(store: Any, reply: Any) -> None:
    store.replies = [reply(200, jsonl(customer(1)))]
    ((number, (changed, by_email, by_sms)),) = read_export(store.url, "customers")
    assert number == 1
    assert isinstance(changed, CustomerChanged)
    assert (changed.person.email, changed.person.phone, changed.tags) == ("a1@b.co", "+12025550143", ("vip",))
    assert isinstance(by_email, ConsentChanged)
    assert (by_email.channel, by_email.state, by_email.double_opt_in) == (Channel.EMAIL, ConsentState.SUBSCRIBED, True)
    assert by_email.effective_at == datetime(2025, 1, 2, tzinfo=UTC)
    assert isinstance(by_sms, ConsentChanged)
    assert (by_sms.state, by_sms.effective_at) == (ConsentState.UNSUBSCRIBED, datetime(2025, 3, 4, tzinfo=UTC))


def test_orders_get_their_lines_wherever_those_stand(store: Any, reply: Any) -> None:
    nodes = [order(1), order(2), line(10, 2), line(11, 1), line(12, 2), line(13, 1, currentQuantity=0)]
    store.replies = [reply(200, jsonl(*nodes))]
    found = list(read_export(store.url, "orders"))
    assert [number for number, _ in found] == [1, 2]
    first, second = (facts[0] for _, facts in found)
    assert isinstance(first, OrderChanged)
    assert isinstance(second, OrderChanged)
    assert [each.line_id for each in first.lines] == ["11"]
    assert [each.line_id for each in second.lines] == ["10", "12"]
    assert (first.total, first.refunded, first.payment, first.fulfilled) == (
        2000,
        500,
        Payment.PARTIALLY_REFUNDED,
        True,
    )
    assert (first.lines[0].price, first.lines[0].variant_id, first.checkout_token) == (750, "3", "t")
    parcel, refund = found[0][1][1:]
    assert isinstance(parcel, FulfilmentChanged)
    assert parcel.delivered_at == THEN
    assert isinstance(refund, RefundMade)
    assert refund.amount == 500


def test_products_get_all_their_variants_and_the_prices_decimals(store: Any, reply: Any) -> None:
    product = {
        "id": "gid://shopify/Product/1",
        "title": "Tea",
        "status": "DRAFT",
        "updatedAt": AT,
        "isGiftCard": True,
        "priceRangeV2": {"minVariantPrice": {"currencyCode": "JPY"}},
        "tags": [],
    }
    variants = [
        {
            "id": f"gid://shopify/ProductVariant/{n}",
            "price": "1500",
            "availableForSale": True,
            "inventoryQuantity": 0,
            "inventoryItem": {"id": "gid://shopify/InventoryItem/1", "tracked": False},
            "__parentId": product["id"],
        }
        for n in range(1, 151)
    ]
    store.replies = [reply(200, jsonl(*reversed(variants), product))]
    ((_, (changed,)),) = read_export(store.url, "products")
    assert isinstance(changed, ProductChanged)
    assert len(changed.variants) == 150
    assert (changed.variants[0].price, changed.variants[0].stock, changed.variants[0].available) == (1500, None, True)
    assert (changed.active, changed.is_gift_card) == (False, True)


@pytest.mark.parametrize("kind", ["customers", "orders"])
def test_a_killed_import_goes_on_where_it_stopped(store: Any, reply: Any, kind: str) -> None:
    make = customer if kind == "customers" else order
    nodes = [make(n) for n in range(1, 51)] + ([line(n, n) for n in range(1, 51)] if kind == "orders" else [])
    random.Random(7).shuffle(nodes)
    store.replies = [reply(200, jsonl(*nodes))]
    everything = list(read_export(store.url, kind))
    assert len(everything) == 50
    begun = list(itertools.islice(read_export(store.url, kind), 20))
    assert begun + list(read_export(store.url, kind, done=20)) == everything
    assert list(read_export(store.url, kind, done=50)) == []


def test_a_thing_that_cannot_be_read_is_counted_and_left_out(store: Any, reply: Any) -> None:
    body = jsonl(customer(1)) + b"{broken\n" + jsonl(customer(2, updatedAt="never")) + b"\n\n" + jsonl(customer(3))
    store.replies = [reply(200, body)]
    found = list(read_export(store.url, "customers"))
    assert [(number, len(facts)) for number, facts in found] == [(1, 3), (2, 0), (3, 0), (4, 3)]


@pytest.mark.parametrize("spoil", [{"cut_after": 300}, {"status": 403}, {"hang_up": True}])
def test_a_download_that_ends_too_early_is_never_taken_for_the_whole(
    store: Any, reply: Any, spoil: dict[str, Any]
) -> None:
    store.replies = [reply(**({"status": 200, "body": jsonl(*(order(n) for n in range(20)))} | spoil))]
    with pytest.raises(StoreSilentError):
        list(read_export(store.url, "orders"))


def test_memory_stays_the_same_however_large_the_export(store: Any, reply: Any) -> None:
    def peak(size: int) -> int:
        body = jsonl(*(customer(n, note="x" * 500) for n in range(size)))
        store.replies = [reply(200, body)]
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        assert sum(1 for _ in read_export(store.url, "customers")) == size
        most = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(8000) < peak(2000) + 2_000_000
