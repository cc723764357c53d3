"""A merchant sees in one word whether everything moves, and else what to do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app import transaction
from app.admin import diagnosis
from app.admin.diagnosis import Provider, Vitals
from tests.admin.conftest import Admin, add_customer, add_delivery, add_message, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOTHING = timedelta()


def vitals(**more: Any) -> Vitals:
    values: dict[str, Any] = {
        "clock_leads": True, "let_in": True, "arrived": 3, "parked_deliveries": 0, "parked_messages": 0, "unknown": 0,
        "webhook_waits": NOTHING, "plan_waits": NOTHING, "send_waits": NOTHING,
        "providers": [Provider("email", "sendgrid", 5), Provider("sms", "twilio")],
        "reconciled": [("orders", MINUTE, None)], **more,
    }  # fmt: skip
    return Vitals(**values)


def told(**more: Any) -> tuple[str, list[tuple[str, str]]]:
    """The verdict, and (tone, area) of what isn't fine."""
    findings = diagnosis.diagnose(vitals(**more))
    assert all(f.remedy for f in findings if f.tone == "bad"), "what is wrong comes with what to do"
    return diagnosis.verdict(findings), [(f.tone, f.area) for f in findings if f.tone != "good"]


def test_undisturbed_everything_is_well() -> None:
    assert told() == ("good", [])


@pytest.mark.parametrize(
    ("more", "tone", "area"),
    [
        ({"clock_leads": False}, "care", "Clock"),
        ({"let_in": False}, "bad", "Your store"),
        ({"parked_deliveries": 2}, "care", "News we couldn't use"),
        ({"parked_messages": 1}, "bad", "Outcomes"),
        ({"webhook_waits": 3 * MINUTE}, "care", "News from the store"),
        ({"webhook_waits": HOUR}, "bad", "News from the store"),
        ({"plan_waits": 20 * MINUTE}, "bad", "Journeys"),
        ({"send_waits": 2 * MINUTE}, "care", "Sending"),
        ({"providers": [Provider("email", None)]}, "care", "Email"),
        ({"providers": [Provider("email", "sendgrid", broken=True)]}, "bad", "Email"),
        ({"providers": [Provider("sms", "twilio", paused=True)]}, "care", "SMS"),
        ({"providers": [Provider("sms", "twilio", 10, 2)]}, "bad", "SMS"),
        ({"imports_failed": 1}, "care", "History"),
        ({"reconciled": [("orders", 3 * HOUR, None)]}, "bad", "Double check"),
        ({"reconciled": [("orders", MINUTE, "timeout")]}, "care", "Double check"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], tone: str, area: str) -> None:
    assert told(**more) == (tone, [(tone, area)])


@pytest.mark.parametrize(
    "more",
    [
        {"providers": [Provider("sms", "twilio", 9, 9)]},
        {"providers": [Provider("sms", "twilio", 100, 19)]},
        {"unknown": 4},
        {"imports_running": 2},
        {"plan_waits": 119 * timedelta(seconds=1)},
    ],
)
def test_what_passes_by_itself_worries_nobody(more: dict[str, Any]) -> None:
    assert told(**more) == ("good", [])


@pytest.fixture
def ticking(database: str) -> Iterator[None]:
    """A clock that leads."""
    del database
    with transaction.engine().connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(7261602)"))
        yield
        connection.execute(text("SELECT pg_advisory_unlock(7261602)"))


@pytest.mark.usefixtures("ticking")
def test_the_page_says_well(admin: Admin) -> None:
    page = admin.get("/admin/health").text
    assert '<h2 class="verdict">Well</h2>' in page
    assert "Not well" not in admin.get("/").text


@pytest.mark.usefixtures("ticking")
def test_home_leads_to_health_when_news_stand_still(admin: Admin, shop: int) -> None:
    add_delivery(shop, state="pending", reason=None, received_at=NOON - HOUR)
    assert "The oldest has waited for 1 hour." in admin.get("/admin/health/now").text
    home = admin.get("/").text
    assert "Not well" in home
    assert 'href="/admin/health"' in home


def test_without_a_clock_it_is_only_fair(admin: Admin) -> None:
    page = admin.get("/admin/health").text
    assert '<h2 class="verdict">Fair</h2>' in page
    assert "No clock is running" in page


def test_a_provider_is_judged_by_this_shops_last_hour(admin: Admin, other: Admin, shop: int) -> None:
    message = add_message(shop, add_customer(shop), state="failed", reason="failed")
    for _number in range(10):
        rows(
            shop,
            "INSERT INTO attempt (shop_id, message_id, provider, begun_at, outcome) VALUES (:shop, :message, 'twilio', "
            "clock_timestamp(), 'rejected') RETURNING id",
            message=message,
        )
    assert "Twilio refused or failed 100 %" in admin.get("/admin/health").text
    assert "Twilio refused" not in other.get("/admin/health").text
