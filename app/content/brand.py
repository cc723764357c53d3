"""A shop's look in its messages, with what it did not say filled in so that everything stays readable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

DEFAULT_BRAND: Final[Mapping[str, object]] = {
    "color": "#1f2933",
    "text_color": "#1f2933",
    "background": "#f4f3ef",
    "font": "-apple-system, BlinkMacSystemFont, Segoe UI, Roboto, Helvetica Neue, Helvetica, Arial, sans-serif",
    "button_radius": 8,
}
_HEX: Final = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z")
_DARK_TEXT: Final = "#16191d"
_LIGHT_TEXT: Final = "#ffffff"
_SEEN_ON_DARK: Final = 0.18
"""Relative luminance below which a colour is lost on a dark card."""


def full_brand(brand: object) -> dict[str, object]:
    """Answer every field templates use: those given, defaults, and the colours that follow from them.

    `on_color` is readable on `color`; `dark_color` and `on_dark_color` are the pair for dark mode.
    """
    given = {key: value for key, value in brand.items() if value} if isinstance(brand, Mapping) else {}
    full = {**DEFAULT_BRAND, **given}
    for field in ("color", "text_color", "background"):
        if not _HEX.match(str(full[field])):
            full[field] = DEFAULT_BRAND[field]
    return {**full, **_derived(str(full["color"]))}


@lru_cache(maxsize=256)
def _derived(color: str) -> Mapping[str, str]:
    dark_color = color if _luminance(color) >= _SEEN_ON_DARK else "#f2f2f0"
    return {"on_color": _text_on(color), "dark_color": dark_color, "on_dark_color": _text_on(dark_color)}


def _text_on(color: str) -> str:
    """Answer dark or light text, whichever has the better contrast on a colour (WCAG relative luminance)."""
    luminance = _luminance(color)
    return (
        _LIGHT_TEXT if 1.05 / (luminance + 0.05) > (luminance + 0.05) / (_luminance(_DARK_TEXT) + 0.05) else _DARK_TEXT
    )


def _luminance(color: str) -> float:
    digits = color[1:]
    if len(digits) == 3:  # noqa: PLR2004  #abc is short for #aabbcc
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (_linear(int(digits[i : i + 2], 16) / 255) for i in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  the sRGB curve
