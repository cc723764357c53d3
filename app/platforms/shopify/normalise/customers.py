"""Customers' records: changed, deleted, merged, tagged. Their consent has topics of its own since 2025-01."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.platforms.base import Ignored
from app.platforms.events import CustomerChanged, CustomerDeleted, CustomersMerged, Fact, TagsChanged
from app.platforms.shopify.normalise import consent, people
from app.platforms.shopify.normalise.reading import instant, labels, needed_id

if TYPE_CHECKING:
    from app.platforms.shopify.normalise.delivery import Delivery

MERGED = frozenset({"completed", "success", "succeeded"})
"""The documentation shows only a failed merge; each of these would be a finished one."""


def customer_changed(delivery: Delivery) -> tuple[Fact, ...]:
    """A customer, and from payloads of before 2025-01 what they said about marketing and when."""
    data = delivery.data
    person = people.of_customer(data, needed_id(data, "id"))
    changed = CustomerChanged(
        person=person,
        version=delivery.version_by("updated_at", "created_at"),
        created_at=instant(data.get("created_at")),
        tags=labels(data["tags"]) if data.get("tags") is not None else None,
    )
    return (changed, *consent.within_customer(data, person))


def customer_deleted(delivery: Delivery) -> tuple[Fact, ...]:
    """The merchant removed the customer; the payload holds only an id."""
    return (CustomerDeleted(customer_id=needed_id(delivery.data, "id"), version=delivery.version(None)),)


def customers_merged(delivery: Delivery) -> tuple[Fact, ...] | Ignored:
    """Two records are one, once Shopify's job has finished; asked for and failed merges change nothing."""
    data = delivery.data
    status = data.get("status")
    if not isinstance(status, str) or status.lower() not in MERGED:
        return Ignored("merge_not_completed")
    return (
        CustomersMerged(
            kept_id=needed_id(data, "admin_graphql_api_customer_kept_id"),
            removed_id=needed_id(data, "admin_graphql_api_customer_deleted_id"),
            version=delivery.version(None),
        ),
    )


def tags_added(delivery: Delivery) -> tuple[Fact, ...]:
    """Tags were put on a customer."""
    return (
        TagsChanged(
            customer_id=needed_id(delivery.data, "customerId"),
            version=delivery.version_by("occurredAt"),
            added=labels(delivery.data.get("tags")),
        ),
    )


def tags_removed(delivery: Delivery) -> tuple[Fact, ...]:
    """Tags were taken off a customer."""
    return (
        TagsChanged(
            customer_id=needed_id(delivery.data, "customerId"),
            version=delivery.version_by("occurredAt"),
            removed=labels(delivery.data.get("tags")),
        ),
    )
