"""No door leads a browser where a stranger wants it to go: 100 and more targets, tried at each door that redirects."""

from __future__ import annotations

import hashlib
import hmac
import json
import time as wall
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

import pytest

from app.messages.models import MessageContent
from app.platforms.shopify.normalise.reading import link
from app.security import tokens
from app.transaction import transaction
from tests.admin.conftest import API_KEY, HERS, SHORT_SECRET, add_customer, add_message, let_in
from tests.conftest import API_SECRET, NOON

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

TARGETS = [json.loads(line) for line in (Path(__file__).parent / "corpus" / "redirects.jsonl").read_text().splitlines()]
HERE = "http://localhost"
HOMES = {"localhost", "acme.example", HERS, "admin.shopify.com", "127.0.0.1"}
"""This app, the shop's storefront and the store's admin (the tests' stores are on this machine)."""

pytestmark = pytest.mark.filterwarnings(SHORT_SECRET)


@pytest.fixture
def client(app: Flask, shop: int) -> FlaskClient:
    let_in(shop)
    return app.test_client(use_cookies=False)


def stays(answer: TestResponse) -> bool:
    """Whether an answer leads nowhere, or to a place of ours, and carries nothing a stranger wrote into its headers."""
    if "Set-Cookie" in answer.headers and "a=b" in answer.headers["Set-Cookie"]:
        return False
    place = answer.headers.get("Location")
    if place is None:
        return answer.status_code not in range(300, 400)
    # As browsers read it: a backslash is a slash, and control characters at the edges fall away.
    found = urlsplit(urljoin(HERE, place.strip().replace("\\", "/").replace("\t", "")))
    return found.scheme in ("http", "https") and found.hostname in HOMES


def signed(**values: str) -> str:
    values = {"timestamp": str(int(wall.time())), **values}
    message = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(values.items()))
    return urlencode({**values, "hmac": hmac.digest(API_SECRET.encode(), message.encode(), hashlib.sha256).hex()})


def test_there_are_a_hundred() -> None:
    assert len(set(TARGETS)) == len(TARGETS) >= 100


def test_links_in_messages_lead_to_what_was_stored(client: FlaskClient, shop: int) -> None:
    message = add_message(shop, add_customer(shop))
    with transaction(shop) as session:
        session.add(
            MessageContent(
                shop_id=shop, message_id=message, context={}, links=["https://acme.example/tea"], rendered_at=NOON
            )
        )
    token = tokens.make("click", shop, message, 0)
    for target in TARGETS:
        for name in ("url", "u", "to", "next", "redirect", "return_to"):
            answer = client.get(f"/c/{token}?{urlencode({name: target})}")
            assert answer.headers["Location"] == "https://acme.example/tea"
        assert client.get(f"/c/{quote(target, safe='')}").status_code in (404, 308), target
        assert stays(client.get(f"/r/{quote(target, safe='')}")), target


def test_leaving_and_choosing_lead_nowhere(client: FlaskClient, shop: int) -> None:
    person = add_customer(shop)
    token = tokens.make("unsubscribe", shop, person, add_message(shop, person))
    doors = [f"/u/{token}", f"/p/{token}"]
    assert [client.get(door).status_code for door in doors] == [200, 200]
    for target in TARGETS:
        for door in doors:
            assert stays(client.get(f"{door}?{urlencode({'next': target, 'return_to': target})}")), target


def test_the_page_that_fetches_a_token_comes_back_to_this_app(client: FlaskClient) -> None:
    for target in TARGETS:
        given = {"shop": HERS, "shopify-reload": target}
        answer = client.get(f"/auth/patch-id-token?{urlencode(given)}")
        reload = urlsplit(urljoin(HERE, target.replace("\\", "/").replace("\t", "").strip()))
        harmless = target.startswith("/") and reload.hostname == "localhost"
        assert answer.status_code == 400 or harmless, target
        given = {"shop": target, "shopify-reload": "/"}
        assert client.get(f"/auth/patch-id-token?{urlencode(given)}").status_code == 400, target


def test_a_page_without_a_token_leads_through_our_own_page_only(client: FlaskClient) -> None:
    for target in TARGETS:
        for query in ({"shop": target}, {"shop": HERS, "host": target}, {"return_to": target}):
            answer = client.get(f"/?{urlencode(query)}")
            assert stays(answer), target
            place = answer.headers.get("Location", "")
            back = parse_qs(urlsplit(place).query).get("shopify-reload", ["/"])[0]
            assert back.startswith("/"), target
            assert not back.startswith("//"), target


def test_an_install_leads_to_the_stores_own_admin(client: FlaskClient) -> None:
    for target in TARGETS:
        for query in (
            signed(shop=target),
            signed(shop=HERS, host=target),
            signed(shop=HERS, return_to=target),
            urlencode({"embedded": "1", "host": target, "shop": target}),
        ):
            assert stays(client.get(f"/auth/shopify?{query}")), target
        answer = client.get(f"/auth/shopify?{signed(shop=HERS, host=target)}")
        assert answer.headers["Location"] == f"https://admin.shopify.com/store/acme/apps/{API_KEY}", target


def test_addresses_from_payloads_are_web_addresses_or_nothing() -> None:
    for target in TARGETS:
        found = link(target)
        assert found is None or urlsplit(found).scheme in ("http", "https"), target
