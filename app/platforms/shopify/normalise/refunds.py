"""Money given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.content.money import minor_digits
from app.platforms.events import Fact, RefundMade
from app.platforms.shopify.normalise.money import currency, minor
from app.platforms.shopify.normalise.reading import Json, Unfit, child, children, identifier, instant, needed_id

if TYPE_CHECKING:
    from app.platforms.shopify.normalise.delivery import Delivery


def refund_made(delivery: Delivery) -> tuple[Fact, ...]:
    """A refund on its own; it may come before its order."""
    return (_refund(delivery, delivery.data, needed_id(delivery.data, "order_id"), delivery.shop_currency),)


def within_order(delivery: Delivery, order_id: str, code: str) -> list[Fact]:
    """The refunds told along with their order; one that can't be read is left to its own topic."""
    found: list[Fact] = []
    for each in children(delivery.data, "refunds"):
        try:
            found.append(_refund(delivery, each, order_id, code))
        except Unfit:
            continue
    return found


def _refund(delivery: Delivery, data: Json, order_id: str, order_currency: str | None) -> RefundMade:
    code = _currency(data) or order_currency
    decimals = minor_digits(code)
    amount = paid_back(data, code, decimals)
    return RefundMade(
        refund_id=needed_id(data, "id"),
        order_id=order_id,
        refunded_at=instant(data.get("processed_at")) or instant(data.get("created_at")) or delivery.moment,
        amount=_goods(data, decimals) if amount is None else amount,
        currency=code,
        line_ids=_line_ids(data),
    )


def paid_back(refund: Json, code: str | None, decimals: int) -> int | None:
    """The sum of a refund's successful transactions in the shop's currency; None when another one is among them."""
    total = 0
    for each in children(refund, "transactions"):
        if each.get("kind") != "refund" or each.get("status") not in (None, "success"):
            continue
        if code and currency(each.get("currency")) not in (None, code):
            return None
        total += minor(each.get("amount"), decimals, "transactions.amount") or 0
    return total


def _goods(refund: Json, decimals: int) -> int:
    """The worth of the returned lines, which Shopify tells in the shop's currency."""
    return sum(
        (minor(each.get("subtotal"), decimals, "refund_line_items.subtotal") or 0)
        + (minor(each.get("total_tax"), decimals, "refund_line_items.total_tax") or 0)
        for each in children(refund, "refund_line_items")
    )


def _currency(refund: Json) -> str | None:
    """The shop's currency, which stands in the price sets; a transaction's own may be the shopper's."""
    for each in children(refund, "refund_line_items"):
        code = currency(child(child(each.get("subtotal_set")).get("shop_money")).get("currency_code"))
        if code:
            return code
    duties = child(child(refund.get("total_duties_set")).get("shop_money"))
    code = currency(duties.get("currency_code"))
    if code:
        return code
    return next((currency(each.get("currency")) for each in children(refund, "transactions")), None)


def _line_ids(refund: Json) -> tuple[str, ...]:
    found = (
        identifier(each.get("line_item_id")) or identifier(child(each.get("line_item")).get("id"))
        for each in children(refund, "refund_line_items")
    )
    return tuple(dict.fromkeys(each for each in found if each))
