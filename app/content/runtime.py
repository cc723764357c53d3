"""What translated templates call while they run: reading values, comparing them, making them safe, and the meter.

Nothing here uses `getattr` on a value: a template sees mappings, sequences, text, numbers, moments, and nothing else.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from time import thread_time

from markupsafe import escape as _escape

from app.content.faults import Stop

FUEL = 24_000
"""Units one message may burn: one per node rendered in a loop, one per `UNIT` characters or bytes made."""

UNIT = 96
MAX_VALUE = 65_536
"""Characters one value may have."""

MAX_LIST = 1_000
MAX_NUMBER = 10**18
MAX_CSS = 200
MAX_CPU_SECONDS = 0.04
"""Of this thread's own CPU, so that a busy machine never fails a good template."""

_CHECK_EVERY = 500
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), 127, *range(128, 160)])
"""Control characters except tab and newline; the plain-text part uses two of them as its own marks."""

_LINE_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ALLOWED_URL = re.compile(r"(?:https?://|mailto:|tel:)[^\s]", re.IGNORECASE)
_WEB_URL = re.compile(r"https?://", re.IGNORECASE)
_NOT_CSS = re.compile(r"[^\w#%., \-]")
_TAGS = re.compile(r"<[^<>]*>")


class Html(str):
    """Text that is already markup, made by our own filters or by `capture`: never escaped again."""

    __slots__ = ()


class Meter:
    """Counts what one message costs and ends it when that is too much, whatever its template says."""

    __slots__ = ("_check_at", "_started", "left")

    def __init__(self) -> None:
        self.left = FUEL
        self._check_at = FUEL - _CHECK_EVERY
        self._started: float | None = None
        """Set at the first check: most messages burn less, and asking for a thread's time is a system call (10 us on
        some virtual machines, as much as a fifth of the rendering)."""

    def spend(self, units: int) -> None:
        """Burn units. Raises `Stop` when none are left, or when the CPU time is used up."""
        self.left -= units
        if self.left < self._check_at:
            self._check_at = self.left - _CHECK_EVERY
            now = thread_time()
            if self._started is None:
                self._started = now
            if self.left < 0 or now - self._started > MAX_CPU_SECONDS:
                raise Stop("This template is too much work for one message: too many rounds or too much text.")

    def weigh(self, value: object) -> None:
        """Burn what a value's size is worth."""
        if isinstance(value, str | list | tuple):
            self.spend(1 + len(value) // (UNIT if isinstance(value, str) else 8))
        else:
            self.spend(1)


def dig(value: object, key: object) -> object:
    """Answer `value.key` or `value[key]`; None when there is no such thing."""
    if isinstance(value, Mapping):
        found = value.get(key) if isinstance(key, str | int) else None
        return len(value) if found is None and key == "size" else found
    if isinstance(value, list | tuple | range):
        if isinstance(key, int):
            return value[key] if -len(value) <= key < len(value) else None
        if key in ("first", "last"):
            return (value[0] if key == "first" else value[-1]) if value else None
        return len(value) if key == "size" else None
    return len(value) if isinstance(value, str) and key == "size" else None


def text_of(value: object) -> str:  # noqa: PLR0911  one way to write for each kind of value
    """Write a value as Liquid does: nothing for nil, `true`, lists run together, mappings not at all."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal | date):
        return str(value)
    if isinstance(value, list | tuple):
        return "".join(text_of(item) for item in value[:MAX_LIST] if not isinstance(item, list | tuple))
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    return ""


def is_empty(value: object) -> bool:
    """Liquid's `empty`."""
    return isinstance(value, str | list | tuple | Mapping) and not value


def is_blank(value: object) -> bool:
    """Liquid's `blank`."""
    if value.__class__ is str:
        return not value or value.isspace()
    return value is None or value is False or is_empty(value) or (isinstance(value, str) and value.isspace())


def equal(left: object, right: object) -> bool:
    """Liquid's `==`: true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def less(left: object, right: object) -> bool:
    """Liquid's `<`; things that have no order are not less."""
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    if isinstance(left, int | float | Decimal) and isinstance(right, int | float | Decimal):
        return left < right
    return False


def less_or_equal(left: object, right: object) -> bool:
    """Liquid's `<=`."""
    return less(left, right) or (left is not None and not isinstance(left, bool) and equal(left, right))


def contains(left: object, right: object) -> bool:
    """Liquid's `contains`: part of a text, or member of a list."""
    if isinstance(left, str):
        return right is not None and text_of(right) in left
    if isinstance(left, list | tuple):
        return any(equal(item, right) for item in left[:MAX_LIST])
    return isinstance(left, Mapping) and isinstance(right, str) and right in left


def rounds(value: object, limit: object, offset: object, *, backwards: bool) -> Sequence[object]:
    """Answer what a `for` goes through. Raises `Stop` when that is longer than `MAX_LIST`."""
    items: Sequence[object]
    if isinstance(value, list | tuple | range):
        items = value
    elif isinstance(value, Mapping):
        items = [[key, item] for key, item in value.items()]
    else:
        items = [value] if isinstance(value, str) and value else []
    start = max(_whole(offset), 0)
    stop = len(items) if limit is None else start + max(_whole(limit), 0)
    items = items[start:stop]
    if len(items) > MAX_LIST:
        raise Stop(f"This loop would go around more than {MAX_LIST:,} times.")
    return items[::-1] if backwards else items


def span(start: object, stop: object) -> range:
    """Answer the range `(start..stop)`. Raises `Stop` when it is longer than `MAX_LIST`."""
    first, last = _whole(start), _whole(stop)
    if last - first >= MAX_LIST:
        raise Stop(f"A range may have at most {MAX_LIST:,} numbers.")
    return range(first, max(first, last + 1))


def _whole(value: object) -> int:
    if isinstance(value, int):
        return max(-MAX_NUMBER, min(value, MAX_NUMBER))
    if isinstance(value, str) and len(value) < 20 and value.lstrip("-").isdecimal():  # noqa: PLR2004  fits MAX_NUMBER
        return int(value)
    return int(value) if isinstance(value, float) and abs(value) < MAX_NUMBER else 0


def html_safe(value: object, meter: Meter) -> str:
    """Write a value into text or an attribute of HTML."""
    if value.__class__ is Html:
        return value
    text = _escape(value if value.__class__ is str else text_of(value))
    if len(text) > UNIT:
        meter.spend(len(text) // UNIT)
    return text


def plain(value: object, meter: Meter) -> str:
    """Write a value into plain text: no control characters."""
    text = value if value.__class__ is str else _unmarked(value)
    if len(text) > UNIT:
        meter.spend(len(text) // UNIT)
    return text if text.isprintable() else text.translate(_CONTROLS)


def css_safe(value: object, meter: Meter) -> str:
    """Write a value into a style: colours, sizes, font names, and nothing that could end it or fetch something."""
    meter.spend(1)
    return _css(text_of(value)[:MAX_CSS])


@lru_cache(maxsize=4096)
def _css(text: str) -> str:
    return _NOT_CSS.sub("", text)


def _unmarked(value: object) -> str:
    if value.__class__ is Html:
        return html.unescape(_TAGS.sub("", value.replace("<br>", "\n")))
    return text_of(value)


def url_part(value: object) -> str:
    """Write a value into a URL that is checked and escaped when it is whole."""
    return value if value.__class__ is str else _unmarked(value)


def safe_url(text: str) -> str:
    """Answer a URL a mail may carry (http, https, mailto, tel), or nothing."""
    text = text.strip()
    return text if _ALLOWED_URL.match(text) and text.isprintable() else ""


def is_web_url(text: str) -> bool:
    """Whether a link leads to the web, so that its click can be counted."""
    return _WEB_URL.match(text) is not None


def one_line(text: str, limit: int) -> str:
    """Make one header-safe line of a text, at most `limit` characters."""
    line = _LINE_BREAKS.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
