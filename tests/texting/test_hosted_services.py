"""A service for each shop in the host's account: made once, whatever dies; STOP is one shop's; given back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from app.shops import accounts, service as shops
from app.shops.accounts import TwilioAccount
from app.texting import service as texting
from app.transaction import transaction
from tests.conftest import make_shop
from tests.messages.conftest import make_message, make_person, state
from tests.messages.test_own_services import HOSTS, HOSTS_SERVICE, NUMBER, post, stop, suppressed
from tests.texting.conftest import NUMBERS, leave, row_of, want

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from app.texting.models import HostedService
    from config import Settings
    from tests.core.conftest import World
    from tests.texting.conftest import Twilio


@pytest.fixture
def client(app: Flask, world: World) -> FlaskClient:
    del world
    return app.test_client()


def ready(shop_id: int, twilio: Twilio) -> HostedService:
    assert want(shop_id)
    twilio.run()
    row = row_of(shop_id)
    assert row is not None
    assert row.state == "ready"
    return row


def uninstall(shop_id: int, world: World) -> None:
    with transaction(shop_id) as session:
        shops.uninstall(session, shops.get(session), world.time.at)
        texting.leave(session)


def write_start(client: FlaskClient, settings: Settings, service: str) -> int:
    form = {"MessageSid": "SM2", "From": NUMBER, "To": "+18885550188", "Body": "START", "MessagingServiceSid": service}
    return post(client, settings, "/receipts/twilio/inbound", form, HOSTS).status_code


def test_the_first_text_waits_for_the_shops_own_service_and_goes_by_it(world: World, twilio: Twilio) -> None:
    message = make_message(world, make_person(world), "sms")
    world.handover.drain()
    assert state(world, message) == ("deferred", "no_number")
    assert twilio.services.made == {}, "nothing is called where a transaction is open"
    assert twilio.run() == 2
    (made,) = twilio.services.made.values()
    assert made.numbers == [NUMBERS[0]]
    assert made.inbound_url == f"{twilio.settings.public_url}/receipts/twilio/inbound"
    assert made.status_callback == f"{twilio.settings.public_url}/receipts/twilio/status"
    assert made.name.startswith("acme (Regulars ")
    world.handover.drain()
    assert state(world, message)[0] == "accepted", "what waited for it goes at once"
    assert [account.part for account in world.sms.accounts] == [made.sid]
    assert twilio.run() == 0


def test_stop_concerns_the_shop_it_was_said_to_by_service_or_by_number(
    world: World, twilio: Twilio, client: FlaskClient, settings: Settings
) -> None:
    other = make_shop("other.myshopify.com")
    ours, theirs = ready(world.shop_id, twilio), ready(other, twilio)
    assert ours.service is not None
    assert stop(client, settings, "another-token-012345", ours.service) == 403
    assert stop(client, settings, HOSTS, ours.service) == 200
    assert (suppressed(world.shop_id), suppressed(other)) == (1, 0)
    form = {"MessageSid": "SM3", "From": NUMBER, "To": str(theirs.number), "Body": "STOP"}
    assert post(client, settings, "/receipts/twilio/inbound", form, HOSTS).status_code == 200
    assert (suppressed(world.shop_id), suppressed(other)) == (1, 1)


def test_stop_to_the_service_that_was_shared_before_is_said_to_all_and_start_undoes_nobodys_own(
    world: World, twilio: Twilio, client: FlaskClient, settings: Settings
) -> None:
    sharing = make_shop("sharing.myshopify.com")
    ready(world.shop_id, twilio)
    assert stop(client, settings, HOSTS, HOSTS_SERVICE) == 200
    assert (suppressed(world.shop_id), suppressed(sharing)) == (1, 1)
    assert write_start(client, settings, HOSTS_SERVICE) == 200
    assert (suppressed(world.shop_id), suppressed(sharing)) == (1, 0)


def test_who_writes_anothers_hosted_service_into_their_settings_hears_nothing(
    world: World, twilio: Twilio, client: FlaskClient, settings: Settings
) -> None:
    service = str(ready(world.shop_id, twilio).service)
    thief = make_shop("thief.myshopify.com")
    with transaction(thief) as session:
        stolen = TwilioAccount(
            account_sid="AC" + "d" * 32, auth_token="thieves-token-012345", messaging_service_sid=service
        )
        accounts.use_own_twilio(session, stolen)
    assert stop(client, settings, HOSTS, service) == 200
    assert (suppressed(world.shop_id), suppressed(thief)) == (1, 0)


def test_an_answer_that_was_lost_and_a_worker_that_died_make_no_second_service(world: World, twilio: Twilio) -> None:
    twilio.faults["twilio"]["drop_after_accept"] = 1.0
    assert want(world.shop_id)
    assert twilio.run() == 1
    row = row_of(world.shop_id)
    assert row is not None
    assert (row.state, row.service, row.error) == ("wanted", None, "connection_lost")
    twilio.faults["twilio"]["drop_after_accept"] = 0.0
    for _ in range(2):  # one dies before it has written down the service, one before the number
        world.time.move(minutes=2)
        job = texting._begin(twilio.settings, world.shop_id, row.id)
        assert job is not None
        texting._ask(twilio.settings, job)
        assert twilio.run() == 0, "whoever has it has it alone"
        world.time.move(minutes=2)
        assert texting._step(twilio.settings, world.shop_id, row.id)
        world.time.move(minutes=2)
    assert twilio.run() == 0
    row = row_of(world.shop_id)
    assert row is not None
    assert (row.state, list(twilio.services.made), twilio.pool()) == ("ready", [row.service], {NUMBERS[1]})


def test_a_pause_that_twilio_asks_for_is_kept(world: World, twilio: Twilio) -> None:
    twilio.faults["twilio"]["429"] = 1.0
    assert want(world.shop_id)
    assert twilio.run() == 1
    assert twilio.run() == 0
    row = row_of(world.shop_id)
    assert row is not None
    assert (row.error, row.due_at) == ("http_429", world.time.at + texting._span(texting.FIRST_RETRY_SECONDS))
    twilio.faults["twilio"]["429"] = 0.0
    world.time.move(minutes=1)
    twilio.run()
    row = row_of(world.shop_id)
    assert row is not None
    assert (row.state, row.error, row.tries) == ("ready", None, 0)


def test_a_number_that_another_service_has_is_passed_over(world: World, twilio: Twilio) -> None:
    other = make_shop("other.myshopify.com")
    taken = str(ready(other, twilio).service)
    with transaction(other) as session:
        session.execute(text("DELETE FROM hosted_service"))  # as if the host had given it away by hand
    assert ready(world.shop_id, twilio).number_sid == NUMBERS[1]
    assert twilio.services.made[taken].numbers == [NUMBERS[0]]


def test_without_a_free_number_texts_wait_until_a_shop_gives_one_back(world: World, twilio: Twilio) -> None:
    first, second = make_shop("first.myshopify.com"), make_shop("second.myshopify.com")
    numbers = {ready(shop, twilio).number_sid for shop in (first, second)}
    assert numbers == set(NUMBERS)
    message = make_message(world, make_person(world), "sms")
    world.handover.drain()
    twilio.run()
    row = row_of(world.shop_id)
    assert row is not None
    assert (row.state, row.service) == ("no_number", None)
    assert len(twilio.services.made) == 2, "a service without a number is of no use"
    uninstall(first, world)
    world.time.move(hours=23)
    assert twilio.run() == 0, "it rests"
    world.time.move(hours=2)
    for _ in range(2):
        twilio.run()
        world.time.move(minutes=11)
    row = row_of(world.shop_id)
    assert row is not None
    assert (row.state, row.number_sid in numbers) == ("ready", True)
    assert (row_of(first), twilio.pool()) == (None, set())
    assert state(world, message)[0] in ("deferred", "expired")


def test_after_uninstalling_late_words_find_their_shop_and_then_the_number_goes_back(
    world: World, twilio: Twilio, client: FlaskClient, settings: Settings
) -> None:
    service = str(ready(world.shop_id, twilio).service)
    message = make_message(world, make_person(world), "sms")
    world.handover.drain()
    world.deliver("app/uninstalled", {"id": 954889, "domain": "acme.myshopify.com"})
    world.apply()
    assert stop(client, settings, HOSTS, service) == 200
    assert suppressed(world.shop_id) == 1
    world.time.move(hours=25)
    assert twilio.run() == 1
    assert (twilio.services.made, twilio.pool(), row_of(world.shop_id)) == ({}, set(NUMBERS), None)
    path = f"/receipts/twilio/status?m={world.sms.sent[0].reference}"
    form = {"MessageSid": "SM7", "MessageStatus": "delivered", "MessagingServiceSid": service}
    assert post(client, settings, path, form, HOSTS).status_code == 200
    assert state(world, message)[0] == "delivered"


def test_who_comes_back_while_it_rests_has_it_at_once(world: World, twilio: Twilio) -> None:
    service = ready(world.shop_id, twilio).service
    uninstall(world.shop_id, world)
    shops.install(world.shop_id, ["read_orders"])
    message = make_message(world, make_person(world), "sms")
    world.handover.drain()
    assert state(world, message)[0] == "accepted"
    assert [account.part for account in world.sms.accounts] == [service]
    world.time.move(days=3)
    assert twilio.run() == 0


def test_an_erased_shops_service_is_given_back(world: World, twilio: Twilio) -> None:
    ready(world.shop_id, twilio)
    texting.outlive(world.shop_id)
    texting.outlive(world.shop_id)  # a process that was killed says it again
    with transaction(world.shop_id) as session:
        session.execute(text("DELETE FROM hosted_service"))
    assert twilio.run() == 1
    assert (twilio.services.made, twilio.pool()) == ({}, set(NUMBERS))


def test_an_account_of_their_own_needs_none(world: World, twilio: Twilio) -> None:
    with transaction(world.shop_id) as session:
        own = TwilioAccount(
            account_sid="AC" + "b" * 32, auth_token="own-token-0123456789", messaging_service_sid="MG" + "a" * 32
        )
        accounts.use_own_twilio(session, own)
    assert not want(world.shop_id)
    assert (twilio.run(), row_of(world.shop_id)) == (0, None)


def happen(dice: random.Random, shop_id: int, world: World, twilio: Twilio) -> None:
    match dice.choice(["want", "want", "leave", "run", "run", "time", "faults", "die"]):
        case "want":
            want(shop_id)
        case "leave":
            leave(shop_id)
        case "run":
            twilio.run()
        case "time":
            world.time.move(minutes=dice.choice([1, 30, 1500]))
        case "faults":
            twilio.faults["twilio"]["drop_after_accept"] = dice.choice([0.0, 0.5])
            twilio.faults["twilio"]["429"] = dice.choice([0.0, 0.3])
        case "die":
            row = row_of(shop_id)
            job = texting._begin(twilio.settings, shop_id, row.id) if row else None
            if job:
                texting._ask(twilio.settings, job)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_no_number_is_twice_and_nothing_is_left_behind(
    world: World, twilio: Twilio, seed: int
) -> None:
    dice = random.Random(seed)
    mine = [world.shop_id, make_shop("first.myshopify.com"), make_shop("second.myshopify.com")]
    for _ in range(40):
        happen(dice, dice.choice(mine), world, twilio)
        given = [sid for each in twilio.services.made.values() for sid in each.numbers]
        assert len(given) == len(set(given))
        for row in filter(None, map(row_of, mine)):
            if row.state == "ready":
                assert twilio.services.made[str(row.service)].numbers == [row.number_sid]
    twilio.faults["twilio"].update({"drop_after_accept": 0.0, "429": 0.0})
    for _ in range(3):
        world.time.move(hours=25)
        twilio.run()
    rows = [row for row in map(row_of, mine) if row]
    assert {row.state for row in rows} <= {"ready", "no_number"}
    assert set(twilio.services.made) == {row.service for row in rows if row.state == "ready"}
    assert not (twilio.pool() and any(row.state == "no_number" for row in rows))
