"""A flood at the open pages is held up; shoppers elsewhere, webhooks and providers are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from app import create_app, crowds, transaction
from app.crowds import BURST, COST_OF_A_MISS, REMEMBERED, STEP, Allowances, network_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from config import Settings

FLOOD, NEIGHBOUR = "93.184.216.34", "93.184.216.35"
NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def client(settings: Settings, shop: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """An installation behind one proxy, which tells who asked. No machine is too slow to use up an allowance."""
    del shop
    monkeypatch.setattr(crowds, "STEP", timedelta(minutes=1))
    engine = transaction.engine()
    made = create_app(replace(settings, trusted_proxies=1))
    own = transaction.engine()
    yield made.test_client()
    own.dispose()
    transaction.bind(engine)


def ask(client: FlaskClient, path: str, forwarded: str, method: str = "GET") -> int:
    return client.open(path, method=method, headers={"X-Forwarded-For": forwarded}).status_code


def test_whoever_guesses_links_is_held_up_soon_and_nobody_else(client: FlaskClient) -> None:
    guesses = 0
    while ask(client, "/u/made-up", FLOOD) == 404:
        guesses += 1
        assert guesses <= BURST // COST_OF_A_MISS * 2
    assert guesses >= BURST // COST_OF_A_MISS
    answer = client.get("/p/made-up", headers={"X-Forwarded-For": FLOOD, "Accept": "text/html"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "A little slower, please" in answer.text
    assert ask(client, "/auth/shopify", FLOOD) == 429
    program = client.get("/api/v1/settings", headers={"X-Forwarded-For": FLOOD})
    assert program.get_json()["code"] == "too_many"
    assert ask(client, "/u/made-up", NEIGHBOUR) == 404
    for path in ("/webhooks/shopify", "/receipts/twilio/inbound", "/receipts/sendgrid"):
        assert ask(client, path, FLOOD, "POST") in (400, 401, 403), "their signature is asked for, as ever"


def test_nobody_can_pass_for_others_by_a_header_of_their_own(client: FlaskClient) -> None:
    answers = [ask(client, "/u/made-up", f"198.{n % 200}.{n // 200}.7, {FLOOD}") for n in range(250)]
    assert answers[-1] == 429, "the last hop is the proxy's word; what stands before it is anybody's"
    assert answers[:100] == [404] * 100


def test_an_allowance_grows_back() -> None:
    allowances = Allowances()
    allowances.take("a", BURST, NOW)
    assert allowances.wait("a", NOW) > 0
    assert allowances.wait("a", NOW + STEP) == 0
    allowances.take("a", 10 * BURST, NOW)
    assert allowances.wait("a", NOW) <= (COST_OF_A_MISS + 1) * STEP.total_seconds(), "a flood is not held against it"
    assert allowances.wait("b", NOW) == 0


def test_only_so_many_are_remembered() -> None:
    allowances = Allowances()
    allowances.take("first", BURST, NOW)
    for number in range(REMEMBERED):
        allowances.take(str(number), 1, NOW + timedelta(seconds=1))
    assert len(allowances._busy_until) == REMEMBERED
    assert allowances.wait("first", NOW) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("93.184.216.34", "93.184.216.34"),
        ("2606:2800:220:1:248:1893:25c8:1946", "2606:2800:220:1::/64"),
        ("[2606:2800:220:1::7]", "2606:2800:220:1::/64"),
        ("127.0.0.1", None),
        ("10.0.0.7", None),
        ("fd00::7", None),
        ("unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_whose_request_it_is(address: str | None, network: str | None) -> None:
    assert network_of(address) == network
