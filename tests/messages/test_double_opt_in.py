"""A yes that needs a second one: asked once, answered by link or by text, no marketing before."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.channels.base import InboundText, OutboundEmail, OutboundText
from app.customers import wordings
from app.customers.queries import profiles
from app.messages import confirming, inbound
from app.shops import settings as shop_settings
from app.shops.models import Shop
from app.transaction import transaction
from tests.core.conftest import checkout
from tests.messages.conftest import make_message, state

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.core.conftest import World

PHONE = "+12125550123"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def ask_email_too(world: World) -> None:
    with transaction(world.shop_id) as session:
        shop = session.get_one(Shop, world.shop_id)
        chosen = {"email_double_opt_in": True, "email_since": "2020-01-01T00:00:00Z"}
        shop.settings = shop_settings.changed(shop, "consent", chosen)


def ticks_the_box(world: World, token: str = "tok-1", **more: Any) -> None:
    world.deliver("checkouts/update", checkout(world, token, **more))
    world.apply()
    confirming.run()
    world.handover.drain()


def ledger(world: World, channel: str) -> list[tuple[str, bool]]:
    rows = world.rows(
        "SELECT state, double_opt_in FROM consent_entry WHERE channel = :c ORDER BY effective_at, id", c=channel
    )
    return [(row.state, row.double_opt_in) for row in rows]


def answer(word: str) -> None:
    inbound.receive(InboundText("e1", PHONE, "+12125550100", word))


def person(world: World) -> int:
    id_: int = world.rows("SELECT id FROM customer WHERE merged_into_id IS NULL")[0].id
    return id_


def test_a_yes_to_texts_in_the_us_is_asked_about_once_and_a_yes_by_text_settles_it(world: World) -> None:
    world.turn_on("abandoned_checkout")
    ticks_the_box(world)
    (asked,) = world.sms.sent
    assert isinstance(asked, OutboundText)
    assert "Reply YES" in asked.text
    assert "STOP" in asked.text
    assert ledger(world, "sms") == [("subscribed", False), ("pending", False)]
    world.time.move(minutes=1)
    answer("Yes")
    assert ledger(world, "sms")[-1] == ("subscribed", True)
    world.time.move(minutes=1)
    ticks_the_box(world, "tok-2")
    assert len(world.sms.sent) == 1, "who has confirmed isn't asked again"
    world.pass_time(hours=5)
    assert [type(m) for m in world.sms.sent] == [OutboundText, OutboundText]


def test_without_an_answer_no_text_goes_and_ticking_again_asks_no_second_time(world: World) -> None:
    world.turn_on("abandoned_checkout")
    ticks_the_box(world)
    world.time.move(hours=3)
    ticks_the_box(world, "tok-2")
    world.pass_time(hours=30)
    assert len(world.sms.sent) == 1
    assert [m.reason for m in world.messages() if m.channel == "sms" and m.step != confirming.STEP] == []
    assert ("text", "skipped", "not_confirmed") in world.decisions()


@pytest.mark.parametrize("country", ["DE", "FR"])
def test_elsewhere_a_plain_yes_is_enough(world: World, country: str) -> None:
    world.turn_on("abandoned_checkout")
    place = {"country_code": country, "city": "Anywhere"}
    number = "+4915123456789"
    ana = {**checkout(world)["customer"], "phone": number}
    ticks_the_box(world, shipping_address=place, sms_marketing_phone=number, customer=ana)
    assert world.sms.sent == []
    assert world.rows("SELECT outcome FROM opt_in")[0].outcome == "not_needed"


def test_nobody_is_asked_while_no_journey_is_on_nor_about_a_yes_of_yesterday(world: World) -> None:
    ticks_the_box(world)
    assert world.rows("SELECT outcome FROM opt_in")[0].outcome == "nothing_is_on"
    world.turn_on("abandoned_checkout")
    world.time.move(minutes=1)
    world.deliver("checkouts/update", checkout(world, "tok-2"))
    world.apply()
    world.time.move(days=2)
    confirming.run()
    assert [r.outcome for r in world.rows("SELECT outcome FROM opt_in ORDER BY id")] == ["nothing_is_on", "too_old"]
    assert world.sms.sent == []


def test_for_email_it_is_a_setting_and_only_a_post_of_the_link_counts(world: World, client: FlaskClient) -> None:
    ask_email_too(world)
    world.turn_on("abandoned_checkout")
    ticks_the_box(world)
    (asked,) = world.email.sent
    assert isinstance(asked, OutboundEmail)
    assert "List-Unsubscribe" not in asked.headers, "it is no marketing"
    found = re.search(r"/confirm/[\w-]+", asked.html)
    assert found is not None
    message = make_message(world, person(world), "email")
    world.handover.drain()
    assert state(world, message) == ("skipped", "not_confirmed")
    assert "one more click" in client.get(found[0]).text
    assert client.head(found[0]).status_code == 200
    assert ledger(world, "email")[-1] == ("pending", False)
    world.time.move(minutes=1)
    assert "settled" in client.post(found[0]).text
    row = world.rows("SELECT * FROM consent_entry ORDER BY id DESC LIMIT 1")[0]
    asked_to = "confirm-email-2 email-standard-1"
    assert (row.state, row.double_opt_in, row.collected, row.wording) == ("subscribed", True, "link", asked_to)
    assert row.evidence == {"ip": "127.0.0.1"}
    assert wordings.STANDARD["email"][0] in asked.html
    assert "settled" in client.post(found[0]).text, "pressed twice it says the same"
    assert len(ledger(world, "email")) == 3


def test_an_answer_is_to_the_sentence_that_was_asked(world: World) -> None:
    with transaction(world.shop_id) as session:
        wordings.replace(session, {"sms": "Texts about <carts>, twice a month."}, "user:1")
    world.turn_on("abandoned_checkout")
    ticks_the_box(world)
    assert "YES to agree: Texts about <carts>, twice a month. Reply HELP" in world.sms.sent[0].text
    with transaction(world.shop_id) as session:
        wordings.replace(session, {"sms": "Another one."}, "user:1")
    world.time.move(minutes=1)
    answer("YES")
    row = world.rows("SELECT * FROM consent_entry ORDER BY id DESC LIMIT 1")[0]
    assert (row.state, row.double_opt_in, row.wording) == ("subscribed", True, "confirm-sms-2 sms-1")


def test_a_link_that_has_run_out_changes_nothing(world: World, client: FlaskClient) -> None:
    ask_email_too(world)
    world.turn_on("abandoned_checkout")
    ticks_the_box(world)
    found = re.search(r"/confirm/[\w-]+", world.email.sent[0].html)  # type: ignore[union-attr]
    assert found is not None
    world.time.move(days=8)
    assert "no longer works" in client.post(found[0]).text
    assert ledger(world, "email")[-1] == ("pending", False)


def test_stop_after_the_request_ends_it(world: World) -> None:
    world.turn_on("abandoned_checkout")
    ticks_the_box(world)
    world.time.move(minutes=1)
    answer("STOP")
    assert ledger(world, "sms")[-1] == ("unsubscribed", False)
    with transaction(world.shop_id) as session:
        who = person(world)
        assert profiles(session, world.shop_id, [who])[who].unreachable["sms"] == "suppressed:opted_out"


def test_one_text_about_a_basket_and_none_after_two_days(world: World) -> None:
    world.turn_on("abandoned_checkout")
    ticks_the_box(world)
    world.confirm_texts(checkout(world))
    world.time.move(minutes=1)
    answer("YES")
    who, about = person(world), {"subject_kind": "checkout"}
    key = str(world.rows("SELECT id FROM checkout")[0].id)
    with transaction(world.shop_id) as session:  # limits aside: the rule holds without them
        shop = session.get_one(Shop, world.shop_id)
        shop.settings = shop_settings.changed(shop, "limits", {"sms_window_hours": 0, "sms_per_week": 20})
        session.execute(text("UPDATE enrolment SET state = 'exited', due_at = NULL"))
    first = make_message(world, who, "sms", step="a", subject_key=key, **about)
    second = make_message(world, who, "sms", step="b", subject_key=key, **about)
    world.handover.drain()
    assert sorted([state(world, first), state(world, second)], key=str) == [
        ("accepted", None), ("skipped", "one_text_per_basket"),
    ]  # fmt: skip
    world.time.move(days=3)
    late = make_message(world, who, "sms", step="c", since=world.time.at - timedelta(hours=49),
                        subject_key="999999", **about)  # fmt: skip
    world.handover.drain()
    assert state(world, late) == ("expired", "too_late_for_a_text")
