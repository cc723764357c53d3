"""The benchmarks run from end to end, and say something about every hot path. Nothing here looks at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.__main__ import SMALL, page, run
from bench.table import Row, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask


@pytest.fixture
def other_house(app: Flask) -> Iterator[None]:
    """The benchmarks set this process up for servers of their own; afterwards it is the tests' again."""
    from app import clock, doorbell, registry, transaction
    from app.extensions import db
    from app.security import keyring

    yield
    settings = app.extensions["settings"]
    with app.app_context():
        transaction.bind(db.engine)
    doorbell.bind(settings.redis_url)
    registry.load(settings)
    keyring.use(keyring.Keyring(settings.secret_keys))
    clock.use(clock.Clock(settings.clock_speed, settings.clock_epoch))


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_small_run_has_a_line_for_every_hot_path(other_house: None) -> None:
    del other_house
    rows = run(SMALL)
    paths = " ".join(row.path for row in rows)
    for hot in (
        "webhook accepted",
        "webhook applied",
        "plan",
        "render",
        "hand-over",
        "whole way",
        "doorbell",
        "admin",
        "phone",
        "file of people",
    ):
        assert hot in paths
    assert all(row.ratio >= 0 and row.measured for row in rows)
    # Two of the figures are no times: they are the same on every machine.
    steady = [row.verdict for row in rows if "layout shift" in row.path or "script" in row.path]
    assert steady == ["met", "met"]


def test_a_missed_target_is_called_missed_and_explained() -> None:
    fast = Row("plan", "9/s", "reference: 10/s", 0.9, Target(0.5, "x"))
    slow = replace(fast, ratio=0.4)
    late = Row("accepted, p99", "90 ms", "", 90, Target(60, " ms", at_most=True))
    assert [row.verdict for row in (fast, slow, late)] == ["met", "MISSED", "MISSED"]
    written = page([fast, slow, late], "How fast", "By hand.")
    assert "| plan | 9/s | reference: 10/s | 0.4x | at least 0.5x | MISSED |" in written
    assert written.count("- **") == 2
    assert "What is missed" not in page([fast], "How fast", "By hand.")
