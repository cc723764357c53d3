"""PostgreSQL restarts or hangs under webhooks: what was answered 200 is there, all else was refused in time."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from tests.chaos.cluster import until
from tests.chaos.scenarios.seen import Seen, none, seconds
from tests.chaos.store import NO_ANSWER, Store

if TYPE_CHECKING:
    import random

    from tests.chaos.cluster import Cluster

PACE = 100.0
LONGEST_REFUSAL_SECONDS = 3
FAMILY = """
    SELECT pid FROM pg_stat_activity UNION ALL SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int
"""


def restarted(
    cluster: Cluster, rng: random.Random, times: int = 3, between: tuple[float, float] = (4, 10), pace: float = PACE
) -> Seen:
    """Crashed and cleanly stopped in turn."""
    store = _open(cluster)
    with store.delivering(pace):
        for number in range(times):
            time.sleep(rng.uniform(*between))
            cluster.restart_database(gently=number % 2 == 1)
        time.sleep(rng.uniform(*between))
    return _seen(cluster, store, f"PostgreSQL crashed or restarted {times} times under {pace:.0f} webhooks/s")


def hung(cluster: Cluster, rng: random.Random, length: float = 20, pace: float = 50) -> Seen:
    """Every process of it is stopped: connections are taken, nothing is answered."""
    store = _open(cluster)
    with store.delivering(pace):
        time.sleep(rng.uniform(1, 3))
        family = [row[0] for row in cluster.sql(FAMILY)]
        for process_id in family:
            os.kill(process_id, signal.SIGSTOP)
        try:
            time.sleep(length)
        finally:
            for process_id in family:
                os.kill(process_id, signal.SIGCONT)
    return _seen(cluster, store, f"PostgreSQL hung for {length:.0f} s (SIGSTOP) under {pace:.0f} webhooks/s")


def _open(cluster: Cluster) -> Store:
    cluster.make_shop()
    cluster.spawn("inbox", argument="inbox")
    cluster.spawn("clock", "workers.clock")
    return Store(cluster)


def _seen(cluster: Cluster, store: Store, done: str) -> Seen:
    applied = "SELECT count(*) FROM delivery WHERE state = 'applied'"
    until(lambda: cluster.sql(applied)[0][0] >= len(store.ids), 60, "all deliveries to be applied")
    statuses = store.statuses()
    orders = cluster.sql("SELECT count(*), count(DISTINCT external_id) FROM orders")[0]
    refused = sum(n for status, n in statuses.items() if status != 200)
    return Seen(
        f"{done} ({len(store.ids):,} in all, {refused:,} refused and delivered again)",
        (
            none("answered 200 but not there", len(store.promised() - store.kept())),
            none("answers other than 200 and 503", refused - statuses[503] - statuses[NO_ANSWER]),
            none("no answer", statuses[NO_ANSWER]),
            seconds("slowest 503", store.share(1, 503) / 1000, LONGEST_REFUSAL_SECONDS),
            none("lost or doubled orders", abs(len(store.ids) - orders[0]) + orders[0] - orders[1]),
        ),
    )
