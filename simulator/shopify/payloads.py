"""Webhook bodies in the shape of API version 2026-10.

Checkouts carry no id and orders no checkout id: they meet by token. Customers inside other bodies carry no consent,
tags or totals. Ids are larger than 2^53.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from simulator.clock import iso_millis
from simulator.ids import checkout_key, gid
from simulator.store.state import PRESENTMENT, RATES

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.store.models import Address, Cart, Checkout, Customer, Line, Product, Variant
    from simulator.store.state import ShopIdentity

Json = dict[str, Any]
API_VERSION = "2026-10"


class Stationery:
    """What a body needs to know about the shop: its zone, money and addresses."""

    def __init__(self, identity: ShopIdentity, shop_url: str) -> None:
        self.identity = identity
        self.shop_url = shop_url
        self._zone = ZoneInfo(identity.time_zone)

    def stamp(self, moment: datetime | None) -> str | None:
        """A time in the shop's own zone, to the second."""
        return moment.astimezone(self._zone).isoformat(timespec="seconds") if moment else None

    def money_set(self, cents: int, presentment: str = "USD") -> Json:
        """The same sum in the shop's currency and in the shopper's."""
        return {
            "shop_money": {"amount": decimal(cents), "currency_code": self.identity.currency},
            "presentment_money": {"amount": converted(cents, presentment), "currency_code": presentment},
        }

    def recovery_url(self, checkout: Checkout) -> str:
        """Where an abandoned checkout can be picked up again."""
        return (
            f"{self.shop_url}/{self.identity.id}/checkouts/ac/{checkout.token}/recover"
            f"?key={checkout_key(checkout.token)}&locale={checkout.locale}"
        )

    def picture_url(self, product: Product) -> str:
        """The product's picture."""
        return f"{self.shop_url}/cdn/shop/products/{product.handle}.png"


def decimal(cents: int) -> str:
    """`1234` is `"12.34"`."""
    return f"{cents // 100}.{cents % 100:02d}"


def converted(cents: int, currency: str) -> str:
    """A sum of dollars in another currency, as the shopper saw it."""
    return decimal(round(cents * RATES[currency]))


def address(home: Address | None, customer: Customer | None = None) -> Json | None:
    """A shipping or billing address, or with `customer` a customer's default one."""
    if home is None:
        return None
    body: Json = {
        "first_name": home.first_name,
        "address1": home.address1,
        "phone": home.phone,
        "city": home.city,
        "zip": home.zip,
        "province": home.province or None,
        "country": home.country,
        "last_name": home.last_name,
        "address2": None,
        "company": None,
        "latitude": None,
        "longitude": None,
        "name": f"{home.first_name} {home.last_name}",
        "country_code": home.country_code,
        "province_code": home.province_code or None,
    }
    if customer is not None:
        del body["latitude"], body["longitude"]
        body |= {"id": home.id, "customer_id": customer.id, "country_name": home.country, "default": True}
    return body


def customer(who: Customer, paper: Stationery, *, whole: bool = False) -> Json:
    """A customer inside another body, or with `whole` the body of a customers/* webhook."""
    home = address(who.address, who)
    body: Json = {
        "id": who.id,
        "created_at": paper.stamp(who.created_at),
        "updated_at": paper.stamp(who.updated_at),
        "first_name": who.first_name,
        "last_name": who.last_name,
        "state": who.state.lower(),
        "note": who.note,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": who.email,
        "phone": who.phone,
        "currency": paper.identity.currency,
        "tax_exemptions": [],
        "admin_graphql_api_id": gid("Customer", who.id),
    }
    if whole:
        body["addresses"] = [home] if home else []
    if home:
        body["default_address"] = home
    return body


def cart(basket: Cart) -> Json:
    """carts/*: nobody's name, no currency at the top, id equal to token."""
    return {
        "id": basket.token,
        "token": basket.token,
        "line_items": [_cart_line(line) for line in basket.lines],
        "note": "",
        "updated_at": iso_millis(basket.updated_at),
        "created_at": iso_millis(basket.created_at),
    }


def _cart_line(line: Line) -> Json:
    price, total = _usd(line.price), _usd(line.total)
    return {
        "id": line.variant.id,
        "properties": None,
        "quantity": line.quantity,
        "variant_id": line.variant.id,
        "key": f"{line.variant.id}:{line.key}",
        "discounted_price": decimal(line.price),
        "discounts": [],
        "gift_card": line.variant.product.is_gift_card,
        "grams": line.variant.grams,
        "line_price": decimal(line.total),
        "original_line_price": decimal(line.total),
        "original_price": decimal(line.price),
        "price": decimal(line.price),
        "product_id": line.variant.product.id,
        "sku": line.variant.sku,
        "taxable": True,
        "title": full_title(line),
        "total_discount": "0.00",
        "vendor": line.variant.product.vendor,
        "discounted_price_set": price,
        "line_price_set": total,
        "original_line_price_set": total,
        "price_set": price,
        "total_discount_set": _usd(0),
        "parent_relationship": None,
    }


def _usd(cents: int) -> Json:
    money = {"amount": decimal(cents), "currency_code": "USD"}
    return {"shop_money": money, "presentment_money": money}


def full_title(line: Line) -> str:
    """`House Blend - 250 g`."""
    return f"{line.variant.product.title} - {line.variant.title}"


def checkout(visit: Checkout, paper: Stationery) -> Json:
    """checkouts/create and checkouts/update. Before contact data, the address is an empty list."""
    currency = PRESENTMENT[visit.address.country_code] if visit.address else "USD"
    total = converted(visit.subtotal, currency)
    body: Json = {
        "token": visit.token,
        "cart_token": visit.cart_token,
        "email": visit.email,
        "gateway": None,
        "buyer_accepts_marketing": visit.accepts_email,
        "created_at": paper.stamp(visit.created_at),
        "updated_at": paper.stamp(visit.updated_at),
        "landing_site": "/",
        "note": "",
        "note_attributes": [],
        "referring_site": "",
        "shipping_lines": [],
        "taxes_included": False,
        "total_weight": sum(line.variant.grams * line.quantity for line in visit.lines),
        "currency": "USD",
        "completed_at": paper.stamp(visit.completed_at),
        "closed_at": None,
        "user_id": None,
        "location_id": None,
        "source_identifier": None,
        "source_url": None,
        "device_id": None,
        "phone": visit.phone,
        "customer_locale": visit.locale,
        "line_items": [_checkout_line(line, currency) for line in visit.lines],
        "name": f"#{visit.id}",
        "source": None,
        "abandoned_checkout_url": paper.recovery_url(visit),
        "discount_codes": [],
        "tax_lines": [],
        "source_name": "web",
        "presentment_currency": currency,
        "buyer_accepts_sms_marketing": visit.accepts_sms,
        "sms_marketing_phone": visit.phone if visit.accepts_sms else None,
        "total_discounts": "0.00",
        "total_line_items_price": total,
        "total_price": total,
        "total_tax": "0.00",
        "subtotal_price": total,
        "total_duties": None,
        "reservation_token": None,
        "shipping_address": address(visit.address) if visit.address else [],
    }
    if visit.address:
        body["billing_address"] = address(visit.address)
    if visit.customer:
        body["customer"] = customer(visit.customer, paper)
    return body


def _checkout_line(line: Line, currency: str) -> Json:
    price = converted(line.price, currency)
    return {
        "applied_discounts": [],
        "discount_allocations": [],
        "key": line.key,
        "destination_location_id": None,
        "fulfillment_service": "manual",
        "gift_card": line.variant.product.is_gift_card,
        "grams": line.variant.grams,
        "origin_location_id": None,
        "presentment_title": line.variant.product.title,
        "presentment_variant_title": line.variant.title,
        "product_id": line.variant.product.id,
        "properties": {},
        "quantity": line.quantity,
        "requires_shipping": bool(line.variant.grams),
        "sku": line.variant.sku,
        "tax_lines": [],
        "taxable": True,
        "title": line.variant.product.title,
        "variant_id": line.variant.id,
        "variant_title": line.variant.title,
        "variant_price": price,
        "vendor": line.variant.product.vendor,
        "user_id": None,
        "unit_price_measurement": dict.fromkeys(
            ("measured_type", "quantity_value", "quantity_unit", "reference_value", "reference_unit")
        ),
        "rank": None,
        "compare_at_price": None,
        "line_price": converted(line.total, currency),
        "price": price,
    }


def checkout_deleted(visit: Checkout) -> Json:
    """checkouts/delete: an id and a cart token, but no token."""
    total = decimal(visit.subtotal)
    return {
        "id": visit.id,
        "presentment_currency": "USD",
        "buyer_accepts_sms_marketing": visit.accepts_sms,
        "sms_marketing_phone": None,
        "total_discounts": "0.00",
        "total_line_items_price": total,
        "total_price": total,
        "total_tax": "0.00",
        "subtotal_price": total,
        "cart_token": visit.cart_token,
        "total_duties": None,
        "reservation_token": None,
    }


def product(item: Product, paper: Stationery) -> Json:
    """products/update: all variants and their global ids."""
    picture = {
        "id": item.id + 5,
        "product_id": item.id,
        "position": 1,
        "alt": item.title,
        "width": 640,
        "height": 640,
        "src": paper.picture_url(item),
        "variant_ids": [],
        "created_at": paper.stamp(item.created_at),
        "updated_at": paper.stamp(item.created_at),
        "admin_graphql_api_id": gid("ProductImage", item.id + 5),
    }
    return {
        "admin_graphql_api_id": gid("Product", item.id),
        "body_html": item.description,
        "created_at": paper.stamp(item.created_at),
        "handle": item.handle,
        "id": item.id,
        "product_type": item.product_type,
        "published_at": paper.stamp(item.created_at),
        "template_suffix": None,
        "title": item.title,
        "updated_at": paper.stamp(item.updated_at),
        "vendor": item.vendor,
        "status": item.status.lower(),
        "published_scope": "global",
        "tags": ", ".join(item.tags),
        "variants": [_product_variant(variant, paper) for variant in item.variants],
        "options": [
            {
                "name": "Size",
                "id": item.id + 3,
                "product_id": item.id,
                "position": 1,
                "values": [variant.title for variant in item.variants],
            }
        ],
        "images": [picture],
        "image": picture,
        "media": [],
        "variant_gids": [
            {"admin_graphql_api_id": gid("ProductVariant", variant.id), "updated_at": iso_millis(variant.updated_at)}
            for variant in item.variants
        ],
        "has_variants_that_requires_components": False,
        "category": None,
    }


def _product_variant(variant: Variant, paper: Stationery) -> Json:
    return {
        "admin_graphql_api_id": gid("ProductVariant", variant.id),
        "barcode": None,
        "compare_at_price": decimal(variant.compare_at_price) if variant.compare_at_price else None,
        "created_at": paper.stamp(variant.product.created_at),
        "id": variant.id,
        "inventory_policy": "deny",
        "position": variant.position,
        "price": decimal(variant.price),
        "product_id": variant.product.id,
        "sku": variant.sku,
        "taxable": True,
        "title": variant.title,
        "updated_at": paper.stamp(variant.updated_at),
        "option1": variant.title,
        "option2": None,
        "option3": None,
        "image_id": None,
        "inventory_item_id": variant.inventory_item_id,
        "inventory_quantity": variant.inventory_quantity,
        "old_inventory_quantity": variant.inventory_quantity,
    }
