"""Clocks that take over from each other, and workers that are asked to go."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from tests.chaos.cluster import until
from tests.chaos.scenarios.seen import Seen, none, seconds
from workers.clock import LEADER_LOCK

if TYPE_CHECKING:
    import random

    from tests.chaos.cluster import Cluster

NEXT_LEADS_SECONDS = 5
ENDS_SECONDS = 10


def leaders(cluster: Cluster) -> list[int]:
    """Database processes that hold the clock's lock."""
    found = cluster.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s", LEADER_LOCK)
    return [row[0] for row in found]


def two_clocks(cluster: Cluster, rng: random.Random, rounds: int = 5) -> Seen:
    """The one that leads is killed, again and again; another is started in its place."""
    shop_id = cluster.make_shop()
    cluster.spawn("send")
    names = ["clock-1", "clock-2"]
    cluster.spawn(names[0], "workers.clock")
    until(lambda: len(leaders(cluster)) == 1, 30, "a leader")
    cluster.spawn(names[1], "workers.clock")
    slowest, most = 0.0, 0
    for _ in range(rounds):
        time.sleep(rng.uniform(1.0, 2.0))
        before = leaders(cluster)
        most = max(most, len(before))
        cluster.kill(names[0])
        slowest = max(slowest, until(lambda: leaders(cluster) not in ([], before), 30, "the next leader", every=0.02))  # noqa: B023 used at once
        cluster.spawn(names[0], "workers.clock")
        names.reverse()
        cluster.make_messages(shop_id, 5, 5)
    until(lambda: cluster.left() == 0, 60, "everything to be sent")
    taken = cluster.ledger()
    return Seen(
        f"two clocks, the leader killed {rounds} times while messages fall due",
        (
            none("leaders beside the first", max(0, most - 1)),
            seconds("slowest take-over", slowest, NEXT_LEADS_SECONDS),
            none("messages missing or doubled", 10 * rounds - sum(n == 1 for n in taken.values())),
        ),
    )


def sigterm_in_a_drain(cluster: Cluster, rng: random.Random, messages: int = 3_000, rounds: int = 3) -> Seen:
    """A sending worker is asked to go while providers take 0.2 s for each answer; the next one goes on."""
    shop_id = cluster.make_shop()
    cluster.make_messages(shop_id, messages // 3, messages - messages // 3)
    cluster.faults(twilio={"delay_ms": 200}, sendgrid={"delay_ms": 200})
    slowest, astray = 0.0, 0
    for _ in range(rounds):
        before = sum(cluster.ledger().values())
        cluster.spawn("send")
        until(lambda: sum(cluster.ledger().values()) > before + 60, 30, "a drain under way")  # noqa: B023 used at once
        time.sleep(rng.uniform(0, 0.3))
        cluster.kill("send", signal.SIGTERM)
        slowest = max(slowest, until(lambda: not cluster.is_alive("send"), 30, "the worker to end", every=0.02))
        astray += sum(n for s, n in cluster.states().items() if s in ("sending", "unknown"))
    cluster.healthy()
    cluster.spawn("send")
    cluster.spawn("clock", "workers.clock")  # on a slow machine some of a claim may outlive its lease
    until(lambda: cluster.left() == 0, 120, "everything to be sent")
    taken = cluster.ledger()
    return Seen(
        f"SIGTERM to a sending worker in mid-drain, {rounds} times over {messages:,} messages",
        (
            seconds("slowest to end", slowest, ENDS_SECONDS),
            none("left sending or unknown", astray),
            none("messages missing or doubled", messages - sum(n == 1 for n in taken.values())),
        ),
    )
