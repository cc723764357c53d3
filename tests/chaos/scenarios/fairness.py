"""A shop with very much to send doesn't hold up those with little."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.chaos.cluster import until
from tests.chaos.scenarios.seen import Seen, none, seconds

if TYPE_CHECKING:
    import random

    from tests.chaos.cluster import Cluster

LONGEST_SECONDS = 5
WAITING = "SELECT count(*) FROM message WHERE state IN ('due', 'claimed', 'sending') AND shop_id = ANY(%s)"


def small_beside_big(cluster: Cluster, rng: random.Random, big: int = 50_000, small: int = 10) -> Seen:
    """The small ones' messages fall due while the big one's are under way."""
    giant = cluster.make_shop("giant.myshopify.com")
    emails = big * 2 // 5
    cluster.make_messages(giant, emails, big - emails)
    cluster.sql("ANALYZE")
    shops = [cluster.make_shop(f"small-{n}.myshopify.com") for n in range(10)]
    cluster.spawn("send-1")
    cluster.spawn("send-2")
    cluster.spawn("clock", "workers.clock")
    until(lambda: sum(cluster.ledger().values()) > rng.randrange(200, 400), 30, "the big one to be under way")
    for shop_id in shops:
        texts = rng.randint(0, small)
        cluster.make_messages(shop_id, small - texts, texts)
    begun = time.monotonic()
    until(lambda: cluster.sql(WAITING, shops)[0][0] == 0, 60, "the small shops", every=0.05)
    took = time.monotonic() - begun
    ledger = cluster.ledger()
    sent = [ledger[row[0]] for row in cluster.sql("SELECT id FROM message WHERE shop_id = ANY(%s)", shops)]
    left = cluster.sql(WAITING, [giant])[0][0]
    cluster.reap()
    return Seen(
        f"10 shops with {small} due each beside one with {big:,}, of which {left:,} were left when the small were done",
        (
            seconds("the small ones done after", took, LONGEST_SECONDS),
            none("missing or doubled of theirs", sum(n != 1 for n in sent)),
            none("of the big one's left to compare with too few", int(left < big / 4)),
        ),
    )
