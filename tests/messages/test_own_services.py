"""Shops with Twilio accounts of their own: what comes back finds its shop by the service, and its token must fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from app.shops import accounts
from app.shops.accounts import TwilioAccount
from app.transaction import transaction
from tests.conftest import make_shop
from tests.messages.conftest import make_message, make_person, state

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from config import Settings
    from tests.core.conftest import World

HOSTS, OWN, KEY = "12345", "own-token-0123456789", "own-key-0123456789abcdef"
HOSTS_SERVICE, SERVICE = "MG" + "0" * 32, "MG" + "a" * 32
NUMBER = "+12125550001"


def own_account(shop_id: int, token: str = OWN, service: str = SERVICE, key: str = "") -> None:
    with transaction(shop_id) as session:
        accounts.use_own_twilio(
            session,
            TwilioAccount(
                account_sid="AC" + "b" * 32, auth_token=token, messaging_service_sid=service, signing_key=key
            ),
        )


@pytest.fixture
def client(app: Flask, world: World) -> FlaskClient:
    del world
    return app.test_client()


def post(
    client: FlaskClient, settings: Settings, path: str, form: dict[str, str], secret: str, algorithm: str = "HMAC_SHA1"
) -> TestResponse:
    signature = RequestValidator(secret).compute_signature(settings.public_url + path, form, algorithm)
    headers = {"X-Twilio-Signature": signature}
    if algorithm != "HMAC_SHA1":
        headers["X-Twilio-Webhooks-Signature-Settings"] = f"key=K1,algorithm={algorithm}"
    return client.post(path, data=form, headers=headers)


def stop(client: FlaskClient, settings: Settings, secret: str, service: str, **more: Any) -> int:
    form = {"MessageSid": "SM1", "From": NUMBER, "To": "+18885550188", "Body": "STOP", "MessagingServiceSid": service}
    return post(client, settings, "/receipts/twilio/inbound", form, secret, **more).status_code


def suppressed(shop_id: int) -> int:
    with transaction(shop_id) as session:
        return int(session.execute(text("SELECT count(*) FROM suppression")).scalar_one())


def test_stop_to_a_shops_own_service_stops_that_shop_alone(
    world: World, client: FlaskClient, settings: Settings
) -> None:
    other = make_shop("other.myshopify.com")
    own_account(world.shop_id)
    assert stop(client, settings, OWN, SERVICE) == 200
    assert (suppressed(world.shop_id), suppressed(other)) == (1, 0)


def test_stop_to_the_hosts_service_stops_the_shops_on_it(world: World, client: FlaskClient, settings: Settings) -> None:
    other = make_shop("other.myshopify.com")
    own_account(world.shop_id)
    assert stop(client, settings, HOSTS, HOSTS_SERVICE) == 200
    assert (suppressed(world.shop_id), suppressed(other)) == (0, 1)


def test_a_text_is_believed_by_the_token_of_the_shop_it_names_only(
    world: World, client: FlaskClient, settings: Settings
) -> None:
    other = make_shop("other.myshopify.com")
    own_account(world.shop_id)
    own_account(other, token="another-token-012345", service="MG" + "c" * 32)
    assert stop(client, settings, "another-token-012345", SERVICE) == 403
    assert stop(client, settings, "no-token-of-anybody", SERVICE) == 403
    assert (suppressed(world.shop_id), suppressed(other)) == (0, 0)


def test_who_writes_anothers_service_into_their_settings_hears_nothing_and_takes_nothing(
    world: World, client: FlaskClient, settings: Settings
) -> None:
    thief = make_shop("thief.myshopify.com")
    own_account(world.shop_id)
    own_account(thief, token="thieves-token-012345")
    assert stop(client, settings, OWN, SERVICE) == 200
    assert (suppressed(world.shop_id), suppressed(thief)) == (1, 0)
    own_account(thief, token="thieves-token-012345", service=HOSTS_SERVICE)
    honest = make_shop("honest.myshopify.com")
    assert stop(client, settings, HOSTS, HOSTS_SERVICE) == 200
    assert suppressed(honest) == 1


def test_both_ways_of_signing_are_believed(world: World, client: FlaskClient, settings: Settings) -> None:
    own_account(world.shop_id, key=KEY)
    assert stop(client, settings, KEY, SERVICE, algorithm="HMAC_SHA256") == 200
    assert stop(client, settings, "no-token-of-anybody", SERVICE, algorithm="HMAC_SHA256") == 403
    assert suppressed(world.shop_id) == 1


def test_a_status_is_believed_by_the_token_of_the_shop_whose_text_it_is(
    world: World, client: FlaskClient, settings: Settings
) -> None:
    other = make_shop("other.myshopify.com")
    own_account(world.shop_id)
    own_account(other, token="another-token-012345", service="MG" + "c" * 32)
    message = make_message(world, make_person(world), "sms")
    world.handover.drain()
    path = f"/receipts/twilio/status?m={world.sms.sent[0].reference}"
    form = {"MessageSid": "SM7", "MessageStatus": "delivered"}
    assert post(client, settings, path, form, "another-token-012345").status_code == 403
    assert state(world, message)[0] == "accepted"
    assert post(client, settings, path, form, OWN).status_code == 200
    assert state(world, message)[0] == "delivered"


def test_going_back_to_the_hosts_account_forgets_the_own_one(world: World) -> None:
    own_account(world.shop_id)
    with transaction(world.shop_id) as session:
        accounts.use_hosts_texts(session)
    assert accounts.shops_of(SERVICE) == []
    assert accounts.signing_secrets(world.shop_id) == []


def test_a_text_with_a_sign_no_database_takes_is_heard_all_the_same(
    world: World, client: FlaskClient, settings: Settings
) -> None:
    form = {"MessageSid": "SM2", "From": NUMBER, "To": "+18885550188", "Body": "ST\0OP", "MessagingServiceSid": ""}
    answer = post(client, settings, "/receipts/twilio/inbound", form, HOSTS)
    assert answer.status_code == 200
    assert suppressed(world.shop_id) == 1
