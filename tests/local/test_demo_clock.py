from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, strategies as st

from local.demo_clock import Line, keep, resume

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=5)


def test_the_first_run_begins_at_the_real_time(tmp_path: Path) -> None:
    line = resume(tmp_path, 600, NOON)
    assert line.business(NOON) == NOON
    assert line.business(NOON + timedelta(seconds=6)) == NOON + timedelta(hours=1)


def test_a_night_switched_off_does_not_pass_in_the_demo(tmp_path: Path) -> None:
    first = resume(tmp_path, 600, NOON)
    evening = NOON + timedelta(hours=1)
    keep(tmp_path, first, evening)
    morning = evening + timedelta(hours=14)
    assert abs(resume(tmp_path, 600, morning).business(morning) - first.business(evening)) < MOMENT


def test_another_speed_goes_on_from_the_same_business_time(tmp_path: Path) -> None:
    first = resume(tmp_path, 600, NOON)
    later = NOON + timedelta(minutes=1)
    keep(tmp_path, first, later)
    second = resume(tmp_path, 3600, later)
    assert abs(second.business(later) - first.business(later)) < MOMENT
    assert abs(second.business(later + timedelta(seconds=1)) - first.business(later) - timedelta(hours=1)) < MOMENT


def test_at_speed_one_there_is_only_real_time(tmp_path: Path) -> None:
    keep(tmp_path, Line(NOON, 600), NOON + timedelta(hours=1))
    later = NOON + timedelta(hours=2)
    assert resume(tmp_path, 1, later).business(later) == later


@given(
    off=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)),
    ahead=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)),
    speed=st.floats(min_value=1.5, max_value=10_000),
)
def test_the_line_always_passes_through_the_point_it_was_made_for(
    off: timedelta, ahead: timedelta, speed: float
) -> None:
    real = NOON + off
    line = Line.through(real, real + ahead, speed)
    # Microseconds of the epoch are rounded, and the speed multiplies what was rounded.
    assert abs(line.business(real) - (real + ahead)) <= timedelta(microseconds=speed + 2)
