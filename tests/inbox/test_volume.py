"""Ten thousand webhooks at full speed, doubled and disordered, applied by two at once: nothing lost, nothing twice."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest

from app.inbox.service import apply_pending
from tests.inbox.test_any_order import differences
from tests.inbox.traffic import Traffic, Webhook

if TYPE_CHECKING:
    from tests.inbox.conftest import House


def storm(house: House, events: list[Webhook], seed: int) -> None:
    """Deliver with 20 % duplicates in random order while two workers apply."""
    shuffle = random.Random(seed)
    deliveries = shuffle.sample(events, len(events)) + shuffle.sample(events, len(events) // 5)
    shuffle.shuffle(deliveries)
    done = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not done.is_set():
                apply_pending(done.is_set)
                done.wait(0.01)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for begin in range(0, len(deliveries), 400):
        house.deliver_all(deliveries[begin : begin + 400])
    while house.states().get("pending") and not failures:
        done.wait(0.05)
    done.set()
    for worker in workers:
        worker.join()
    assert failures == []


@pytest.mark.parametrize("number", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_storm_of_webhooks_leaves_what_the_calm_would_have(house: House, number: int) -> None:
    events = Traffic(seed=number, shoppers=number // 20).run(number)
    house.hear(events)
    expected = house.state()
    calm = house.states()
    house.forget()
    storm(house, events, seed=number)
    assert house.states() == calm
    assert sum(calm.values()) == len(events)
    tries = house.rows("SELECT min(tries) AS least, max(tries) AS most FROM delivery")[0]
    assert (tries.least, tries.most) == (1, 1)
    assert {name: len(rows) for name, rows in house.state().items()} == {n: len(rows) for n, rows in expected.items()}
    assert house.state() == expected or differences(expected, house.state()) == []
