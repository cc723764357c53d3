"""Tells a worker that there is work. Carries no facts, may be lost, and never fails its caller.

The clock looks for due rows every second and rings too, so a lost ring costs a second or two, never a message.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import redis
import rq
from prometheus_client import Counter

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

FAILED_RINGS = Counter("regulars_doorbell_failures_total", "Rings that Redis didn't take", ["queue"])
JOB_TIMEOUT_SECONDS = 60
REDIS_TIMEOUT_SECONDS = 0.2

JOBS: Mapping[str, str] = {
    "inbox": "workers.jobs.apply_inbox",
    "plan": "workers.jobs.plan",
    "send": "workers.jobs.send",
    "slow": "workers.jobs.slow",
}


class _Bound:
    queues: Mapping[str, rq.Queue] = {}


def connect(redis_url: str, *, timeout: float = REDIS_TIMEOUT_SECONDS) -> redis.Redis:
    """A Redis connection that gives up quickly: nobody waits for a doorbell."""
    return redis.Redis.from_url(
        redis_url, socket_timeout=timeout, socket_connect_timeout=timeout, health_check_interval=30
    )


def bind(redis_url: str) -> None:
    """Name the Redis server (called once at start)."""
    connection = connect(redis_url)
    _Bound.queues = {name: rq.Queue(name, connection=connection, serializer="json") for name in JOBS}


def ring(queue: str) -> bool:
    """Say that a queue has work. False when Redis wasn't reached, which is counted and otherwise of no matter."""
    bound = _Bound.queues.get(queue)
    if bound is None:
        return False
    try:
        # A job that still waits will begin after our commit and see our rows: one is enough.
        if bound.connection.llen(bound.key) == 0:
            bound.enqueue_call(
                JOBS[queue], timeout=JOB_TIMEOUT_SECONDS, result_ttl=0, failure_ttl=86_400, description=queue
            )
    except redis.RedisError:
        FAILED_RINGS.labels(queue).inc()
        log.warning("doorbell_failed", extra={"queue": queue})
        return False
    return True
