"""Products and stock. A product's payload names no currency: the shop's is told from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.content.money import minor_digits
from app.platforms.base import Ignored
from app.platforms.events import Fact, ProductChanged, ProductDeleted, StockChanged, Variant
from app.platforms.shopify.normalise.money import minor
from app.platforms.shopify.normalise.reading import (
    Json,
    Unfit,
    children,
    count,
    identifier,
    image,
    labels,
    needed_id,
    text,
)

if TYPE_CHECKING:
    from app.platforms.shopify.normalise.delivery import Delivery

MOST_VARIANTS = 100
"""A webhook names no more than these in full."""
GIFT_CARD_TYPES = frozenset({"gift card", "gift cards", "gift_card", "giftcard"})


def product_changed(delivery: Delivery) -> tuple[Fact, ...]:
    """A product with its first 100 variants; the reconciliation by API brings the rest and what is really on sale."""
    data = delivery.data
    decimals = minor_digits(delivery.shop_currency)
    kind = text(data.get("product_type"))
    variants = tuple(_variant(each, decimals) for each in children(data, "variants"))
    return (
        ProductChanged(
            product_id=needed_id(data, "id"),
            version=delivery.version_by("updated_at", "created_at"),
            title=text(data.get("title")),
            handle=text(data.get("handle")),
            product_type=kind,
            vendor=text(data.get("vendor")),
            active=data.get("status", "active") == "active",
            is_gift_card=kind.lower() in GIFT_CARD_TYPES,
            image_url=_picture(data),
            tags=labels(data.get("tags")),
            variants=variants,
            variants_complete=len(variants) < MOST_VARIANTS,
        ),
    )


def _variant(data: Json, decimals: int) -> Variant:
    stock = count(data.get("inventory_quantity"))
    if "inventory_management" in data and data["inventory_management"] is None:
        stock = None  # payloads of before 2024-07 say outright that nobody counts it
    return Variant(
        variant_id=needed_id(data, "id"),
        title=text(data.get("title")),
        sku=text(data.get("sku")),
        price=minor(data.get("price"), decimals, "variants.price") or 0,
        compare_at=minor(data.get("compare_at_price"), decimals, "variants.compare_at_price"),
        stock=stock,
        stock_item_id=identifier(data.get("inventory_item_id")),
        available=stock is None or stock > 0 or data.get("inventory_policy") == "continue",
    )


def _picture(data: Json) -> str | None:
    found = image(data.get("image"))
    if found is None:
        images = data.get("images")
        if images.__class__ is list and images:
            found = image(images[0])
    return found


def product_deleted(delivery: Delivery) -> tuple[Fact, ...]:
    """The product is no longer in the catalogue."""
    return (ProductDeleted(product_id=needed_id(delivery.data, "id"), version=delivery.version(None)),)


def stock_changed(delivery: Delivery) -> tuple[Fact, ...] | Ignored:
    """How many are left at one location; null means that nobody counts them."""
    data = delivery.data
    available = data.get("available")
    if available is None:
        return Ignored("stock_not_counted")
    number = count(available)
    if number is None:
        raise Unfit("bad_field:available")
    return (
        StockChanged(
            stock_item_id=needed_id(data, "inventory_item_id"),
            location_id=needed_id(data, "location_id"),
            available=number,
            version=delivery.version_by("updated_at"),
        ),
    )
