"""The long storm, for `make chaos`."""

from __future__ import annotations

import pytest

from tests.chaos import run


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_messages_through_a_storm() -> None:
    assert run.main(run.MESSAGES, seed=1) == 0
