"""Install requests, callbacks and app proxy requests count only as Shopify signed them."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from app.platforms.shopify.auth import Denied
from app.platforms.shopify.credentials import Credentials
from app.platforms.shopify.signed_queries import ProxyRequest, SignedQuery, authorize_url, verify_proxy, verify_query

SECRET = "hush_secret_for_tests"
APP = Credentials("key", (SECRET,))
SIGNED_AT = datetime.fromtimestamp(1337178173, UTC)
SHOP = "some-shop.myshopify.com"


def signed(**changes: str) -> str:
    params = {"code": "c1", "shop": SHOP, "state": "s1", "timestamp": "1337178173"} | changes
    message = "&".join(f"{k}={v}" for k, v in sorted(params.items()))
    return urlencode(params | {"hmac": hmac.digest(SECRET.encode(), message.encode(), "sha256").hex()})


def test_the_vectors_of_both_libraries_agree(vectors: dict[str, Any]) -> None:
    for vector in vectors["shopify_oauth"]:
        for name in ("hmac_python_ShopifyAPI", "hmac_node_style_urlencoded"):
            query = urlencode(vector["params"] | {"hmac": vector[name]})
            found = verify_query(Credentials("key", (vector["secret"],)), query, SIGNED_AT)
            assert isinstance(found, SignedQuery), name
            assert (found.shop, found.code) == (vector["params"]["shop"], vector["params"]["code"])


def test_a_callback_gives_its_code_state_and_host() -> None:
    assert verify_query(APP, signed(), SIGNED_AT) == SignedQuery(SHOP, "c1", "s1", None)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda query: query.replace("c1", "c2"),
        lambda query: query + "&extra=1",
        lambda query: query.replace("hmac=", "hmac=0"),
        lambda query: query[:-1],
        lambda query: query.rpartition("&hmac=")[0],
        lambda query: query.upper(),
        lambda query: query + "%C3%A9",
    ],
)
def test_a_changed_query_is_refused(spoil: Any) -> None:
    assert verify_query(APP, spoil(signed()), SIGNED_AT) == Denied("bad_signature")


def test_a_repeated_parameter_is_refused_since_only_one_of_the_two_was_signed() -> None:
    for name in ("shop", "code", "hmac"):
        assert verify_query(APP, signed() + f"&{name}=x", SIGNED_AT) == Denied("bad_request", 400)


def test_an_old_query_is_refused() -> None:
    assert isinstance(verify_query(APP, signed(), SIGNED_AT + timedelta(seconds=90)), SignedQuery)
    assert verify_query(APP, signed(), SIGNED_AT + timedelta(seconds=91)) == Denied("too_old")
    assert verify_query(APP, signed(timestamp="soon"), SIGNED_AT) == Denied("too_old")


def test_a_signed_query_of_no_store_is_refused() -> None:
    assert verify_query(APP, signed(shop=f"{SHOP}.evil.tld"), SIGNED_AT) == Denied("bad_shop_domain", 400)


def test_granting_begins_at_the_store_and_returns_here() -> None:
    place = urlsplit(authorize_url(APP, SHOP, "https://app.example/auth/shopify/callback", "s-1"))
    assert (place.netloc, place.path) == (SHOP, "/admin/oauth/authorize")
    assert parse_qs(place.query) == {
        "client_id": ["key"],
        "redirect_uri": ["https://app.example/auth/shopify/callback"],
        "state": ["s-1"],
    }


def test_the_proxy_vector_of_shopifys_own_library_agrees(vectors: dict[str, Any]) -> None:
    vector = vectors["shopify_app_proxy"]
    query = (
        "extra=1&extra=2&logged_in_customer_id=1&path_prefix=%2Fapps%2Fawesome_reviews"
        f"&shop={SHOP}&timestamp=1795321604&signature={vector['signature']}"
    )
    at = datetime.fromtimestamp(1795321604, UTC)
    found = verify_proxy(Credentials("key", (vector["secret"],)), query, at)
    assert isinstance(found, ProxyRequest)
    assert (found.shop, found.customer_id) == (SHOP, "1")
    assert found.parameters["path_prefix"] == "/apps/awesome_reviews"
    assert verify_proxy(APP, query, at + timedelta(seconds=91)) == Denied("too_old")
    assert verify_proxy(APP, query + "&shop=x", at) == Denied("bad_request", 400)
    assert verify_proxy(APP, query.replace("customer_id=1", "customer_id=2"), at) == Denied("bad_signature")
    assert verify_proxy(APP, "", at) == Denied("bad_signature")
    assert verify_proxy(APP, query + "é", at) == Denied("bad_signature")
