"""Quiet hours against a brute-force oracle: the wall clock, asked minute by minute."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays
import phonenumbers
import pytest
from phonenumbers import geocoder

from app.messages.places import LAWS, Place, _places_of_number, places_of, watches, zones_of
from app.messages.quiet import ALL_DAY, Hours, Watch, next_allowed

ZONES = [
    "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Asia/Kathmandu",
    "Africa/Casablanca", "Asia/Tehran", "America/Sao_Paulo", "America/Phoenix", "Africa/Cairo", "America/St_Johns",
]  # fmt: skip
WINDOWS = [
    Hours(time(21), time(8)),
    Hours(time(20), time(9)),
    Hours(time(13), time(14)),
    Hours(time(23, 30), time(0, 30)),
    Hours(time(1), time(2, 30)),
]
CLOSED_DAYS = [LAWS["FR"], LAWS["US-TX"], LAWS["US-RI"], Hours(time(0), time(0), time(2, 30), "FR")]
"""Laws with Sundays and holidays, and a Sunday that ends where clocks change."""
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
MINUTES = 2 * 365 * 24 * 60
SAMPLES = 60
PLACES = {zone: ZoneInfo(zone) for zone in ZONES}
HOLIDAYS = {c: holidays.country_holidays(c, years=range(2024, 2029)) for c in ("FR", "US")}


def is_quiet(at: datetime, zone: str, hours: Hours) -> bool:
    local = at.astimezone(PLACES[zone])
    wall, night = local.time(), hours.start != hours.end
    if night and hours.start < hours.end and hours.start <= wall < hours.end:
        return True
    if night and hours.start > hours.end and (wall >= hours.start or wall < hours.end):
        return True
    closed = local.weekday() == 6 or (hours.holidays is not None and local.date() in HOLIDAYS[hours.holidays])
    return closed and hours.sunday_until is not None and (hours.sunday_until == ALL_DAY or wall < hours.sunday_until)


def oracle(now: datetime, watched: list[tuple[str, Hours]]) -> datetime:
    while any(is_quiet(now, *each) for each in watched):
        now = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return now


def found(now: datetime, *watched: tuple[str, Hours]) -> datetime:
    return next_allowed(now, [Watch(*each) for each in watched])


@pytest.mark.parametrize("zone", ZONES)
def test_sampled_minutes_of_two_years_agree_with_the_wall_clock(zone: str) -> None:
    rng = random.Random(zone)
    for hours, samples in [*((w, SAMPLES) for w in WINDOWS), *((law, SAMPLES // 6) for law in CLOSED_DAYS)]:
        for _ in range(samples):
            now = FIRST + timedelta(minutes=rng.randrange(MINUTES), seconds=rng.randrange(60))
            assert found(now, (zone, hours)) == oracle(now, [(zone, hours)]), (now, hours)


@pytest.mark.parametrize("zone", ZONES)
def test_all_minutes_around_each_change_of_the_clocks_agree(zone: str) -> None:
    where = ZoneInfo(zone)
    halves = [FIRST + timedelta(minutes=30 * n) for n in range(MINUTES // 30)]
    changes = [a for a, b in pairwise(halves)
               if a.astimezone(where).utcoffset() != b.astimezone(where).utcoffset()]  # fmt: skip
    for change in changes:
        for hours in (*WINDOWS, CLOSED_DAYS[-1]):
            for minute in range(-170, 170, 13):
                now = change + timedelta(minutes=minute)
                assert found(now, (zone, hours)) == oracle(now, [(zone, hours)]), (now, hours)


def test_two_zones_together_agree() -> None:
    rng = random.Random(7)
    for _ in range(150):
        zones = rng.sample(ZONES, 2)
        now = FIRST + timedelta(minutes=rng.randrange(MINUTES))
        both = [(zone, rng.choice([Hours(time(22), time(7)), Hours(time(22), time(7), time(9))])) for zone in zones]
        assert found(now, *both) == oracle(now, both), (now, both)


def test_zones_that_leave_no_moment_of_the_day_mean_not_within_a_week() -> None:
    now = datetime(2026, 6, 10, 3, tzinfo=UTC)
    everywhere = ["America/New_York", "Asia/Tokyo", "Europe/London", "Pacific/Auckland"]
    night = Hours(time(20), time(9))
    assert found(now, *((zone, night) for zone in everywhere)) == now + timedelta(days=7)


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
    hours = Hours(time.fromisoformat(start), time.fromisoformat(end))
    assert found(datetime.fromisoformat(now), (zone, hours)) == datetime.fromisoformat(allowed)


def test_nowhere_to_look_means_no_quiet_hours() -> None:
    now = datetime(2026, 6, 11, 3, tzinfo=UTC)
    assert next_allowed(now, []) == now


@pytest.mark.parametrize(
    ("country", "province", "phone", "zones"),
    [
        ("US", "NY", None, ("America/New_York",)),
        ("US", "TX", None, ("America/Chicago", "America/Denver")),
        ("US", "NY", "+14155550100", ("America/Los_Angeles", "America/New_York")),
        (None, None, "+14155550100", ("America/Los_Angeles",)),
        ("NP", None, None, ("Asia/Kathmandu",)),
        ("ES", "CN", None, ("Europe/Madrid",)),
        ("AU", "QLD", None, ("Australia/Brisbane",)),
        # A wide country and nothing more: from one end to the other.
        ("US", None, None, ("America/Los_Angeles", "America/New_York")),
        ("US", None, "+14155550100", ("America/Los_Angeles",)),
        ("ZZ", None, None, ("Asia/Tokyo",)),
        (None, None, None, ("Asia/Tokyo",)),
        (None, None, "not a number", ("Asia/Tokyo",)),
    ],
)
def test_where_a_person_may_be(
    country: str | None, province: str | None, phone: str | None, zones: tuple[str, ...]
) -> None:
    assert zones_of(country, province, phone, "Asia/Tokyo") == zones


# The law


@pytest.mark.parametrize(
    ("country", "province", "phone", "now", "allowed"),
    [
        # Florida ends the day at eight; by the address, by the number, and by the number of who moved away.
        ("US", "FL", None, "2026-06-10T20:30-04:00", "2026-06-11T10:00-04:00"),
        (None, None, "+13055550100", "2026-06-10T20:30-04:00", "2026-06-11T09:00-04:00"),
        ("US", "NY", "+13055550100", "2026-06-10T20:30-04:00", "2026-06-11T09:00-04:00"),
        ("US", "NY", "+12125550100", "2026-06-10T20:30-04:00", "2026-06-10T20:30-04:00"),
        ("US", "NY", "+12125550100", "2026-06-10T07:59-04:00", "2026-06-10T08:00-04:00"),
        # Whose number is of the other coast gets nothing before both are up, nor after one has gone to bed.
        ("US", "NY", "+14155550100", "2026-06-10T08:30-04:00", "2026-06-10T12:00-04:00"),
        ("CA", "QC", "+15145550100", "2026-06-10T21:30-04:00", "2026-06-11T08:00-04:00"),
        # Texas sleeps until noon on Sundays, by both its zones; Rhode Island the whole day, and Independence Day.
        ("US", "TX", None, "2026-06-14T09:30-05:00", "2026-06-14T13:00-05:00"),
        ("US", "RI", None, "2026-06-14T12:00-04:00", "2026-06-15T10:00-04:00"),
        ("US", "RI", None, "2026-07-03T12:00-04:00", "2026-07-06T10:00-04:00"),
        # France: until ten in the evening, and never on Sundays, at Christmas, or on Easter Monday.
        ("FR", None, None, "2026-06-10T21:30+02:00", "2026-06-10T21:30+02:00"),
        (None, None, "+33612345678", "2026-06-10T22:00+02:00", "2026-06-11T08:00+02:00"),
        ("FR", None, None, "2026-06-13T22:00+02:00", "2026-06-15T08:00+02:00"),
        ("FR", None, None, "2026-12-24T22:00+01:00", "2026-12-26T08:00+01:00"),
        ("FR", None, None, "2026-04-05T12:00+02:00", "2026-04-07T08:00+02:00"),
        ("FR", None, None, "2026-05-14T12:00+02:00", "2026-05-15T08:00+02:00"),
        ("RE", None, None, "2026-06-14T12:00+04:00", "2026-06-15T08:00+04:00"),
        # Elsewhere the hours of the shop.
        ("DE", None, None, "2026-06-14T12:00+02:00", "2026-06-14T12:00+02:00"),
        ("DE", None, None, "2026-06-14T21:30+02:00", "2026-06-15T08:00+02:00"),
    ],
)
def test_the_law_of_the_place(
    country: str | None, province: str | None, phone: str | None, now: str, allowed: str
) -> None:
    places = places_of(country, province, phone, "Asia/Tokyo")
    usual = watches(places, Hours(time(21), time(8)), usual=True, lawful=True)
    assert next_allowed(datetime.fromisoformat(now), usual) == datetime.fromisoformat(allowed)


def test_hours_of_the_shops_own_choice_hold_beside_the_law() -> None:
    paris, evening = places_of("FR", None, None, "UTC"), datetime.fromisoformat("2026-06-10T21:30+02:00")
    chosen = watches(paris, Hours(time(20), time(10)), usual=False, lawful=True)
    assert next_allowed(evening, chosen) == datetime.fromisoformat("2026-06-11T10:00+02:00")
    assert next_allowed(datetime.fromisoformat("2026-06-14T12:00+02:00"), chosen).day == 15


def test_the_law_holds_although_the_shop_keeps_no_hours_and_only_for_texts() -> None:
    place, night = places_of("US", "WA", None, "UTC"), datetime.fromisoformat("2026-06-10T20:30-07:00")
    assert next_allowed(night, watches(place, None, usual=False, lawful=True)).hour == 16
    assert watches(place, None, usual=False, lawful=False) == ()


def test_area_codes_are_those_of_their_states() -> None:
    """Against the numbering plan that comes with the phone library, for the codes it names a whole state for."""
    names = {"Florida": "FL", "Texas": "TX", "Washington State": "WA", "New Jersey": "NJ", "Oregon": "OR",
             "Illinois": "IL", "Nevada": "NV", "Massachusetts": "MA", "Connecticut": "CT", "Kentucky": "KY",
             "Michigan": "MI", "Minnesota": "MN", "Alabama": "AL", "Louisiana": "LA", "Maryland": "MD",
             "Oklahoma": "OK", "California": "CA", "Mississippi": "MS", "Utah": "UT", "New Mexico": "NM",
             "Rhode Island": "RI", "South Dakota": "SD", "Wyoming": "WY"}  # fmt: skip
    wrong, seen = [], set()
    for code in range(201, 990):
        number = phonenumbers.PhoneNumber(1, code * 10**7 + 2_345_678)
        name = geocoder.description_for_valid_number(number, "en")
        state = names.get(name) or name.rpartition(", ")[2]
        if f"US-{state}" not in LAWS:
            continue
        seen.add(state)
        laws = {place.law for place in _places_of_number(f"+{number.country_code}{number.national_number}")}
        if laws and laws != {LAWS[f"US-{state}"]}:
            wrong.append((code, state))
    assert wrong == []
    assert len(seen) > 15


def test_holidays_are_those_of_the_country() -> None:
    closed = Hours(time(0), time(0), ALL_DAY, "FR")
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    shut = {day for day in days if closed.quiet(datetime.combine(day, time(12)))}
    assert {date(2026, 7, 14), date(2026, 11, 11), date(2026, 5, 25)} <= shut
    assert len([day for day in shut if day.weekday() != 6]) == 10, "eleven, of which one is a Sunday"


def test_a_place_without_a_law_has_the_shops_hours_alone() -> None:
    own = Hours(time(21), time(8))
    assert watches([Place("Asia/Tokyo")], own, usual=True, lawful=True) == (Watch("Asia/Tokyo", own),)
