"""Shopify's webhooks to facts. Shopify's words end here.

Hot path: plain readers over the parsed JSON, no models; `bench/normalise.py` measures it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.platforms.base import Ignored, Unreadable
from app.platforms.shopify.normalise import catalog, checkouts, consent, customers, fulfilments, orders, refunds, shop
from app.platforms.shopify.normalise.delivery import Delivery, digest_of
from app.platforms.shopify.normalise.reading import Unfit, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from app.platforms.base import Normalised
    from app.platforms.events import Fact

READERS: Mapping[str, Callable[[Delivery], tuple[Fact, ...] | Ignored]] = {
    "carts/create": checkouts.cart_changed,
    "carts/update": checkouts.cart_changed,
    "checkouts/create": checkouts.checkout_changed,
    "checkouts/update": checkouts.checkout_changed,
    "checkouts/delete": checkouts.checkout_deleted,
    "orders/create": orders.order_changed,
    "orders/updated": orders.order_changed,
    "orders/paid": orders.order_changed,
    "orders/fulfilled": orders.order_changed,
    "orders/partially_fulfilled": orders.order_changed,
    "orders/cancelled": orders.order_changed,
    "orders/delete": orders.order_deleted,
    "fulfillments/create": fulfilments.fulfilment_changed,
    "fulfillments/update": fulfilments.fulfilment_changed,
    "fulfillment_events/create": fulfilments.event_created,
    "refunds/create": refunds.refund_made,
    "customers/create": customers.customer_changed,
    "customers/update": customers.customer_changed,
    "customers/enable": customers.customer_changed,
    "customers/disable": customers.customer_changed,
    "customers/delete": customers.customer_deleted,
    "customers/merge": customers.customers_merged,
    "customer.tags_added": customers.tags_added,
    "customer.tags_removed": customers.tags_removed,
    "customers_email_marketing_consent/update": consent.email_consent,
    "customers_marketing_consent/update": consent.sms_consent,
    "customers_whats_app_marketing_consent/update": consent.whatsapp_consent,
    "products/create": catalog.product_changed,
    "products/update": catalog.product_changed,
    "products/delete": catalog.product_deleted,
    "inventory_levels/update": catalog.stock_changed,
    "shop/update": shop.shop_changed,
    "app/uninstalled": shop.app_uninstalled,
    "app/scopes_update": shop.scopes_changed,
    "bulk_operations/finish": shop.import_finished,
    "customers/data_request": shop.data_request,
    "customers/redact": shop.customer_redact,
    "shop/redact": shop.shop_redact,
}
"""Every topic the app listens to; `shopify.app.toml` subscribes to exactly these (a test compares them)."""

COMPLIANCE_TOPICS = frozenset({"customers/data_request", "customers/redact", "shop/redact"})


def normalise(
    topic: str,
    body: bytes,
    triggered_at: datetime | None,
    received_at: datetime,
    *,
    shop_currency: str | None = None,
    shop_domain: str | None = None,
) -> Normalised:
    """Turn a payload into facts. Never raises, whatever the payload holds.

    `shop_currency` tells how many decimals prices have where the payload names no currency (products, carts without
    price sets); two are taken without it. With `shop_domain` given, a payload that names another shop is `Unreadable`
    as `foreign_shop`: the headers that named the shop aren't signed.
    """
    reader = READERS.get(topic.lower())
    if reader is None:
        return Ignored("unused_topic")
    try:
        data = parse(body)
        if shop_domain is not None and _names_another_shop(data, shop_domain):
            return Unreadable("foreign_shop")
        return reader(Delivery(data, digest_of(body), triggered_at, received_at, shop_currency))
    except Unfit as unfit:
        return Unreadable(unfit.reason)


def _names_another_shop(data: dict[str, object], shop_domain: str) -> bool:
    named = data.get("shop_domain") or data.get("myshopify_domain")
    return isinstance(named, str) and named.lower() != shop_domain.lower()
