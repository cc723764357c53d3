"""A store's admin to come from: session tokens as App Bridge hands them out, and shops to come to."""

from __future__ import annotations

import time as wall
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
import pytest
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import event, text

from app import clock
from app.journeys import service as journeys
from app.shops.models import ShopToken
from app.transaction import engine, transaction
from local.chromium import executable
from local.postgres import CHECKOUT
from tests.conftest import API_SECRET, NOON, make_shop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser, Page
    from werkzeug.test import TestResponse

API_KEY = "key-of-the-app"
SHORT_SECRET = "ignore:The HMAC key is"
"""The secret all tests share is shorter than the token library likes; Shopify's own are long enough."""
AXE = CHECKOUT / "node_modules" / "axe-core" / "axe.min.js"
HERS = "acme.myshopify.com"
OTHERS = "umbrella.myshopify.com"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings(SHORT_SECRET))


def id_token(domain: str = HERS, *, secret: str = API_SECRET, ends_in: int = 60, **claims: Any) -> str:
    """A session token as App Bridge gives it."""
    now = int(wall.time())
    return jwt.encode(
        {
            "iss": f"https://{domain}/admin",
            "dest": f"https://{domain}",
            "aud": API_KEY,
            "sub": "42",
            "exp": now + ends_in,
            "nbf": now + ends_in - 60,
            "iat": now + ends_in - 60,
            "jti": "one",
            "sid": "session",
            **claims,
        },
        secret,
        algorithm="HS256",
    )


class Admin:
    """A member of a store's staff, with the app open."""

    def __init__(self, client: FlaskClient, domain: str) -> None:
        self.client, self.domain = client, domain

    def get(self, path: str, **query: str) -> TestResponse:
        address = f"{path}?{urlencode(query)}" if query else path
        return self.client.get(address, headers=self.headers())

    def post(self, path: str, form: Mapping[str, str] | None = None) -> TestResponse:
        return self.client.post(path, data=form or {}, headers=self.headers())

    def open(self, path: str) -> TestResponse:
        """As the browser opens a page: the token stands in the address."""
        return self.client.get(f"{path}?{urlencode({'shop': self.domain, 'id_token': id_token(self.domain)})}")

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {id_token(self.domain)}", "HX-Request": "true"}


@pytest.fixture
def client(app: Flask, database: str) -> FlaskClient:
    del database
    return app.test_client()


def let_in(shop_id: int) -> None:
    """A token that works, and the starters."""
    with transaction(shop_id) as session:
        session.add(
            ShopToken(
                shop_id=shop_id,
                access_token="shpat_1",
                refresh_token="shprt_1",
                expires_at=datetime.now(UTC) + timedelta(hours=1),
                refresh_expires_at=datetime.now(UTC) + timedelta(days=90),
                refreshing_until=None,
                updated_at=clock.now(),
            )
        )
        journeys.install_starters(session)
        session.execute(text("UPDATE shop SET version_at = :now WHERE id = :shop"), {"shop": shop_id, "now": NOON})


@pytest.fixture
def admin(client: FlaskClient, shop: int) -> Admin:
    """The admin of an installed shop."""
    let_in(shop)
    return Admin(client, HERS)


@pytest.fixture
def other(client: FlaskClient, admin: Admin) -> Admin:
    """The admin of another installed shop."""
    del admin
    let_in(make_shop(OTHERS))
    return Admin(client, OTHERS)


def add_customer(shop_id: int, number: int = 1, **more: Any) -> int:
    values = {
        "external_id": f"c{number}",
        "email": f"ana{number}@shopper.example",
        "phone": f"+1212555{number:04}",
        "first_name": "Ana",
        "last_name": f"Lind {number}",
        "first_seen_at": NOON - timedelta(days=number),
        **more,
    }
    return _insert(shop_id, "customer", values)


def add_message(shop_id: int, customer_id: int, number: int = 1, **more: Any) -> int:
    values = {
        "customer_id": customer_id,
        "step": f"step_{number}",
        "template_id": _template(shop_id),
        "channel": "sms",
        "purpose": "marketing",
        "audience": "subscribers",
        "subject_kind": "none",
        "subject_key": "",
        "since": NOON,
        "state": "parked",
        "reason": "outcome_unknown",
        "planned_at": NOON - timedelta(minutes=number),
        "due_at": NOON,
        "useful_until": NOON + timedelta(days=1),
        "updated_at": NOON,
        **more,
    }
    return _insert(shop_id, "message", values)


def add_delivery(shop_id: int, number: int = 1, **more: Any) -> int:
    values = {
        "webhook_id": f"w{number}",
        "platform": "shopify",
        "shop_domain": HERS,
        "topic": "orders/create",
        "event_id": "",
        "api_version": "",
        "received_at": NOON,
        "body": b"sealed",
        "state": "parked",
        "reason": "not_json",
        **more,
    }
    return _insert(shop_id, "delivery", values)


def _template(shop_id: int) -> int:
    with transaction(shop_id) as session:
        found = session.scalar(text("SELECT min(id) FROM template WHERE shop_id = :shop"), {"shop": shop_id})
    assert isinstance(found, int)
    return found


def _insert(shop_id: int, table: str, values: Mapping[str, Any]) -> int:
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    statement = f"INSERT INTO {table} (shop_id, {names}) VALUES (:shop_id, {places}) RETURNING id"  # noqa: S608 our own names
    with transaction(shop_id) as session:
        made = session.execute(
            text(statement),
            {"shop_id": shop_id, **values},
        ).scalar_one()
    assert isinstance(made, int)
    return made


def rows(shop_id: int, statement: str, **parameters: Any) -> list[Any]:
    with transaction(shop_id) as session:
        return list(session.execute(text(statement), {"shop": shop_id, **parameters}))


@contextmanager
def questions() -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is sent meanwhile, with its parameters."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine(), "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine(), "before_cursor_execute", note)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not AXE.exists():
        pytest.skip("No npm packages here: run `make setup`")
    expect.set_options(timeout=60_000)  # its own five seconds are short on a busy machine
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(executable()), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window in which nothing may go wrong unnoticed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert wrong == []
