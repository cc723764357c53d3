"""Names as customers typed them: data that may be an attempt to write our messages for us."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from app.content.runtime import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NAME = 60
_NOT_A_NAME = re.compile(r"://|\bwww\.|[<>{}\[\]@/\\|=]|\b\d{5,}", re.IGNORECASE)
_INNER_DOT = re.compile(r"\.(?=\w)")
_NAME_FIELDS = ("first_name", "last_name")


def clean_name(value: object) -> str:
    """Answer a name fit to greet somebody with; empty for what is a link, markup or a number instead.

    Mail programs turn `evil.com` into a link by themselves, so a dot inside gets a space after it.
    """
    if not isinstance(value, str):
        return ""
    if not value.isprintable():
        value = "".join(" " if c.isspace() else c for c in value if c.isspace() or unicodedata.category(c)[0] != "C")
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    name = one_line(value, MAX_NAME)
    return "" if _NOT_A_NAME.search(name) else _INNER_DOT.sub(". ", name)


def clean_customer(customer: Mapping[str, object]) -> dict[str, object]:
    """Copy a customer with names fit for a message."""
    return {**customer, **{field: clean_name(customer.get(field)) for field in _NAME_FIELDS}}
