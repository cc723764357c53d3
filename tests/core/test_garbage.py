from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from app import garbage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def as_before() -> Iterator[None]:
    """Python's own ways again, for the tests after this one."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_is_there_before_the_work_is_not_looked_through_again(as_before: None) -> None:
    del as_before
    garbage.settle()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] == garbage.YOUNG


def test_cycles_are_still_found(as_before: None) -> None:
    del as_before
    garbage.settle()

    class Ring:
        alive = 0

        def __init__(self) -> None:
            Ring.alive += 1
            self.itself = self

        def __del__(self) -> None:
            Ring.alive -= 1

    for _ in range(garbage.YOUNG + 1_000):
        Ring()
    assert Ring.alive <= garbage.YOUNG
