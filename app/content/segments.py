# ruff: noqa: RUF001  letters that look alike are what this is about
"""How many messages a text costs: GSM-7 where its letters allow, else UCS-2 (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
_GSM7: Final = _BASIC | _EXTENDED

_SMART: Final = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′ʼ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000\t", " "),
        **dict.fromkeys("\u200b\u2060\ufeff\u00ad"),
        "…": "...",
        "•": "-",
        "`": "'",
        "´": "'",
    }
)


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text costs. `units` are septets (GSM-7) or 16-bit units (UCS-2); `count` is what a provider charges."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    count: int


def plain_letters(text: str) -> str:
    """Replace typographic marks that would cost a UCS-2 message by the ones GSM-7 has; letters stay as they are."""
    return text.translate(_SMART)


def segments(text: str) -> Segments:
    """Count the segments of a text as it is."""
    if _GSM7.issuperset(text):
        sizes = [2 if letter in _EXTENDED else 1 for letter in text]
        return Segments("GSM-7", sum(sizes), _count(sizes, alone=160, joined=153))
    sizes = [2 if ord(letter) > 0xFFFF else 1 for letter in text]  # noqa: PLR2004  a surrogate pair beyond the first plane
    return Segments("UCS-2", sum(sizes), _count(sizes, alone=70, joined=67))


def _count(sizes: list[int], *, alone: int, joined: int) -> int:
    """Fill segments in order: an escaped letter or a surrogate pair is never cut in two."""
    if sum(sizes) <= alone:
        return 1 if sizes else 0
    count, used = 1, 0
    for size in sizes:
        if used + size > joined:
            count, used = count + 1, 0
        used += size
    return count
