"""Carts and checkouts. A checkout is known by its token; since 2026-04 it has no id in what Shopify tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.content.money import minor_digits
from app.platforms.events import CartChanged, CheckoutChanged, CheckoutDeleted, Fact
from app.platforms.shopify.normalise import lines, people
from app.platforms.shopify.normalise.money import currency, minor, needed_currency, needed_minor
from app.platforms.shopify.normalise.reading import Json, Unfit, child, children, instant, link, token

if TYPE_CHECKING:
    from app.platforms.shopify.normalise.delivery import Delivery


def cart_changed(delivery: Delivery) -> tuple[Fact, ...]:
    """A cart; its currency stands only in its lines' price sets, and an empty cart tells none."""
    data = delivery.data
    key = token(data, "token") or token(data, "id")
    if key is None:
        raise Unfit("missing_field:token")
    code = _cart_currency(data)
    return (
        CartChanged(
            token=key,
            version=delivery.version_by("updated_at", "created_at"),
            lines=lines.of_cart(data, minor_digits(code or delivery.shop_currency)),
            currency=code,
            created_at=instant(data.get("created_at")),
        ),
    )


def _cart_currency(data: Json) -> str | None:
    """The currency of the line's plain prices: the shop's."""
    for line in children(data, "line_items"):
        for name in ("price_set", "original_price_set", "discounted_price_set"):
            code = currency(child(child(line.get(name)).get("shop_money")).get("currency_code"))
            if code:
                return code
    return None


def checkout_changed(delivery: Delivery) -> tuple[Fact, ...]:
    """A checkout, often before the shopper has said who they are."""
    data = delivery.data
    key = token(data, "token")
    if key is None:
        raise Unfit("missing_field:token")
    code = needed_currency(data.get("currency"))
    decimals = minor_digits(code)
    completed_at = instant(data.get("completed_at"))
    version = delivery.version_by("updated_at", "created_at", rank=1 if completed_at else 0)
    person = people.of_purchase(data)
    return (
        CheckoutChanged(
            token=key,
            version=version,
            created_at=instant(data.get("created_at")) or version.at,
            currency=code,
            total=needed_minor(data.get("total_price"), decimals, "total_price"),
            lines=lines.of_checkout(data, decimals),
            person=person,
            cart_token=token(data, "cart_token"),
            recovery_url=link(data.get("abandoned_checkout_url")),
            completed_at=completed_at,
            subtotal=minor(data.get("subtotal_price"), decimals, "subtotal_price") or 0,
            accepts_email=data.get("buyer_accepts_marketing") is True,
            accepts_sms=data.get("buyer_accepts_sms_marketing") is True,
            sms_phone=people.phone(data.get("sms_marketing_phone"), person.country),
            locale=person.locale,
        ),
    )


def checkout_deleted(delivery: Delivery) -> tuple[Fact, ...]:
    """A checkout that is gone; Shopify names it by its cart."""
    key, cart = token(delivery.data, "token"), token(delivery.data, "cart_token")
    if key is None and cart is None:
        raise Unfit("missing_field:cart_token")
    return (CheckoutDeleted(version=delivery.version(None), token=key, cart_token=cart),)
