"""What checkouts, carts, customers, consent, parcels, products and the shop's own topics mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from app.platforms.base import Ignored, Normalised, Unreadable
from app.platforms.events import (
    CartChanged,
    Channel,
    CheckoutChanged,
    CheckoutDeleted,
    ConsentChanged,
    ConsentState,
    CustomerChanged,
    CustomersMerged,
    FulfilmentChanged,
    ImportFinished,
    PrivacyKind,
    PrivacyRequested,
    ProductChanged,
    ScopesChanged,
    ShopChanged,
    StockChanged,
    TagsChanged,
)
from app.platforms.shopify.normalise import normalise

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = "2026-11-20T10:00:00Z"
THEN = datetime(2026, 11, 20, 10, tzinfo=UTC)


def read(topic: str, data: dict[str, Any], **more: Any) -> Normalised:
    return normalise(topic, orjson.dumps(data), NOW, NOW, **more)


def one(topic: str, data: dict[str, Any], **more: Any) -> Any:
    found = read(topic, data, **more)
    assert isinstance(found, tuple), found
    return found[0]


CHECKOUT = {
    "token": "t1",
    "cart_token": "c1",
    "currency": "EUR",
    "total_price": "12.00",
    "created_at": AT,
    "updated_at": AT,
}


def test_a_checkout_before_the_shopper_says_who_they_are() -> None:
    found = one("checkouts/create", CHECKOUT | {"email": None, "shipping_address": []})
    assert isinstance(found, CheckoutChanged)
    assert (found.token, found.cart_token, found.total, found.person.reachable) == ("t1", "c1", 1200, False)


def test_a_checkout_carries_what_was_ticked_and_the_number_given_for_it() -> None:
    found = one(
        "checkouts/update",
        CHECKOUT
        | {
            "buyer_accepts_marketing": True,
            "buyer_accepts_sms_marketing": True,
            "sms_marketing_phone": "(202) 555-0143",
            "shipping_address": {"country_code": "US"},
            "abandoned_checkout_url": "https://shop.example/recover?key=1",
            "completed_at": AT,
        },
    )
    assert (found.accepts_email, found.accepts_sms, found.sms_phone) == (True, True, "+12025550143")
    assert found.recovery_url == "https://shop.example/recover?key=1"
    assert found.completed_at == THEN


def test_at_one_instant_a_completed_checkout_beats_an_open_one() -> None:
    done, still_open = one("checkouts/update", CHECKOUT | {"completed_at": AT}), one("checkouts/update", CHECKOUT)
    assert done.version.at == still_open.version.at
    assert done.version.tie > still_open.version.tie


def test_a_deleted_checkout_is_named_by_its_cart() -> None:
    assert one("checkouts/delete", {"id": 1, "cart_token": "c1"}) == CheckoutDeleted(
        one("checkouts/delete", {"id": 1, "cart_token": "c1"}).version, None, "c1"
    )
    assert read("checkouts/delete", {"id": 1}) == Unreadable("missing_field:cart_token")


def test_a_cart_takes_its_currency_from_its_lines_or_from_the_shop() -> None:
    line = {"id": "l1", "quantity": 1, "price": "1500", "product_id": 3}
    told = line | {"price_set": {"shop_money": {"amount": "1500", "currency_code": "JPY"}}}
    cart = one("carts/update", {"id": "abc", "token": "abc", "updated_at": AT, "line_items": [told]})
    assert isinstance(cart, CartChanged)
    assert (cart.currency, cart.lines[0].price) == ("JPY", 1500)
    untold = {"token": "abc", "updated_at": AT, "line_items": [line]}
    assert one("carts/update", untold, shop_currency="JPY").lines[0].price == 1500
    assert one("carts/update", untold).lines[0].price == 150_000
    assert one("carts/update", {"token": "abc", "line_items": []}).lines == ()


@pytest.mark.parametrize(
    ("topic", "data", "channel"),
    [
        (
            "customers_email_marketing_consent/update",
            {
                "customer_id": 7,
                "email_address": "a@b.co",
                "email_marketing_consent": {
                    "state": "subscribed",
                    "opt_in_level": "confirmed_opt_in",
                    "consent_updated_at": AT,
                },
            },
            Channel.EMAIL,
        ),
        (
            "customers_marketing_consent/update",
            {
                "id": 7,
                "phone": "+12025550143",
                "sms_marketing_consent": {
                    "state": "subscribed",
                    "opt_in_level": "confirmed_opt_in",
                    "consent_updated_at": AT,
                },
            },
            Channel.SMS,
        ),
        (
            "customers_whats_app_marketing_consent/update",
            {
                "customer_id": 7,
                "phone_number": "+12025550143",
                "whats_app_marketing_consent": {
                    "state": "subscribed",
                    "opt_in_level": "confirmed_opt_in",
                    "updated_at": AT,
                },
            },
            Channel.WHATSAPP,
        ),
    ],
)
def test_consent_in_each_of_its_three_spellings(topic: str, data: dict[str, Any], channel: Channel) -> None:
    found = one(topic, data)
    assert isinstance(found, ConsentChanged)
    assert (found.channel, found.state, found.effective_at) == (channel, ConsentState.SUBSCRIBED, THEN)
    assert (found.person.customer_id, found.double_opt_in) == ("7", True)
    assert found.person.email or found.person.phone


def test_a_consent_without_state_says_nothing_and_an_unknown_state_is_parked() -> None:
    topic = "customers_email_marketing_consent/update"
    nothing = {"customer_id": 7, "email_marketing_consent": {"state": None}}
    assert read(topic, nothing) == Ignored("no_consent_told")
    odd = {"customer_id": 7, "email_marketing_consent": {"state": "maybe"}}
    assert read(topic, odd) == Unreadable("bad_field:email_marketing_consent.state")
    assert read(topic, {"customer_id": 7}) == Unreadable("missing_field:email_marketing_consent")


def test_consent_inside_an_old_customer_counts_only_with_its_time() -> None:
    old = {
        "id": 7,
        "email": "a@b.co",
        "updated_at": AT,
        "tags": "vip, new",
        "email_marketing_consent": {"state": "unsubscribed", "consent_updated_at": AT},
        "sms_marketing_consent": {"state": "subscribed", "consent_updated_at": None},
    }
    found = read("customers/update", old)
    assert isinstance(found, tuple)
    changed, consent = found
    assert isinstance(changed, CustomerChanged)
    assert changed.tags == ("vip", "new")
    assert isinstance(consent, ConsentChanged)
    assert (consent.channel, consent.state) == (Channel.EMAIL, ConsentState.UNSUBSCRIBED)
    oldest = {"id": 7, "accepts_marketing": True, "accepts_marketing_updated_at": AT}
    assert len(read("customers/update", oldest)) == 2  # type: ignore[arg-type]
    new = read("customers/update", {"id": 7, "updated_at": AT})
    assert isinstance(new, tuple)
    assert len(new) == 1
    assert new[0].tags is None  # type: ignore[union-attr]


def test_a_merge_counts_once_it_is_completed() -> None:
    data = {
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        "status": "completed",
    }
    found = one("customers/merge", data)
    assert isinstance(found, CustomersMerged)
    assert (found.kept_id, found.removed_id) == ("1", "2")
    for status in ("failed", "in_progress", None):
        assert read("customers/merge", data | {"status": status}) == Ignored("merge_not_completed")


def test_tags_name_their_customer_by_gid() -> None:
    data = {"customerId": "gid://shopify/Customer/9", "tags": ["vip"], "occurredAt": AT}
    found = one("customer.tags_added", data)
    assert isinstance(found, TagsChanged)
    assert (found.customer_id, found.added, found.removed, found.version.at) == ("9", ("vip",), (), THEN)
    assert one("customer.tags_removed", data).removed == ("vip",)


def test_a_parcel_is_delivered_by_its_own_word_or_by_the_carriers() -> None:
    event = {"fulfillment_id": 5, "order_id": 6, "status": "delivered", "happened_at": AT}
    found = one("fulfillment_events/create", event)
    assert isinstance(found, FulfilmentChanged)
    assert (found.fulfilment_id, found.order_id, found.delivered_at) == ("5", "6", THEN)
    assert one("fulfillment_events/create", event | {"status": "in_transit"}).delivered_at is None
    assert read("fulfillment_events/create", event | {"status": "label_printed"}) == Ignored("parcel_not_moving")
    parcel = {"id": 5, "order_id": 6, "status": "success", "created_at": AT, "updated_at": AT}
    assert one("fulfillments/create", parcel).shipped_at == THEN
    assert one("fulfillments/create", parcel | {"status": "pending"}).shipped_at is None
    assert one("fulfillments/update", parcel | {"status": "cancelled"}).cancelled
    assert one("fulfillments/update", parcel | {"shipment_status": "delivered"}).delivered_at == THEN


def test_a_product_with_its_stock() -> None:
    data = {
        "id": 1,
        "title": "Coffee",
        "status": "active",
        "tags": "a, b",
        "updated_at": AT,
        "product_type": "Gift Card",
        "image": {"src": "//cdn.shop/x.png"},
        "variants": [
            {
                "id": 2,
                "price": "19.99",
                "compare_at_price": "24.99",
                "inventory_quantity": 0,
                "inventory_policy": "deny",
                "inventory_item_id": 3,
            }
        ],
    }
    found = one("products/update", data)
    assert isinstance(found, ProductChanged)
    assert (found.image_url, found.is_gift_card, found.tags) == ("https://cdn.shop/x.png", True, ("a", "b"))
    variant = found.variants[0]
    assert (variant.price, variant.compare_at, variant.stock, variant.available) == (1999, 2499, 0, False)
    assert one("products/update", data, shop_currency="JPY").variants[0].price == 20


def test_stock_that_nobody_counts_is_no_fact() -> None:
    level = {"inventory_item_id": 3, "location_id": 4, "available": 6, "updated_at": AT}
    found = one("inventory_levels/update", level)
    assert isinstance(found, StockChanged)
    assert (found.stock_item_id, found.location_id, found.available) == ("3", "4", 6)
    assert read("inventory_levels/update", level | {"available": None}) == Ignored("stock_not_counted")


def test_the_shops_record_with_its_address_on_one_line() -> None:
    found = one(
        "shop/update",
        {
            "name": "Roastery",
            "customer_email": "Hi@Roastery.example",
            "currency": "EUR",
            "iana_timezone": "Europe/Paris",
            "country_code": "FR",
            "country_name": "France",
            "address1": "1 Rue X",
            "zip": "75001",
            "city": "Paris",
            "domain": "roastery.example",
            "primary_locale": "fr",
            "updated_at": AT,
        },
    )
    assert isinstance(found, ShopChanged)
    assert found.address == "1 Rue X, 75001 Paris, France"
    assert (found.storefront_url, found.timezone, found.email) == (
        "https://roastery.example",
        "Europe/Paris",
        "hi@roastery.example",
    )
    odd = one("shop/update", {"iana_timezone": "Mars/Olympus", "domain": "evil.tld/path"})
    assert (odd.timezone, odd.storefront_url) == (None, None)


def test_the_apps_own_topics() -> None:
    assert one("app/uninstalled", {"id": 1, "updated_at": AT}).version.at == NOW
    found = one("app/scopes_update", {"current": ["read_orders"], "previous": [], "updated_at": AT})
    assert isinstance(found, ScopesChanged)
    assert found.scopes == ("read_orders",)
    bulk = {"admin_graphql_api_id": "gid://shopify/BulkOperation/147595010", "status": "completed", "type": "query"}
    done = one("bulk_operations/finish", bulk)
    assert isinstance(done, ImportFinished)
    assert (done.export_id, done.succeeded) == ("147595010", True)
    assert not one("bulk_operations/finish", bulk | {"status": "failed"}).succeeded
    assert read("bulk_operations/finish", bulk | {"type": "mutation"}) == Ignored("not_an_export")


def test_privacy_requests_name_the_person_by_whatever_is_known() -> None:
    found = one("customers/redact", {"customer": {"email": "A@b.co"}, "orders_to_redact": [1, "2", "x"]})
    assert isinstance(found, PrivacyRequested)
    assert (found.kind, found.person.email, found.order_ids) == (PrivacyKind.CUSTOMER_REDACT, "a@b.co", ("1", "2"))
    asked = one("customers/data_request", {"customer": {"id": 1}, "orders_requested": [], "data_request": {"id": 9}})
    assert asked.request_id == "9"
    assert one("shop/redact", {"shop_id": 1}).kind is PrivacyKind.SHOP_REDACT


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Ada+x@Example.COM ", "ada+x@example.com"),
        ("ada@köln.example", "ada@köln.example"),
        ("ada", None),
        ("@b.co", None),
        ("a@b", None),
        ("a@@b.co", None),
        ("a b@c.co", None),
        ('"a b"@c.co', None),
        ("a@b..co", None),
        ("x" * 320, None),
        ("x" * 250 + "@b.co", None),
        ("a@b.co\nBcc: c@d.co", None),
        (7, None),
        ("a\x00@b.co", None),
        (".a@b.co", None),
        ("a@b.co,c@d.co", None),
        ("<a@b.co>", None),
    ],
)
def test_only_addresses_that_mail_can_reach_are_kept(typed: Any, kept: str | None) -> None:
    assert one("customers/create", {"id": 1, "email": typed}).person.email == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("+12025550143", "+12025550143"),
        ("(202) 555-0143 x7", "+12025550143"),
        ("2025550143", "+12025550143"),
        ("123", None),
        ("+0123456789", None),
        ("example string", None),
        ("٠١٢٣٤٥٦٧٨٩", None),
        (5, None),
        ("1" * 60, None),
    ],
)
def test_only_numbers_that_can_be_dialled_are_kept(typed: Any, kept: str | None) -> None:
    assert (
        one("customers/create", {"id": 1, "phone": typed, "default_address": {"country_code": "US"}}).person.phone
        == kept
    )
