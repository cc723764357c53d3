"""Reconciliation, and the last question before a message: whether it was bought."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

import config
from app.platforms.base import Platform, ShopAccess, StoreSilentError
from app.platforms.events import CustomerChanged, Fact, OrderChanged, ProductChanged, RefundMade, ShopChanged
from app.platforms.shopify.asking import ShopInfo
from app.platforms.shopify.graphql import GraphQLFault
from app.platforms.shopify.platform import ShopifyPlatform, build

AT = "2026-11-20T10:00:00Z"
SINCE = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def platform(store: Any) -> ShopifyPlatform:
    return ShopifyPlatform(config.Shopify("key", "secret", "", store.url + "/{shop}", "https://bridge.example/x.js"))


def page(kind: str, nodes: list[Any], after: str | None = None) -> dict[str, Any]:
    return {"data": {kind: {"nodes": nodes, "pageInfo": {"hasNextPage": after is not None, "endCursor": after}}}}


def order(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Order/{number}",
        "updatedAt": AT,
        "currencyCode": "EUR",
        "currentTotalPriceSet": {"shopMoney": {"amount": "1"}},
        "lineItems": {
            "nodes": [{"id": "gid://shopify/LineItem/1", "currentQuantity": 1}],
            "pageInfo": {"hasNextPage": False},
        },
    } | changes


def test_it_is_a_platform(platform: ShopifyPlatform) -> None:
    assert isinstance(platform, Platform)
    assert platform.key == "shopify"
    made = build(
        config.Settings.from_env(
            {
                "DATABASE_URL": "postgresql://x",
                "REDIS_URL": "redis://127.0.0.1:1",
                "SECRET_KEY": "0123456789abcdef" * 4,
                "PUBLIC_URL": "https://app.example",
                "SHOPIFY_API_KEY": "key",
                "SHOPIFY_API_SECRET": "new",
                "SHOPIFY_API_SECRET_OLD": "old",
            }
        )
    )
    assert isinstance(made, Platform)
    assert made.credentials.secrets == ("new", "old")
    assert "new" not in repr(made.credentials)


def test_pages_follow_each_other(store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess) -> None:
    store.replies = [reply(200, page("orders", [order(1)], "c1")), reply(200, page("orders", [order(2)]))]
    found = [fact for fact in platform.changes_since(access, "orders", SINCE) if isinstance(fact, OrderChanged)]
    assert [each.order_id for each in found] == ["1", "2"]
    first, second = (call.json["variables"] for call in store.calls)
    assert first == {"filter": "updated_at:>='2026-11-20T09:00:00Z'", "first": 20, "after": None}
    assert second["after"] == "c1"


def test_an_order_too_long_for_a_page_is_completed(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess
) -> None:
    more = {
        "nodes": [{"id": "gid://shopify/LineItem/1", "currentQuantity": 1}],
        "pageInfo": {"hasNextPage": True, "endCursor": "l1"},
    }
    rest = {
        "data": {
            "order": {
                "lineItems": {
                    "nodes": [{"id": "gid://shopify/LineItem/2", "currentQuantity": 1}],
                    "pageInfo": {"hasNextPage": False, "endCursor": "l2"},
                }
            }
        }
    }
    refund = {
        "id": "gid://shopify/Refund/1",
        "processedAt": AT,
        "refundLineItems": {"nodes": [{"lineItem": {"id": "gid://shopify/LineItem/2"}}]},
    }
    store.replies = [reply(200, page("orders", [order(1, lineItems=more, refunds=[refund])])), reply(200, rest)]
    changed, refunded = list(platform.changes_since(access, "orders", SINCE))
    assert isinstance(changed, OrderChanged)
    assert [each.line_id for each in changed.lines] == ["1", "2"]
    assert isinstance(refunded, RefundMade)
    assert refunded.line_ids == ("2",)
    assert store.calls[1].json["variables"] == {"id": "gid://shopify/Order/1", "after": "l1"}


def test_a_page_that_costs_too_much_is_asked_for_smaller(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess
) -> None:
    dear = {"errors": [{"message": "too much", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}
    store.replies = [
        reply(200, dear),
        reply(200, dear),
        reply(200, page("products", [{"id": "gid://shopify/Product/1", "updatedAt": AT, "variants": {"nodes": []}}])),
    ]
    (found,) = platform.changes_since(access, "products", SINCE)
    assert isinstance(found, ProductChanged)
    assert [call.json["variables"]["first"] for call in store.calls] == [20, 10, 5]


def test_an_end_that_comes_too_early_is_told(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess
) -> None:
    node = {"id": "gid://shopify/Customer/1", "updatedAt": AT}
    store.replies = [reply(200, page("customers", [node, {"id": "bad"}], "c1")), reply(401, b"")]
    found: list[Fact] = []
    with pytest.raises(StoreSilentError) as failed:
        found.extend(platform.changes_since(access, "customers", SINCE))
    assert [type(each) for each in found] == [CustomerChanged]
    assert failed.value.code == "unauthorized"


def answer(**roots: list[Any]) -> dict[str, Any]:
    return {"data": {name: {"nodes": nodes} for name, nodes in roots.items()}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (answer(byToken=[{"checkoutToken": "t"}], byEmail=[]), True),
        (answer(byToken=[{"checkoutToken": "other"}], byEmail=[]), False),
        (answer(byToken=[], byEmail=[{"email": "A@b.co", "createdAt": AT}]), True),
        (
            answer(
                byToken=[],
                byEmail=[
                    {"email": None, "createdAt": AT, "customer": {"defaultEmailAddress": {"emailAddress": "a@b.co"}}}
                ],
            ),
            True,
        ),
        (answer(byToken=[], byEmail=[{"email": "a@b.co", "createdAt": "2026-11-20T08:59:59Z"}]), False),
        (answer(byToken=[], byEmail=[{"email": "x@b.co", "createdAt": AT}]), False),
        (answer(byToken=[], byEmail=[]), False),
    ],
)
def test_whether_it_was_bought(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess, *, body: Any, expected: bool
) -> None:
    store.replies = [reply(200, body)]
    assert platform.order_exists(access, checkout_token="t", email="a@b.co", since=SINCE) is expected


def test_a_store_that_does_not_answer_in_time_says_neither_yes_nor_no(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess
) -> None:
    store.replies = [reply(401, b"")]
    assert platform.order_exists(access, checkout_token="t", email=None, since=SINCE) is None
    assert store.calls[0].json["variables"]["hasEmail"] is False
    assert platform.order_exists(access, checkout_token=None, email=None, since=SINCE) is None
    assert len(store.calls) == 1


def test_who_the_shop_is_and_what_we_may_do(
    store: Any, reply: Any, platform: ShopifyPlatform, access: ShopAccess
) -> None:
    shop = {
        "name": "Roastery",
        "contactEmail": "hi@roastery.example",
        "currencyCode": "EUR",
        "ianaTimezone": "Europe/Paris",
        "primaryDomain": {"url": "https://roastery.example"},
        "shopAddress": {
            "address1": "1 Rue X",
            "city": "Paris",
            "zip": "75001",
            "country": "France",
            "countryCodeV2": "FR",
        },
    }
    store.replies = [
        reply(200, {"data": {"shop": shop, "currentAppInstallation": {"accessScopes": [{"handle": "read_orders"}]}}})
    ]
    info = platform.shop_info(access, SINCE)
    assert isinstance(info, ShopInfo)
    assert info.scopes == ("read_orders",)
    assert isinstance(info.changed, ShopChanged)
    assert (info.changed.timezone, info.changed.address) == ("Europe/Paris", "1 Rue X, 75001 Paris, France")
    store.replies = [reply(403, b"")]
    assert isinstance(platform.shop_info(access, SINCE), GraphQLFault)


def test_the_api_and_the_webhook_tell_the_same_order(
    platform: ShopifyPlatform, store: Any, reply: Any, access: ShopAccess
) -> None:
    webhook = {
        "id": 7,
        "name": "#7",
        "currency": "EUR",
        "total_price": "15.00",
        "current_total_price": "15.00",
        "financial_status": "paid",
        "fulfillment_status": "fulfilled",
        "source_name": "web",
        "email": "a@b.co",
        "created_at": AT,
        "processed_at": AT,
        "updated_at": AT,
        "checkout_token": "t",
        "cart_token": "c",
        "refunds": [],
        "fulfillments": [],
        "discount_codes": [{"code": "X"}],
        "customer_locale": "fr",
        "line_items": [
            {
                "id": 1,
                "title": "Coffee",
                "quantity": 2,
                "current_quantity": 2,
                "price": "8.00",
                "sku": "S",
                "product_id": 2,
                "variant_id": 3,
                "variant_title": "250 g",
                "discount_allocations": [{"amount": "1.00"}],
            }
        ],
        "customer": {"id": 4, "first_name": "Ada", "last_name": "M"},
        "shipping_address": {"country_code": "FR"},
    }
    node = order(
        7,
        name="#7",
        currentTotalPriceSet={"shopMoney": {"amount": "15.0"}},
        displayFinancialStatus="PAID",
        displayFulfillmentStatus="FULFILLED",
        sourceName="web",
        email="a@b.co",
        createdAt=AT,
        processedAt=AT,
        checkoutToken="t",
        cartToken="c",
        discountCodes=["X"],
        customerLocale="fr",
        totalRefundedSet={"shopMoney": {"amount": "0.0"}},
        shippingAddress={"countryCodeV2": "FR"},
        customer={"id": "gid://shopify/Customer/4", "firstName": "Ada", "lastName": "M"},
        lineItems={
            "nodes": [
                {
                    "id": "gid://shopify/LineItem/1",
                    "title": "Coffee",
                    "currentQuantity": 2,
                    "sku": "S",
                    "variantTitle": "250 g",
                    "product": {"id": "gid://shopify/Product/2"},
                    "variant": {"id": "gid://shopify/ProductVariant/3"},
                    "discountedUnitPriceAfterAllDiscountsSet": {"shopMoney": {"amount": "7.5"}},
                }
            ]
        },
    )
    told: Any = platform.normalise("orders/updated", orjson.dumps(webhook), None, SINCE + timedelta(days=1))
    store.replies = [reply(200, page("orders", [node]))]
    (asked,) = platform.changes_since(access, "orders", SINCE)
    assert isinstance(asked, OrderChanged)
    assert told[0].version.at == asked.version.at
    assert told[0].version.tie < asked.version.tie
    assert {name: getattr(told[0], name) for name in OrderChanged.__slots__ if name != "version"} == {
        name: getattr(asked, name) for name in OrderChanged.__slots__ if name != "version"
    }
