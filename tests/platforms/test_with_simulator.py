"""The adapter against the simulated store: both were written from Shopify's contract, by different hands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

import config
from app.platforms.base import (
    ConsentTold,
    Envelope,
    ExportReady,
    ExportRunning,
    ExportStarted,
    Ignored,
    ShopAccess,
    TellRefused,
    TokenGranted,
    TokenRefused,
    ToldConsent,
    Unreadable,
)
from app.platforms.events import ConsentChanged, CustomerChanged, OrderChanged, ProductChanged
from app.platforms.shopify.asking import ShopInfo
from app.platforms.shopify.platform import ShopifyPlatform
from local.ports import free_port
from tests.listening import Listener, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KEY, SECRET = "5afe0000000000000000000000000009", "a-secret-shared-with-the-simulated-store"
SHOP = "sage-and-stone.myshopify.com"

pytestmark = pytest.mark.skipif(not (ROOT / "simulator" / "__main__.py").exists(), reason="there is no simulator")


@dataclass
class Town:
    """A running simulator, the adapter that talks to it, and the webhooks it sent."""

    url: str
    platform: ShopifyPlatform
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def id_token(self) -> str:
        now = int(time.time())
        store = f"https://{SHOP}"
        claims = {
            "iss": f"{store}/admin",
            "dest": store,
            "aud": KEY,
            "sub": "1",
            "exp": now + 60,
            "nbf": now,
            "iat": now,
        }
        return jwt.encode(claims | {"jti": "1", "sid": "1"}, SECRET, algorithm="HS256")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    made = Town(url, ShopifyPlatform(config.Shopify(KEY, SECRET, "", url + "/shopify/{shop}", "")))

    class App(Listener):
        def posted(self) -> None:
            made.heard.append((dict(self.headers.items()), self.heard()))
            self.answer(200)

    with listening(App) as app:
        command = [sys.executable, "-m", "simulator", "--port", str(port), "--no-install", "--customers", "150"]
        command += ["--app-url", app, "--sessions-per-hour", "200"]
        command += ["--data", str(tmp_path_factory.mktemp("simulator"))]
        keys = {"SHOPIFY_API_KEY": KEY, "SHOPIFY_API_SECRET": SECRET}
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | keys, stdout=subprocess.DEVNULL)
        for _ in range(600):
            try:
                requests.get(url, timeout=5)
                break
            except (requests.ConnectionError, requests.Timeout):
                assert process.poll() is None, "the simulator didn't start"
                time.sleep(0.05)
        yield made
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def access(town: Town) -> ShopAccess:
    """Install: exchange, then refresh; both tokens of the pair are new, and the used one is spent."""
    granted = town.platform.tokens.exchange(SHOP, town.id_token())
    assert isinstance(granted, TokenGranted)
    assert granted.refresh_token
    renewed = town.platform.refresh(SHOP, granted.refresh_token)
    assert isinstance(renewed, TokenGranted)
    assert renewed.access_token != granted.access_token
    return ShopAccess(1, SHOP, renewed.access_token)


def test_a_forged_session_token_gets_nothing(town: Town) -> None:
    forged = jwt.encode({"dest": f"https://{SHOP}"}, "x" * 40, algorithm="HS256")
    assert isinstance(town.platform.tokens.exchange(SHOP, forged), TokenRefused)


def test_the_shop_tells_who_it_is(town: Town, access: ShopAccess) -> None:
    info = town.platform.shop_info(access, datetime.now(UTC))
    assert isinstance(info, ShopInfo)
    assert info.changed.currency == "USD"
    assert info.changed.address
    assert "read_orders" in info.scopes


def test_the_shop_tells_how_it_looks_without_a_token(town: Town) -> None:
    brand = town.platform.brand(SHOP, patience=5)
    assert brand is not None
    assert brand.color == "#52694d"
    assert requests.get(brand.logo_url, timeout=5).content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "fact"), [("products", ProductChanged), ("customers", CustomerChanged), ("orders", OrderChanged)]
)
def test_its_history_is_imported_whole(town: Town, access: ShopAccess, kind: str, fact: type) -> None:
    begun = town.platform.start_export(access, kind, None, None)
    assert isinstance(begun, ExportStarted)
    status: Any = ExportRunning(0)
    while isinstance(status, ExportRunning):
        status = town.platform.export_status(access, begun.export_id)
    assert isinstance(status, ExportReady)
    assert status.url
    things = list(town.platform.read_export(status.url, kind))
    assert len(things) == status.roots > 10
    assert all(isinstance(facts[0], fact) for _, facts in things)
    found = [facts[0] for _, facts in things]
    assert all(
        each.lines
        for each in found
        if isinstance(each, OrderChanged) and each.cancelled_at is None and not each.refunded
    )
    if kind == "customers":
        assert any(isinstance(each, ConsentChanged) for _, facts in things for each in facts)


def test_what_changed_lately_can_be_asked_for(town: Town, access: ShopAccess) -> None:
    since = datetime.now(UTC) - timedelta(days=10)
    orders = [each for each in town.platform.changes_since(access, "orders", since) if isinstance(each, OrderChanged)]
    assert orders
    assert [each.version.at for each in orders] == sorted(each.version.at for each in orders)
    assert orders[0].version.at >= since.replace(microsecond=0)
    bought = next(each for each in orders if each.checkout_token)
    ask = town.platform.order_exists
    assert ask(access, checkout_token=bought.checkout_token, email=None, since=since) is True
    assert ask(access, checkout_token="of-nobody", email=None, since=since) is False
    assert ask(access, checkout_token=None, email=bought.person.email, since=bought.placed_at) is True
    assert ask(access, checkout_token=None, email="nobody@example.com", since=since) is False
    assert ask(ShopAccess(1, SHOP, "spent"), checkout_token="x", email=None, since=since) is None


def test_its_webhooks_are_genuine_and_become_facts(town: Town, access: ShopAccess) -> None:
    assert access.domain == SHOP
    topics: Counter[str] = Counter()
    deadline = time.monotonic() + 60
    while len(topics) < 6 and time.monotonic() < deadline:
        time.sleep(0.2)
        topics.clear()
        for headers, body in list(town.heard):
            envelope = town.platform.receive(headers, body)
            assert isinstance(envelope, Envelope), envelope
            now = datetime.now(UTC)
            found = town.platform.normalise(envelope.topic, body, envelope.triggered_at, now, shop_domain=SHOP)
            assert not isinstance(found, Unreadable), (envelope.topic, found)
            assert found != Ignored("unused_topic"), envelope.topic
            topics[envelope.topic] += 1
    assert {"checkouts/create", "checkouts/update", "carts/create"} <= set(topics)
    headers, body = town.heard[0]
    assert not isinstance(town.platform.receive(headers, body + b" "), Envelope)


def test_the_store_takes_a_word_on_consent_and_repeats_it(town: Town, access: ShopAccess) -> None:
    facts = town.platform.changes_since(access, "customers", datetime(2000, 1, 1, tzinfo=UTC))
    person = next(f.person for f in facts if isinstance(f, CustomerChanged) and f.person.email and f.person.phone)
    assert person.customer_id
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=400)
    for channel in ("email", "sms"):
        told = ToldConsent(person.customer_id, channel, "subscribed", at, double_opt_in=True)
        assert town.platform.tell_consent(access, told) == ConsentTold()
        older = ToldConsent(person.customer_id, channel, "unsubscribed", at - timedelta(days=1), double_opt_in=False)
        assert town.platform.tell_consent(access, older) == ConsentTold()
    again = town.platform.changes_since(access, "customers", datetime(2000, 1, 1, tzinfo=UTC))
    words = [f for f in again if isinstance(f, ConsentChanged) and f.person.customer_id == person.customer_id]
    assert {(w.channel, w.state, w.effective_at, w.double_opt_in) for w in words} == {
        ("email", "subscribed", at, True),
        ("sms", "subscribed", at, True),
    }
    nobody = ToldConsent("1", "email", "subscribed", at, double_opt_in=False)
    assert town.platform.tell_consent(access, nobody) == TellRefused("refused")
    assert isinstance(town.platform.tell_consent(access, replace(nobody, state="never_asked")), TellRefused)
