"""Bodies of what happens after paying: orders, parcels, carrier reports, refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.ids import gid
from simulator.shopify.payloads import Json, Stationery, address, customer, decimal

if TYPE_CHECKING:
    from simulator.store.models import Fulfilment, FulfilmentEvent, Line, Order, Refund

LOCATION_ID = 75_548_380_009


def order(purchase: Order, paper: Stationery) -> Json:
    """orders/*: everything about the order as it is now."""
    home = address(purchase.address)
    left = purchase.total - purchase.refunded if not purchase.cancelled_at else 0
    who = purchase.customer
    return {
        "id": purchase.id,
        "admin_graphql_api_id": gid("Order", purchase.id),
        "app_id": 580111,
        "browser_ip": None,
        "buyer_accepts_marketing": bool(who and who.email_consent.given),
        "cancel_reason": purchase.cancel_reason,
        "cancelled_at": paper.stamp(purchase.cancelled_at),
        "cart_token": purchase.cart_token,
        "checkout_token": purchase.checkout_token,
        "client_details": None,
        "closed_at": paper.stamp(purchase.closed_at),
        "confirmation_number": purchase.token[:9].upper(),
        "confirmed": True,
        "contact_email": purchase.email,
        "created_at": paper.stamp(purchase.created_at),
        "currency": paper.identity.currency,
        "customer_locale": purchase.locale,
        "device_id": None,
        "discount_codes": [],
        "duties_included": False,
        "email": purchase.email,
        "estimated_taxes": False,
        "financial_status": purchase.financial_status,
        "fulfillment_status": purchase.fulfilment_status,
        "landing_site": "/",
        "landing_site_ref": None,
        "location_id": LOCATION_ID if purchase.source_name == "pos" else None,
        "name": purchase.name,
        "note": None,
        "note_attributes": [],
        "number": purchase.number - 1000,
        "order_number": purchase.number,
        "order_status_url": f"{paper.shop_url}/orders/{purchase.token}/authenticate",
        "payment_gateway_names": ["shopify_payments"],
        "phone": purchase.phone,
        "po_number": None,
        "presentment_currency": purchase.presentment_currency,
        "processed_at": paper.stamp(purchase.processed_at),
        "reference": None,
        "referring_site": None,
        "source_identifier": None,
        "source_name": purchase.source_name,
        "source_url": None,
        "tags": ", ".join(purchase.tags),
        "tax_exempt": False,
        "tax_lines": [],
        "taxes_included": False,
        "test": purchase.test,
        "token": purchase.token,
        "total_outstanding": "0.00",
        "total_weight": sum(line.variant.grams * line.quantity for line in purchase.lines),
        "updated_at": paper.stamp(purchase.updated_at),
        "user_id": None,
        **_totals(purchase, paper, left),
        "billing_address": home,
        "shipping_address": home,
        "customer": customer(who, paper) if who else None,
        "discount_applications": [],
        "fulfillments": [fulfilment(parcel, paper) for parcel in purchase.fulfilments],
        "line_items": [line_item(line, purchase, paper) for line in purchase.lines],
        "payment_terms": None,
        "refunds": [refund(back, purchase, paper) for back in purchase.refunds],
        "shipping_lines": [_shipping_line(purchase, paper)] if purchase.source_name == "web" else [],
        "returns": [],
        "line_item_groups": [],
    }


def _totals(purchase: Order, paper: Stationery, left: int) -> Json:
    """Every sum twice: as a string and as a pair of currencies."""
    sums = {
        "current_subtotal_price": min(left, purchase.subtotal),
        "current_total_price": left,
        "current_total_discounts": 0,
        "current_total_tax": purchase.tax,
        "subtotal_price": purchase.subtotal,
        "total_discounts": 0,
        "total_line_items_price": purchase.subtotal,
        "total_price": purchase.total,
        "total_tax": purchase.tax,
        "total_tip_received": 0,
    }
    body: Json = {name: decimal(cents) for name, cents in sums.items()}
    sums["total_shipping_price"] = purchase.shipping
    body |= {
        f"{name}_set": paper.money_set(cents, purchase.presentment_currency)
        for name, cents in sums.items()
        if name != "total_tip_received"
    }
    return body


def _shipping_line(purchase: Order, paper: Stationery) -> Json:
    both = paper.money_set(purchase.shipping, purchase.presentment_currency)
    return {
        "id": purchase.id + 7,
        "carrier_identifier": None,
        "code": "Standard",
        "current_discounted_price_set": both,
        "discounted_price": decimal(purchase.shipping),
        "discounted_price_set": both,
        "is_removed": False,
        "phone": None,
        "price": decimal(purchase.shipping),
        "price_set": both,
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "title": "Standard",
        "tax_lines": [],
        "discount_allocations": [],
    }


def line_item(line: Line, purchase: Order, paper: Stationery) -> Json:
    """One line of an order, parcel or refund."""
    variant = line.variant
    return {
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "current_quantity": line.current_quantity,
        "fulfillable_quantity": 0 if purchase.fulfilments else line.current_quantity,
        "fulfillment_service": "manual",
        "fulfillment_status": purchase.fulfilment_status,
        "gift_card": variant.product.is_gift_card,
        "grams": variant.grams,
        "name": f"{variant.product.title} - {variant.title}",
        "price": decimal(line.price),
        "price_set": paper.money_set(line.price, purchase.presentment_currency),
        "product_exists": True,
        "product_id": variant.product.id,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": bool(variant.grams),
        "sales_line_item_group_id": None,
        "sku": variant.sku,
        "taxable": True,
        "title": variant.product.title,
        "total_discount": "0.00",
        "total_discount_set": paper.money_set(0, purchase.presentment_currency),
        "variant_id": variant.id,
        "variant_inventory_management": "shopify",
        "variant_title": variant.title,
        "vendor": variant.product.vendor,
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [],
    }


def shipment_status(parcel: Fulfilment) -> str | None:
    """The carrier's last word."""
    return parcel.events[-1].status if parcel.events else None


def fulfilment(parcel: Fulfilment, paper: Stationery) -> Json:
    """fulfillments/*."""
    purchase = parcel.order
    url = f"{paper.shop_url}/track/{parcel.tracking_number}"
    return {
        "id": parcel.id,
        "order_id": purchase.id,
        "status": parcel.status,
        "created_at": paper.stamp(parcel.created_at),
        "service": "manual",
        "updated_at": paper.stamp(parcel.updated_at),
        "tracking_company": parcel.tracking_company,
        "shipment_status": shipment_status(parcel),
        "location_id": LOCATION_ID,
        "origin_address": None,
        "email": purchase.email,
        "destination": address(purchase.address),
        "line_items": [line_item(line, purchase, paper) for line in purchase.lines],
        "tracking_number": parcel.tracking_number,
        "tracking_numbers": [parcel.tracking_number],
        "tracking_url": url,
        "tracking_urls": [url],
        "receipt": {},
        "name": parcel.name,
        "admin_graphql_api_id": gid("Fulfillment", parcel.id),
    }


def fulfilment_event(parcel: Fulfilment, event: FulfilmentEvent, paper: Stationery) -> Json:
    """fulfillment_events/create."""
    home = parcel.order.address
    return {
        "id": event.id,
        "fulfillment_id": parcel.id,
        "status": event.status,
        "message": event.status.replace("_", " ").capitalize(),
        "happened_at": paper.stamp(event.happened_at),
        "city": home.city if home else None,
        "province": (home.province_code or None) if home else None,
        "country": home.country_code if home else None,
        "zip": home.zip if home else None,
        "address1": None,
        "latitude": None,
        "longitude": None,
        "shop_id": paper.identity.id,
        "created_at": paper.stamp(event.created_at),
        "updated_at": paper.stamp(event.created_at),
        "estimated_delivery_at": None,
        "order_id": parcel.order.id,
        "admin_graphql_api_id": gid("FulfillmentEvent", event.id),
    }


def refund(back: Refund, purchase: Order, paper: Stationery) -> Json:
    """refunds/create."""
    return {
        "id": back.id,
        "order_id": purchase.id,
        "created_at": paper.stamp(back.created_at),
        "note": back.note,
        "user_id": None,
        "processed_at": paper.stamp(back.created_at),
        "duties": [],
        "total_duties_set": paper.money_set(0, purchase.presentment_currency),
        "return": None,
        "refund_shipping_lines": [],
        "restock": True,
        "admin_graphql_api_id": gid("Refund", back.id),
        "order_adjustments": [],
        "refund_line_items": [
            {
                "id": line.id + 3,
                "quantity": quantity,
                "line_item_id": line.id,
                "location_id": LOCATION_ID,
                "restock_type": "return",
                "subtotal": line.price * quantity / 100,
                "total_tax": 0,
                "subtotal_set": paper.money_set(line.price * quantity, purchase.presentment_currency),
                "total_tax_set": paper.money_set(0, purchase.presentment_currency),
                "line_item": line_item(line, purchase, paper),
            }
            for line, quantity in back.lines
        ],
        "transactions": [
            {
                "id": back.transaction_id,
                "order_id": purchase.id,
                "kind": "refund",
                "gateway": "shopify_payments",
                "status": "success",
                "message": None,
                "created_at": paper.stamp(back.created_at),
                "test": purchase.test,
                "authorization": None,
                "location_id": None,
                "user_id": None,
                "parent_id": None,
                "processed_at": paper.stamp(back.created_at),
                "device_id": None,
                "error_code": None,
                "source_name": "web",
                "receipt": {},
                "amount": decimal(back.amount),
                "currency": paper.identity.currency,
                "admin_graphql_api_id": gid("OrderTransaction", back.transaction_id),
            }
        ],
    }
