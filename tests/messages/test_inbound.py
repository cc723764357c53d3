"""Texts from shoppers: a wish to stop counts at once, by whatever way it comes, and is answered at most once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from app.channels.base import InboundText, Rejected
from app.content import localise
from app.messages.inbound import CONFIRMATION, receive
from app.security import tokens
from tests.messages.conftest import make_message, make_person, run_sql, state

if TYPE_CHECKING:
    from flask import Flask

    from tests.core.conftest import World

PHONE = "+12125550001"
"""Of the first person that a test makes."""


def text(body: str, opt_out_type: str | None = None, sender: str = PHONE) -> InboundText:
    return InboundText(hashlib.sha256(body.encode()).hexdigest(), sender, "+18885550188", body, opt_out_type)


def next_text(world: World, person: int) -> tuple[str, str | None]:
    message = make_message(world, person, "sms", step=f"s{len(world.messages())}")
    world.handover.drain()
    return state(world, message)


def test_a_number_nobody_knows_says_stop_and_later_is_somebodys(world: World) -> None:
    receive(text("STOP"))
    person = make_person(world)
    assert next_text(world, person) == ("skipped", "suppressed:opted_out")
    assert world.rows("SELECT count(*) AS n FROM suppression")[0].n == 1


@pytest.mark.parametrize("body", ["STOP", "stop ", "Unsubscribe", "QUIT", "optout"])
def test_what_the_provider_answers_by_itself_we_do_not_answer(world: World, body: str) -> None:
    make_person(world)
    assert receive(text(body)) is None
    assert world.rows("SELECT reason FROM suppression")[0].reason == "opted_out"


def test_a_verdict_of_the_providers_means_it_has_answered(world: World) -> None:
    make_person(world)
    assert receive(text("genug jetzt", "STOP")) is None
    assert world.rows("SELECT reason FROM suppression")[0].reason == "opted_out"


def test_a_wish_in_other_words_is_answered_once(world: World) -> None:
    person = make_person(world)
    assert receive(text("please remove me")) == CONFIRMATION
    assert receive(text("I said stop texting me!")) is None
    assert next_text(world, person) == ("skipped", "suppressed:opted_out")


def test_the_answer_is_in_the_language_of_who_wrote(world: World) -> None:
    run_sql(world, "UPDATE customer SET locale = 'de' WHERE id = :id", id=make_person(world))
    assert receive(text("please remove me")) == localise.said("de", CONFIRMATION) != CONFIRMATION


@pytest.mark.parametrize(("body", "opt_out_type"), [("HELP", None), ("info", None), ("x", "HELP"), ("Hello!", None)])
def test_help_and_small_talk_change_nothing_and_are_not_answered(
    world: World, body: str, opt_out_type: str | None
) -> None:
    person = make_person(world)
    assert receive(text(body, opt_out_type)) is None
    assert next_text(world, person)[0] == "accepted"


def test_start_takes_stop_back_and_nothing_else(world: World) -> None:
    person = make_person(world)
    receive(text("STOP"))
    world.time.move(minutes=1)
    assert receive(text("START")) is None
    assert world.rows("SELECT 1 FROM suppression") == []
    words = world.rows("SELECT state, source FROM consent_entry WHERE channel = 'sms' ORDER BY effective_at, id")
    assert [(w.state, w.source) for w in words][1:] == [("unsubscribed", "keyword"), ("subscribed", "keyword")]
    assert person


def test_a_refusal_for_an_opt_out_suppresses_the_number(world: World) -> None:
    person = make_person(world)
    world.sms.answer = lambda _: Rejected("21610", suppress="opted_out")
    assert next_text(world, person) == ("failed", "rejected:21610")
    world.time.move(hours=25)
    assert next_text(world, person) == ("skipped", "suppressed:opted_out")
    assert len(world.sms.sent) == 1


def test_leaving_by_the_link_of_a_mail_ends_texts_at_once(world: World, app: Flask) -> None:
    person = make_person(world)
    mail = make_message(world, person, state="delivered")
    app.test_client().post(f"/u/{tokens.make('unsubscribe', world.shop_id, person, mail)}")
    assert next_text(world, person) == ("skipped", "unsubscribed")


def test_leaving_at_the_store_ends_texts_at_once(world: World) -> None:
    person = make_person(world)
    run_sql(world, "UPDATE customer SET external_id = '501'")
    world.deliver("customers_marketing_consent/update", {
        "id": 501, "phone": PHONE, "sms_marketing_consent": {
            "state": "unsubscribed", "opt_in_level": "single_opt_in",
            "consent_updated_at": world.time.at.isoformat(), "consent_collected_from": "OTHER"},
    })  # fmt: skip
    world.apply()
    assert [(d.state, d.reason) for d in world.rows("SELECT state, reason FROM delivery")] == [("applied", None)]
    assert next_text(world, person) == ("skipped", "unsubscribed")
