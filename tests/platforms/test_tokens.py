"""Tokens over real HTTP: what is sent, and what each kind of answer means."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.platforms.base import TokenGranted, TokenRefused, TokenUnavailable
from app.platforms.shopify.credentials import Credentials
from app.platforms.shopify.tokens import TokenEndpoint, needs_refresh
from app.platforms.shopify.transport import Transport

SHOP = "roastery.myshopify.com"
GRANTED = {
    "access_token": "shpat_2",
    "scope": "read_orders, write_customers",
    "expires_in": 3600,
    "refresh_token": "shprt_2",
    "refresh_token_expires_in": 7776000,
}


@pytest.fixture
def endpoint(credentials: Credentials, now: datetime) -> TokenEndpoint:
    return TokenEndpoint(credentials, Transport(), lambda: now)


def test_a_session_token_is_exchanged_for_an_expiring_pair(
    store: Any, reply: Any, endpoint: TokenEndpoint, now: datetime
) -> None:
    store.replies = [reply(200, GRANTED)]
    granted = endpoint.exchange(SHOP, "the.id.token")
    assert granted == TokenGranted(
        "shpat_2", now + timedelta(hours=1), "shprt_2", now + timedelta(days=90), ("read_orders", "write_customers")
    )
    assert "shpat" not in repr(granted)
    assert "shprt" not in repr(granted)
    (call,) = store.calls
    assert call.path == f"/shopify/{SHOP}/admin/oauth/access_token"
    assert call.json == {
        "client_id": "key-of-the-app",
        "client_secret": "a-secret-of-the-app-that-is-long-enough",
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "the.id.token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
        "expiring": 1,
    }


def test_a_refresh_and_a_code_are_redeemed_at_the_same_place(store: Any, reply: Any, endpoint: TokenEndpoint) -> None:
    store.replies = [reply(200, GRANTED)]
    assert isinstance(endpoint.refresh(SHOP, "shprt_1"), TokenGranted)
    assert isinstance(endpoint.redeem(SHOP, "code"), TokenGranted)
    refreshed, redeemed = (call.json for call in store.calls)
    assert (refreshed["grant_type"], refreshed["refresh_token"]) == ("refresh_token", "shprt_1")
    assert (redeemed["code"], redeemed["expiring"]) == ("code", 1)


@pytest.mark.parametrize(
    ("status", "body", "code", "final"),
    [
        (400, {"error": "invalid_subject_token"}, "invalid_subject_token", False),
        (400, {"error": "invalid_client"}, "invalid_client", True),
        (400, {"error": "invalid_grant"}, "invalid_grant", True),
        (401, b"", "http_401", True),
        (404, b"<html>", "http_404", True),
        (302, b"", "http_302", True),
    ],
)
def test_a_refusal_says_whether_asking_again_can_help(
    store: Any, reply: Any, endpoint: TokenEndpoint, *, status: int, body: Any, code: str, final: bool
) -> None:
    store.replies = [reply(status, body, {"Location": "http://127.0.0.1:1/"})]
    assert endpoint.refresh(SHOP, "shprt_1") == TokenRefused(code, final)
    assert len(store.calls) == 1


def test_silence_and_trouble_are_no_refusal(store: Any, reply: Any, endpoint: TokenEndpoint) -> None:
    store.replies = [
        reply(429, {}, {"Retry-After": "7"}),
        reply(503, b"x"),
        reply(200, b"not json"),
        reply(hang_up=True),
    ]
    assert endpoint.refresh(SHOP, "r") == TokenUnavailable("http_429", 7.0)
    assert endpoint.refresh(SHOP, "r") == TokenUnavailable("http_503", 5.0)
    assert endpoint.refresh(SHOP, "r") == TokenUnavailable("unreadable_answer", 5.0)
    assert endpoint.refresh(SHOP, "r") == TokenUnavailable("unreachable", 5.0)


def test_nothing_listening_is_no_refusal_either(now: datetime) -> None:
    nowhere = Credentials("key", ("secret",), "http://127.0.0.1:1/{shop}")
    assert TokenEndpoint(nowhere, Transport(), lambda: now).refresh(SHOP, "r") == TokenUnavailable("unreachable", 5.0)


def test_a_token_is_refreshed_five_minutes_before_its_end(now: datetime) -> None:
    assert not needs_refresh(now + timedelta(minutes=6), now)
    assert needs_refresh(now + timedelta(minutes=4), now)
    assert not needs_refresh(None, now)
