"""Abandoned checkout: who is reminded, when, by what, and what ends it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.channels.base import OutboundEmail, OutboundText
from app.transaction import transaction
from tests.core.conftest import checkout, order
from tests.journeys.conftest import ends, live, outcomes, say, sent

if TYPE_CHECKING:
    from tests.core.conftest import World

NOBODY_ASKED: dict[str, Any] = {"buyer_accepts_marketing": False, "buyer_accepts_sms_marketing": False}


@pytest.fixture
def story(world: World) -> World:
    world.turn_on("abandoned_checkout")
    return world


def leave(story: World) -> None:
    """Ana leaves a checkout; she has confirmed that she wants texts."""
    story.deliver("checkouts/update", checkout(story))
    story.confirm_texts(checkout(story))


def test_email_after_an_hour_text_after_four_then_a_day_and_three(story: World) -> None:
    leave(story)
    live(story, days=6)
    assert sent(story) == [("first", "email", 1), ("text", "sms", 4), ("second", "email", 24), ("last", "email", 72)]
    assert ends(story) == [("completed", "completed")]


def test_the_messages_lead_back_to_the_cart_and_carry_what_the_law_asks(story: World) -> None:
    leave(story)
    live(story, hours=5)
    (email,), (text_message,) = story.email.sent, story.sms.sent
    assert isinstance(email, OutboundEmail)
    assert isinstance(text_message, OutboundText)
    assert "House blend" in email.html
    assert "House blend" in email.text
    assert "1 Main St" in email.html
    assert "/r/" in email.html
    assert email.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "/r/" in text_message.text
    assert "STOP" in text_message.text


@pytest.mark.parametrize("hours", [0.5, 3, 20, 70])
def test_an_order_ends_it_at_any_step(story: World, hours: float) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=hours)
    before = len(sent(story))
    story.deliver("orders/create", order(story))
    live(story, days=6)
    assert len(sent(story)) == before
    assert ends(story) == [("exited", "bought")]


def test_an_order_by_another_way_ends_it_too(story: World) -> None:
    """Same person, another checkout on another device."""
    story.deliver("checkouts/update", checkout(story))
    live(story, minutes=30)
    story.deliver("orders/create", order(story, token="another"))
    live(story, days=6)
    assert sent(story) == []
    assert ends(story) == [("exited", "bought")]


def test_a_test_order_is_no_purchase_of_the_checkout_next_to_it(story: World) -> None:
    story.deliver("checkouts/update", checkout(story))
    story.deliver("orders/create", order(story, token="another", test=True))
    live(story, hours=2)
    assert [step for step, _, _ in sent(story)] == ["first"]


def test_a_refilled_checkout_restarts_the_clock(story: World) -> None:
    leave(story)
    live(story, minutes=50)
    story.deliver("checkouts/update", checkout(story, total_price="90.00"))
    live(story, minutes=30)
    assert sent(story) == []
    live(story, hours=6)
    assert [(step, round(at, 1)) for step, _, at in sent(story)] == [("first", 1.8), ("text", 4.8)]
    assert ("moved", "still_shopping") in outcomes(story, "trigger")


def test_a_basket_changed_after_the_first_mail_restarts_what_is_left(story: World) -> None:
    leave(story)
    live(story, hours=3)
    lines = [{**checkout(story)["line_items"][0], "quantity": 5}]
    story.deliver("checkouts/update", checkout(story, line_items=lines))
    live(story, days=6)
    assert [(step, at) for step, _, at in sent(story)] == [("first", 1), ("text", 7), ("second", 27), ("last", 75)]


def test_a_mere_look_after_the_first_mail_restarts_nothing(story: World) -> None:
    leave(story)
    live(story, hours=3)
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=2)
    assert [(step, at) for step, _, at in sent(story)] == [("first", 1), ("text", 4)]


def test_a_mail_held_for_the_night_moves_along_with_a_refill(story: World) -> None:
    story.time.at += timedelta(hours=8, minutes=30)  # half past eight in the evening in New York
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=2)
    assert [(m.state, m.reason) for m in story.messages()] == [("deferred", "quiet_hours")]
    live(story, hours=9)  # half past seven: back at the shop
    lines = [{**checkout(story)["line_items"][0], "quantity": 5}]
    story.deliver("checkouts/update", checkout(story, line_items=lines))
    live(story, minutes=45)
    assert sent(story) == []
    live(story, hours=1)
    assert [step for step, _, _ in sent(story)] == ["first"]


def test_an_emptied_checkout_ends_it(story: World) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, minutes=30)
    story.deliver("checkouts/update", checkout(story, line_items=[], total_price="0.00", subtotal_price="0.00"))
    live(story, days=6)
    assert sent(story) == []
    assert ends(story) == [("exited", "checkout_emptied")]


def test_a_deleted_checkout_ends_it(story: World) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, minutes=30)
    story.deliver("checkouts/delete", {"id": 1, "token": "tok-1", "presentment_currency": "USD"})
    live(story, days=6)
    assert sent(story) == []
    assert ends(story) == [("exited", "checkout_is_gone")]


def test_seven_days_pass_before_the_same_person_is_reminded_again(story: World) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, days=5)
    story.deliver("checkouts/update", checkout(story, "tok-2"))
    live(story, days=1)
    assert ("not_entered", "cool_down") in outcomes(story, "trigger")
    live(story, days=2)
    story.deliver("checkouts/update", checkout(story, "tok-3"))
    live(story, hours=2)
    assert [(step, at) for step, _, at in sent(story)][-1] == ("first", 8 * 24 + 1)


def test_a_checkout_that_was_paid_at_once_starts_no_cool_down(story: World) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, minutes=5)
    story.deliver("orders/create", order(story))
    live(story, days=1)
    story.deliver("checkouts/update", checkout(story, "tok-2"))
    live(story, hours=2)
    assert [(step, at) for step, _, at in sent(story)] == [("first", round(25 + 5 / 60, 2))]


def test_who_never_said_yes_gets_the_first_email_only_and_no_text(story: World) -> None:
    story.deliver("checkouts/update", checkout(story, **NOBODY_ASKED))
    live(story, days=6)
    assert sent(story) == [("first", "email", 1)]
    assert outcomes(story, "text") == [("skipped", "no_consent")]
    assert outcomes(story, "second") == [("skipped", "no_consent")]
    assert outcomes(story, "last") == [("skipped", "no_consent")]


def test_who_said_no_gets_nothing(story: World) -> None:
    story.deliver("checkouts/update", checkout(story, **NOBODY_ASKED))
    story.apply()
    say(story, "email", "unsubscribed")
    live(story, days=6)
    assert sent(story) == []
    assert outcomes(story, "first") == [("skipped", "unsubscribed")]


def test_who_says_no_between_plan_and_hand_over_gets_nothing_more(story: World) -> None:
    leave(story)
    live(story, hours=2)
    say(story, "email", "unsubscribed")
    live(story, days=6)
    assert sent(story) == [("first", "email", 1), ("text", "sms", 4)]


def test_the_store_is_asked_before_each_message_and_its_yes_counts(story: World) -> None:
    story.store.bought = True
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=2)
    assert sent(story) == []
    assert [(m.state, m.reason) for m in story.messages()] == [("cancelled", "bought")]


def test_a_store_that_can_not_be_asked_is_waited_for_and_then_not(story: World) -> None:
    story.store.bought = None
    story.deliver("checkouts/update", checkout(story))
    live(story, minutes=61)
    assert [(m.state, m.reason) for m in story.messages()] == [("deferred", "store_unreachable")]
    live(story, minutes=10)
    assert [(step, at) for step, _, at in sent(story)] == [("first", round(64 / 60, 2))]
    assert outcomes(story, "first") == [
        ("planned", "due"),
        ("deferred", "store_unreachable"),
        ("sent", "all_gates_open"),
    ]


def test_a_store_that_answers_again_is_believed(story: World) -> None:
    story.store.bought = None
    story.deliver("checkouts/update", checkout(story))
    live(story, minutes=61)
    story.store.bought = True
    live(story, minutes=10)
    assert [(m.state, m.reason) for m in story.messages()] == [("cancelled", "bought")]


def test_who_answered_texts_before_gets_texts_and_never_two_channels_in_one_step(story: World) -> None:
    leave(story)
    story.apply()
    with transaction(story.shop_id) as session:
        session.execute(text("UPDATE customer SET preferred_channel = 'sms'"))
    live(story, days=6)
    assert sent(story) == [("first", "sms", 1), ("second", "email", 24), ("last", "email", 72)]
    assert outcomes(story, "text") == [("skipped", "condition")]


def test_after_an_outage_of_five_hours_nobody_gets_two_texts_at_once(story: World) -> None:
    leave(story)
    story.apply()
    with transaction(story.shop_id) as session:
        session.execute(text("UPDATE customer SET preferred_channel = 'sms'"))
    story.time.at += timedelta(hours=5)
    story.settle()
    assert sent(story) == [("first", "sms", 5)]


def test_after_an_outage_of_three_days_what_lost_its_use_is_not_sent(story: World) -> None:
    leave(story)
    story.apply()
    story.time.at += timedelta(days=3, hours=1)
    story.settle()
    assert [step for step, _, _ in sent(story)] == ["last"]
    states = {m.step: (m.state, m.reason) for m in story.messages()}
    assert states["first"] == states["second"] == states["text"] == ("expired", "too_late")


def test_a_webhook_a_day_late_brings_nobody_in(story: World) -> None:
    late = checkout(story)
    story.time.at += timedelta(days=1)
    story.deliver("checkouts/update", late)
    live(story, days=6)
    assert sent(story) == []
    assert outcomes(story, "trigger") == [("not_entered", "too_late")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"completed_at": "2026-06-10T15:00:00Z"}, "bought"),
        ({"line_items": [], "total_price": "0.00"}, "nothing_in_it"),
        ({"total_price": "0.00"}, "nothing_in_it"),
    ],
)
def test_what_is_no_abandoned_checkout_has_its_reason_on_record(
    story: World, change: dict[str, Any], reason: str
) -> None:
    story.deliver("checkouts/update", checkout(story, **change))
    live(story, days=6)
    assert sent(story) == []
    assert outcomes(story, "trigger") == [("not_entered", reason)]


def test_a_checkout_of_gift_cards_has_its_reason_on_record(story: World) -> None:
    line = {**checkout(story)["line_items"][0], "gift_card": True}
    story.deliver("checkouts/update", checkout(story, line_items=[line]))
    live(story, days=6)
    assert sent(story) == []
    assert outcomes(story, "trigger") == [("not_entered", "filter:checkout.gift_cards_only")]


def test_a_guest_without_an_address_enters_nothing(story: World) -> None:
    anonymous: dict[str, Any] = {"email": None, "customer": None, "sms_marketing_phone": None, "phone": None}
    story.deliver("checkouts/update", checkout(story, **anonymous))
    live(story, days=6)
    assert sent(story) == []
    assert ends(story) == []


def test_turned_off_means_that_nothing_more_is_sent(story: World) -> None:
    from sqlalchemy import select

    from app.journeys import service
    from app.journeys.models import Journey

    story.deliver("checkouts/update", checkout(story))
    live(story, hours=2)
    with transaction(story.shop_id) as session:
        service.turn_off(session, session.scalars(select(Journey).where(Journey.key == "abandoned_checkout")).one())
    live(story, days=6)
    assert sent(story) == [("first", "email", 1)]
    assert ends(story) == [("exited", "journey_turned_off")]


def test_erased_people_get_nothing(story: World) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, minutes=30)
    with transaction(story.shop_id) as session:
        session.execute(text("UPDATE customer SET erased_at = now(), email = NULL, phone = NULL"))
    live(story, days=6)
    assert sent(story) == []
    assert outcomes(story, "first")[-1] == ("skipped", "erased")
