"""Entry points and connections of the Admin API over the store's own lists."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator.clock import iso
from simulator.ids import gid, number_of
from simulator.shopify.pages import Listing, Page
from simulator.shopify.payloads import API_VERSION
from simulator.shopify.resolvers import GLOBAL_KINDS, CheckoutLine, Money, OrderLine
from simulator.store.state import PRESENTMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from simulator.shopify.bulk import BulkOperations
    from simulator.shopify.executor import Resolver
    from simulator.shopify.payloads import Stationery
    from simulator.shopify.search import Getter
    from simulator.store.models import Checkout, Fulfilment, Order, Product, Refund
    from simulator.store.state import Store


@dataclass(slots=True)
class Asked:
    """Under which circumstances a question is asked."""

    scopes: list[str]
    bulk: bool = False


@dataclass(slots=True)
class Subscription:
    """A webhook subscription made through the API."""

    id: int
    topic: str
    uri: str
    name: str | None
    filter: str | None
    include_fields: list[str] = field(default_factory=list)
    created_at: str = ""


def _get(*names: str) -> dict[str, Getter]:
    return {name: operator.attrgetter(name) for name in names}


RECENT = timedelta(days=60)
_TIMES = ("created_at", "updated_at")
_SORT_TIMES = {name.upper(): getter for name, getter in _get(*_TIMES).items()}
ORDERS = Listing(
    search={
        **_get(
            "id",
            "name",
            "email",
            "test",
            "source_name",
            "cart_token",
            "checkout_token",
            "financial_status",
            "processed_at",
            *_TIMES,
        ),
        "customer_id": lambda order: order.customer.id if order.customer else None,
        "fulfillment_status": lambda order: order.fulfilment_status or "unfulfilled",
        "status": lambda order: ["any", "cancelled" if order.cancelled_at else "closed" if order.closed_at else "open"],
        "tag": operator.attrgetter("tags"),
        "": lambda order: f"{order.name} {order.email or ''}",
    },
    sort={
        **_SORT_TIMES,
        **{name.upper(): getter for name, getter in _get("processed_at").items()},
        "ORDER_NUMBER": operator.attrgetter("number"),
    },
)
CUSTOMERS = Listing(
    search={
        **_get("id", "email", "phone", "first_name", "last_name", *_TIMES),
        "tag": operator.attrgetter("tags"),
        "": lambda who: f"{who.first_name} {who.last_name} {who.email or ''} {who.phone or ''}",
    },
    sort=_SORT_TIMES,
)
PRODUCTS = Listing(
    search={
        **_get("id", "title", "handle", "product_type", "vendor", "status", *_TIMES),
        "tag": operator.attrgetter("tags"),
        "gift_card": operator.attrgetter("is_gift_card"),
        "": operator.attrgetter("title"),
    },
    sort={**_SORT_TIMES, **{name.upper(): getter for name, getter in _get("title", "vendor").items()}},
)
VARIANTS = Listing(
    search={
        **_get("id", "sku", "updated_at"),
        "product_id": lambda variant: variant.product.id,
        "": lambda variant: f"{variant.product.title} {variant.title}",
    },
    sort={"POSITION": operator.attrgetter("position"), "SKU": operator.attrgetter("sku")},
)
CHECKOUTS = Listing(
    search={
        **_get("id", *_TIMES),
        "status": lambda visit: "closed" if visit.completed_at else "open",
        "recovery_state": lambda visit: "recovered" if visit.completed_at else "not_recovered",
    },
    sort=_SORT_TIMES,
)
BULK = Listing(
    search={**_get("id", "created_at"), "status": operator.attrgetter("status"), "operation_type": lambda _: "query"},
    sort=_SORT_TIMES,
)
PLAIN = Listing(search={}, sort={})


class Connections:
    """Everything one can ask for at the top, and every list below it."""

    def __init__(self, store: Store, paper: Stationery, bulk: BulkOperations, now: Callable[[], datetime]) -> None:
        self._store = store
        self._paper = paper
        self._bulk = bulk
        self._now = now
        self.subscriptions: dict[int, Subscription] = {}

    def resolvers(self) -> dict[str, dict[str, Resolver]]:
        """By type and field."""
        paged: dict[str, Resolver] = {
            "nodes": lambda page, _a, _c: page.nodes,
            "edges": lambda page, _a, _c: page.edges,
            "pageInfo": lambda page, _a, _c: page.page_info,
        }
        kinds = (
            "Order",
            "Customer",
            "Product",
            "ProductVariant",
            "LineItem",
            "AbandonedCheckout",
            "RefundLineItem",
            "AbandonedCheckoutLineItem",
            "BulkOperation",
            "WebhookSubscription",
            "FulfillmentEvent",
            "FulfillmentLineItem",
            "Image",
        )
        return {
            **{f"{kind}Connection": paged for kind in kinds},
            "Query": self._query(),
            "Order": {"lineItems": lambda order, a, c: _page(PLAIN, _order_lines(order), a, c)},
            "Customer": {"orders": lambda who, a, c: _page(ORDERS, who.orders, a, c)},
            "Product": {
                "variants": lambda product, a, c: _page(VARIANTS, product.variants, a, c),
                "images": lambda product, a, c: _page(PLAIN, self._images(product), a, c),
            },
            "AbandonedCheckout": {"lineItems": lambda visit, a, c: _page(PLAIN, _checkout_lines(visit), a, c)},
            "Fulfillment": {
                "events": lambda parcel, a, c: _page(PLAIN, parcel.events, a, c),
                "fulfillmentLineItems": lambda parcel, a, c: _page(PLAIN, _parcel_lines(parcel), a, c),
            },
            "FulfillmentLineItem": {"id": lambda row, _a, _c: gid("FulfillmentLineItem", row.id)},
            "Refund": {
                "order": lambda back, _a, _c: self._order_of(back),
                "refundLineItems": lambda back, a, c: _page(PLAIN, self._refund_lines(back), a, c),
            },
            "RefundLineItem": {
                "id": lambda row, _a, _c: gid("RefundLineItem", row.id),
                "restockType": lambda _r, _a, _c: "RETURN",
                "restocked": lambda _r, _a, _c: True,
                "subtotalSet": lambda row, _a, _c: row.money,
            },
            "WebhookSubscription": self._subscription(),
            "BulkOperation": self._bulk.resolvers(),
        }

    def _query(self) -> dict[str, Resolver]:
        store = self._store
        return {
            "shop": lambda _t, _a, _c: self._shop(),
            "currentAppInstallation": lambda _t, _a, c: self._installation(c),
            "publicApiVersions": lambda _t, _a, _c: [
                _version(handle) for handle in ("2026-04", "2026-07", API_VERSION)
            ],
            "node": lambda _t, a, _c: self.find(a["id"]),
            "nodes": lambda _t, a, _c: [self.find(each) for each in a["ids"]],
            "order": lambda _t, a, _c: store.orders.get(number_of(a["id"]) or 0),
            "customer": lambda _t, a, _c: self._customer(a["id"]),
            "product": lambda _t, a, _c: store.products.get(number_of(a["id"]) or 0),
            "productVariant": lambda _t, a, _c: store.variants.get(number_of(a["id"]) or 0),
            "fulfillment": lambda _t, a, _c: store.fulfilments.get(number_of(a["id"]) or 0),
            "customerByIdentifier": lambda _t, a, _c: self._by_identifier(a["identifier"]),
            "orders": lambda _t, a, c: _page(ORDERS, self._visible(c), a, c),
            "customers": lambda _t, a, c: _page(CUSTOMERS, self._living(), a, c),
            "products": lambda _t, a, c: _page(PRODUCTS, store.products.values(), a, c),
            "productVariants": lambda _t, a, c: _page(VARIANTS, store.variants.values(), a, c),
            "abandonedCheckouts": lambda _t, a, c: _page(CHECKOUTS, self._abandoned(), a, c),
            "ordersCount": lambda _t, a, c: _count(ORDERS, self._visible(c), a),
            "customersCount": lambda _t, a, _c: _count(CUSTOMERS, self._living(), a),
            "productsCount": lambda _t, a, _c: _count(PRODUCTS, store.products.values(), a),
            "abandonedCheckoutsCount": lambda _t, a, _c: _count(CHECKOUTS, self._abandoned(), a),
            "bulkOperation": lambda _t, a, _c: self._bulk.operations.get(number_of(a["id"]) or 0),
            "currentBulkOperation": lambda _t, _a, _c: next(reversed(self._bulk.operations.values()), None),
            "bulkOperations": lambda _t, a, c: _page(BULK, self._bulk.operations.values(), a, c),
            "webhookSubscriptions": lambda _t, a, c: _page(PLAIN, self.subscriptions.values(), a, c),
        }

    def find(self, global_id: str) -> Any:
        """Anything by its global id."""
        kind, number = global_id.removeprefix("gid://shopify/").split("/", 1)[0], number_of(global_id) or 0
        if kind == "AbandonedCheckout":
            return next((visit for visit in self._store.checkouts.values() if visit.id == number), None)
        if kind == "Customer":
            return self._customer(global_id)
        places: dict[str, dict[int, Any]] = {
            "Order": self._store.orders,
            "Product": self._store.products,
            "ProductVariant": self._store.variants,
            "Fulfillment": self._store.fulfilments,
            "BulkOperation": self._bulk.operations,
            "WebhookSubscription": self.subscriptions,
        }
        return places.get(kind, {}).get(number)

    def _customer(self, global_id: str) -> Any:
        who = self._store.customers.get(number_of(global_id) or 0)
        return who if who and not who.deleted else None

    def _living(self) -> list[Any]:
        return [who for who in self._store.customers.values() if not who.deleted]

    def _visible(self, asked: Asked) -> list[Order]:
        """Orders of the last 60 days, or all with `read_all_orders`."""
        orders = self._store.orders.values()
        if "read_all_orders" in asked.scopes:
            return list(orders)
        since = self._now() - RECENT
        return [order for order in orders if order.created_at >= since]

    def _abandoned(self) -> list[Checkout]:
        """Checkouts with contact information, as the platform lists them."""
        return [visit for visit in self._store.checkouts.values() if visit.email or visit.phone]

    def _by_identifier(self, identifier: dict[str, Any]) -> Any:
        if identifier.get("id"):
            return self._customer(identifier["id"])
        return self._store.find_customer(email=identifier.get("emailAddress"), phone=identifier.get("phoneNumber"))

    def _shop(self) -> dict[str, Any]:
        identity, url = self._paper.identity, self._paper.shop_url
        home = {
            "id": gid("ShopAddress", identity.id),
            "address1": identity.address1,
            "city": identity.city,
            "province": identity.province,
            "provinceCode": identity.province_code,
            "country": "United States",
            "countryCodeV2": identity.country_code,
            "zip": identity.zip,
            "phone": identity.phone,
            "company": identity.name,
            "name": identity.name,
        }
        return {
            "id": gid("Shop", identity.id),
            "name": identity.name,
            "myshopifyDomain": identity.domain,
            "primaryDomain": {
                "id": gid("Domain", identity.id),
                "host": url.split("//", 1)[1],
                "url": url,
                "sslEnabled": False,
            },
            "url": url,
            "contactEmail": identity.email,
            "email": identity.email,
            "currencyCode": identity.currency,
            "enabledPresentmentCurrencies": sorted(set(PRESENTMENT.values())),
            "ianaTimezone": identity.time_zone,
            "timezoneAbbreviation": "EST",
            "timezoneOffset": "-0500",
            "timezoneOffsetMinutes": -300,
            "weightUnit": "POUNDS",
            "unitSystem": "IMPERIAL_SYSTEM",
            "setupRequired": False,
            "taxesIncluded": False,
            "marketingSmsConsentEnabledAtCheckout": True,
            "shopOwnerName": "Robin Sage",
            "plan": {
                "publicDisplayName": "Grow",
                "displayName": "Grow",
                "partnerDevelopment": False,
                "shopifyPlus": False,
            },
            "shopAddress": home,
            "billingAddress": home,
            "createdAt": iso(self._now()),
            "updatedAt": iso(self._now()),
        }

    def _installation(self, asked: Asked) -> dict[str, Any]:
        return {
            "id": gid("AppInstallation", 548_380_777),
            "launchUrl": f"{self._paper.shop_url}/admin/apps/regulars",
            "accessScopes": [{"handle": scope, "description": scope.replace("_", " ")} for scope in asked.scopes],
            "activeSubscriptions": [],
            "app": {"id": gid("App", 580_111_777), "title": "Regulars", "handle": "regulars", "apiKey": ""},
        }

    def _images(self, product: Product) -> list[Any]:
        return [_Picture(product.id + 5, self._paper.picture_url(product), product.title)]

    def _order_of(self, back: Refund) -> Order:
        return next(order for order in self._store.orders.values() if back in order.refunds)

    def _refund_lines(self, back: Refund) -> list[Any]:
        order = self._order_of(back)
        return [_RefundLine(line.id + 3, quantity, OrderLine(line, order)) for line, quantity in back.lines]

    def _subscription(self) -> dict[str, Resolver]:
        return {
            "id": lambda hook, _a, _c: gid("WebhookSubscription", hook.id),
            "format": lambda _h, _a, _c: "JSON",
            "apiVersion": lambda _h, _a, _c: _version(API_VERSION),
            "createdAt": lambda hook, _a, _c: hook.created_at,
            "updatedAt": lambda hook, _a, _c: hook.created_at,
        }


@dataclass(slots=True)
class _Picture:
    id: int
    url: str
    alt_text: str
    width: int = 640
    height: int = 640


@dataclass(slots=True)
class _ParcelLine:
    id: int
    quantity: int
    line_item: OrderLine


@dataclass(slots=True)
class _RefundLine:
    id: int
    quantity: int
    line_item: OrderLine

    @property
    def money(self) -> Money:
        """What this line was worth."""
        return Money(self.line_item.line.price * self.quantity, self.line_item.order.presentment_currency)


def _version(handle: str) -> dict[str, Any]:
    return {"handle": handle, "displayName": handle, "supported": True}


def _page(listing: Listing, items: Iterable[Any], arguments: dict[str, Any], asked: Asked) -> Page:
    if asked.bulk:
        everything = listing.select(items, arguments)
        return Page(everything, [""] * len(everything), has_next=False, has_previous=False)
    return listing.page(items, arguments)


def _count(listing: Listing, items: Iterable[Any], arguments: dict[str, Any]) -> dict[str, Any]:
    return {"count": len(listing.select(items, arguments)), "precision": "EXACT"}


def _order_lines(order: Order) -> list[OrderLine]:
    return [OrderLine(line, order) for line in order.lines]


def _parcel_lines(parcel: Fulfilment) -> list[_ParcelLine]:
    return [_ParcelLine(line.id + 1, line.quantity, OrderLine(line, parcel.order)) for line in parcel.order.lines]


def _checkout_lines(visit: Checkout) -> list[CheckoutLine]:
    currency = PRESENTMENT[visit.address.country_code] if visit.address else "USD"
    return [CheckoutLine(line, currency) for line in visit.lines]


def type_of(thing: Any) -> str:
    """The API's name for the kind of a thing, where a field may hold several."""
    if isinstance(thing, dict):
        return str(thing["__typename"])
    return "WebhookSubscription" if isinstance(thing, Subscription) else GLOBAL_KINDS.get(type(thing), "BulkOperation")
