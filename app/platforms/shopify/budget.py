"""How many GraphQL points a store still allows, shared by all workers through Redis.

Shopify's own bucket leaks 100 points a second per store (more on larger plans) and says after each call how full it
is. The shared copy spares calls that would only be throttled. It is advice: without Redis every call just goes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import redis
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.retry import Retry

from app import clock

if TYPE_CHECKING:
    from redis.commands.core import Script

BLIND = Counter("regulars_shopify_budget_blind_total", "GraphQL calls made without knowing the shared cost budget")


TIMEOUT_SECONDS = 0.2
BLIND_SECONDS = 5.0
"""After Redis failed it isn't asked for so long, so that its absence slows nobody down."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """What Shopify says of its bucket after a call, in points."""

    available: float
    maximum: float
    per_second: float


class CostBudget(Protocol):
    """Points that may be spent on a store's API."""

    def reserve(self, shop: str, points: float) -> float:
        """Take points if they are there: 0.0 means go, else the seconds after which to ask again."""
        ...

    def report(self, shop: str, throttle: Throttle) -> None:
        """Take over what the store itself says."""
        ...


class NoBudget:
    """Every call goes out at once; the store's own throttling is waited out."""

    def reserve(self, shop: str, points: float) -> float:  # noqa: ARG002 - the protocol's shape
        """Go."""
        return 0.0

    def report(self, shop: str, throttle: Throttle) -> None:
        """Nothing to remember."""


_RESERVE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local bucket = redis.call('HMGET', KEYS[1], 'points', 'at', 'rate', 'maximum')
local rate = tonumber(bucket[3]) or 100
local maximum = tonumber(bucket[4]) or 2000
local points = math.min(maximum, (tonumber(bucket[1]) or maximum) + (now - (tonumber(bucket[2]) or now)) * rate)
local wanted = math.min(tonumber(ARGV[1]), maximum)
if points < wanted then return tostring((wanted - points) / rate) end
redis.call('HSET', KEYS[1], 'points', tostring(points - wanted), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], 600)
return '0'
"""
_REPORT = """
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'points', ARGV[1], 'at', tostring(time[1] + time[2] / 1000000),
           'maximum', ARGV[2], 'rate', ARGV[3])
redis.call('EXPIRE', KEYS[1], 600)
return 1
"""


class RedisBudget:
    """The bucket in Redis: one hash per store, both scripts atomic, Redis' own time."""

    def __init__(self, client: redis.Redis) -> None:
        """Take a client that gives up at once, such as `connect` makes: redis-py's own retries take seconds."""
        self._reserve = client.register_script(_RESERVE)
        self._report = client.register_script(_REPORT)
        self._blind_until = 0.0

    @classmethod
    def connect(cls, redis_url: str) -> RedisBudget:
        """The budget kept in the Redis at this address."""
        return cls(
            redis.Redis.from_url(
                redis_url,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        )

    def reserve(self, shop: str, points: float) -> float:
        """See `CostBudget`. Fails open: without Redis the answer is "go"."""
        wait = self._run(self._reserve, shop, [points])
        return float(wait) if isinstance(wait, bytes | str) else 0.0

    def report(self, shop: str, throttle: Throttle) -> None:
        """See `CostBudget`. Forgotten when Redis is away."""
        self._run(self._report, shop, [throttle.available, throttle.maximum, throttle.per_second])

    def _run(self, script: Script, shop: str, arguments: list[float]) -> object:
        """What the script answers; None without Redis."""
        if clock.monotonic() < self._blind_until:
            return None
        try:
            return script(keys=[_key(shop)], args=arguments)
        except redis.RedisError:
            BLIND.inc()
            self._blind_until = clock.monotonic() + BLIND_SECONDS
            return None


def _key(shop: str) -> str:
    return f"shopify:budget:{shop}"
