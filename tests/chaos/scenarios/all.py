"""Every scenario there is, by name, in the order in which they are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.scenarios import (
    crash_points,
    fairness,
    migrations,
    postgres_away,
    providers_down,
    redis_away,
    said_no,
    same_again,
    taking_over,
    tokens,
)

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
    "small-shops-beside-a-big-one": fairness.small_beside_big,
    "provider-down": providers_down.twilio_for_half_an_hour,
    "three-days-away": providers_down.all_of_us_for_three_days,
    "unsubscribing-in-a-run": said_no.by_many_readers,
    "uninstalling-in-a-run": said_no.by_the_merchant,
    "two-clocks": taking_over.two_clocks,
    "sigterm": taking_over.sigterm_in_a_drain,
    "migrations": migrations.under_load,
    "unsubscribe-tokens": tokens.by_the_million,
}

FASTER = {"provider-down": providers_down.SPEED}
"""Those whose business time runs faster than the clock."""
