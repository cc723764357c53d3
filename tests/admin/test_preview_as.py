"""A merchant looks ahead: somebody's way through a journey is the one the engine then takes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from markupsafe import escape

from app.admin import foresight, words
from app.admin.foresight import Fate, Held
from app.brakes.rules import Hold
from app.conditions import Condition
from app.journeys import service as journeys
from app.journeys.planning import plan_due
from app.journeys.rules import Facts, Place
from app.messages.rules import Asked, Limits
from tests.admin.conftest import Admin, add_customer, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from datetime import datetime

    from tests.conftest import Time

HOUR = timedelta(hours=1)
PREVIEW = "/admin/journeys/abandoned_checkout/preview"
LINES = (
    '[{"title": "Oolong", "variant_title": "", "quantity": 1, "price": 2400, "product_id": 7, "variant_id": 8, '
    '"image_url": null, "is_gift_card": false}]'
)


def say_yes(shop: int, customer: int, *channels: str) -> None:
    for channel in channels:
        rows(
            shop,
            "INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, "
            "double_opt_in, recorded_at) VALUES (:shop, :customer, :channel, 'marketing', 'subscribed', :at, 'x', "
            "true, :at) RETURNING id",
            customer=customer, channel=channel, at=NOON - timedelta(days=30),
        )  # fmt: skip


def leave_checkout(shop: int, customer: int) -> int:
    made: int = rows(
        shop,
        "INSERT INTO checkout (shop_id, token, customer_id, currency, total, subtotal, lines, accepts_email, "
        "accepts_sms, created_at, version_at, version_tie) VALUES (:shop, 't', :customer, 'USD', 2400, 2400, "
        "CAST(:lines AS jsonb), false, false, :at, :at, '') RETURNING id",
        customer=customer, at=NOON, lines=LINES,
    )[0].id  # fmt: skip
    return made


def enrol(shop: int, customer: int, checkout: int) -> None:
    rows(
        shop,
        "INSERT INTO enrolment (shop_id, journey_id, version_id, customer_id, subject_kind, subject_key, round, state,"
        " step, anchor_at, since, entered_at, due_at) SELECT :shop, id, version_id, :customer, 'checkout', :key, 1, "
        "'active', 'after_1_hour', :at, :at, :at, :at FROM journey WHERE shop_id = :shop AND key = 'abandoned_checkout'"
        " RETURNING id",
        customer=customer, key=str(checkout), at=NOON,
    )  # fmt: skip


def shown(page: str) -> list[tuple[str, str]]:
    """(class, when) of each line of the way."""
    way = page.split('<ol class="timeline">')[1].split("</ol>", maxsplit=1)[0]
    return re.findall(r'<li class="(\w+)">.*?<time datetime="([^"]+)"', way, re.DOTALL)


def test_the_way_shown_is_the_way_taken(admin: Admin, shop: int, time: Time) -> None:
    ana = add_customer(shop)
    say_yes(shop, ana, "email", "sms")
    enrol(shop, ana, leave_checkout(shop, ana))
    page = admin.get(PREVIEW, customer=str(ana)).text
    assert "They are under way" in page
    foretold = [at for kind, at in shown(page) if kind == "message"]
    while time.at < NOON + timedelta(days=4):
        plan_due()
        time.move(hours=1)
    planned = rows(shop, "SELECT due_at FROM message WHERE shop_id = :shop ORDER BY due_at")
    assert foretold == [m.due_at.isoformat() for m in planned]
    assert len(foretold) == 4


def test_looking_ahead_writes_nothing(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    enrol(shop, ana, leave_checkout(shop, ana))
    admin.get(PREVIEW, customer=str(ana))
    admin.get(PREVIEW, sample="yen")
    assert rows(shop, "SELECT 1 FROM message WHERE shop_id = :shop") == []
    assert rows(shop, "SELECT 1 FROM decision WHERE shop_id = :shop") == []


def test_who_is_not_under_way_is_shown_what_would_follow(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    leave_checkout(shop, ana)
    page = admin.get(PREVIEW, customer=str(ana)).text.replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")
    assert "They aren't under way" in page
    assert "Oolong" in page, "the message is rendered with what they left"
    assert "They haven't agreed to marketing on this channel" in page, "later steps need a yes"
    assert [kind for kind, _ in shown(page)].count("message") == 1


def test_the_channel_has_its_reason(admin: Admin, shop: int) -> None:
    ana = add_customer(shop, email=None)
    say_yes(shop, ana, "sms")
    page = admin.get(PREVIEW, customer=str(ana)).text.replace("&#39;", "'")
    assert "By SMS, since email can't be used: We have no address for this channel." in page
    clicker = add_customer(shop, 2, preferred_channel="sms")
    say_yes(shop, clicker, "sms", "email")
    page = admin.get(PREVIEW, customer=str(clicker)).text
    assert "By SMS, since that is where they answered before." in page


def test_a_message_that_falls_into_the_night_is_shown_for_the_morning(admin: Admin, time: Time) -> None:
    time.at = NOON + 9 * HOUR  # nine in the evening in New York; the message would go at ten
    page = admin.get(PREVIEW, sample="one item").text
    assert "It is night where they live" in page
    first = next(at for kind, at in shown(page) if kind == "message")
    assert first == "2026-06-11T12:00:00+00:00"


def test_what_stands_against_the_whole_shop_is_named(admin: Admin, shop: int) -> None:
    page = admin.get(PREVIEW, sample="one item").text
    assert "Held as things stand" not in page
    rows(
        shop,
        "INSERT INTO brake (shop_id, state, sent, complained, since, looked_at, due_at, sells_to) "
        "VALUES (:shop, 'stopped', 1000, 9, now(), now(), now(), '{US}') RETURNING shop_id",
    )
    page = admin.get(PREVIEW, sample="one item").text
    messages = [kind for kind, _ in shown(page)].count("message")
    assert page.count("Held as things stand") == messages > 1
    assert str(escape(words.REASONS["complaint_rate"])) in page


def test_a_text_to_a_country_that_is_not_written_to_would_not_go(admin: Admin, shop: int) -> None:
    ana = add_customer(shop, email=None)
    rows(shop, "UPDATE customer SET phone = '+33612345678' WHERE id = :id RETURNING id", id=ana)
    say_yes(shop, ana, "sms")
    page = admin.get(PREVIEW, customer=str(ana)).text
    assert str(escape(words.REASONS["sms_country"])) in page
    assert "Would not go" in page
    assert rows(shop, "SELECT 1 FROM sending_day WHERE shop_id = :shop") == [], "nothing is taken from the purse"


@pytest.mark.parametrize(
    ("hold", "brake", "goes_at"),
    [
        (None, None, NOON),
        (Hold("sms_country"), None, None),
        (Hold("ramp", NOON), None, NOON),
        (Hold("ramp", NOON + HOUR), "ramp", NOON),
        (Hold("complaint_rate", NOON - HOUR), "complaint_rate", NOON),
    ],
)
def test_a_brake_that_ends_by_itself_before_then_holds_nothing(
    hold: Hold | None, brake: str | None, goes_at: datetime | None
) -> None:
    found = foresight.braked(Fate(NOON), hold)
    assert (found.brake, found.goes_at) == (brake, goes_at)
    assert foresight.braked(Fate(None), hold) == Fate(None), "what doesn't go anyway keeps its reason"


@pytest.mark.parametrize(
    "key", ["abandoned_cart", "abandoned_checkout", "post_purchase", "replenishment", "review_request"]
)
def test_every_journey_is_shown_for_made_up_people_to_its_end(admin: Admin, key: str) -> None:
    page = admin.get(f"/admin/journeys/{key}/preview", sample="one item").text
    assert "All steps done" in page
    assert shown(page)
    assert "The template has a mistake" not in page


def test_customers_are_searched(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    page = admin.get(PREVIEW, q="ana").text
    assert f"{PREVIEW}?customer={ana}" in page
    assert "begins with" in admin.get(PREVIEW, q="nobody").text
    assert "Whose way?" in admin.get(PREVIEW).text


@pytest.mark.parametrize("customer", ["0", "-1", "x", "9" * 30, "٣"])
def test_there_is_no_such_customer(admin: Admin, customer: str) -> None:
    assert admin.get(PREVIEW, customer=customer).status_code == 404


def test_another_shops_customer_is_not_found(admin: Admin, other: Admin, shop: int) -> None:
    ana = add_customer(shop)
    assert admin.get(PREVIEW, customer=str(ana)).status_code == 200
    assert other.get(PREVIEW, customer=str(ana)).status_code == 404
    assert admin.get("/admin/journeys/nonsense/preview").status_code == 404


def test_the_door_shows_the_last_ten_with_each_check(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    for number in range(12):
        rows(
            shop,
            "INSERT INTO decision (shop_id, customer_id, journey_id, step, outcome, reason, subject_key, at) "
            "SELECT :shop, :ana, id, 'trigger', :outcome, :reason, :key, :at FROM journey WHERE shop_id = :shop "
            "AND key = 'abandoned_checkout' RETURNING id",
            ana=ana, key=str(number), at=NOON - number * HOUR,
            outcome="not_entered" if number else "entered",
            reason="filter:checkout.gift_cards_only" if number else "checkout_abandoned",
        )  # fmt: skip
    page = admin.get(PREVIEW).text
    door = page.split("The last ten at the door")[1]
    assert door.count('<ul class="checks">') == 10
    assert door.count("Failed:") == 9
    assert "more than gift cards are in it" in door


# -- the pure part ---------------------------------------------------------------------------------------------------

CHECKOUT = journeys.library()["abandoned_checkout"].definition


@pytest.mark.parametrize(
    ("outcome", "reason", "passed"),
    [
        ("entered", "checkout_abandoned", [True, True, True, True, True]),
        ("not_entered", "nothing_in_it", [False, None, None, None, None]),
        ("not_entered", "bought", [False, None, None, None, None]),
        ("not_entered", "filter:checkout.gift_cards_only", [True, False, None, None, None]),
        ("not_entered", "checkout_emptied", [True, True, False, None, None]),
        ("not_entered", "too_late", [True, True, True, False, None]),
        ("not_entered", "cool_down", [True, True, True, True, False]),
        ("not_entered", "filter:of_an_older_version", [True, False, None, None, None, None]),
    ],
)
def test_checks_are_read_back_from_the_decision(outcome: str, reason: str, passed: list[bool | None]) -> None:
    assert [check.passed for check in foresight.checks(CHECKOUT, outcome, reason)] == passed
    assert all(check.label for check in foresight.checks(CHECKOUT, outcome, reason))


def facts(**fields: Any) -> Facts:
    return Facts({"trigger": NOON, "entered": NOON}, fields, {}, {"email": "subscribed", "sms": "subscribed"})


def test_whoever_bought_leaves_at_once() -> None:
    path = foresight.ahead(CHECKOUT, Place("after_1_hour", NOON), facts(bought=True), NOON)
    assert [(s.noted.outcome, s.noted.reason) for s in path.stops] == [("exited", "bought")]


def test_a_wait_without_limit_is_told_as_such() -> None:
    journey = journeys.library()["replenishment"].definition
    path = foresight.ahead(journey, Place("running_low_soon", NOON), facts(), NOON)
    assert path.waits_for_news
    assert path.stops == ()


def asked(**more: Any) -> Asked:
    values: dict[str, Any] = {
        "channel": "email", "purpose": "marketing", "audience": "subscribers", "useful_until": NOON + 40 * HOUR,
        "shop_active": True, "shop_stopped": False, "unreachable": None, "consent": "subscribed", "fields": {},
        "only_if": (), "exits": (), "watches": (),
        "limits": Limits(16 * HOUR, 4), **more,
    }  # fmt: skip
    return Asked(**values)


def test_a_held_message_is_asked_again_when_its_wait_is_over() -> None:
    assert foresight.fate(asked(sent_at=[NOON - HOUR]), NOON) == Fate(
        NOON + 15 * HOUR, (Held("channel_window", NOON + 15 * HOUR),)
    )
    assert foresight.fate(asked(consent=None), NOON) == Fate(None, (Held("no_consent", None),))
    nobody = asked(filters=[Condition.model_validate({"field": "checkout.total", "is": "at_least", "value": 5})])
    assert foresight.fate(nobody, NOON) == Fate(None, (Held("filter:checkout.total", None),))
