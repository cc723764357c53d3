"""Signed links: what a shopper's mail carries and what comes back from it.

A token is `version byte | body | MAC`, base64url without padding. The body is numbers only: the shop, and a few
ids. Each use has its own key, so an unsubscribe token can never serve as a click.
"""

from __future__ import annotations

import base64
import binascii

from app.security.keyring import keyring

VERSION = 1
MAC_BYTES = 16
MAX_TOKEN_CHARACTERS = 128


def make(use: str, *numbers: int) -> str:
    """A token for a use, of non-negative whole numbers."""
    body = bytes([VERSION]) + b"".join(_varint(n) for n in numbers)
    return base64.urlsafe_b64encode(body + keyring().sign(body, f"token {use}")).rstrip(b"=").decode()


def read(use: str, token: str, count: int) -> tuple[int, ...] | None:
    """The numbers of a genuine token; None for anything else."""
    if not token or len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
        return None  # one token, one spelling
    body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    if len(body) < 1 or body[0] != VERSION or not keyring().verify(body, mac, f"token {use}"):
        return None
    numbers = _varints(body[1:])
    return numbers if len(numbers) == count else None


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 seven bits a byte, as in LEB128
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varints(raw: bytes) -> tuple[int, ...]:
    numbers, value, shift = [], 0, 0
    for byte in raw:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(value)
            value, shift = 0, 0
    return tuple(numbers)
