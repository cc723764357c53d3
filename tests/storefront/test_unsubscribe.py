"""Leaving: only a genuine token acts, only by POST, as often as it comes and however late."""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from app.privacy.erasing import Asked, erase_person
from app.security import keyring, tokens
from app.transaction import transaction
from tests.conftest import make_shop
from tests.messages.conftest import make_message, make_person
from tests.storefront.forging import forged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from tests.core.conftest import World

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
SCANNERS = (
    "Mozilla/5.0 (compatible; Proofpoint URL Defense)", "BarracudaCentral/1.0", "Mimecast-URL-Protect/2.1", "",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
)  # fmt: skip
FORGED, FORGED_POSTS = 50_000, 1_500


@pytest.fixture
def rotated(token: str) -> Iterator[None]:
    """A newer key in front of the one that the link was signed with."""
    del token
    before = keyring.keyring()
    secrets = [secret.decode() for secret in before._secrets]
    keyring.use(keyring.Keyring(["a-newer-secret-of-thirty-two-characters", *secrets]))
    yield
    keyring.use(before)


@pytest.fixture
def person(world: World) -> int:
    return make_person(world)


@pytest.fixture
def token(world: World, person: int) -> str:
    return tokens.make("unsubscribe", world.shop_id, person, make_message(world, person, state="delivered"))


def words(world: World) -> list[tuple[str, str]]:
    rows = world.rows("SELECT channel, state FROM consent_entry WHERE source <> 'test' ORDER BY id")
    return sorted({(row.channel, row.state) for row in rows})


GONE = [("email", "unsubscribed"), ("sms", "unsubscribed")]


def test_one_click_of_the_mail_program_is_enough_without_cookie_and_twice(
    client: FlaskClient, world: World, token: str
) -> None:
    for _ in range(2):
        assert client.post(f"/u/{token}", data=ONE_CLICK).status_code == 200
        assert words(world) == GONE


@pytest.mark.usefixtures("rotated")
def test_it_works_after_the_key_was_changed(client: FlaskClient, world: World, token: str) -> None:
    assert client.post(f"/u/{token}", data=ONE_CLICK).status_code == 200
    assert words(world) == GONE


def test_it_works_after_erasure_and_brings_nothing_back(client: FlaskClient, world: World, token: str) -> None:
    with transaction(world.shop_id) as session:
        erase_person(session, Asked(email="p1@shopper.example"))
    answer = client.post(f"/u/{token}", data=ONE_CLICK)
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.get_data(as_text=True)
    assert world.rows("SELECT 1 FROM customer WHERE email IS NOT NULL OR phone IS NOT NULL") == []


def test_a_hundred_scanners_look_at_every_link_and_nobody_is_unsubscribed(
    client: FlaskClient, world: World, person: int, token: str
) -> None:
    message = world.messages()[0].id
    click = tokens.make("click", world.shop_id, message, 0)
    with transaction(world.shop_id) as session:
        from app.messages.models import MessageContent

        session.add(MessageContent(shop_id=world.shop_id, message_id=message, context={},
                                   links=["https://acme.example"], rendered_at=world.time.at))  # fmt: skip
    for number in range(100):
        for door in (f"/u/{token}", f"/p/{token}", f"/c/{click}"):
            method = "HEAD" if number % 7 == 0 else "GET"
            answer = client.open(door, method=method, headers={"User-Agent": SCANNERS[number % len(SCANNERS)]})
            assert answer.status_code in (200, 302)
    assert words(world) == []
    assert world.rows("SELECT 1 FROM preference") == []
    assert world.rows("SELECT 1 FROM suppression") == []
    assert person


def test_of_many_forged_tokens_none_is_accepted(token: str) -> None:
    assert tokens.read("unsubscribe", token, 3) is not None
    accepted = [one for one in forged(token, FORGED, random.Random(1)) if tokens.read("unsubscribe", one, 3)]
    assert accepted == []


def test_forged_tokens_that_are_posted_act_on_nobody(client: FlaskClient, world: World, token: str) -> None:
    for one in forged(token, FORGED_POSTS, random.Random(2)):
        assert client.post(f"/{'u' if len(one) % 2 else 'p'}/{quote(one)}").status_code == 404, one
    assert words(world) == []


def test_a_token_of_another_use_version_or_shop_does_not_act(
    client: FlaskClient, world: World, person: int, token: str
) -> None:
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    older = base64.urlsafe_b64encode(bytes([0]) + raw[1:]).rstrip(b"=").decode()
    for one in (tokens.make("click", world.shop_id, person, 1), tokens.make("unsubscribe", person), older):
        assert client.post(f"/u/{one}").status_code == 404
    # Genuine, of another shop, for a customer of the same number: there is nobody by that number there.
    other = make_shop("umbrella.myshopify.com")
    assert client.post(f"/u/{tokens.make('unsubscribe', other, person, 1)}").status_code == 200
    assert words(world) == []
