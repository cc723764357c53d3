"""Every scenario there is, by name, in the order in which they are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.scenarios import crash_points, postgres_away, redis_away, same_again

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.chaos.cluster import Cluster
    from tests.chaos.scenarios.seen import Seen

SCENARIOS: dict[str, Callable[[Cluster, random.Random], Seen]] = {
    "crash-points-in": crash_points.on_the_way_in,
    "crash-points-out": crash_points.on_the_way_out,
    "crash-points-one-call": crash_points.around_one_call,
    "redis-stopped": redis_away.stopped,
    "redis-hung": redis_away.hung,
    "redis-full": redis_away.full,
    "postgres-restarted": postgres_away.restarted,
    "postgres-hung": postgres_away.hung,
    "same-delivery-at-once": same_again.at_once,
}
