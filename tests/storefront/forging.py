"""Tokens that nobody signed: random ones, and a genuine one changed in every way that somebody would try."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from app.security.tokens import MAC_BYTES

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def forged(genuine: str, count: int, rng: random.Random) -> Iterator[str]:
    """So many tokens, none of them genuine."""
    raw = base64.urlsafe_b64decode(genuine + "=" * (-len(genuine) % 4))
    made = 0
    while made < count:
        one = _forge(genuine, raw, rng)
        if one != genuine:
            made += 1
            yield one


def _forge(genuine: str, raw: bytes, rng: random.Random) -> str:
    body, mac, bit = raw[:-MAC_BYTES], raw[-MAC_BYTES:], rng.randrange(len(raw) * 8)
    cut, place = rng.randrange(1, len(genuine)), rng.randrange(len(genuine))
    ways = (
        lambda: "".join(rng.choices(SIGNS, k=rng.randint(1, 60))),  # nothing but chance
        lambda: _spelt(rng.randbytes(len(raw))),
        lambda: _spelt((int.from_bytes(raw, "big") ^ (1 << bit)).to_bytes(len(raw), "big")),
        lambda: _spelt(body[:1] + rng.randbytes(len(body) - 1) + mac),  # another body under the same signature
        lambda: _spelt(body + rng.randbytes(MAC_BYTES)),
        lambda: genuine[:cut],
        lambda: genuine + "".join(rng.choices(SIGNS, k=cut)),
        lambda: _spelt(bytes([rng.choice([0, 2, 3, 127, 255])]) + raw[1:]),  # another version
        lambda: genuine[:place] + rng.choice(SIGNS + "=+.~ ") + genuine[place + 1 :],
    )
    return rng.choice(ways)()


def _spelt(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
