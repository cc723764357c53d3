"""Nobody gets in without a session token of their store; nobody sees another store's things."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.admin.conftest import HERS, OTHERS, add_customer, add_delivery, add_message, id_token, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.admin.conftest import Admin

OPEN = {"entrance.patch_id_token", "entrance.begin", "entrance.callback", "entrance.asset_file"}
RETRY = "X-Shopify-Retry-Invalid-Session-Request"
VALUES = {"key": "abandoned_checkout", "step": "first", "channel": "email", "part": "sender", "rest": "x"}


def guarded(app: Flask) -> Iterator[tuple[str, str]]:
    """Every admin route with every method it takes."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("admin."):
            path = rule.build({name: VALUES.get(name, "1") for name in rule.arguments})
            assert path is not None
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, path[1]


def test_every_route_of_the_admin_hangs_on_the_guard(app: Flask) -> None:
    ours = [r for r in app.url_map.iter_rules() if r.rule == "/" or r.rule.startswith(("/admin", "/auth"))]
    unguarded = {r.endpoint for r in ours if not r.endpoint.startswith("admin.")}
    assert unguarded == OPEN
    assert len(list(guarded(app))) >= 25


PROVE_NOTHING: dict[str, Callable[[], str]] = {
    "none": str,
    "garbled": lambda: "nonsense",
    "expired": lambda: id_token(ends_in=-120),
    "wrong secret": lambda: id_token(secret="another_secret_of_somebody_else"),
    "other app": lambda: id_token(aud="another-app"),
    "no store": lambda: id_token(dest="https://evil.example"),
    "store-like name": lambda: id_token("acme.myshopify.com.evil.example"),
    "two stores": lambda: id_token(iss=f"https://{OTHERS}/admin"),
}


@pytest.mark.parametrize("kind", PROVE_NOTHING)
def test_every_route_refuses_a_token_that_proves_nothing(app: Flask, client: FlaskClient, kind: str) -> None:
    token = PROVE_NOTHING[kind]()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    for method, path in guarded(app):
        answer = client.open(path, method=method, headers={**headers, "HX-Request": "true"})
        assert (answer.status_code, answer.headers.get(RETRY)) == (401, "1"), f"{method} {path}"


def test_a_page_without_a_token_is_sent_to_fetch_one_and_comes_back(app: Flask, client: FlaskClient) -> None:
    for method, path in guarded(app):
        if method == "GET" and not path.endswith(".json"):
            answer = client.get(f"{path}?shop={HERS}&host=aG9zdA&id_token={id_token(ends_in=-120)}")
            assert answer.status_code == 302, path
            target = urlsplit(answer.headers["Location"])
            query = parse_qs(target.query)
            assert target.path == "/auth/patch-id-token"
            assert query["shopify-reload"] == [f"{path}?shop={HERS}&host=aG9zdA"]
            assert query["shop"] == [HERS]
            assert "id_token" not in answer.headers["Location"]


def test_the_page_that_fetches_a_token_loads_app_bridge_and_may_be_framed_by_its_store(client: FlaskClient) -> None:
    answer = client.get(f"/auth/patch-id-token?shop={HERS}&shopify-reload=%2F")
    assert answer.status_code == 200
    assert 'data-api-key="key-of-the-app"' in answer.text
    assert f"frame-ancestors https://{HERS} " in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "query", ["", "shop=evil.example&shopify-reload=%2F", f"shop={HERS}&shopify-reload=%2F%2Fevil.example"]
)
def test_the_page_that_fetches_a_token_leads_nowhere_else(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/auth/patch-id-token?{query}")
    assert answer.status_code == 400
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Open Regulars from your store" in answer.text


def test_a_token_in_the_address_opens_pages_and_changes_nothing(admin: Admin, client: FlaskClient) -> None:
    assert admin.open("/").status_code == 200
    answer = client.post(f"/admin/settings/stop?id_token={id_token()}")
    assert answer.status_code == 401
    assert "All marketing is stopped" not in admin.get("/admin/settings").text


def test_pages_carry_the_headers_that_keep_them_apart(admin: Admin, other: Admin) -> None:
    for who, domain in ((admin, HERS), (other, OTHERS)):
        answer = who.open("/")
        policy = answer.headers["Content-Security-Policy"]
        ancestors = next(part for part in policy.split("; ") if part.startswith("frame-ancestors"))
        assert f"https://{domain}" in ancestors
        assert ({HERS, OTHERS} - {domain}).pop() not in policy
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert scripts == "script-src 'self' https://cdn.shopify.com/shopifycloud/"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        assert "X-Frame-Options" not in answer.headers


def test_over_https_browsers_are_told_to_stay_there(admin: Admin, client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in admin.open("/").headers
    answer = client.get("/", headers=admin.headers(), base_url="https://localhost")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_no_page_holds_a_script_of_its_own(admin: Admin) -> None:
    for path in (
        "/",
        "/admin/journeys",
        "/admin/journeys/abandoned_checkout",
        "/admin/messages",
        "/admin/customers",
        "/admin/settings",
        "/admin/deliveries",
    ):
        page = admin.get(path).text
        assert page.count("<script") == page.count("<script data-api-key=") + page.count("<script src=") == 3, path
        assert " onclick=" not in page
        assert page.index("data-api-key") < page.index("<script src="), "App Bridge comes first"


def test_another_shops_things_are_not_found(admin: Admin, other: Admin, shop: int) -> None:
    customer = add_customer(shop)
    message = add_message(shop, customer)
    delivery = add_delivery(shop)
    for path in (f"/admin/customers/{customer}", f"/admin/messages/{message}"):
        assert admin.get(path).status_code == 200, path
        assert other.get(path).status_code == 404, path
    for path in (f"/admin/messages/{message}/retry", f"/admin/messages/{message}/drop"):
        assert other.post(path).status_code == 404, path
    assert other.post(f"/admin/deliveries/{delivery}/redrive").status_code == 404
    other.post("/admin/deliveries/redrive-all")
    assert [r.state for r in rows(shop, "SELECT state FROM message WHERE shop_id = :shop")] == ["parked"]
    assert [r.state for r in rows(shop, "SELECT state FROM delivery WHERE shop_id = :shop")] == ["parked"]
    assert other.get("/admin/messages.json", customer="c1").json == {"messages": [], "decisions": []}
    assert "Lind" not in other.get("/admin/customers", q="ana").text
    assert "Lind" not in other.get("/admin/messages").text


def test_the_shop_is_never_read_from_the_request(admin: Admin, shop: int) -> None:
    add_customer(shop)
    page = admin.get("/admin/customers", shop=OTHERS, shop_id="999")
    assert "Lind 1" in page.text
    assert HERS in page.headers["Content-Security-Policy"]


def test_an_address_that_is_none_of_ours_is_answered_with_a_page(admin: Admin) -> None:
    answer = admin.get("/admin/no/such/page")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_assets_are_kept_for_ever_under_their_contents_hash(client: FlaskClient, admin: Admin) -> None:
    page = admin.open("/").text
    address = next(part for part in page.split('"') if part.endswith("/admin.css"))
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.mimetype == "text/css"
    assert client.get("/admin/assets/0000000000000000/admin.css").status_code == 404
    assert client.get(address.replace("admin.css", "..%2Fguard.py")).status_code == 302, "nobody gets a page by it"


def test_assets_travel_packed_to_who_can_unpack(client: FlaskClient, admin: Admin) -> None:
    address = next(part for part in admin.open("/").text.split('"') if part.endswith("/admin.css"))
    plain = client.get(address)
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.data) == plain.data
