"""Whoever reads German gets our words in German, mails and pages alike; a merchant's own words go to everybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.channels.base import OutboundEmail
from app.messages.models import MessageContent
from app.messages.stored import stored
from app.security import tokens
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person, run_sql, state

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.core.conftest import World

LIBRARY = Path(__file__).resolve().parents[2] / "app" / "journeys" / "library"
GOODBYE = (LIBRARY / "sunset" / "goodbye.mjml").read_text("utf-8").replace("20px 0 0", "24px 0 0")
"""A starter's, in a layout of the merchant's own: its words are ours."""


@pytest.fixture
def client(app: Flask, world: World) -> FlaskClient:
    del world
    return app.test_client()


def reader(world: World, number: int, locale: str | None) -> int:
    person = make_person(world, number)
    run_sql(world, "UPDATE customer SET locale = :locale WHERE id = :id", locale=locale, id=person)
    return person


def mail_to(world: World, number: int) -> OutboundEmail:
    return next(m for m in world.email.sent if isinstance(m, OutboundEmail) and m.to == f"p{number}@shopper.example")


def test_each_reads_it_in_their_language_and_it_is_kept_as_it_went(world: World) -> None:
    people = [reader(world, 1, "de-AT"), reader(world, 2, "it"), reader(world, 3, "fr"), reader(world, 4, None)]
    messages = [make_message(world, person, source=GOODBYE) for person in people]
    world.handover.drain()
    subjects = [mail_to(world, number).subject for number in (1, 2, 3, 4)]
    assert subjects == [
        "Das ist unsere letzte E-Mail", "This is our last email", "C\u2019est notre dernier e-mail",
        "This is our last email",
    ]  # fmt: skip
    assert "Abmelden" in mail_to(world, 1).text
    run_sql(world, "UPDATE customer SET locale = 'es'")
    with transaction(world.shop_id) as session:
        kept = stored(session, world.settings, messages[0])
    assert kept is not None
    assert kept.outbound.subject == subjects[0]  # type: ignore[union-attr]


def test_the_shops_language_speaks_to_who_has_none_and_a_choice_to_who_made_one(world: World) -> None:
    run_sql(world, "UPDATE shop SET locale = 'es-MX'")
    silent, chooser = reader(world, 1, None), reader(world, 2, "fr")
    run_sql(
        world,
        "INSERT INTO preference (shop_id, customer_id, topics_off, frequency, locale, source, recorded_at) "
        "VALUES (:shop, :id, '{}', 'all', 'de', 'test', :now)",
        shop=world.shop_id,
        id=chooser,
        now=world.time.at,
    )
    for person in (silent, chooser):
        make_message(world, person, source=GOODBYE)
    world.handover.drain()
    assert mail_to(world, 1).subject == "Este es nuestro último correo"
    assert mail_to(world, 2).subject == "Das ist unsere letzte E-Mail"


def test_a_merchants_own_words_go_to_everybody_as_they_are(world: World) -> None:
    message = make_message(world, reader(world, 1, "de"), source=GOODBYE.replace("Goodbye for now", "Farewell"))
    world.handover.drain()
    assert state(world, message)[0] == "accepted"
    assert mail_to(world, 1).subject == "This is our last email"
    assert "Unsubscribe" in mail_to(world, 1).text


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("u", {"de": "Von Acme abmelden?", "fr": "Se désabonner de Acme ?", "en": "Unsubscribe from Acme?"}),
        ("p", {"de": "Höchstens einmal im Monat", "es": "Como mucho una vez al mes", "en": "At most once a month"}),
        ("confirm", {"de": "E-Mails von Acme?", "es": "¿Correos de Acme?", "en": "Emails from Acme?"}),
        ("review", {"de": "Wie gefällt dir Mug?", "fr": "Que pensez-vous de Mug ?", "en": "How do you like Mug?"}),
    ],
)
def test_pages_speak_the_readers_language(world: World, client: FlaskClient, page: str, said: dict[str, str]) -> None:
    person = reader(world, 1, "en")
    message = make_message(world, person, source=GOODBYE)
    item = {"title": "Mug", "product_id": 1}
    with transaction(world.shop_id) as session:
        context = {"data": {"review": {"items": [item]}}, "language": ["en", "USD", "UTC"]}
        session.add(MessageContent(message_id=message, shop_id=world.shop_id, context=context, links=[],
                                   rendered_at=world.time.at))  # fmt: skip
    uses = {"u": "unsubscribe", "p": "unsubscribe"}
    numbers = (world.shop_id, message, 0, 5) if page == "review" else (world.shop_id, person, message)
    token = tokens.make(uses.get(page, page), *numbers)
    for language, sentence in said.items():
        run_sql(world, "UPDATE customer SET locale = :locale", locale=language)
        html = client.get(f"/{page}/{token}").text
        assert sentence in html
        assert f'<html lang="{language}">' in html
