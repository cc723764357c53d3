"""Every route has exactly one guard, named here, and the guard is tried: whoever has no credentials gets nothing."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from werkzeug.routing import IntegerConverter

from app import clock
from app.admin import guard
from app.security import tokens
from app.transaction import transaction
from tests.conftest import API_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.routing import Rule
    from werkzeug.test import TestResponse

SESSION = "session token of the store's admin: hangs on admin.guard.bp, which asks before every view"
WEBHOOK = "HMAC of the platform over the raw body"
QUERY = "query signed by the platform, at most 90 seconds old"
RECEIPT = "signature of the provider"
LINK = "signed link of ours, for this one use"
KEY = "a key of the API that the merchant made, with the scope the operation asks for"
PUBLIC = "open to all by decision"

GUARDS: dict[str, str] = {
    "admin.*": SESSION,
    "inbox.receive": WEBHOOK,
    "entrance.begin": QUERY,
    "entrance.callback": QUERY,
    "proxy.identify": QUERY,
    "receipts.sendgrid": RECEIPT,
    "receipts.twilio_status": RECEIPT,
    "receipts.twilio_inbound": RECEIPT,
    "links.click": LINK,
    "links.restore": LINK,
    "links.opened": LINK,
    "confirming.confirm": LINK,
    "subscription.unsubscribe": LINK,
    "preferences.preferences_page": LINK,
    "reviews.review": LINK,
    "api.*": KEY,
    "api.document": PUBLIC,  # what the API can do, the same for everybody
    "api.docs": PUBLIC,  # the same to read
    "entrance.patch_id_token": PUBLIC,  # loads App Bridge, which asks the store who this is; shows nothing of ours
    "entrance.asset_file": PUBLIC,  # styles and scripts, the same for everybody
    "health.healthz": PUBLIC,  # "ok"
    "health.readyz": PUBLIC,  # whether the database and the clock answer; no names, no versions
    "health.metrics": PUBLIC,  # counters without shops or people; close it at the proxy where that is too much
}
"""A new page of the admin needs no line. Anything else does: name its guard, and let the tests below try it."""

PIXEL = "links.opened"
"""Answers a picture whatever the token says, since a mail must not show a broken one; only a genuine token counts."""


def guard_of(endpoint: str) -> str | None:
    blueprint = endpoint.partition(".")[0]
    return GUARDS.get(endpoint) or GUARDS.get(f"{blueprint}.*")


def rules(app: Flask, *kinds: str) -> list[Rule]:
    return sorted((r for r in app.url_map.iter_rules() if guard_of(r.endpoint) in kinds), key=str)


def requests(app: Flask, *kinds: str) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and an address for everything these guards protect."""
    for rule in rules(app, *kinds):
        values = {
            name: 1 if isinstance(rule._converters[name], IntegerConverter) else secrets.token_urlsafe(24)
            for name in rule.arguments
        }
        built = rule.build(values)
        assert built is not None
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield rule.endpoint, method, built[1]


@pytest.fixture
def client(app: Flask, shop: int) -> FlaskClient:
    del shop
    return app.test_client()


def effects(shop_id: int) -> dict[str, int]:
    """How much there is of everything a stranger might want to make."""
    with transaction(shop_id) as session:
        return {
            table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608 - names of ours
            for table in ("delivery", "engagement", "receipt", "review", "consent_entry", "suppression", "shop_token")
        }


def test_every_route_names_its_guard(app: Flask) -> None:
    unguarded = sorted(r.endpoint for r in app.url_map.iter_rules() if guard_of(r.endpoint) is None)
    assert unguarded == [], "give each endpoint a line in GUARDS, and make sure the guard is really there"
    gone = sorted(name for name in GUARDS if not name.endswith("*") and name not in app.view_functions)
    assert gone == [], "these routes are gone: take their lines out"


def test_every_admin_page_hangs_on_the_guarded_blueprint(app: Flask) -> None:
    assert guard.let_in in app.before_request_funcs["admin"]
    elsewhere = [
        r.endpoint
        for r in app.url_map.iter_rules()
        if (r.rule == "/" or r.rule.startswith("/admin"))
        and not r.endpoint.startswith("admin.")
        and guard_of(r.endpoint) != PUBLIC
    ]
    assert elsewhere == [], "register pages of the admin on admin.guard.bp"
    assert len(rules(app, SESSION)) > 3


def test_an_admin_page_without_a_session_is_sent_to_fetch_one(app: Flask, client: FlaskClient) -> None:
    for endpoint, method, address in requests(app, SESSION):
        if method not in ("GET", "HEAD"):
            continue
        answer = client.open(f"{address}?shop=acme.myshopify.com", method=method)
        named = answer.headers.get("Location", "")
        assert answer.status_code in (302, 401) or named.startswith(guard.PATCH_PATH), endpoint
        assert answer.status_code != 302 or named.startswith(guard.PATCH_PATH), endpoint
        assert b"acme" not in answer.data.lower(), endpoint
        by_script = client.open(address, method=method, headers={"X-Requested-With": "fetch"})
        assert by_script.status_code == 401, endpoint
        assert by_script.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1", endpoint


def test_an_admin_action_without_a_session_is_refused(app: Flask, client: FlaskClient, shop: int) -> None:
    before = effects(shop)
    for endpoint, method, address in requests(app, SESSION):
        if method not in ("GET", "HEAD"):
            answer = client.open(address, method=method, data={"on": "1"})
            assert answer.status_code == 401, endpoint
    assert effects(shop) == before


def _jwt(header: dict[str, str], claims: dict[str, Any], secret: str | None) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signed = f"{part(header)}.{part(claims)}"
    mac = hmac.digest(secret.encode(), signed.encode(), "sha256") if secret is not None else b""
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def forged_sessions() -> dict[str, str]:
    now = int(clock.real_now().timestamp())
    good = {
        "iss": "https://acme.myshopify.com/admin",
        "dest": "https://acme.myshopify.com",
        "aud": "key-of-the-app",
        "sub": "42",
        "exp": now + 60,
        "nbf": now - 5,
        "iat": now - 5,
        "jti": "1",
        "sid": "1",
    }
    head = {"alg": "HS256", "typ": "JWT"}
    return {
        "another secret": _jwt(head, good, "not the secret of this app, not at all"),
        "no signature": _jwt({"alg": "none", "typ": "JWT"}, good, None),
        "an empty secret": _jwt(head, good, ""),
        "another app": _jwt(head, {**good, "aud": "another-app"}, API_SECRET),
        "too old": _jwt(head, {**good, "exp": now - 60, "nbf": now - 120}, API_SECRET),
        "not yet valid": _jwt(head, {**good, "nbf": now + 600, "exp": now + 900}, API_SECRET),
        "two stores": _jwt(head, {**good, "iss": "https://other.myshopify.com/admin"}, API_SECRET),
        "no store": _jwt(head, {**good, "dest": "https://evil.example"}, API_SECRET),
        "rubbish": "a.b.c",
    }


@pytest.mark.parametrize("how", forged_sessions())
def test_a_forged_session_opens_no_admin_page(how: str, app: Flask, client: FlaskClient) -> None:
    token = forged_sessions()[how]
    for endpoint, method, address in requests(app, SESSION):
        answer = client.open(
            address, method=method, headers={"Authorization": f"Bearer {token}", "X-Requested-With": "fetch"}
        )
        assert answer.status_code == 401, (endpoint, how)
        page = client.open(f"{address}?id_token={token}&shop=acme.myshopify.com", method=method)
        assert page.status_code in (302, 401, 400), (endpoint, how)


@pytest.mark.parametrize("signature", ["", "AAAA", base64.b64encode(b"\0" * 32).decode(), "not base64 \u00e9"])
def test_an_unsigned_webhook_is_refused_and_not_stored(signature: str, client: FlaskClient, shop: int) -> None:
    headers = {
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Shop-Domain": "acme.myshopify.com",
        "X-Shopify-Webhook-Id": "w-1",
        "X-Shopify-Hmac-Sha256": signature,
    }
    answer = client.post("/webhooks/shopify", data=b'{"id": 1}', headers=headers)
    assert answer.status_code == (401 if signature else 400)
    assert effects(shop)["delivery"] == 0


def test_an_unsigned_query_is_refused(app: Flask, client: FlaskClient, shop: int) -> None:
    before = effects(shop)
    now = int(clock.real_now().timestamp())
    for endpoint, method, address in requests(app, QUERY):
        for query in (
            "",
            f"?shop=acme.myshopify.com&timestamp={now}&code=x&state=y",
            f"?shop=acme.myshopify.com&timestamp={now}&hmac={'0' * 64}&signature={'0' * 64}&code=x&state=y",
        ):
            assert client.open(address + query, method=method).status_code in (400, 401, 403), endpoint
    assert effects(shop) == before


def test_an_unsigned_receipt_is_refused(app: Flask, client: FlaskClient, shop: int) -> None:
    before = effects(shop)
    now = str(int(clock.real_now().timestamp()))
    forged = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(b"0" * 70).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": now,
        "X-Twilio-Signature": base64.b64encode(b"0" * 20).decode(),
    }
    body = {"From": "+12125550123", "Body": "STOP", "MessageSid": "SM1", "MessageStatus": "delivered"}
    tried = 0
    for endpoint, method, address in requests(app, RECEIPT):
        for headers in ({}, forged):
            assert client.open(address, method=method, data=body, headers=headers).status_code == 403, endpoint
            tried += 1
    assert tried == 6
    assert effects(shop) == before


def test_a_link_that_is_not_ours_leads_nowhere(app: Flask, client: FlaskClient, shop: int) -> None:
    other_use = tokens.make("something else", shop, 1, 0)
    unknown = {  # genuine, but its message doesn't exist
        use: tokens.make(use, shop, *rest)
        for use, rest in {"click": (1, 0), "restore": (1,), "unsubscribe": (1, 1), "review": (1, 0, 5)}.items()
    }
    before = effects(shop)
    for rule in rules(app, LINK):
        for token in ("x", secrets.token_urlsafe(30), other_use, *unknown.values()):
            for method in sorted((rule.methods or set()) - {"OPTIONS"}):
                built = rule.build({"token": token})
                assert built is not None
                answer: TestResponse = client.open(built[1], method=method)
                own = rule.endpoint.startswith(("subscription.", "preferences.")) and token == unknown["unsubscribe"]
                if rule.endpoint == PIXEL or own:
                    assert answer.status_code == 200, (rule.endpoint, token)
                else:
                    assert answer.status_code == 404, (rule.endpoint, token)
    assert effects(shop) == before


def test_what_is_public_shows_nothing_of_a_shop(app: Flask, client: FlaskClient) -> None:
    for endpoint, method, address in requests(app, PUBLIC):
        answer = client.open(address, method=method)
        assert answer.status_code in (200, 400, 404), endpoint
        for word in (b"acme", b"New York", API_SECRET.encode()):
            assert word not in answer.data, endpoint


def test_no_route_is_registered_twice(app: Flask) -> None:
    seen: set[tuple[str, str]] = set()
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert (rule.rule, method) not in seen, rule.rule
            seen.add((rule.rule, method))
