"""What people say to us reaches the store, once, and its echo is no news."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.customers import service as customers, telling
from app.customers.queries import consent_states
from app.platforms.base import TellAnswer, TellLater, TellRefused, ToldConsent
from app.transaction import transaction
from tests.core.conftest import checkout

if TYPE_CHECKING:
    from tests.core.conftest import World

ANA = {"id": 501, "email": "ana@shopper.example", "phone": "+12125550123"}


def known(world: World) -> int:
    now = world.time.at.isoformat()
    world.deliver("customers/create", {**ANA, "first_name": "Ana", "created_at": now, "updated_at": now})
    world.apply()
    id_: int = world.rows("SELECT id FROM customer")[0].id
    return id_


def says(world: World, who: int, state: str, channel: str = "email", *, at: datetime | None = None) -> None:
    with transaction(world.shop_id) as session:
        customers.consent(session, [customers.Word(who, channel, state, at or world.time.at, "preference_page")])


def echo(world: World, told: ToldConsent) -> None:
    """The store repeats what it was told, by webhook."""
    level = "confirmed_opt_in" if told.double_opt_in else "single_opt_in"
    word = {"state": told.state, "opt_in_level": level, "consent_updated_at": told.at.isoformat()}
    if told.channel == "email":
        payload: dict[str, Any] = {"customer_id": 501, "email_address": ANA["email"], "email_marketing_consent": word}
        world.deliver("customers_email_marketing_consent/update", payload)
    else:
        payload = {
            "id": 501,
            "phone": ANA["phone"],
            "sms_marketing_consent": word | {"consent_collected_from": "OTHER"},
        }
        world.deliver("customers_marketing_consent/update", payload)


def outcomes(world: World) -> list[str | None]:
    return [row.outcome for row in world.rows("SELECT outcome FROM consent_write ORDER BY id")]


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_word_said_to_us_is_told_and_its_echo_adds_nothing_however_often_it_comes(world: World, channel: str) -> None:
    who = known(world)
    world.time.at += timedelta(microseconds=123_456)
    says(world, who, "unsubscribed", channel)
    assert telling.run() == 1
    (told,) = world.store.told
    assert (told.customer_id, told.channel, told.state) == ("501", channel, "unsubscribed")
    assert told.at == world.time.at.replace(microsecond=0)
    for _ in range(2):
        echo(world, told)
    world.apply()
    assert len(world.rows("SELECT 1 FROM consent_entry")) == 1
    assert telling.run() == 0
    assert len(world.store.told) == 1


def test_an_echo_that_comes_before_its_answer_and_out_of_order_adds_nothing(world: World) -> None:
    who = known(world)

    def answers_late(self: object, access: object, told: ToldConsent) -> TellAnswer:
        del self, access
        world.store.told.append(told)
        echo(world, told)
        world.apply()
        return TellLater("unreachable")  # the answer got lost, so it is told twice

    says(world, who, "subscribed")
    world.time.move(minutes=1)
    says(world, who, "unsubscribed")
    real = type(world.store).tell_consent
    try:
        type(world.store).tell_consent = answers_late  # type: ignore[method-assign]
        telling.run()
    finally:
        type(world.store).tell_consent = real  # type: ignore[method-assign]
    world.time.move(hours=2)
    telling.run()
    assert [told.state for told in world.store.told] == ["unsubscribed", "unsubscribed"]
    echo(world, world.store.told[0])
    world.apply()
    assert len(world.rows("SELECT 1 FROM consent_entry")) == 2
    assert outcomes(world) == ["overtaken", "told"]


def test_a_later_word_of_the_store_is_news_and_is_not_told_back(world: World) -> None:
    who = known(world)
    says(world, who, "unsubscribed")
    telling.run()
    echo(world, ToldConsent("501", "email", "subscribed", world.time.at + timedelta(minutes=5), double_opt_in=False))
    world.apply()
    assert len(world.rows("SELECT 1 FROM consent_entry")) == 2
    assert telling.run() == 0


def test_a_throttled_store_is_waited_for_and_a_refusal_ends_it(world: World) -> None:
    who = known(world)
    says(world, who, "unsubscribed")
    world.store.tell_answer = TellLater("throttled", 40.0)
    assert telling.run() == 0
    world.time.move(seconds=30)
    assert telling.run() == 0
    assert len(world.store.told) == 1, "asked to wait 40 seconds"
    world.time.move(seconds=11)
    world.store.tell_answer = TellRefused("refused")
    assert telling.run() == 1
    assert outcomes(world) == ["refused"]
    world.time.move(days=1)
    assert telling.run() == 0


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ("UPDATE shop SET state = 'uninstalled'", "uninstalled"),
        ("UPDATE customer SET erased_at = now()", "gone"),
        ("UPDATE customer SET external_id = NULL", "not_in_store"),
    ],
)
def test_who_is_gone_is_not_told_of(world: World, change: str, outcome: str) -> None:
    says(world, known(world), "unsubscribed")
    with transaction(world.shop_id) as session:
        session.execute(text(change))
    telling.run()
    assert world.store.told == []
    assert outcomes(world) == [outcome]


def guest(world: World) -> int:
    """Ana at a checkout, before the store has made her a customer."""
    world.deliver("checkouts/update", checkout(world, "tok-1", customer=None, email=ANA["email"]))
    world.apply()
    id_: int = world.rows("SELECT id FROM customer")[0].id
    return id_


@pytest.mark.parametrize("state", ["subscribed", "unsubscribed"])
@pytest.mark.parametrize("looked_before", [True, False])
def test_a_guests_word_is_told_once_the_store_knows_them(world: World, state: str, *, looked_before: bool) -> None:
    who = guest(world)
    world.time.move(minutes=1)
    said_at = world.time.move(minutes=1)
    says(world, who, state)
    if looked_before:
        telling.run()
        assert outcomes(world) == ["not_in_store"]
    assert world.store.told == []
    world.time.move(days=30)
    assert known(world) == who
    telling.run()
    (told,) = world.store.told
    assert (told.customer_id, told.state, told.at) == ("501", state, said_at)
    echo(world, told)
    world.apply()
    world.time.move(days=1)
    known(world)  # seen again, it isn't told again
    telling.run()
    assert len(world.store.told) == 1
    said = world.rows("SELECT 1 FROM consent_entry WHERE source = 'preference_page' OR source = 'shopify'")
    assert len(said) == 1


def test_a_guest_who_turns_out_to_be_a_customer_of_long_ago(world: World) -> None:
    now = world.time.at.isoformat()
    world.deliver("customers/create", {"id": 501, "email": "old@shopper.example", "created_at": now, "updated_at": now})
    guest(world)
    who = world.rows("SELECT id FROM customer WHERE external_id IS NULL")[0].id
    says(world, who, "unsubscribed")
    telling.run()
    world.time.move(minutes=1)
    world.deliver("customers/update", {**ANA, "created_at": now, "updated_at": world.time.at.isoformat()})
    world.apply()
    telling.run()
    assert [(told.customer_id, told.state) for told in world.store.told] == [("501", "unsubscribed")]


def test_a_guests_word_that_the_store_has_heard_a_later_one_of_is_not_told(world: World) -> None:
    says(world, guest(world), "subscribed")
    telling.run()
    world.time.move(minutes=5)
    known(world)
    echo(world, ToldConsent("501", "email", "unsubscribed", world.time.at, double_opt_in=False))
    world.apply()
    telling.run()
    assert world.store.told == []
    assert outcomes(world) == ["overtaken"]


def test_that_the_store_never_asked_takes_no_word_back(world: World) -> None:
    who = guest(world)
    says(world, who, "unsubscribed")
    world.time.move(minutes=5)
    known(world)
    word = {"state": "not_subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": None}
    payload = {"customer_id": 501, "email_address": ANA["email"], "email_marketing_consent": word}
    world.deliver("customers_email_marketing_consent/update", payload)
    world.apply()
    telling.run()
    assert [told.state for told in world.store.told] == ["unsubscribed"]
    with transaction(world.shop_id) as session:
        assert consent_states(session, world.shop_id, [who])[who, "email"] == "unsubscribed"


def test_what_the_store_says_itself_is_not_told_to_it(world: World) -> None:
    known(world)
    echo(world, ToldConsent("501", "email", "subscribed", world.time.at, double_opt_in=False))
    world.apply()
    assert world.rows("SELECT 1 FROM consent_write") == []
