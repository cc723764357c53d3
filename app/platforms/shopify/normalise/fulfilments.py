"""Parcels: made, under way, delivered. What a payload doesn't tell is None and takes nothing back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.platforms.base import Ignored
from app.platforms.events import Fact, FulfilmentChanged
from app.platforms.shopify.normalise.reading import Json, Unfit, child, children, country_code, instant, needed_id

if TYPE_CHECKING:
    from app.platforms.shopify.normalise.delivery import Delivery

UNSENT = frozenset({"pending", "open", "cancelled", "error", "failure"})
DELIVERED = frozenset({"delivered", "picked_up"})
UNDER_WAY = frozenset({"confirmed", "carrier_picked_up", "in_transit", "out_for_delivery", "attempted_delivery"})
CANCELLED_RANK, DELIVERED_RANK, SENT_RANK = 3, 2, 1


def fulfilment_changed(delivery: Delivery) -> tuple[Fact, ...]:
    """A parcel's present state."""
    return (_fulfilment(delivery, delivery.data, needed_id(delivery.data, "order_id")),)


def within_order(delivery: Delivery, order_id: str) -> list[Fact]:
    """The parcels told along with their order; one that can't be read is left to its own topic."""
    found: list[Fact] = []
    for each in children(delivery.data, "fulfillments"):
        try:
            found.append(_fulfilment(delivery, each, order_id))
        except Unfit:
            continue
    return found


def rank(*, cancelled: bool, delivered: bool, shipped: bool) -> int:
    """How far along a parcel is: of two states of one instant the further one is the later one."""
    if cancelled:
        return CANCELLED_RANK
    return DELIVERED_RANK if delivered else SENT_RANK if shipped else 0


def _fulfilment(delivery: Delivery, data: Json, order_id: str) -> FulfilmentChanged:
    status = data.get("status")
    created_at = instant(data.get("created_at"))
    updated_at = instant(data.get("updated_at")) or created_at
    cancelled = status == "cancelled"
    delivered = data.get("shipment_status") in DELIVERED if isinstance(data.get("shipment_status"), str) else False
    shipped = not (isinstance(status, str) and status in UNSENT)
    version = delivery.version(updated_at, rank(cancelled=cancelled, delivered=delivered, shipped=shipped))
    return FulfilmentChanged(
        fulfilment_id=needed_id(data, "id"),
        order_id=order_id,
        version=version,
        shipped_at=(created_at or version.at) if shipped else None,
        delivered_at=version.at if delivered and not cancelled else None,
        cancelled=cancelled,
        country=country_code(child(data.get("destination")).get("country_code")),
    )


def event_created(delivery: Delivery) -> tuple[Fact, ...] | Ignored:
    """A carrier's scan. Only being under way or delivered matters to anybody we write to."""
    data = delivery.data
    status = data.get("status")
    if not isinstance(status, str):
        raise Unfit("bad_field:status" if "status" in data else "missing_field:status")
    delivered = status in DELIVERED
    if not delivered and status not in UNDER_WAY:
        return Ignored("parcel_not_moving")
    version = delivery.version_by(
        "happened_at", "updated_at", "created_at", rank=DELIVERED_RANK if delivered else SENT_RANK
    )
    return (
        FulfilmentChanged(
            fulfilment_id=needed_id(data, "fulfillment_id"),
            order_id=needed_id(data, "order_id"),
            version=version,
            shipped_at=version.at,
            delivered_at=version.at if delivered else None,
            country=country_code(data.get("country")),
        ),
    )
