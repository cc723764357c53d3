"""Redis stops, hangs, or is full: webhooks are taken in as ever, messages go, and what piled up is soon gone."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import redis

from tests.chaos.cluster import until
from tests.chaos.scenarios.seen import Figure, Seen, none, seconds
from tests.chaos.store import Store

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.chaos.cluster import Cluster

PACE = 100.0
BEFORE_SECONDS = (3.0, 6.0)
LONGEST_ANSWER_MS = 300
BACKLOG_GONE_SECONDS = 30
PATIENCE_SECONDS = 90


def stopped(cluster: Cluster, rng: random.Random, length: float = 60, pace: float = PACE) -> Seen:
    """The server is killed, and another started a while later."""
    return _without(cluster, rng, _stopped, "stopped", length, pace)


def hung(cluster: Cluster, rng: random.Random, length: float = 20, pace: float = PACE) -> Seen:
    """The server takes connections and answers nothing."""
    return _without(cluster, rng, _hung, "hung (SIGSTOP)", length, pace)


def full(cluster: Cluster, rng: random.Random, length: float = 20, pace: float = PACE) -> Seen:
    """The server has no memory left and evicts nothing: every write is refused."""
    return _without(cluster, rng, _full, "out of memory (maxmemory 1 MB, noeviction)", length, pace)


def _without(
    cluster: Cluster,
    rng: random.Random,
    trouble: Callable[[Cluster], AbstractContextManager[None]],
    word: str,
    length: float,
    pace: float,
) -> Seen:
    shop_id = cluster.make_shop()
    store = Store(cluster)
    for name in ("inbox", "plan", "send"):
        cluster.spawn(name, argument=name)
    cluster.spawn("clock", "workers.clock")
    with store.delivering(pace):
        time.sleep(min(rng.uniform(*BEFORE_SECONDS), length))
        with trouble(cluster):
            cluster.make_messages(shop_id, round(length), round(length))
            time.sleep(length)
        back = time.monotonic()
    until(lambda: _backlog(cluster) == 0, PATIENCE_SECONDS, "the backlog to go", every=0.05)
    gone = time.monotonic() - back
    statuses = store.statuses()
    taken = cluster.ledger()
    return Seen(
        f"Redis {word} for {length:.0f} s under {pace:.0f} webhooks/s ({len(store.ids):,} in all) "
        f"and {2 * round(length)} messages due",
        (
            none("answers other than 200", sum(statuses.values()) - statuses[200]),
            Figure("p99", store.share(0.99), LONGEST_ANSWER_MS, " ms", timed=True),
            none("promised but not there", len(store.promised() - store.kept())),
            none("messages lost or doubled", 2 * round(length) - sum(n == 1 for n in taken.values())),
            seconds("backlog gone after", gone, BACKLOG_GONE_SECONDS),
        ),
    )


def _backlog(cluster: Cluster) -> int:
    waiting = cluster.sql("SELECT count(*) FROM delivery WHERE state = 'pending'")[0][0]
    return int(waiting) + cluster.left()


@contextmanager
def _stopped(cluster: Cluster) -> Iterator[None]:
    cluster.redis.crash()
    try:
        yield
    finally:
        cluster.redis.start()


@contextmanager
def _hung(cluster: Cluster) -> Iterator[None]:
    with redis.Redis.from_url(cluster.redis.url) as client:
        process_id = int(client.info("server")["process_id"])
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


@contextmanager
def _full(cluster: Cluster) -> Iterator[None]:
    with redis.Redis.from_url(cluster.redis.url) as client:
        client.config_set("maxmemory", "1mb")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")
