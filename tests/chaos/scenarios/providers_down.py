"""A provider is away for half an hour, or all of us for three days: later, never twice, never too late."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from app.messages.breaker import FAILURES_TO_OPEN, PROBE_EVERY
from app.messages.handover import CHUNK, LANES
from tests.chaos.cluster import until
from tests.chaos.scenarios.seen import Figure, Seen, none, seconds

if TYPE_CHECKING:
    import random

    from tests.chaos.cluster import Cluster

PATIENCE_SECONDS = 120
OUTAGE_MINUTES = 30
SPEED = 30.0
"""Business time for a provider that is away for half an hour; breaker, leases and graces keep real time."""


def twilio_for_half_an_hour(cluster: Cluster, rng: random.Random, batches: int = 12, size: int = 25) -> Seen:
    """It answers 500, then not at all. Messages for both channels fall due all the while."""
    shop_id = cluster.make_shop()
    length = OUTAGE_MINUTES * 60 / cluster.speed
    cluster.faults(twilio={"5xx": 1.0})
    for name, queue in (("send-1", "send"), ("send-2", "send"), ("slow", "slow")):
        cluster.spawn(name, argument=queue)
    cluster.spawn("clock", "workers.clock")
    begun, slowest_email = time.monotonic(), 0.0
    for number in range(batches):
        if number == rng.randrange(batches // 3, batches // 2 + 1):
            cluster.faults(twilio={"5xx": 0.0, "down": True})
        cluster.make_messages(shop_id, size, size)
        waited = until(lambda: not cluster.sql(DUE_EMAILS), PATIENCE_SECONDS, "the emails", every=0.05)
        slowest_email = max(slowest_email, waited)
        time.sleep(max(0.0, begun + length * (number + 1) / batches - time.monotonic()))
    tried, opened = cluster.sql(TRIED, shop_id)[0][0], cluster.sql(OPENED)
    lasted = time.monotonic() - begun
    cluster.healthy()
    back = time.monotonic()
    while cluster.sql(OPEN_TEXTS, shop_id):
        cluster.make_messages(shop_id, 1, 1)  # traffic goes on, and with it the receipts that give silence a meaning
        time.sleep(1)
        assert time.monotonic() - back < PATIENCE_SECONDS, cluster.states()
    drained = time.monotonic() - back
    until(lambda: cluster.left() == 0, PATIENCE_SECONDS, "everything to be settled")
    taken = Counter(cluster.ledger()[row[0]] for row in cluster.sql("SELECT id FROM message"))
    # Until it opens, each worker may have its lanes full; then one probe in ten seconds.
    most = FAILURES_TO_OPEN + 2 * LANES * CHUNK + lasted / PROBE_EVERY.total_seconds() + 1
    return Seen(
        f"Twilio away for {OUTAGE_MINUTES} min (at {cluster.speed:.0f} times the speed of the clock), "
        f"{batches * size} emails and {batches * size} texts falling due meanwhile",
        (
            none("breaker left closed", int(not opened)),
            Figure("texts tried meanwhile", tried, round(most)),
            seconds("slowest email", slowest_email, 10),
            none("missing", taken[0]),
            none("doubled", sum(n for times, n in taken.items() if times > 1)),
            seconds("texts drained after", drained, 60),
        ),
    )


DUE_EMAILS = "SELECT 1 FROM message WHERE channel = 'email' AND state IN ('due', 'claimed', 'sending') LIMIT 1"
OPEN_TEXTS = """
    SELECT 1 FROM message WHERE shop_id = %s AND channel = 'sms' AND tries > 0
        AND state NOT IN ('accepted', 'delivered', 'parked') LIMIT 1
"""
TRIED = "SELECT count(*) FROM attempt WHERE shop_id = %s AND provider = 'twilio'"
OPENED = "SELECT 1 FROM breaker WHERE provider = 'twilio' AND opened_at IS NOT NULL"


def all_of_us_for_three_days(cluster: Cluster, rng: random.Random, size: int = 2_000) -> Seen:
    """Messages that were due three days ago, most of them of no use any more: as after a long outage."""
    shop_id = cluster.make_shop()
    cluster.make_messages(shop_id, size // 2, size // 2)
    cluster.sql("UPDATE message SET planned_at = planned_at - interval '3 days', due_at = due_at - interval '3 days', "
                "since = since - interval '3 days'")  # fmt: skip
    share = rng.uniform(0.5, 0.9)
    stale = cluster.sql(
        "UPDATE message SET useful_until = due_at + interval '1 day' * (1 + id %% 2) WHERE id %% 100 < %s RETURNING id",
        round(share * 100),
    )
    for name, queue in (("send-1", "send"), ("send-2", "send"), ("slow", "slow")):
        cluster.spawn(name, argument=queue)
    cluster.spawn("clock", "workers.clock")
    until(lambda: cluster.left() == 0, PATIENCE_SECONDS, "everything to be settled")
    ledger = cluster.ledger()
    late = {row[0] for row in stale}
    rows = cluster.sql("SELECT id, state, reason FROM message")
    told = cluster.sql("SELECT count(DISTINCT message_id) FROM decision WHERE outcome = 'expired'")[0][0]
    return Seen(
        f"after three days away {size:,} messages are due, {len(late):,} of them too late to be of use",
        (
            none("sent too late", sum(ledger[id_] for id_ in late)),
            none("late ones not expired with a reason", sum(
                (state, reason) != ("expired", "too_late") for id_, state, reason in rows if id_ in late)),
            none("late ones without a decision on record", len(late) - told),
            none("useful ones missing or doubled", sum(ledger[id_] != 1 for id_, _, _ in rows if id_ not in late)),
        ),
    )  # fmt: skip
