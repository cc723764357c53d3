"""The settings as forms: what is typed becomes checked values, or a sentence beside the field. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from app.admin.words import _
from app.customers import wordings
from app.shops.accounts import ACCOUNT_SID, SERVICE_SID, SIGNING_KEY, TOKEN
from app.shops.settings import (
    CLOCK_TIME,
    COLOR,
    COUNTRIES,
    Brand,
    Limits,
    QuietHours,
    Retention,
    Sender,
    ShopSettings,
    Sunset,
    Texting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

PARTS: Final[dict[str, type[BaseModel]]] = {
    "sender": Sender,
    "quiet_hours": QuietHours,
    "limits": Limits,
    "sunset": Sunset,
    "brand": Brand,
    "texting": Texting,
    "retention": Retention,
}
EMAIL: Final = re.compile(r"[^@\s<>\"(),;:]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
EMAIL_FIELDS: Final = ("email", "reply_to")
ADDRESS_LIMIT: Final = 300
PATTERNS: Final = {
    COUNTRIES: _("Use two letters for each country, such as US, CA, GB."),
    COLOR: _("Use a colour such as #1f5f4a."),
    CLOCK_TIME: _("Use a time such as 21:00."),
    ACCOUNT_SID: _("It begins with AC and has 34 letters and digits."),
    SERVICE_SID: _("It begins with MG and has 34 letters and digits."),
    TOKEN: _("Copy the whole token, without spaces."),
    SIGNING_KEY: _("Copy the whole key, without spaces, or leave it empty."),
}


@dataclass(frozen=True, slots=True)
class Form:
    """One part of the settings as shown: its values (as typed, when they can't be), and what is wrong with them."""

    values: Mapping[str, Any]
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked:
    """Values that can be stored."""

    value: Any


def shown(chosen: ShopSettings) -> dict[str, Form]:
    """All forms with what is stored."""
    forms = {part: Form(getattr(chosen, part).model_dump()) for part in PARTS}
    return forms | {
        "postal_address": Form({"postal_address": chosen.postal_address}),
        "consent": Form(chosen.consent.model_dump()),
    }


def check(part: str, typed: Mapping[str, str]) -> Checked | Form:
    """What was typed into one form, checked; or the same form with its errors."""
    if part == "postal_address":
        return _address(typed.get("postal_address", ""))
    return check_against(PARTS[part], typed)


def check_against(model: type[BaseModel], typed: Mapping[str, str]) -> Checked | Form:
    """What was typed into a form whose fields are a model's."""
    values: dict[str, Any] = {}
    for name, about in model.model_fields.items():
        is_switch = about.annotation is bool
        values[name] = name in typed if is_switch else typed.get(name, "").strip()
    errors = _own_errors(values)
    try:
        checked = model.model_validate(values)
    except ValidationError as error:
        errors |= {str(each["loc"][0]): _sentence(each) for each in error.errors()}
    else:
        if not errors:
            return Checked(checked.model_dump())
    return Form(values, errors)


def check_wordings(typed: Mapping[str, str]) -> Checked | Form:
    """The sentences that people agree to, by channel. They stand in messages, too, where braces mean something else."""
    values = {channel: " ".join(typed.get(channel, "").split()) for channel in wordings.STANDARD}
    errors = {}
    for channel, words in values.items():
        if len(words) > wordings.LONGEST:
            errors[channel] = _("Use at most {n} characters.", n=wordings.LONGEST)
        elif not words.isprintable() or not {"{", "}"}.isdisjoint(words):
            errors[channel] = _("Use letters, digits and ordinary signs only.")
    return Form(values, errors) if errors else Checked(values)


def _address(typed: str) -> Checked | Form:
    value = "\n".join(line.strip() for line in typed.strip().splitlines())
    if len(value) > ADDRESS_LIMIT:
        return Form({"postal_address": value}, {"postal_address": _("Use at most {n} characters.", n=ADDRESS_LIMIT)})
    return Checked(value)


def _own_errors(values: Mapping[str, Any]) -> dict[str, str]:
    """What the stored settings don't check themselves."""
    errors = {
        name: _("This isn't an email address.")
        for name in EMAIL_FIELDS
        if values.get(name) and not EMAIL.fullmatch(str(values[name]))
    }
    logo = values.get("logo_url")
    if logo and not str(logo).startswith("https://"):
        errors["logo_url"] = _("Use an address that begins with https://")
    name = values.get("name")
    if name and not str(name).isprintable():
        errors["name"] = _("Use letters, digits and ordinary signs only.")
    return errors


def _sentence(error: ErrorDetails) -> str:
    limits = error.get("ctx", {})
    match error["type"]:
        case "int_parsing" | "int_type" | "int_from_float":
            return _("Use a whole number.")
        case "greater_than_equal":
            return _("Use {n} or more.", n=limits["ge"])
        case "less_than_equal":
            return _("Use {n} or less.", n=limits["le"])
        case "string_too_long":
            return _("Use at most {n} characters.", n=limits["max_length"])
        case "string_pattern_mismatch":
            return PATTERNS[str(limits["pattern"])]
        case _:
            return _("This can't be used.")
