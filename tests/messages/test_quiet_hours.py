"""Quiet hours against a brute-force oracle: the wall clock, asked minute by minute."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.messages.quiet import next_allowed, zones_of

ZONES = [
    "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Asia/Kathmandu",
    "Africa/Casablanca", "Asia/Tehran", "America/Sao_Paulo", "America/Phoenix", "Africa/Cairo", "America/St_Johns",
]  # fmt: skip
WINDOWS = [
    (time(21), time(8)),
    (time(20), time(9)),
    (time(13), time(14)),
    (time(23, 30), time(0, 30)),
    (time(1), time(2, 30)),
]
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
MINUTES = 2 * 365 * 24 * 60
SAMPLES = 60


def is_quiet(at: datetime, zone: str, start: time, end: time) -> bool:
    wall = at.astimezone(ZoneInfo(zone)).time()
    return start <= wall < end if start < end else wall >= start or wall < end


def oracle(now: datetime, zones: list[str], start: time, end: time) -> datetime:
    while any(is_quiet(now, zone, start, end) for zone in zones):
        now = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return now


@pytest.mark.parametrize("zone", ZONES)
def test_sampled_minutes_of_two_years_agree_with_the_wall_clock(zone: str) -> None:
    rng = random.Random(zone)
    for start, end in WINDOWS:
        for _ in range(SAMPLES):
            now = FIRST + timedelta(minutes=rng.randrange(MINUTES), seconds=rng.randrange(60))
            assert next_allowed(now, [zone], start, end) == oracle(now, [zone], start, end), (now, start, end)


@pytest.mark.parametrize("zone", ZONES)
def test_all_minutes_around_each_change_of_the_clocks_agree(zone: str) -> None:
    where = ZoneInfo(zone)
    hours = [FIRST + timedelta(minutes=30 * n) for n in range(MINUTES // 30)]
    changes = [a for a, b in pairwise(hours)
               if a.astimezone(where).utcoffset() != b.astimezone(where).utcoffset()]  # fmt: skip
    for change in changes:
        for start, end in WINDOWS:
            for minute in range(-170, 170, 13):
                now = change + timedelta(minutes=minute)
                assert next_allowed(now, [zone], start, end) == oracle(now, [zone], start, end), (now, start, end)


def test_two_zones_together_agree() -> None:
    rng = random.Random(7)
    for _ in range(150):
        zones = rng.sample(ZONES, 2)
        now = FIRST + timedelta(minutes=rng.randrange(MINUTES))
        assert next_allowed(now, zones, time(22), time(7)) == oracle(now, zones, time(22), time(7)), (now, zones)


def test_zones_that_leave_no_moment_of_the_day_mean_not_in_the_next_two_days() -> None:
    now = datetime(2026, 6, 10, 3, tzinfo=UTC)
    everywhere = ["America/New_York", "Asia/Tokyo", "Europe/London", "Pacific/Auckland"]
    assert next_allowed(now, everywhere, time(20), time(9)) == now + timedelta(days=2)


@pytest.mark.parametrize(
    ("now", "zone", "start", "end", "allowed"),
    [
        # Half past two does not exist: the first moment after it is three o'clock.
        ("2026-03-08T01:15-05:00", "America/New_York", "01:00", "02:30", "2026-03-08T03:00-04:00"),
        # Half past one comes twice; the first one is allowed, and the hour repeated is quiet again until the second.
        ("2026-11-01T00:45-04:00", "America/New_York", "00:30", "01:30", "2026-11-01T01:30-04:00"),
        ("2026-11-01T01:10-05:00", "America/New_York", "00:30", "01:30", "2026-11-01T01:30-05:00"),
        ("2026-03-29T00:30+00:00", "Europe/London", "21:00", "08:00", "2026-03-29T08:00+01:00"),
        # Clocks that move by half an hour.
        ("2026-10-04T01:50+10:30", "Australia/Lord_Howe", "01:00", "02:15", "2026-10-04T02:30+11:00"),
        ("2026-04-05T01:40+11:00", "Australia/Lord_Howe", "01:00", "01:45", "2026-04-05T01:45+11:00"),
        # A whole day that never was.
        ("2011-12-29T22:00-10:00", "Pacific/Apia", "21:00", "08:00", "2011-12-31T08:00+14:00"),
        ("2026-01-01T00:00+05:45", "Asia/Kathmandu", "21:00", "08:00", "2026-01-01T08:00+05:45"),
        # Ramadan moves the clocks of Casablanca.
        ("2026-02-15T02:30+01:00", "Africa/Casablanca", "21:00", "08:00", "2026-02-15T08:00+00:00"),
        ("2026-03-22T01:00+00:00", "Africa/Casablanca", "21:00", "08:00", "2026-03-22T08:00+01:00"),
        # Midnight does not exist in Cairo on the last Friday of April.
        ("2026-04-23T23:45+02:00", "Africa/Cairo", "23:30", "00:30", "2026-04-24T01:00+03:00"),
        ("2028-02-29T23:00-07:00", "America/Phoenix", "21:00", "08:00", "2028-03-01T08:00-07:00"),
        ("2026-06-10T23:00-03:00", "America/Sao_Paulo", "21:00", "08:00", "2026-06-11T08:00-03:00"),
        ("2026-06-10T23:00+03:30", "Asia/Tehran", "21:00", "08:00", "2026-06-11T08:00+03:30"),
        # A window of zero length is no window; a zone nobody knows counts as UTC.
        ("2026-06-10T23:00-04:00", "America/New_York", "08:00", "08:00", "2026-06-10T23:00-04:00"),
        ("2026-06-10T23:00+00:00", "Mars/Olympus", "21:00", "08:00", "2026-06-11T08:00+00:00"),
    ],
)
def test_the_traps(now: str, zone: str, start: str, end: str, allowed: str) -> None:
    found = next_allowed(datetime.fromisoformat(now), [zone], time.fromisoformat(start), time.fromisoformat(end))
    assert found == datetime.fromisoformat(allowed)


def test_nowhere_to_look_means_no_quiet_hours() -> None:
    now = datetime(2026, 6, 11, 3, tzinfo=UTC)
    assert next_allowed(now, [], time(21), time(8)) == now


@pytest.mark.parametrize(
    ("country", "province", "phone", "zones"),
    [
        ("US", "NY", None, ("America/New_York",)),
        ("US", "TX", None, ("America/Chicago", "America/Denver")),
        ("US", "NY", "+14155550100", ("America/Los_Angeles", "America/New_York")),
        (None, None, "+14155550100", ("America/Los_Angeles",)),
        ("NP", None, None, ("Asia/Tokyo",)),
        (None, None, None, ("Asia/Tokyo",)),
        (None, None, "not a number", ("Asia/Tokyo",)),
    ],
)
def test_where_a_person_may_be(
    country: str | None, province: str | None, phone: str | None, zones: tuple[str, ...]
) -> None:
    assert zones_of(country, province, phone, "Asia/Tokyo") == zones
