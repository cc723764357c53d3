"""How many text-message segments a body takes: GSM-7 where every character allows it, else UCS-2. Pure."""

from __future__ import annotations

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
GSM_SINGLE, GSM_JOINED = 160, 153
UCS_SINGLE, UCS_JOINED = 70, 67


def segments_of(body: str) -> int:
    """Segments the carrier will count; an empty body is one."""
    if all(mark in _BASIC or mark in _EXTENDED for mark in body):
        units = len(body) + sum(mark in _EXTENDED for mark in body)
        return _pieces(units, GSM_SINGLE, GSM_JOINED)
    return _pieces(len(body.encode("utf-16-be")) // 2, UCS_SINGLE, UCS_JOINED)


def _pieces(units: int, single: int, joined: int) -> int:
    return 1 if units <= single else -(-units // joined)
