"""Orders, with the parcels and refunds an order's payload carries along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.content.money import minor_digits
from app.platforms.events import Fact, OrderChanged, OrderChannel, OrderDeleted, Payment
from app.platforms.shopify.normalise import fulfilments, lines, people, refunds
from app.platforms.shopify.normalise.money import needed_currency, needed_minor
from app.platforms.shopify.normalise.reading import Json, children, instant, link, needed_id, text, token

if TYPE_CHECKING:
    from datetime import datetime

    from app.platforms.shopify.normalise.delivery import Delivery

PAYMENT_RANK = {
    Payment.PENDING: 0,
    Payment.AUTHORIZED: 1,
    Payment.PARTIALLY_PAID: 2,
    Payment.PAID: 3,
    Payment.PARTIALLY_REFUNDED: 4,
    Payment.REFUNDED: 5,
    Payment.VOIDED: 6,
}
CANCELLED_RANK = 9
_PAYMENTS = {each.value: each for each in Payment} | {"expired": Payment.VOIDED}
_CHANNELS = {
    "web": OrderChannel.ONLINE,
    "580111": OrderChannel.ONLINE,  # the Online Store channel's own app id
    "shop_app": OrderChannel.ONLINE,
    "subscription_contract_checkout_one": OrderChannel.ONLINE,
    "pos": OrderChannel.POINT_OF_SALE,
    "129785": OrderChannel.POINT_OF_SALE,  # Point of Sale's app id
    "iphone": OrderChannel.POINT_OF_SALE,  # Point of Sale's name in old payloads
    "android": OrderChannel.POINT_OF_SALE,
    "shopify_draft_order": OrderChannel.DRAFT,
    "1354745": OrderChannel.DRAFT,  # Draft Orders' app id
}


def payment(value: object) -> Payment:
    """How far an order is paid; what Shopify leaves out or names anew counts as not yet."""
    return _PAYMENTS.get(value.lower(), Payment.PENDING) if isinstance(value, str) else Payment.PENDING


def channel(value: object, checkout_token: str | None) -> OrderChannel:
    """Where an order was made; one without a source but with a checkout was made online."""
    if not isinstance(value, str) or not value:
        return OrderChannel.ONLINE if checkout_token else OrderChannel.OTHER
    return _CHANNELS.get(value.lower(), OrderChannel.OTHER)


def rank(paid: Payment, cancelled_at: datetime | None, *, fulfilled: bool) -> int:
    """How far along an order is: of two states of one instant the further one is the later one."""
    return (CANCELLED_RANK if cancelled_at else PAYMENT_RANK[paid]) * 10 + fulfilled


def order_changed(delivery: Delivery) -> tuple[Fact, ...]:
    """The order's present state, then its parcels and refunds as facts of their own, in case theirs got lost."""
    data = delivery.data
    order_id = needed_id(data, "id")
    code = needed_currency(data.get("currency"))
    decimals = minor_digits(code)
    total = data.get("current_total_price")
    cancelled_at = instant(data.get("cancelled_at"))
    paid = payment(data.get("financial_status"))
    fulfilled = data.get("fulfillment_status") == "fulfilled"
    version = delivery.version_by(
        "updated_at", "processed_at", "created_at", rank=rank(paid, cancelled_at, fulfilled=fulfilled)
    )
    person = people.of_purchase(data)
    checkout_token = token(data, "checkout_token")
    order = OrderChanged(
        order_id=order_id,
        version=version,
        name=text(data.get("name")),
        placed_at=instant(data.get("processed_at")) or instant(data.get("created_at")) or version.at,
        currency=code,
        total=needed_minor(data.get("total_price") if total is None else total, decimals, "current_total_price"),
        lines=lines.of_order(data, decimals),
        person=person,
        payment=paid,
        channel=channel(data.get("source_name"), checkout_token),
        is_test=data.get("test") is True,
        cancelled_at=cancelled_at,
        cart_token=token(data, "cart_token"),
        checkout_token=checkout_token,
        refunded=_refunded(data, code, decimals),
        fulfilled=fulfilled,
        status_url=link(data.get("order_status_url")),
        accepts_email=data.get("buyer_accepts_marketing") is True,
        locale=person.locale,
        discount_codes=_codes(data),
    )
    return (order, *fulfilments.within_order(delivery, order_id), *refunds.within_order(delivery, order_id, code))


def _refunded(data: Json, code: str, decimals: int) -> int | None:
    """What was given back so far; None when the payload has no list of refunds or counts in another currency."""
    if data.get("refunds") is None:
        return None
    amounts = [refunds.paid_back(each, code, decimals) for each in children(data, "refunds")]
    told = [each for each in amounts if each is not None]
    return sum(told) if len(told) == len(amounts) else None


def _codes(data: Json) -> tuple[str, ...]:
    codes = data.get("discount_codes")
    if codes.__class__ is not list or not codes:
        return ()
    found = (text(each.get("code") if each.__class__ is dict else each) for each in codes[:50])
    return tuple(each for each in found if each)


def order_deleted(delivery: Delivery) -> tuple[Fact, ...]:
    """The merchant removed the order."""
    return (OrderDeleted(order_id=needed_id(delivery.data, "id"), version=delivery.version(None)),)
