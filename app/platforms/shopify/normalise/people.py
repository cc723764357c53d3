"""Who a payload is about: addresses that can be written to, names to greet, where they live."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import phonenumbers

from app.platforms.events import Person
from app.platforms.shopify.normalise.reading import Json, child, country_code, identifier, text, word

LONGEST_EMAIL = 254
LONGEST_PHONE = 40

_EMAIL = re.compile(
    r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}@"
    r"(?:[^\s@.<>()\[\]\\,;:\"/?#&=+%\x00-\x1f\x7f]{1,63}\.){1,10}"
    r"[^\s@.<>()\[\]\\,;:\"/?#&=+%\x00-\x1f\x7f]{2,63}"
)
_E164 = re.compile(r"\+[1-9][0-9]{7,14}")
_HAS_DIGITS = re.compile(r"(?:[^0-9]*[0-9]){6}")


def email(value: Any) -> str | None:
    """An address trimmed and in lower case; None when no mail could reach it."""
    if value.__class__ is not str:
        return None
    value = value.strip().lower()
    if not value or len(value) > LONGEST_EMAIL or ".." in value or not _EMAIL.fullmatch(value):
        return None
    return None if value[0] == "." or ".@" in value else str(value)


def phone(value: Any, country: str | None = None) -> str | None:
    """A number in E.164, read as one of `country` when it names none itself; None when it can't be one."""
    if value.__class__ is not str or not value:
        return None
    if _E164.fullmatch(value):
        return str(value)
    if len(value) > LONGEST_PHONE or not _HAS_DIGITS.match(value):
        return None
    return _parsed_phone(value, country)


@lru_cache(maxsize=16_384)
def _parsed_phone(value: str, country: str | None) -> str | None:
    """Parsing takes 50 us, many times what the rest of a person takes; the same number comes with each event."""
    try:
        number = phonenumbers.parse(value, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def of_purchase(data: Json) -> Person:
    """The person behind an order or checkout: named there, else by the customer's record.

    A phone number in a postal address may be somebody else's (a gift), so only the buyer's own counts.
    """
    customer = child(data.get("customer"))
    home = child(customer.get("default_address"))
    shipping = child(data.get("shipping_address"))
    billing = child(data.get("billing_address"))
    place = shipping or billing or home
    country = country_code(place.get("country_code"))
    named = customer if customer.get("first_name") or customer.get("last_name") else billing or shipping
    return Person(
        customer_id=identifier(customer.get("id")),
        email=email(data.get("email")) or email(data.get("contact_email")) or email(customer.get("email")),
        phone=phone(data.get("phone"), country) or phone(customer.get("phone"), country),
        first_name=text(named.get("first_name")),
        last_name=text(named.get("last_name")),
        locale=locale(data.get("customer_locale")),
        country=country,
        province=word(place.get("province_code")) or word(place.get("province")),
        city=word(place.get("city")),
        postal_code=word(place.get("zip"), 32),
    )


def of_customer(data: Json, customer_id: str) -> Person:
    """The person a customer record describes."""
    home = child(data.get("default_address"))
    country = country_code(home.get("country_code"))
    return Person(
        customer_id=customer_id,
        email=email(data.get("email")),
        phone=phone(data.get("phone"), country),
        first_name=text(data.get("first_name")),
        last_name=text(data.get("last_name")),
        locale=locale(data.get("locale")),
        country=country,
        province=word(home.get("province_code")) or word(home.get("province")),
        city=word(home.get("city")),
        postal_code=word(home.get("zip"), 32),
    )


_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


def locale(value: Any) -> str | None:
    """A language tag such as `en` or `pt-BR`, or None."""
    return value.replace("_", "-") if value.__class__ is str and _LOCALE.fullmatch(value) else None
