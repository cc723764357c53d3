"""Careful readers for values of unknown shape: what a payload says, or nothing, or a named reason why not.

A value that merely helps (a name, an image) becomes empty when it can't be read. A value a fact can't do without
raises `Unfit`, which `normalise` turns into an answer; it never leaves the package.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import orjson

Json = dict[str, Any]

NAME_LENGTH = 255
LINK_LENGTH = 2048
LONGEST_LIST = 1000
DIGITS_OF_64_BITS = 20
FIRST_YEAR, LAST_YEAR = 1990, 2199
"""Outside of it a date is a mistake: year 9999 would keep every later state of a thing from being recorded."""

_GID = re.compile(r"gid://shopify/[A-Za-z]{1,60}/([0-9]{1,20})(?:\?.*)?", re.DOTALL)
_ISO_HEAD = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:60")
_COUNTRY = re.compile(r"[A-Z]{2}")


class Unfit(Exception):  # noqa: N818 - not an error: it is how a reader says "no fact can come of this"
    """A value that a fact needs is missing or can't be read; `reason` is the code shown to the merchant."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse(body: bytes) -> Json:
    """The JSON object in a body.

    Raises:
        Unfit: `not_json` (also NaN, infinities, more than 1,000 levels, other encodings) or `not_an_object`.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = _parse_half_characters(body)
    if not isinstance(data, dict):
        raise Unfit("not_an_object")
    return data


def _parse_half_characters(body: bytes) -> Any:
    r"""Read a body in which some text ends in half an emoji (`\ud83d` alone), which is not valid but does occur."""
    if b"\\ud" not in body and b"\\uD" not in body:
        raise Unfit("not_json")
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
        return orjson.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise Unfit("not_json") from None


def text(value: Any, limit: int = NAME_LENGTH) -> str:
    """Text that PostgreSQL takes, without outer blanks, at most `limit` characters; "" when it is no text."""
    if value.__class__ is not str:
        return str(value) if value.__class__ is int else ""
    found: str = value.replace("\x00", "") if "\x00" in value else value
    found = found.strip()
    return found if len(found) <= limit else found[:limit].rstrip()


def word(value: Any, limit: int = NAME_LENGTH) -> str | None:
    """The same as `text`, with None for nothing."""
    return text(value, limit) or None


def identifier(value: Any) -> str | None:
    """The digits of an id given as a number, as text or as `gid://shopify/Thing/1`; None when it is none of them."""
    if value.__class__ is int:
        return str(value) if value > 0 else None
    if value.__class__ is not str or not value.isascii():
        return None
    if value.isdigit():
        return (value.lstrip("0") or None) if len(value) <= DIGITS_OF_64_BITS else None
    found = _GID.fullmatch(value)
    return found[1].lstrip("0") or None if found else None


def needed_id(data: Json, name: str) -> str:
    """An id that a fact can't do without."""
    value = data.get(name)
    if value is None:
        raise Unfit(f"missing_field:{name}")
    found = identifier(value)
    if found is None:
        raise Unfit(f"bad_field:{name}")
    return found


def token(data: Json, name: str) -> str | None:
    """An opaque key of a cart or checkout; None when there is none."""
    return word(data.get(name))


def instant(value: Any) -> datetime | None:
    """A time, aware and in UTC (a time without zone is taken as UTC); None when it can't be one."""
    if value.__class__ is not str or len(value) > 40:  # noqa: PLR2004 - no way of writing a time is longer
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        # A leap second is the one valid time that Python can't read.
        if not _ISO_HEAD.match(value):
            return None
        return instant(value[:17] + "59" + value[19:])
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        return None
    found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else None


def count(value: Any) -> int | None:
    """A whole number that fits in 32 bits; None when it is missing, and out-of-range values are cut to the range."""
    if value.__class__ is str:
        digits = value.lstrip("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_OF_64_BITS):
            return None
        value = int(digits) * (-1 if value.startswith("-") else 1)
    elif value.__class__ is float:
        value = int(value)
    elif value.__class__ is not int:
        return None
    return max(-2_147_483_648, min(int(value), 2_147_483_647))


def child(value: Any) -> Json:
    """An object within an object; a missing one, null, and the `[]` that Shopify sends for "no address" are empty."""
    return value if value.__class__ is dict else {}


def children(data: Json, name: str) -> list[Json]:
    """A list of objects; missing and null are empty.

    Raises:
        Unfit: when it is something else, since guessing could lose lines of an order.
    """
    value = data.get(name)
    if not value:
        return []
    if value.__class__ is not list:
        raise Unfit(f"bad_field:{name}")
    for each in value:
        if each.__class__ is not dict:
            raise Unfit(f"bad_field:{name}")
    return value[:LONGEST_LIST] if len(value) > LONGEST_LIST else value


def labels(value: Any) -> tuple[str, ...]:
    """Tags, given as `"a, b"` or as a list."""
    if value.__class__ is str:
        value = value.split(",")
    if value.__class__ is not list:
        return ()
    found = (text(each) for each in value[:LONGEST_LIST] if each.__class__ is str)
    return tuple(dict.fromkeys(each for each in found if each))


def link(value: Any) -> str | None:
    """A web address that can stand in a message; None for anything else, also when too long."""
    if value.__class__ is not str or len(value) > LINK_LENGTH:
        return None
    if not value.startswith(("https://", "http://")) or not value.isprintable() or " " in value:
        return None
    return value


def image(value: Any) -> str | None:
    """The address of a picture, given as text or as an object with `src` or `url`; `//cdn...` gets its https."""
    if value.__class__ is dict:
        value = value.get("src") or value.get("url")
    if value.__class__ is str and value.startswith("//"):
        value = "https:" + value
    return link(value)


def country_code(value: Any) -> str | None:
    """An ISO 3166 alpha-2 code, or None."""
    return value if value.__class__ is str and _COUNTRY.fullmatch(value) else None
