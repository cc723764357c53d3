"""The brakes' own arithmetic: shares of complaints, the ramp, days and months, countries and blocks of numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from app.brakes import rules
from app.brakes.rules import Hold, Standing, Texting
from app.channels.sms import prices

NOW = datetime(2026, 6, 10, 16, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
WELL = Standing(
    "calm", domain_verified=True, domain_taken=False, unverified_allowed=False, emails_left=None, tomorrow=NOW
)
TEXTING = Texting(frozenset({"US"}), 1_000_000, 5_000_000, 30)


@pytest.mark.parametrize(
    ("sent", "complained", "state"),
    [
        (0, 0, "calm"),
        (300, 1, "calm"),  # one angry reader is no share
        (2_000, 2, "calm"),  # exactly 0.1 % isn't over it
        (1_999, 2, "warned"),
        (10, 4, "warned"),  # far over, but too few to stop anybody
        (1_667, 5, "warned"),  # 0.29994 %
        (1_666, 5, "stopped"),
        (5, 5, "stopped"),
        (1_000_000, 3_000, "warned"),  # exactly 0.3 %
        (1_000_000, 3_001, "stopped"),
    ],
)
def test_what_a_share_of_complaints_means(sent: int, complained: int, state: str) -> None:
    assert rules.complaint_state(sent, complained) == state


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.integers(0, 100))
def test_more_complaints_never_calm_and_more_mails_never_alarm(sent: int, complained: int, more: int) -> None:
    order = ["calm", "warned", "stopped"]
    here = order.index(rules.complaint_state(sent, complained))
    assert order.index(rules.complaint_state(sent, complained + more)) >= here
    assert order.index(rules.complaint_state(sent + more, complained)) <= here or sent == 0


@pytest.mark.parametrize(
    ("standing", "channel", "purpose", "hold"),
    [
        (WELL, "email", "marketing", None),
        (replace(WELL, complaints="warned"), "email", "marketing", None),
        (replace(WELL, complaints="stopped"), "email", "marketing", "complaint_rate"),
        (replace(WELL, complaints="stopped"), "sms", "marketing", "complaint_rate"),
        (replace(WELL, complaints="stopped"), "email", "transactional", None),
        (replace(WELL, domain_verified=False), "email", "marketing", "domain_unverified"),
        (replace(WELL, domain_verified=False, unverified_allowed=True), "email", "marketing", None),
        (replace(WELL, domain_verified=False), "sms", "marketing", None),
        (replace(WELL, domain_taken=True, unverified_allowed=True), "email", "marketing", "domain_taken"),
        (replace(WELL, domain_taken=True), "email", "transactional", "domain_taken"),
        (replace(WELL, domain_taken=True), "sms", "marketing", None),
        (replace(WELL, domain_verified=False), "email", "transactional", None),
    ],
)
def test_what_stands_against_a_whole_shop(standing: Standing, channel: str, purpose: str, hold: str | None) -> None:
    found = rules.held_as_shop(standing, channel, purpose, NOW)
    assert found == (None if hold is None else Hold(hold, NOW + timedelta(hours=1)))


def test_the_ramp_doubles_every_day_and_ends() -> None:
    days = [rules.ceiling(NOW, NOW + timedelta(days=n, hours=1)) for n in range(12)]
    assert days == [500 * 2**n for n in range(10)] + [None, None]
    assert rules.ceiling(None, NOW) == 500, "a shop nobody knows the beginning of is new"
    assert rules.ceiling(NOW + timedelta(hours=1), NOW) == 500, "two clocks may differ"


def test_the_ramp_holds_marketing_emails_only() -> None:
    full = replace(WELL, emails_left=3)
    assert rules.held_by_ramp(full, "email", "marketing", 2) is None
    assert rules.held_by_ramp(full, "email", "marketing", 3) == Hold("ramp", NOW)
    assert rules.held_by_ramp(full, "email", "transactional", 3) is None
    assert rules.held_by_ramp(full, "sms", "marketing", 3) is None


def test_the_dearer_cap_speaks_first_and_names_the_local_midnight() -> None:
    assert rules.over_budget(TEXTING, 990_000, 990_000, 10_000, NOW, NEW_YORK) is None
    assert rules.over_budget(TEXTING, 990_001, 990_001, 10_000, NOW, NEW_YORK) == Hold(
        "sms_day_cap", datetime(2026, 6, 11, 4, tzinfo=UTC)
    )
    assert rules.over_budget(TEXTING, 0, 4_999_999, 10_000, NOW, NEW_YORK) == Hold(
        "sms_month_cap", datetime(2026, 7, 1, 4, tzinfo=UTC)
    )


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)))
def test_next_month_begins_on_its_first(day: date) -> None:
    following = rules.first_of_next_month(day)
    assert following.day == 1
    assert timedelta(0) < following - day <= timedelta(days=31)
    assert (following - timedelta(days=1)).month == day.month


@pytest.mark.parametrize(
    ("phone", "country"),
    [("+12125550123", "US"), ("+14165550123", "CA"), ("+18765550123", "JM"), ("+447400123456", "GB"), ("+1", None)],
)
def test_whose_number_it_is(phone: str, country: str | None) -> None:
    assert rules.country_of(phone) == country


def test_neighbours_share_a_block() -> None:
    assert rules.block_of("+12125550123") == rules.block_of("+12125599999") == "+121255"


def test_the_merchants_countries_come_before_what_was_learned() -> None:
    assert rules.countries({"DE"}, "US", ["GB"]) == {"DE"}
    assert rules.countries((), "US", ["GB"]) == {"US", "GB"}
    assert rules.countries((), None, []) == frozenset(), "a shop of no country texts nobody"


def test_a_country_without_a_price_is_taken_for_a_dear_one() -> None:
    assert prices.micros("US", 2) == 2 * prices.PER_SEGMENT["US"]
    assert (
        prices.micros("ZZ", 1)
        == prices.micros(None, 1)
        == prices.UNKNOWN
        == max(prices.UNKNOWN, *prices.PER_SEGMENT.values())
    )
    assert prices.micros("US", 0) == prices.PER_SEGMENT["US"]
