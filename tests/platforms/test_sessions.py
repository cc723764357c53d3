"""Who is let into the merchant's pages."""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from app.platforms.shopify.auth import (
    Denied,
    PatchPage,
    Session,
    admin_host,
    embedded_url,
    enter,
    frame_ancestors,
    patch_page,
)
from app.platforms.shopify.credentials import Credentials

KEY, SECRET, OLD = "key-of-the-app", "a-secret-of-the-app-" * 4, "the-old-secret-" * 5
SHOP = "roastery.myshopify.com"
PATCH = "/auth/patch-id-token"
APP = Credentials(KEY, (SECRET, OLD))
RETRY = ("X-Shopify-Retry-Invalid-Session-Request", "1")


def token(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": f"https://{SHOP}/admin",
        "dest": f"https://{SHOP}",
        "aud": KEY,
        "sub": "42",
        "exp": now + 60,
        "nbf": now,
        "iat": now,
        "jti": "1",
        "sid": "2",
    } | changes
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm=algorithm)


def bearer(made: str) -> Session | Denied:
    return enter(APP, "/admin/journeys", f"Bearer {made}", PATCH)


def test_a_call_with_a_good_token_is_let_in() -> None:
    made = token()
    assert bearer(made) == Session(SHOP, "42", made)
    assert isinstance(bearer(token(OLD)), Session)


def test_a_page_with_a_good_token_is_let_in() -> None:
    found = enter(APP, f"/?shop={SHOP}&host=abc&id_token={token()}", None, PATCH)
    assert isinstance(found, Session)
    assert found.shop == SHOP


def test_the_clock_may_be_off_by_ten_seconds_as_in_shopifys_libraries(vectors: dict[str, Any]) -> None:
    now = int(time.time())
    expected = {name: each[0] for name, each in vectors["shopify_id_token"].items()}
    assert isinstance(bearer(token()), Session) == expected["valid"]
    assert isinstance(bearer(token(exp=now - 8)), Session) == expected["exp 9s ago (leeway 10)"]
    assert isinstance(bearer(token(exp=now - 12)), Session) == expected["exp 11s ago"]
    assert isinstance(bearer(token(nbf=now + 8)), Session) == expected["nbf +9s"]
    assert isinstance(bearer(token(nbf=now + 30)), Session) == expected["nbf +30s"]
    assert isinstance(bearer(token(aud="another")), Session) == expected["wrong aud"]


@pytest.mark.parametrize(
    "claims",
    [
        {"dest": "https://evil.tld"},
        {"dest": f"https://{SHOP}.evil.tld"},
        {"dest": f"http://{SHOP}"},
        {"dest": f"https://{SHOP}/x"},
        {"dest": f"https://{SHOP}\n"},
        {"dest": None},
        {"iss": None},
        {"iss": "https://other.myshopify.com/admin"},
        {"iss": f"https://{SHOP}"},
        {"exp": None},
        {"nbf": None},
        {"sub": None},
    ],
)
def test_a_genuine_signature_does_not_excuse_claims_the_library_leaves_unchecked(claims: dict[str, Any]) -> None:
    found = bearer(token(**claims))
    assert isinstance(found, Denied)
    assert found.status == 401
    assert RETRY in found.headers


@pytest.mark.parametrize(
    "made",
    [
        "",
        "x",
        "a.b.c",
        "é",
        "null",
        token(secret="another-secret-" * 5),
        token(algorithm="HS512"),
        token()[:-3],
        token() + "x",
        jwt.encode({"dest": f"https://{SHOP}", "aud": KEY}, "", algorithm="none"),
    ],
)
def test_a_call_with_a_bad_token_is_told_to_try_with_a_fresh_one(made: str) -> None:
    found = bearer(made)
    assert isinstance(found, Denied)
    assert found.status == 401


@pytest.mark.parametrize("query", ["", f"?shop={SHOP}&host=abc", f"?shop={SHOP}&id_token=bad&host=abc"])
def test_a_page_without_a_good_token_goes_by_the_page_that_gets_one(query: str, vectors: dict[str, Any]) -> None:
    assert vectors["document_request_without_token"][1] == 302
    found = enter(APP, f"/app{query}", None, PATCH)
    assert isinstance(found, Denied)
    assert found.status == 302
    place = urlsplit(dict(found.headers)["Location"])
    assert (place.scheme, place.netloc, place.path) == ("", "", PATCH)
    back = parse_qs(place.query)["shopify-reload"][0]
    assert back.startswith("/app")
    assert "id_token" not in back
    if query:
        assert parse_qs(place.query)["shop"] == [SHOP]


@pytest.mark.parametrize(
    "target", ["//evil.tld/", "/\\evil.tld", "https://evil.tld", "", "x", "/a\nb", "/" + "x" * 9000]
)
def test_a_path_that_leads_elsewhere_is_refused(target: str) -> None:
    assert enter(APP, target, None, PATCH) == Denied("bad_request", 400)


def test_without_a_secret_nobody_is_let_in() -> None:
    assert enter(Credentials(KEY, ()), "/", f"Bearer {token()}", PATCH) == Denied("bad_request", 400)


def test_the_patch_page_serves_one_store_and_comes_back_to_this_app() -> None:
    page = patch_page(APP, {"shop": SHOP, "shopify-reload": "/app?x=1"})
    assert page == PatchPage(SHOP, KEY, f"frame-ancestors https://{SHOP} https://admin.shopify.com;")
    assert patch_page(APP, {"shop": "evil.tld", "shopify-reload": "/"}) == Denied("bad_shop_domain", 400)
    for path in ("//evil.tld", "https://evil.tld", "/\\evil", "", "javascript:x"):
        assert patch_page(APP, {"shop": SHOP, "shopify-reload": path}) == Denied("bad_reload_path", 400)


def test_only_the_stores_own_admin_may_frame_a_page() -> None:
    assert frame_ancestors(APP, None) == "frame-ancestors 'none';"
    local = Credentials(KEY, (SECRET,), "http://127.0.0.1:5500/shopify/{shop}")
    assert frame_ancestors(local, SHOP) == (
        f"frame-ancestors https://{SHOP} http://127.0.0.1:5500 https://admin.shopify.com;"
    )


def encoded(place: str) -> str:
    return base64.b64encode(place.encode()).decode().rstrip("=")


def test_the_host_parameter_names_an_admin_and_nothing_else() -> None:
    assert (
        admin_host(APP, encoded("admin.shopify.com/store/roastery"), SHOP) == "https://admin.shopify.com/store/roastery"
    )
    assert admin_host(APP, encoded(f"{SHOP}/admin"), SHOP) == f"https://{SHOP}/admin"
    for place in (
        "evil.tld",
        "admin.shopify.com.evil.tld/store/x",
        "admin.shopify.com/store/../x",
        "é",
        "other.myshopify.com/admin",
        "admin.shopify.com/store/x@evil.tld",
        "",
    ):
        assert admin_host(APP, encoded(place), SHOP) is None
    for host in ("!!!", "é", None, "x" * 500, "a"):
        assert admin_host(APP, host, SHOP) is None
    assert embedded_url(APP, None, SHOP) == f"https://admin.shopify.com/store/roastery/apps/{KEY}"
