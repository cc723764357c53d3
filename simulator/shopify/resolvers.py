"""Field by field: how the store's own things look through the Admin API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.clock import iso
from simulator.ids import gid
from simulator.shopify.fields import (
    NO,
    YES,
    attribute,
    constant,
    gid_of_kind,
    iso_or_none,
    legacy_id,
    opt_in_level,
    time_of,
    times,
)
from simulator.shopify.order_payloads import shipment_status
from simulator.shopify.payloads import decimal
from simulator.shopify.people_resolvers import (
    customer_fields,
    email_address_fields,
    mailing_address_fields,
    phone_number_fields,
)
from simulator.store import models
from simulator.store.state import RATES

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.shopify.executor import Resolver
    from simulator.shopify.payloads import Stationery
    from simulator.store.state import Store

GLOBAL_KINDS: dict[type, str] = {
    models.Order: "Order",
    models.Customer: "Customer",
    models.Product: "Product",
    models.Variant: "ProductVariant",
    models.Line: "LineItem",
    models.Fulfilment: "Fulfillment",
    models.Refund: "Refund",
    models.FulfilmentEvent: "FulfillmentEvent",
    models.Checkout: "AbandonedCheckout",
}


@dataclass(slots=True)
class Money:
    """Cents on their way out, with the currency the shopper saw."""

    cents: int
    presentment: str = "USD"


@dataclass(slots=True)
class OrderLine:
    """A line that knows its order."""

    line: models.Line
    order: models.Order

    @property
    def id(self) -> int:
        """The line's own id."""
        return self.line.id


@dataclass(slots=True)
class CheckoutLine:
    """A line that knows its checkout."""

    line: models.Line
    currency: str

    @property
    def id(self) -> int:
        """The line's own id."""
        return self.line.id


def _order_money(cents: Callable[[models.Order], int]) -> Resolver:
    return lambda order, _a, _c: Money(cents(order), order.presentment_currency)


def _limited(values: list[Any], arguments: dict[str, Any]) -> list[Any]:
    return values[: arguments["first"]] if arguments.get("first") else values


def build_leaf_resolvers(store: Store, paper: Stationery) -> dict[str, dict[str, Resolver]]:
    """Resolvers of everything that is not a connection or an entry point."""
    return {
        "MoneyBag": {
            "shopMoney": lambda money, _a, _c: {"amount": decimal(money.cents), "currencyCode": "USD"},
            "presentmentMoney": lambda money, _a, _c: {
                "amount": decimal(round(money.cents * RATES[money.presentment])),
                "currencyCode": money.presentment,
            },
        },
        "Customer": customer_fields(paper),
        "CustomerEmailAddress": email_address_fields(paper),
        "CustomerPhoneNumber": phone_number_fields(),
        "CustomerMarketingConsent": {
            "state": lambda consent, _a, _c: consent.state.upper(),
            "optInLevel": opt_in_level,
            "updatedAt": time_of("updated_at"),
            "collectedFrom": lambda consent, _a, _c: consent.collected_from,
        },
        "CustomerEmailMarketingConsentState": {
            "marketingState": lambda consent, _a, _c: consent.state.upper(),
            "marketingOptInLevel": opt_in_level,
            "consentUpdatedAt": time_of("updated_at"),
        },
        "CustomerSmsMarketingConsentState": {
            "marketingState": lambda consent, _a, _c: consent.state.upper(),
            "marketingOptInLevel": lambda consent, _a, _c: (consent.opt_in_level or "unknown").upper(),
            "consentUpdatedAt": time_of("updated_at"),
            "consentCollectedFrom": attribute("collected_from"),
        },
        "MailingAddress": mailing_address_fields(),
        "Product": _product(paper),
        "ProductVariant": _variant(paper),
        "Order": _order(paper),
        "LineItem": _order_line(paper),
        "AbandonedCheckoutLineItem": _checkout_line(paper),
        "AbandonedCheckout": _checkout(store, paper),
        "Fulfillment": _fulfilment(paper),
        "FulfillmentEvent": {
            "id": gid_of_kind("FulfillmentEvent"),
            "status": lambda event, _a, _c: event.status.upper(),
            **times("happened_at", "created_at"),
            **dict.fromkeys(("message", "city", "province", "country", "zip", "estimatedDeliveryAt"), constant(None)),
        },
        "Refund": {
            "id": gid_of_kind("Refund"),
            "legacyResourceId": legacy_id,
            **times("created_at"),
            "updatedAt": time_of("created_at"),
            "processedAt": time_of("created_at"),
            "totalRefundedSet": lambda back, _a, _c: Money(back.amount),
        },
    }


def _image(paper: Stationery, product: models.Product) -> dict[str, Any]:
    return {
        "id": gid("ProductImage", product.id + 5),
        "url": paper.picture_url(product),
        "altText": product.title,
        "width": 640,
        "height": 640,
    }


def _product(paper: Stationery) -> dict[str, Resolver]:
    def url(product: models.Product, _a: Any, _c: Any) -> str:
        return f"{paper.shop_url}/products/{product.handle}"

    def image(product: models.Product, _a: Any, _c: Any) -> dict[str, Any]:
        return _image(paper, product)

    return {
        "id": gid_of_kind("Product"),
        "legacyResourceId": legacy_id,
        **times("created_at", "updated_at"),
        "publishedAt": time_of("created_at"),
        "onlineStoreUrl": url,
        "onlineStorePreviewUrl": url,
        "descriptionHtml": attribute("description"),
        "tracksInventory": YES,
        "totalInventory": lambda product, _a, _c: sum(v.inventory_quantity for v in product.variants),
        "featuredMedia": lambda product, _a, c: {
            "id": gid("MediaImage", product.id + 5),
            "alt": product.title,
            "__typename": "MediaImage",
            "mediaContentType": "IMAGE",
            "image": image(product, None, c),
            "preview": {"image": image(product, None, c), "status": "READY"},
        },
        "featuredImage": image,
        "priceRangeV2": lambda product, _a, _c: {
            name: {"amount": decimal(pick(v.price for v in product.variants)), "currencyCode": "USD"}
            for name, pick in (("minVariantPrice", min), ("maxVariantPrice", max))
        },
        "variantsCount": lambda product, _a, _c: {"count": len(product.variants), "precision": "EXACT"},
    }


def _variant(paper: Stationery) -> dict[str, Resolver]:
    return {
        "id": gid_of_kind("ProductVariant"),
        "legacyResourceId": legacy_id,
        "updatedAt": time_of("updated_at"),
        "createdAt": lambda variant, _a, _c: iso(variant.product.created_at),
        "displayName": lambda variant, _a, _c: f"{variant.product.title} - {variant.title}",
        "price": lambda variant, _a, _c: decimal(variant.price),
        "compareAtPrice": lambda variant, _a, _c: (
            decimal(variant.compare_at_price) if variant.compare_at_price else None
        ),
        "availableForSale": lambda variant, _a, _c: variant.inventory_quantity > 0,
        "inventoryPolicy": constant("DENY"),
        "barcode": constant(None),
        "taxable": YES,
        "image": lambda variant, _a, _c: _image(paper, variant.product),
        "selectedOptions": lambda variant, _a, _c: [{"name": "Size", "value": variant.title}],
        "inventoryItem": lambda variant, _a, _c: {
            "id": gid("InventoryItem", variant.inventory_item_id),
            "legacyResourceId": str(variant.inventory_item_id),
            "sku": variant.sku,
            "tracked": not variant.product.is_gift_card,
            "requiresShipping": bool(variant.grams),
        },
    }


def _order(paper: Stationery) -> dict[str, Resolver]:
    return {
        "id": gid_of_kind("Order"),
        "legacyResourceId": legacy_id,
        **times("created_at", "processed_at", "updated_at", "cancelled_at", "closed_at"),
        "cancelReason": lambda order, _a, _c: order.cancel_reason.upper() if order.cancel_reason else None,
        "closed": lambda order, _a, _c: order.closed_at is not None,
        "confirmed": YES,
        "currencyCode": constant("USD"),
        "presentmentCurrencyCode": attribute("presentment_currency"),
        "displayFinancialStatus": lambda order, _a, _c: order.financial_status.upper(),
        "displayFulfillmentStatus": lambda order, _a, _c: (order.fulfilment_status or "unfulfilled").upper(),
        "returnStatus": constant("NO_RETURN"),
        "customerLocale": attribute("locale"),
        "customerAcceptsMarketing": lambda order, _a, _c: bool(order.customer and order.customer.email_consent.given),
        "sourceIdentifier": constant(None),
        "registeredSourceUrl": constant(None),
        "discountCode": constant(None),
        "discountCodes": constant([]),
        "note": constant(None),
        "customAttributes": constant([]),
        "totalPriceSet": _order_money(lambda order: order.total),
        "currentTotalPriceSet": _order_money(lambda order: 0 if order.cancelled_at else order.total - order.refunded),
        "subtotalPriceSet": _order_money(lambda order: order.subtotal),
        "currentSubtotalPriceSet": _order_money(lambda order: max(0, order.subtotal - order.refunded)),
        "totalRefundedSet": _order_money(lambda order: order.refunded),
        "totalDiscountsSet": _order_money(lambda _: 0),
        "totalShippingPriceSet": _order_money(lambda order: order.shipping),
        "totalTaxSet": _order_money(lambda order: order.tax),
        "netPaymentSet": _order_money(lambda order: order.total - order.refunded),
        "statusPageUrl": lambda order, _a, _c: f"{paper.shop_url}/orders/{order.token}/authenticate",
        "confirmationNumber": lambda order, _a, _c: order.token[:9].upper(),
        "shippingAddress": attribute("address"),
        "billingAddress": attribute("address"),
        "requiresShipping": lambda order, _a, _c: any(line.variant.grams for line in order.lines),
        "fullyPaid": YES,
        "unpaid": NO,
        "capturable": NO,
        "customerJourneySummary": lambda order, _a, _c: (
            {
                "customerOrderIndex": order.customer.orders.index(order),
                "daysToConversion": 0,
                "ready": True,
                "firstVisit": None,
                "lastVisit": None,
            }
            if order.customer
            else None
        ),
        "fulfillments": lambda order, a, _c: _limited(order.fulfilments, a),
        "refunds": lambda order, a, _c: _limited(order.refunds, a),
        "currentSubtotalLineItemsQuantity": lambda order, _a, _c: sum(line.current_quantity for line in order.lines),
        "subtotalLineItemsQuantity": lambda order, _a, _c: sum(line.quantity for line in order.lines),
        "app": constant(None),
    }


def _line(paper: Stationery) -> dict[str, Resolver]:
    """What lines of orders and of checkouts have in common."""
    return {
        "title": lambda row, _a, _c: row.line.variant.product.title,
        "name": lambda row, _a, _c: f"{row.line.variant.product.title} - {row.line.variant.title}",
        "variantTitle": lambda row, _a, _c: row.line.variant.title,
        "sku": lambda row, _a, _c: row.line.variant.sku,
        "quantity": lambda row, _a, _c: row.line.quantity,
        "customAttributes": constant([]),
        "image": lambda row, _a, _c: _image(paper, row.line.variant.product),
        "product": lambda row, _a, _c: row.line.variant.product,
        "variant": lambda row, _a, _c: row.line.variant,
    }


def _order_line(paper: Stationery) -> dict[str, Resolver]:
    def unit(row: OrderLine, _a: Any, _c: Any) -> Money:
        return Money(row.line.price, row.order.presentment_currency)

    def total(row: OrderLine, _a: Any, _c: Any) -> Money:
        return Money(row.line.total, row.order.presentment_currency)

    return {
        **_line(paper),
        "id": lambda row, _a, _c: gid("LineItem", row.line.id),
        "vendor": lambda row, _a, _c: row.line.variant.product.vendor,
        "currentQuantity": lambda row, _a, _c: row.line.current_quantity,
        "refundableQuantity": lambda row, _a, _c: row.line.current_quantity,
        "unfulfilledQuantity": lambda row, _a, _c: 0 if row.order.fulfilments else row.line.current_quantity,
        "requiresShipping": lambda row, _a, _c: bool(row.line.variant.grams),
        "isGiftCard": lambda row, _a, _c: row.line.variant.product.is_gift_card,
        "taxable": YES,
        "discountedUnitPriceSet": unit,
        "discountedUnitPriceAfterAllDiscountsSet": unit,
        "originalUnitPriceSet": unit,
        "originalTotalSet": total,
        "discountedTotalSet": total,
        "sellingPlan": constant(None),
        "totalDiscountSet": lambda row, _a, _c: Money(0, row.order.presentment_currency),
    }


def _checkout_line(paper: Stationery) -> dict[str, Resolver]:
    def unit(row: CheckoutLine, _a: Any, _c: Any) -> Money:
        return Money(row.line.price, row.currency)

    def total(row: CheckoutLine, _a: Any, _c: Any) -> Money:
        return Money(row.line.total, row.currency)

    return {
        **_line(paper),
        "id": lambda row, _a, _c: gid("AbandonedCheckoutLineItem", row.line.id),
        "discountedTotalPriceSet": total,
        "originalTotalPriceSet": total,
        "discountedUnitPriceSet": unit,
        "originalUnitPriceSet": unit,
    }


def _checkout(store: Store, paper: Stationery) -> dict[str, Resolver]:
    def total(visit: models.Checkout, _a: Any, _c: Any) -> Money:
        return Money(visit.subtotal)

    return {
        "id": gid_of_kind("AbandonedCheckout"),
        "name": lambda visit, _a, _c: f"#{visit.id}",
        **times("created_at", "updated_at", "completed_at"),
        "abandonedCheckoutUrl": lambda visit, _a, _c: paper.recovery_url(visit),
        "discountCodes": constant([]),
        "note": constant(""),
        "taxesIncluded": NO,
        "totalPriceSet": total,
        "subtotalPriceSet": total,
        "totalLineItemsPriceSet": total,
        "totalTaxSet": lambda _v, _a, _c: Money(0),
        "totalDiscountSet": lambda _v, _a, _c: Money(0),
        "customAttributes": constant([]),
        "shippingAddress": attribute("address"),
        "billingAddress": attribute("address"),
        "customer": lambda visit, _a, _c: store.customers.get(visit.customer.id) if visit.customer else None,
    }


def _fulfilment(paper: Stationery) -> dict[str, Resolver]:
    return {
        "id": gid_of_kind("Fulfillment"),
        "legacyResourceId": legacy_id,
        **times("created_at", "updated_at"),
        "status": lambda parcel, _a, _c: parcel.status.upper(),
        "displayStatus": lambda parcel, _a, _c: (shipment_status(parcel) or "fulfilled").upper(),
        "inTransitAt": lambda parcel, _a, _c: iso_or_none(parcel.happened("in_transit")),
        "deliveredAt": lambda parcel, _a, _c: iso_or_none(parcel.happened("delivered")),
        "estimatedDeliveryAt": constant(None),
        "requiresShipping": YES,
        "trackingInfo": lambda parcel, _a, _c: [
            {
                "company": parcel.tracking_company,
                "number": parcel.tracking_number,
                "url": f"{paper.shop_url}/track/{parcel.tracking_number}",
            }
        ],
        "totalQuantity": lambda parcel, _a, _c: sum(line.quantity for line in parcel.order.lines),
    }
