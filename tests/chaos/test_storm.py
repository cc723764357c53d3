"""Five thousand messages in a storm; a hundred thousand in `make chaos`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.storm import Storm

if TYPE_CHECKING:
    from tests.chaos.cluster import Cluster


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_five_thousand_messages_through_a_storm_are_each_taken_once(cluster: Cluster) -> None:
    count = Storm(cluster, 5_000, seed=20_260_610, patience=400).run()
    assert (count.missing, count.doubled, count.without_a_story) == (0, 0, 0), str(count)
    assert count.parked <= count.messages / 100, str(count)
    assert count.kills >= 5
    assert count.database_crashes == 1
