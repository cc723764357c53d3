"""Keys of the API: what they look like, what they may do, how fast. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SCOPES: Final = (
    "customers:read",
    "customers:write",
    "consent:read",
    "consent:write",
    "messages:read",
    "messages:write",
    "journeys:read",
    "journeys:write",
    "reports:read",
    "suppressions:read",
    "events:read",
    "webhooks:read",
    "webhooks:write",
    "settings:read",
)
"""A key may do what it names, and no more: writing doesn't include reading."""
FORM: Final = re.compile(r"rgl_([0-9]{1,18})_[A-Za-z0-9_-]{43}")
"""`rgl_`, the shop's number (it says where to look, and proves nothing), and 256 random bits."""

STEP: Final = timedelta(milliseconds=100)
"""What a request costs: ten a second may go on for ever."""
BURST: Final = 100
"""So many may come at once."""


def shop_of(key: str) -> int | None:
    """The number of the shop a key names; None for what isn't a key."""
    found = FORM.fullmatch(key)
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Spent:
    """A request that may go: until when its key is busy, and how many more may follow at once."""

    busy_until: datetime
    left: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many: so long until the next one."""

    seconds: float


def spend(busy_until: datetime | None, now: datetime, *, step: timedelta = STEP, burst: int = BURST) -> Spent | Wait:
    """Take one request from a key's allowance, which grows by one each `step` up to `burst` (GCRA, a leaky bucket).

    All it remembers is one moment: when the allowance will be whole again.
    """
    following = max(busy_until or now, now) + step
    over = following - now - burst * step
    if over > timedelta():
        return Wait(over.total_seconds())
    return Spent(following, int((burst * step - (following - now)) / step))
