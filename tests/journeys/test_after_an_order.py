"""Post-purchase and review request: what follows an order, and what ends it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.channels.base import OutboundEmail, OutboundText
from app.security import tokens
from app.transaction import transaction
from tests.conftest import NOON
from tests.core.conftest import order
from tests.journeys.conftest import DAY, ends, live, outcomes, parcel, product, refund, say, sent

if TYPE_CHECKING:
    from flask import Flask

    from tests.core.conftest import World

BUYER: dict[str, Any] = {"buyer_accepts_marketing": True}


@pytest.fixture
def story(world: World) -> World:
    """A shop with two more products, so that there is something to show."""
    for number in (82, 83):
        world.deliver("products/update", product(world, number, number + 10))
    world.apply()
    return world


def bought(world: World, **more: Any) -> None:
    world.deliver("orders/create", order(world, **(BUYER | more)))
    world.settle()


def arrives(world: World, after_days: float) -> None:
    live(world, days=1)
    world.deliver("fulfillments/create", parcel(world))
    live(world, days=after_days - 1)
    world.deliver("fulfillments/update", parcel(world, delivered=True))
    world.settle()


# Post-purchase


def test_thanks_at_once_tips_three_days_and_more_ten_days_after_delivery(story: World) -> None:
    story.turn_on("post_purchase")
    bought(story)
    arrives(story, 4)
    live(story, days=30)
    assert sent(story, DAY) == [("thanks", "email", 0), ("tips", "email", 7), ("cross_sell", "email", 14)]
    assert ends(story) == [("completed", "completed")]


def test_the_thanks_go_at_night_and_to_those_who_want_no_marketing(story: World) -> None:
    story.turn_on("post_purchase")
    story.time.at += timedelta(hours=12)  # midnight in New York
    story.deliver("orders/create", order(story))
    story.apply()
    say(story, "email", "unsubscribed")
    arrives(story, 2)
    live(story, days=30)
    assert sent(story, DAY) == [("thanks", "email", 0.5)]
    (thanks,) = story.email.sent
    assert isinstance(thanks, OutboundEmail)
    assert thanks.transactional
    assert thanks.headers == {}
    assert outcomes(story, "tips")[-1] == outcomes(story, "cross_sell")[-1] == ("skipped", "unsubscribed")


def test_without_word_of_delivery_the_parcels_departure_counts(story: World) -> None:
    story.turn_on("post_purchase")
    bought(story)
    live(story, days=1)
    story.deliver("fulfillments/create", parcel(story))
    live(story, days=40)
    assert sent(story, DAY) == [("thanks", "email", 0), ("tips", "email", 11), ("cross_sell", "email", 18)]


def test_delivery_heard_while_waiting_for_the_fallback_counts_from_then_on(story: World) -> None:
    story.turn_on("post_purchase")
    bought(story)
    arrives(story, 15)
    live(story, days=40)
    assert sent(story, DAY) == [("thanks", "email", 0), ("tips", "email", 11), ("cross_sell", "email", 25)]


def test_an_order_that_never_leaves_ends_the_journey(story: World) -> None:
    story.turn_on("post_purchase")
    bought(story)
    live(story, days=90)
    assert sent(story, DAY) == [("thanks", "email", 0)]
    assert ends(story) == [("exited", "never_delivered")]


def test_an_order_of_two_parcels_is_delivered_with_the_last(story: World) -> None:
    story.turn_on("post_purchase")
    bought(story)
    story.deliver("fulfillments/create", parcel(story, id=1))
    story.deliver("fulfillments/create", parcel(story, id=2))
    live(story, days=1)
    story.deliver("fulfillments/update", parcel(story, delivered=True, id=1))
    live(story, days=2)
    story.deliver("fulfillments/update", parcel(story, delivered=True, id=2))
    live(story, days=30)
    assert sent(story, DAY) == [("thanks", "email", 0), ("tips", "email", 6), ("cross_sell", "email", 13)]


@pytest.mark.parametrize(
    ("what", "reason"), [("refund", "order_refunded"), ("cancel", "order_cancelled"), ("delete", "order_cancelled")]
)
def test_what_is_given_back_or_cancelled_stops_it(story: World, what: str, reason: str) -> None:
    story.turn_on("post_purchase")
    bought(story)
    arrives(story, 2)
    if what == "refund":
        story.deliver("refunds/create", refund(story))
    elif what == "cancel":
        at = story.time.at.isoformat()
        story.deliver("orders/cancelled", order(story, **BUYER, cancelled_at=at, created_at=NOON.isoformat()))
    else:
        story.deliver("orders/delete", {"id": 7001})
    live(story, days=30)
    assert sent(story, DAY) == [("thanks", "email", 0)]
    assert ends(story) == [("exited", reason)]


def test_a_refund_between_plan_and_hand_over_cancels_the_mail(story: World) -> None:
    story.turn_on("post_purchase")
    bought(story)
    arrives(story, 2)
    story.time.at += timedelta(days=3, hours=9)  # one in the morning: held back for the night
    story.settle()
    assert [(m.step, m.reason) for m in story.messages() if m.state == "deferred"] == [("tips", "quiet_hours")]
    story.deliver("refunds/create", refund(story))
    live(story, days=30)
    assert sent(story, DAY) == [("thanks", "email", 0)]
    assert [(m.state, m.reason) for m in story.messages()][1] == ("cancelled", "order_refunded")


def test_an_empty_shelf_is_not_worth_a_mail(world: World) -> None:
    world.turn_on("post_purchase")
    bought(world)
    arrives(world, 2)
    live(world, days=30)
    assert [step for step, _, _ in sent(world)] == ["thanks", "tips"]
    assert outcomes(world, "cross_sell") == [("planned", "due"), ("skipped", "nothing_to_show")]


def test_what_is_shown_is_what_they_do_not_have(story: World) -> None:
    story.turn_on("post_purchase")
    story.deliver("products/update", product(story, 81, 91))
    bought(story)
    arrives(story, 2)
    live(story, days=30)
    cross_sell = story.email.sent[-1]
    assert isinstance(cross_sell, OutboundEmail)
    assert "Product 82" in cross_sell.html
    assert "Product 83" in cross_sell.html
    assert "Product 81" not in cross_sell.html


GIFT_CARD = [{"id": 1, "variant_id": 5, "product_id": 6, "title": "Gift card", "quantity": 1, "price": "25.00",
              "gift_card": True, "requires_shipping": False}]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "post_purchase", "review_request"),
    [
        ({"test": True}, "test_order", "test_order"),
        ({"source_name": "shopify_draft_order", "financial_status": "pending"}, "draft_not_paid", "draft_not_paid"),
        ({"source_name": "pos"}, "filter:order.channel", "order_placed"),
        ({"cancelled_at": NOON.isoformat()}, "order_cancelled", "order_cancelled"),
        ({"financial_status": "voided"}, "order_cancelled", "order_cancelled"),
        ({"financial_status": "refunded"}, "order_refunded", "order_refunded"),
        ({"line_items": GIFT_CARD}, "gift_cards_only", "gift_cards_only"),
    ],
    ids=["test", "unpaid draft", "over the counter", "cancelled", "voided", "refunded", "gift card"],
)
def test_orders_that_are_something_else_have_their_reason_on_record(
    story: World, change: dict[str, Any], post_purchase: str, review_request: str
) -> None:
    story.turn_on("post_purchase", "review_request")
    bought(story, **change)
    reasons = story.rows(
        "SELECT j.key, d.reason FROM decision d JOIN journey j ON j.id = d.journey_id WHERE step = 'trigger'"
    )
    assert {r.key: r.reason for r in reasons} == {"post_purchase": post_purchase, "review_request": review_request}
    assert sent(story) == []


def test_an_order_that_names_nobody_brings_nobody_in(story: World) -> None:
    story.turn_on("post_purchase")
    bought(story, email=None, customer=None)
    assert ends(story) == []


def test_a_paid_draft_is_an_order_like_any_other(story: World) -> None:
    story.turn_on("post_purchase")
    bought(story, source_name="shopify_draft_order")
    assert [step for step, _, _ in sent(story)] == ["thanks"]


def test_orders_of_an_import_long_ago_thank_nobody(story: World) -> None:
    story.turn_on("post_purchase")
    old = (NOON - timedelta(days=60)).isoformat()
    bought(story, processed_at=old, created_at=old)
    assert sent(story) == []
    assert outcomes(story, "trigger") == [("not_entered", "too_late")]


# Review request


def test_a_week_after_delivery_and_once_more_a_week_later(story: World) -> None:
    story.turn_on("review_request")
    bought(story)
    arrives(story, 3)
    live(story, days=40)
    assert sent(story, DAY) == [("request", "email", 10), ("reminder", "email", 17)]


def test_three_weeks_after_departure_when_delivery_is_never_heard_of(story: World) -> None:
    story.turn_on("review_request")
    bought(story)
    live(story, days=1)
    story.deliver("fulfillments/create", parcel(story))
    live(story, days=60)
    assert [(step, at) for step, _, at in sent(story, DAY)] == [("request", 22), ("reminder", 29)]


def test_over_the_counter_the_week_begins_at_the_counter(story: World) -> None:
    story.turn_on("review_request")
    bought(story, source_name="pos")
    live(story, days=40)
    assert [(step, at) for step, _, at in sent(story, DAY)] == [("request", 7), ("reminder", 14)]


def lines(*prices: float) -> list[dict[str, Any]]:
    return [
        {"id": n, "variant_id": 200 + n, "product_id": 100 + n, "title": f"Thing {n}", "quantity": 1,
         "price": f"{price:.2f}", "gift_card": False, "requires_shipping": True}
        for n, price in enumerate(prices)
    ]  # fmt: skip


def test_the_three_most_expensive_are_asked_about_the_dearest_first(story: World) -> None:
    story.turn_on("review_request")
    bought(story, line_items=[*lines(5, 80, 20, 60), *GIFT_CARD])
    arrives(story, 1)
    live(story, days=8)
    asks = story.rows("SELECT product_external_id AS p FROM review_ask ORDER BY p")
    assert [a.p for a in asks] == ["101", "102", "103"]
    (mail,) = story.email.sent
    assert isinstance(mail, OutboundEmail)
    assert mail.html.index("Thing 1") < mail.html.index("Thing 3") < mail.html.index("Thing 2")
    assert "Thing 0" not in mail.html


def test_the_same_product_is_not_asked_about_twice_in_a_year(story: World) -> None:
    story.turn_on("review_request")
    for number, days in ((1, 0), (2, 100), (3, 400)):
        live(story, days=days - (story.time.at - NOON) / DAY)
        bought(story, order_id=7000 + number, source_name="pos")
        live(story, days=30)
    assert [at for step, _, at in sent(story, DAY) if step == "request"] == [7, 407]
    assert ("not_entered", "filter:order.reviewable") in outcomes(story, "trigger")


def test_who_asked_in_the_first_order_is_not_asked_in_the_second_of_the_same_week(story: World) -> None:
    story.turn_on("review_request")
    bought(story, source_name="pos")
    live(story, days=1)
    bought(story, order_id=7002, source_name="pos")
    live(story, days=40)
    assert [step for step, _, _ in sent(story)] == ["request", "reminder"]


def review(story: World, product_id: str = "81") -> None:
    with transaction(story.shop_id) as session:
        session.execute(
            text("INSERT INTO review (shop_id, customer_id, order_id, product_external_id, rating, created_at, "
                 "updated_at) "
                 "SELECT shop_id, customer_id, id, :product, 5, :now, :now FROM orders WHERE shop_id = :shop LIMIT 1"),
            {"shop": story.shop_id, "product": product_id, "now": story.time.at},
        )  # fmt: skip


def test_who_has_reviewed_everything_is_not_reminded(story: World) -> None:
    story.turn_on("review_request")
    bought(story, source_name="pos")
    live(story, days=8)
    review(story)
    live(story, days=40)
    assert [step for step, _, _ in sent(story)] == ["request"]
    assert ends(story) == [("exited", "nothing_left_to_review")]


def test_who_has_reviewed_one_of_two_is_reminded_of_the_other(story: World) -> None:
    story.turn_on("review_request")
    bought(story, source_name="pos", line_items=lines(10, 20))
    live(story, days=8)
    review(story, "101")
    live(story, days=40)
    reminder = story.email.sent[-1]
    assert isinstance(reminder, OutboundEmail)
    assert "Thing 0" in reminder.html
    assert "Thing 1" not in reminder.html


def test_a_refund_stops_the_request(story: World) -> None:
    story.turn_on("review_request")
    bought(story)
    arrives(story, 2)
    story.deliver("refunds/create", refund(story, amount="10.00"))
    live(story, days=40)
    assert sent(story) == []
    assert ends(story) == [("exited", "order_refunded")]


def test_the_text_leads_to_a_form_with_no_stars_chosen(story: World, app: Flask) -> None:
    story.turn_on("review_request")
    bought(story, source_name="pos")
    say(story, "sms", "subscribed")
    say(story, "email", "unsubscribed")
    live(story, days=8)
    (message,) = story.sms.sent
    assert isinstance(message, OutboundText)
    token = message.text.partition("/review/")[2].split()[0]
    named = tokens.read("review", token, 4)
    assert named is not None
    assert named[3] == 0
    browser = app.test_client()
    form = browser.get(f"/review/{token}")
    assert form.status_code == 200
    assert " checked>" not in form.text
    nothing = browser.post(f"/review/{token}", data={"words": "Lovely"})
    assert nothing.status_code == 422
    assert "one to five stars" in nothing.text
    assert story.rows("SELECT 1 FROM review") == []
    assert browser.post(f"/review/{token}", data={"rating": "4", "words": "Lovely"}).status_code == 200
    assert [r.rating for r in story.rows("SELECT rating FROM review")] == [4]


def test_a_star_in_the_mail_is_chosen_in_the_form(story: World, app: Flask) -> None:
    story.turn_on("review_request")
    bought(story, source_name="pos")
    live(story, days=8)
    content = story.rows("SELECT message_id FROM message_content")[0]
    token = tokens.make("review", story.shop_id, content.message_id, 0, 3)
    form = app.test_client().get(f"/review/{token}")
    assert form.text.count(" checked>") == 1
    assert 'value="3" checked' in form.text
    assert story.rows("SELECT 1 FROM review") == []
