"""Deliveries come twice, late and in any order: what is known in the end is the same."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from tests.inbox.traffic import BEGIN, Traffic, Webhook, stamp

if TYPE_CHECKING:
    from tests.inbox.conftest import House


def differences(left: dict[str, list[Any]], right: dict[str, list[Any]]) -> list[str]:
    """What is different, in words short enough to read."""
    found = []
    for table in left:
        for row in left[table]:
            if row not in right[table]:
                near = min(right[table], key=lambda r: sum(r.get(k) != v for k, v in row.items()), default=None)
                what = {k: (v, near.get(k)) for k, v in row.items() if near.get(k) != v} if near else row
                found.append(f"{table}: {what}")
        if len(left[table]) != len(right[table]):
            found.append(f"{table}: {len(left[table])} rows, {len(right[table])} rows")
    return found


@pytest.mark.parametrize("seed", range(6))
def test_a_hundred_webhooks_shuffled_and_split_leave_the_same(house: House, seed: int) -> None:
    events = Traffic(seed, shoppers=5).run(100)
    house.hear(events)
    expected = house.state()
    assert len(expected["orders"]) > 5
    shuffle = random.Random(seed)
    for _ in range(3):
        house.forget()
        shuffled = shuffle.sample(events, len(events))
        while shuffled:
            size = shuffle.choice([1, 2, 7, 30, 200])
            house.hear(shuffled[:size])
            shuffled = shuffled[size:]
        assert differences(expected, house.state()) == []
