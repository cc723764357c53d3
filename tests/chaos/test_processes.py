"""Real processes: stopped, killed, doubled, and what others make of it. How soon is measured by `make chaos`."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
import redis
import rq

from tests.chaos.cluster import until
from tests.chaos.storm import settled

if TYPE_CHECKING:
    from tests.chaos.cluster import Cluster

pytestmark = pytest.mark.slow


def leaders(cluster: Cluster) -> list[int]:
    """Database processes that hold the clock's lock."""
    return [row[0] for row in cluster.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
                                          "AND objid = 7261602")]  # fmt: skip


def test_of_two_clocks_one_leads_and_the_other_takes_over(cluster: Cluster) -> None:
    first = cluster.spawn("clock-1", "workers.clock")
    until(lambda: len(leaders(cluster)) == 1, 60, "a leader")
    cluster.spawn("clock-2", "workers.clock")
    time.sleep(1.5)
    before = leaders(cluster)
    assert len(before) == 1
    cluster.kill("clock-1")
    until(lambda: leaders(cluster) not in ([], before), 60, "the next leader")
    assert first != cluster.children["clock-2"]
    shop_id = cluster.make_shop()
    cluster.make_messages(shop_id, 0, 1)
    with redis.Redis.from_url(cluster.redis.url) as client:
        until(lambda: client.llen("rq:queue:send") == 1, 60, "the new leader to ring")


def test_sigterm_in_a_drain_ends_it_and_leaves_no_unknown(cluster: Cluster) -> None:
    shop_id = cluster.make_shop()
    cluster.make_messages(shop_id, 500, 1000)
    slow = {"delay_ms": 200}
    cluster.faults(twilio=slow, sendgrid=slow)
    for _ in range(2):
        cluster.spawn("send")
        before = sum(cluster.ledger().values())
        until(lambda before=before: sum(cluster.ledger().values()) > before + 60, 60, "a drain under way")  # type: ignore[misc]
        cluster.kill("send", signal.SIGTERM)
        until(lambda: not cluster.is_alive("send"), 60, "the worker to end")
        left = cluster.states()
        assert set(left) <= {"due", "accepted", "delivered", "failed"}, "nothing is left claimed, sending or unknown"
        assert left["due"] > 0, "it went on to the end"
    cluster.healthy()
    cluster.spawn("send")
    cluster.spawn("clock", "workers.clock")  # on a slow machine some of a claim may outlive its lease
    settled(cluster)
    assert set(cluster.ledger().values()) == {1}
    assert len(cluster.ledger()) == 1500


def test_an_os_system_job_in_redis_is_never_run_and_the_worker_lives(cluster: Cluster) -> None:
    mark = cluster.folder / "mark"
    cluster.spawn("send")
    with redis.Redis.from_url(cluster.redis.url) as client:
        queue = rq.Queue("send", connection=client, serializer="json")
        queue.enqueue_call("os.system", args=(f"touch {mark}",))
        rq.Queue("send", connection=client).enqueue_call("os.system", args=(f"touch {mark}",))
        until(lambda: queue.count == 0, 60, "both jobs to be taken")
    shop_id = cluster.make_shop()
    cluster.make_messages(shop_id, 1, 1)
    settled(cluster)
    assert not mark.exists()
    assert cluster.is_alive("send")


def test_without_redis_messages_still_go(cluster: Cluster) -> None:
    shop_id = cluster.make_shop()
    cluster.redis.crash()
    try:
        cluster.make_messages(shop_id, 5, 5)
        cluster.spawn("send")
        settled(cluster)
    finally:
        cluster.redis.start()
    assert len(cluster.ledger()) == 10


def test_a_worker_that_loses_redis_while_it_listens_works_on_and_can_be_stopped(cluster: Cluster) -> None:
    cluster.spawn("send")
    with redis.Redis.from_url(cluster.redis.url) as client:
        until(lambda: client.scard("rq:workers:send") == 1, 60, "the worker to listen")
    cluster.redis.crash()
    try:
        cluster.make_messages(cluster.make_shop(), 2, 2)
        settled(cluster)
        cluster.kill("send", signal.SIGTERM)
        until(lambda: not cluster.is_alive("send"), 60, "the worker to end")
    finally:
        cluster.redis.start()


def test_a_provider_that_is_down_holds_up_its_own_channel_only_and_is_drained_afterwards(cluster: Cluster) -> None:
    shop_id = cluster.make_shop()
    cluster.faults(twilio={"5xx": 1.0})
    cluster.make_messages(shop_id, 100, 60)
    cluster.spawn("clock", "workers.clock")
    cluster.spawn("send")
    until(lambda: sum(cluster.ledger().values()) == 100, 90, "all emails")
    broken = "SELECT 1 FROM breaker WHERE provider = 'twilio' AND failures >= 20 AND opened_at IS NOT NULL"
    until(lambda: cluster.sql(broken) != [], 60, "the breaker to open")
    cluster.healthy()
    cluster.spawn("slow", argument="slow")
    cluster.sql("UPDATE breaker SET paused_until = now() WHERE provider = 'twilio'")
    cluster.sql("UPDATE message SET due_at = now() WHERE state = 'due'")
    settled(cluster)
    ledger = cluster.ledger()
    assert len(ledger) == sum(ledger.values()) == 160


def test_ten_small_shops_are_done_while_a_big_one_has_five_thousand_waiting(cluster: Cluster) -> None:
    big = cluster.make_shop("big.myshopify.com")
    cluster.make_messages(big, 2_500, 2_500)
    small = [cluster.make_shop(f"small-{n}.myshopify.com") for n in range(10)]
    for shop_id in small:
        cluster.make_messages(shop_id, 5, 5)
    cluster.spawn("send")
    waiting = "SELECT count(*) FROM message WHERE state IN ('due', 'claimed', 'sending') AND shop_id = ANY(%s)"
    until(lambda: cluster.sql(waiting, small)[0][0] == 0, 90, "the small shops")
    assert cluster.sql(waiting, [big])[0][0] > 2_000


def test_flushing_redis_costs_promptness_only(cluster: Cluster) -> None:
    cluster.spawn("clock", "workers.clock")
    cluster.spawn("send")
    for n in range(3):
        cluster.flush()
        cluster.make_messages(cluster.make_shop(f"s{n}.myshopify.com"), 5, 5)
        cluster.flush()
        settled(cluster)
    assert len(cluster.ledger()) == 30
