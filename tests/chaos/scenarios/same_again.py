"""The same delivery many times at the same moment has one effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.cluster import until
from tests.chaos.scenarios.seen import Seen, none
from tests.chaos.store import Store

if TYPE_CHECKING:
    import random

    from tests.chaos.cluster import Cluster


def at_once(cluster: Cluster, rng: random.Random, rounds: int = 100, copies: int = 50) -> Seen:
    """While the inbox is applied beside it."""
    cluster.make_shop()
    cluster.spawn("inbox-1", argument="inbox")
    cluster.spawn("inbox-2", argument="inbox")
    cluster.spawn("clock", "workers.clock")
    store = Store(cluster)
    for number in rng.sample(range(1, 10 * rounds), rounds):
        store.deliver_at_once([number], copies)
    statuses = store.statuses()
    until(lambda: not cluster.sql("SELECT 1 FROM delivery WHERE state = 'pending'"), 30, "the inbox to be applied")
    rows, orders, people = cluster.sql(
        "SELECT (SELECT count(*) FROM delivery WHERE state = 'applied'), (SELECT count(*) FROM orders), "
        "(SELECT count(*) FROM customer)"
    )[0]
    return Seen(
        f"{copies} identical deliveries at once, {rounds} rounds",
        (
            none("answers other than 200", rounds * copies - statuses[200]),
            none("deliveries too few or too many", abs(rows - rounds)),
            none("orders too few or too many", abs(orders - rounds)),
            none("people too few or too many", abs(people - rounds)),
        ),
    )
