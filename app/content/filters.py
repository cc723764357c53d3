"""The filters a template may use. Each answers for every input and never makes more than `MAX_VALUE` or `MAX_LIST`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import quote, urlsplit

from app.content.dates import STYLES, local_date, moment_of
from app.content.faults import Stop
from app.content.money import money_format
from app.content.runtime import MAX_LIST, MAX_NUMBER, MAX_VALUE, Html, dig, equal, is_blank, text_of

Number: TypeAlias = int | float
Filter = Callable[..., object]

_TAGS = re.compile(r"<[^<>]*>")
_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"\s*-?\d{1,18}(\.\d{1,9})?\s*\Z")


@dataclass(frozen=True, slots=True)
class Words:
    """How the shop writes amounts and moments."""

    locale: str
    currency: str
    zone: str

    def money(self, value: object, currency: object = None) -> str:
        """Write minor units as an amount; nothing for what is no number."""
        if value.__class__ is int and currency is None:
            return money_format(self.locale, self.currency).format(value)
        amount = number(value)
        if amount is None or isinstance(amount, float):
            amount = None if amount is None else round(amount)
        code = currency if isinstance(currency, str) and len(currency) == _CURRENCY_LETTERS else self.currency
        return "" if amount is None else money_format(self.locale, code.upper()).format(amount)

    def date_local(self, value: object, style: object = "long") -> str:
        """Write a moment in the shop's zone; nothing for what is none."""
        moment = moment_of(value)
        if moment is None:
            return ""
        if style not in STYLES:
            raise Stop(f"date_local knows these styles: {', '.join(sorted(STYLES))}.")
        return local_date(moment, str(style), self.locale, self.zone)


_CURRENCY_LETTERS: Final = 3
_ANY_MOMENT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_LONGEST_URL: Final = 2_000


@lru_cache(maxsize=1024)
def words(locale: str, currency: str, zone: str) -> Words:
    """Answer `Words` that are warm: babel reads a locale's files once, which must not count as a message's own work."""
    made = Words(locale, currency, zone)
    made.money(0)
    for style in STYLES:
        local_date(_ANY_MOMENT, style, locale, zone)
    return made


def number(value: object) -> Number | None:
    """Read a number; None when there is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, str) and _NUMBER.match(value):
        return float(value) if "." in value else int(value)
    return None


def _bounded(value: Number) -> Number:
    if abs(value) > MAX_NUMBER:
        raise Stop("This number grows too large.")
    return value


def _whole(value: object, otherwise: int = 0) -> int:
    found = number(value)
    return otherwise if found is None else int(max(-MAX_NUMBER, min(found, MAX_NUMBER)))


def _fit(length: int) -> None:
    if length > MAX_VALUE:
        raise Stop(f"This text grows beyond {MAX_VALUE:,} characters.")


def _items(value: object) -> list[object]:
    if isinstance(value, list | tuple | range):
        return list(value[:MAX_LIST])
    return [] if value is None else [value]


def _add(left: object, right: object) -> Number:
    return _bounded((number(left) or 0) + (number(right) or 0))


def _subtract(left: object, right: object) -> Number:
    return _bounded((number(left) or 0) - (number(right) or 0))


def _multiply(left: object, right: object) -> Number:
    return _bounded(_bounded(number(left) or 0) * _bounded(number(right) or 0))


def _divide(left: object, right: object) -> Number:
    divisor = number(right)
    if not divisor:
        raise Stop("Nothing can be divided by zero.")
    dividend = number(left) or 0
    both_whole = isinstance(dividend, int) and isinstance(divisor, int)
    return _bounded(dividend // divisor if both_whole else dividend / divisor)


def _remainder(left: object, right: object) -> Number:
    divisor = number(right)
    if not divisor:
        raise Stop("Nothing can be divided by zero.")
    return _bounded(number(left) or 0) % divisor


def _round(value: object, digits: object = 0) -> Number:
    places = max(0, min(_whole(digits), 9))
    found = _bounded(number(value) or 0)
    return round(found, places) if places else round(found)


def _append(value: object, more: object) -> str:
    left, right = text_of(value), text_of(more)
    _fit(len(left) + len(right))
    return left + right


def _replace(value: object, old: object, new: object = "") -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    if not before:
        return text
    _fit(len(text) + text.count(before) * (len(after) - len(before)))
    return text.replace(before, after)


def _replace_first(value: object, old: object, new: object = "") -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    _fit(len(text) + len(after))
    return text.replace(before, after, 1) if before else text


def _split(value: object, by: object = " ") -> list[str]:
    text, separator = text_of(value), text_of(by)
    if not separator:
        return list(text[:MAX_LIST])
    return text.split(separator, MAX_LIST - 1) if separator != " " else text.split(None, MAX_LIST - 1)


def _join(value: object, by: object = " ") -> str:
    texts, separator = [text_of(item) for item in _items(value)], text_of(by)
    _fit(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _truncate(value: object, length: object = 50, end: object = "…") -> str:
    text, limit, tail = text_of(value), max(0, _whole(length, 50)), text_of(end)[:20]
    return text if len(text) <= limit else text[: max(0, limit - len(tail))].rstrip() + tail


def _truncate_words(value: object, count: object = 15, end: object = "…") -> str:
    words, limit = text_of(value).split(), max(1, _whole(count, 15))
    return " ".join(words[:limit]) + (text_of(end)[:20] if len(words) > limit else "")


def _slice(value: object, start: object, length: object = 1) -> object:
    whole = list(value) if isinstance(value, list | tuple) else text_of(value)
    first, count = _whole(start), max(0, _whole(length, 1))
    first = max(0, first + len(whole)) if first < 0 else first
    return whole[first : first + count]


def _map(value: object, key: object) -> list[object]:
    return [dig(item, key) for item in _items(value)]


def _where(value: object, key: object, wanted: object = None) -> list[object]:
    found = [(item, dig(item, key)) for item in _items(value)]
    if wanted is None:
        return [item for item, value in found if value is not None and value is not False]
    return [item for item, value in found if equal(value, wanted)]


def _sort(value: object, key: object = None) -> list[object]:
    def rank(item: object) -> tuple[int, float, str]:
        found = dig(item, key) if key is not None else item
        as_number = number(found) if not isinstance(found, str) else None
        return (1, 0.0, text_of(found)) if as_number is None else (0, float(as_number), "")

    return sorted(_items(value), key=rank)


def _uniq(value: object) -> list[object]:
    kept: dict[str, object] = {}
    for item in _items(value):
        kept.setdefault(
            f"{item.__class__.__name__}:{text_of(item)}" if not isinstance(item, Mapping) else f"#{id(item)}", item
        )
    return list(kept.values())


def _concat(value: object, more: object) -> list[object]:
    return (_items(value) + _items(more))[:MAX_LIST]


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | list | tuple | range | Mapping) else 0


def _sum(value: object, key: object = None) -> Number:
    amounts = (number(dig(item, key) if key is not None else item) or 0 for item in _items(value))
    return _bounded(sum(amounts))


def _default(value: object, instead: object = "") -> object:
    return instead if is_blank(value) else value


def _capitalize(value: object) -> str:
    text = text_of(value)
    return text[:1].upper() + text[1:].lower()


def _case(change: Callable[[str], str]) -> Filter:
    def changed(value: object) -> str:
        text = text_of(value)
        _fit(len(text))
        return change(text)

    return changed


def _breaks(value: object) -> Html:
    from markupsafe import escape

    return Html("<br>".join(str(escape(line)) for line in text_of(value)[: MAX_VALUE // 8].splitlines()))


def image_width(value: object, width: object = 600) -> str:
    """Ask a Shopify CDN for an image of this width; other addresses stay as they are."""
    url = text_of(value)
    from_shopify = "/cdn/shop/" in url or "cdn.shopify.com/" in url
    if not from_shopify or len(url) > _LONGEST_URL or "width=" in url:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}width={max(16, min(_whole(width, 600), 2_400))}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A filter and how many values stand after its colon. A `light` one costs nothing worth metering."""

    call: Filter
    least: int = 0
    most: int = 0
    light: bool = False


def _absolute(value: object) -> Number:
    return abs(number(value) or 0)


FILTERS: Final[Mapping[str, Rule]] = {
    "abs": Rule(_absolute),
    "append": Rule(_append, 1, 1),
    "at_least": Rule(lambda a, b: max(number(a) or 0, number(b) or 0), 1, 1),
    "at_most": Rule(lambda a, b: min(number(a) or 0, number(b) or 0), 1, 1),
    "capitalize": Rule(_capitalize),
    "ceil": Rule(lambda a: math.ceil(number(a) or 0)),
    "compact": Rule(lambda a: [item for item in _items(a) if item is not None]),
    "concat": Rule(_concat, 1, 1),
    "default": Rule(_default, 0, 1, light=True),
    "divided_by": Rule(_divide, 1, 1),
    "downcase": Rule(_case(str.lower)),
    "first": Rule(lambda a: dig(a, "first"), light=True),
    "floor": Rule(lambda a: math.floor(number(a) or 0)),
    "img_width": Rule(image_width, 0, 1, light=True),
    "join": Rule(_join, 0, 1),
    "last": Rule(lambda a: dig(a, "last"), light=True),
    "lstrip": Rule(lambda a: text_of(a).lstrip()),
    "map": Rule(_map, 1, 1),
    "minus": Rule(_subtract, 1, 1),
    "modulo": Rule(_remainder, 1, 1),
    "newline_to_br": Rule(_breaks),
    "plus": Rule(_add, 1, 1),
    "prepend": Rule(lambda a, b: _append(b, a), 1, 1),
    "remove": Rule(_replace, 1, 1),
    "remove_first": Rule(_replace_first, 1, 1),
    "replace": Rule(_replace, 1, 2),
    "replace_first": Rule(_replace_first, 1, 2),
    "reverse": Rule(lambda a: _items(a)[::-1]),
    "round": Rule(_round, 0, 1),
    "rstrip": Rule(lambda a: text_of(a).rstrip()),
    "size": Rule(_size, light=True),
    "slice": Rule(_slice, 1, 2),
    "sort": Rule(_sort, 0, 1),
    "split": Rule(_split, 0, 1),
    "strip": Rule(lambda a: text_of(a).strip()),
    "strip_html": Rule(lambda a: _TAGS.sub("", text_of(a))),
    "strip_newlines": Rule(lambda a: _SPACES.sub(" ", text_of(a))),
    "sum": Rule(_sum, 0, 1),
    "times": Rule(_multiply, 1, 1),
    "truncate": Rule(_truncate, 0, 2),
    "truncatewords": Rule(_truncate_words, 0, 2),
    "uniq": Rule(_uniq),
    "upcase": Rule(_case(str.upper)),
    "url_encode": Rule(lambda a: quote(text_of(a)[:4_000], safe="")),
    "where": Rule(_where, 1, 2),
}
"""By name. `money` and `date_local` are `Words`' and known to the translator."""
