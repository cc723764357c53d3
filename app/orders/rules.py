"""What the words mean: when an order counts, what a basket is worth, what a journey may be about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class OrderLike(Protocol):
    """An order, as far as these rules look at it."""

    placed_at: datetime | None
    cancelled_at: datetime | None
    deleted_at: datetime | None
    is_test: bool
    channel: str
    payment: str
    total: int
    refunded: int
    lines: Sequence[dict[str, Any]]


def why_not_a_purchase(order: OrderLike) -> str | None:
    """None when the order is one that a customer made and kept; else the reason why it isn't."""
    if order.placed_at is None:
        return "order_not_seen_yet"
    if order.is_test:
        return "test_order"
    if order.deleted_at is not None:
        return "order_deleted"
    if order.cancelled_at is not None or order.payment == "voided":
        return "order_cancelled"
    if order.payment == "refunded":
        return "order_refunded"
    return None


def only_gift_cards(lines: Sequence[dict[str, Any]]) -> bool:
    """A gift card isn't delivered, used up or reviewed."""
    return bool(lines) and all(line["is_gift_card"] for line in lines)
