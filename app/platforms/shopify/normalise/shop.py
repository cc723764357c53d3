"""The shop itself, the app's place in it, and requests about privacy."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.platforms.base import Ignored
from app.platforms.events import (
    AppUninstalled,
    Fact,
    ImportFinished,
    Person,
    PrivacyKind,
    PrivacyRequested,
    ScopesChanged,
    ShopChanged,
)
from app.platforms.shopify.normalise import people
from app.platforms.shopify.normalise.money import currency
from app.platforms.shopify.normalise.reading import (
    Unfit,
    child,
    country_code,
    identifier,
    labels,
    needed_id,
    text,
    word,
)

if TYPE_CHECKING:
    from app.platforms.shopify.normalise.delivery import Delivery

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+")


def shop_changed(delivery: Delivery) -> tuple[Fact, ...]:
    """The shop's own record."""
    data = delivery.data
    host = data.get("domain")
    return (
        ShopChanged(
            version=delivery.version_by("updated_at"),
            name=word(data.get("name")),
            email=people.email(data.get("customer_email")) or people.email(data.get("email")),
            currency=currency(data.get("currency")),
            timezone=timezone(data.get("iana_timezone")),
            country=country_code(data.get("country_code")) or country_code(data.get("country")),
            locale=people.locale(data.get("primary_locale")),
            storefront_url=f"https://{host}" if isinstance(host, str) and _HOST.fullmatch(host) else None,
            address=postal_address(
                data.get("address1"),
                data.get("address2"),
                data.get("zip"),
                data.get("city"),
                data.get("province"),
                data.get("country_name") or data.get("country"),
            ),
        ),
    )


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def timezone(value: Any) -> str | None:
    """An IANA zone that this machine knows, or None."""
    return value if isinstance(value, str) and len(value) <= 64 and _is_zone(value) else None  # noqa: PLR2004 - longest


def postal_address(*parts: Any) -> str | None:
    """Street, second line, postal code, city, province and country on one line, as a mail's footer must show it."""
    street, second, code, city, province, country = (text(part) for part in parts)
    place = f"{code} {city}".strip()
    return ", ".join(part for part in (street, second, place, province, country) if part) or None


def app_uninstalled(delivery: Delivery) -> tuple[Fact, ...]:
    """The app was removed; the payload's own times are the shop's, so the envelope's counts."""
    return (AppUninstalled(version=delivery.version(None)),)


def scopes_changed(delivery: Delivery) -> tuple[Fact, ...]:
    """What the app may now do."""
    if not isinstance(delivery.data.get("current"), list):
        raise Unfit("bad_field:current" if "current" in delivery.data else "missing_field:current")
    return (ScopesChanged(scopes=labels(delivery.data["current"]), version=delivery.version_by("updated_at")),)


def import_finished(delivery: Delivery) -> tuple[Fact, ...] | Ignored:
    """A bulk export has ended. Its address must be asked for; uploads of data (mutations) are not ours."""
    data = delivery.data
    if data.get("type", "query") != "query":
        return Ignored("not_an_export")
    status = data.get("status")
    if status not in ("completed", "failed", "canceled", "cancelled", "expired"):
        raise Unfit("bad_field:status" if "status" in data else "missing_field:status")
    return (
        ImportFinished(
            export_id=needed_id(data, "admin_graphql_api_id"),
            succeeded=status == "completed",
            version=delivery.version_by("completed_at"),
        ),
    )


def data_request(delivery: Delivery) -> tuple[Fact, ...]:
    """A person asks, through the merchant, for what is known about them."""
    return _privacy(delivery, PrivacyKind.DATA_REQUEST, "orders_requested")


def customer_redact(delivery: Delivery) -> tuple[Fact, ...]:
    """A person is to be erased."""
    return _privacy(delivery, PrivacyKind.CUSTOMER_REDACT, "orders_to_redact")


def shop_redact(delivery: Delivery) -> tuple[Fact, ...]:
    """A shop is to be erased, two days after it removed the app."""
    return (PrivacyRequested(kind=PrivacyKind.SHOP_REDACT, version=delivery.version(None)),)


def _privacy(delivery: Delivery, kind: PrivacyKind, orders: str) -> tuple[Fact, ...]:
    """Who it is about, by whichever of id, email and phone is given."""
    data = delivery.data
    customer = child(data.get("customer"))
    person = Person(
        customer_id=identifier(customer.get("id")),
        email=people.email(customer.get("email")),
        phone=people.phone(customer.get("phone")),
    )
    if not person.reachable:
        raise Unfit("missing_field:customer")
    numbers = data.get(orders)
    found = (identifier(each) for each in numbers) if isinstance(numbers, list) else ()
    return (
        PrivacyRequested(
            kind=kind,
            version=delivery.version(None),
            person=person,
            order_ids=tuple(each for each in found if each),
            request_id=identifier(child(data.get("data_request")).get("id")),
        ),
    )
