"""The scenarios of `make chaos`, small. What is fast there is only asked to be right here."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.chaos.scenarios import crash_points, postgres_away, providers_down, redis_away, same_again

if TYPE_CHECKING:
    from tests.chaos.cluster import Cluster

pytestmark = pytest.mark.slow


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20_261_122)


def test_a_sending_worker_that_dies_at_any_named_point_loses_and_doubles_nothing(
    cluster: Cluster, rng: random.Random
) -> None:
    assert crash_points.on_the_way_out(cluster, rng, workers=1).broken() == []


def test_a_worker_that_dies_around_a_call_for_many_loses_and_doubles_nothing(
    cluster: Cluster, rng: random.Random
) -> None:
    assert crash_points.around_one_call(cluster, rng, emails=120).broken() == []


def test_whoever_dies_between_a_webhook_and_its_message_loses_and_doubles_nothing(
    cluster: Cluster, rng: random.Random
) -> None:
    assert crash_points.on_the_way_in(cluster, rng, orders=10).broken() == []


def test_webhooks_are_taken_in_while_redis_goes_and_comes_back(cluster: Cluster, rng: random.Random) -> None:
    assert redis_away.stopped(cluster, rng, length=2, pace=40).broken() == []


def test_a_webhook_answered_200_survives_a_crash_of_the_database(cluster: Cluster, rng: random.Random) -> None:
    assert postgres_away.restarted(cluster, rng, times=1, between=(1, 1), pace=40).broken() == []


def test_the_same_delivery_fifty_times_at_once_has_one_effect(cluster: Cluster, rng: random.Random) -> None:
    assert same_again.at_once(cluster, rng, rounds=5).broken() == []


def test_after_three_days_away_what_is_too_late_expires_and_the_rest_goes(cluster: Cluster, rng: random.Random) -> None:
    assert providers_down.all_of_us_for_three_days(cluster, rng, size=100).broken() == []
