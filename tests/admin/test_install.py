"""A store's first visit installs the app: over real HTTP, against a store that answers as told."""

from __future__ import annotations

import hashlib
import hmac
import json
import time as wall
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import pytest

from app import registry
from app.admin import installing
from app.platforms.shopify.platform import ShopifyPlatform
from app.shops import service as shops
from config import Shopify
from tests.admin.conftest import API_KEY, HERS, Admin, id_token, rows
from tests.conftest import API_SECRET
from tests.listening import Listener, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.conftest import Time

SHOP_FACTS = {
    "data": {
        "shop": {
            "id": "gid://shopify/Shop/1",
            "name": "Acme Teas",
            "myshopifyDomain": HERS,
            "primaryDomain": {"host": "acme.example", "url": "https://acme.example"},
            "contactEmail": "hi@acme.example",
            "email": "owner@acme.example",
            "currencyCode": "EUR",
            "ianaTimezone": "Europe/Berlin",
            "shopAddress": {
                "address1": "1 Main St",
                "address2": None,
                "city": "Berlin",
                "province": None,
                "countryCodeV2": "DE",
                "country": "Germany",
                "zip": "10115",
            },
        },
        "currentAppInstallation": {
            "id": "gid://shopify/AppInstallation/1",
            "accessScopes": [{"handle": "read_orders"}],
        },
    },
    "extensions": {
        "cost": {
            "requestedQueryCost": 2,
            "actualQueryCost": 2,
            "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 1998, "restoreRate": 100},
        }
    },
}


@dataclass
class Store:
    """A store's token endpoint and API."""

    address: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """For tokens of the app; who somebody is isn't counted."""
    staff: dict[str, Any] | None = None
    status: int = 200
    error: str = ""
    takes: float = 0.0
    knows_itself: bool = True
    brand: dict[str, Any] | None = None
    """None: the store doesn't say how it looks."""

    def token(self, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if str(form.get("requested_token_type")).endswith("online-access-token"):
            return 200, {"access_token": "shpua_1", "associated_user": self.staff}
        self.asked.append(form)
        wall.sleep(self.takes)
        if self.status != 200:
            return self.status, {"error": self.error} if self.error else {}
        number = len(self.asked)
        return 200, {
            "access_token": f"shpat_{number}",
            "scope": "read_orders,read_customers",
            "expires_in": 3600,
            "refresh_token": f"shprt_{number}",
            "refresh_token_expires_in": 7_776_000,
        }


@pytest.fixture
def store(app: Flask, database: str, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    del app, database, time
    store = Store()

    class Endpoint(Listener):
        def posted(self) -> None:
            raw = self.heard()
            if self.path.endswith("/admin/oauth/access_token"):
                is_json = "json" in self.headers.get("Content-Type", "")
                form = json.loads(raw) if is_json else dict(parse_qsl(raw.decode()))
                status, body = store.token(form)
            elif "/admin/" not in self.path:
                status, body = (200, {"data": {"shop": {"brand": store.brand}}}) if store.brand else (401, {})
            else:
                status, body = (200, SHOP_FACTS) if store.knows_itself else (503, {})
            self.answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    with listening(Endpoint) as store.address:
        found = ShopifyPlatform(
            Shopify(API_KEY, API_SECRET, "", f"{store.address}/{{shop}}", "https://cdn.shopify.com/b.js")
        )
        monkeypatch.setitem(registry._Found.platforms, "shopify", found)
        yield store


def shop_row() -> Any:
    shop_id = shops.find(HERS)
    assert shop_id is not None
    return rows(shop_id, "SELECT * FROM shop WHERE id = :shop")[0]


def test_the_first_visit_installs_the_app(client: FlaskClient, store: Store) -> None:
    answer = Admin(client, HERS).open("/")
    assert answer.status_code == 200
    assert "Acme Teas" in answer.text
    assert "Turn on all 6" in answer.text
    shop = shop_row()
    assert (shop.state, shop.name, shop.currency, shop.timezone) == ("installed", "Acme Teas", "EUR", "Europe/Berlin")
    assert shop.scopes == ["read_orders"]
    assert store.asked[0]["expiring"] in (1, "1")
    assert store.asked[0]["requested_token_type"].endswith("offline-access-token")
    assert len(rows(shop.id, "SELECT 1 FROM journey WHERE shop_id = :shop AND NOT is_on")) == 6
    assert len(rows(shop.id, "SELECT 1 FROM import WHERE shop_id = :shop AND state = 'waiting'")) == 5
    sealed = rows(shop.id, "SELECT access_token, refresh_token FROM shop_token WHERE shop_id = :shop")[0]
    assert b"shpat_1" not in bytes(sealed.access_token)
    assert b"shprt_1" not in bytes(sealed.refresh_token)


LOGO = "https://cdn.example/logo.png"


def looks(color: str) -> dict[str, Any]:
    return {"logo": {"image": {"url": LOGO}}, "colors": {"primary": [{"background": color}]}}


def test_an_installed_shop_looks_like_its_store(client: FlaskClient, store: Store) -> None:
    store.brand = looks("#114d3c")
    Admin(client, HERS).open("/")
    shop = shop_row()
    assert (shop.settings["brand"]["color"], shop.settings["brand"]["logo_url"]) == ("#114d3c", LOGO)
    noted = rows(shop.id, "SELECT actor FROM audit_entry WHERE shop_id = :shop AND action = 'settings_changed'")
    assert [each.actor for each in noted] == ["store"]


def test_the_stores_looks_are_read_again_at_the_press_of_a_button(client: FlaskClient, store: Store) -> None:
    admin = Admin(client, HERS)
    admin.open("/")
    assert "brand" not in shop_row().settings, "the store gave no answer"
    read = "/admin/settings/brand/read"
    assert "nothing changed" in admin.post(read).headers["HX-Trigger"]
    store.brand = looks("#114d3c")
    answer = admin.post(read)
    assert "Read from your store" in answer.headers["HX-Trigger"]
    assert 'value="#114d3c"' in answer.text
    assert "nothing new" in admin.post(read).headers["HX-Trigger"]
    typed = {"logo_url": LOGO, "color": "#aa2211", "text_color": "#000000", "background": "#ffffff", "font": ""}
    assert admin.post("/admin/settings/brand", typed | {"button_radius": "6"}).status_code == 200
    store.brand = looks("#1122aa")
    admin.post(read)
    assert shop_row().settings["brand"]["color"] == "#aa2211", "what the merchant chose stays"


def test_a_token_is_asked_for_once_and_not_on_every_visit(client: FlaskClient, store: Store) -> None:
    admin = Admin(client, HERS)
    for _ in range(3):
        assert admin.open("/").status_code == 200
        assert admin.get("/admin/journeys").status_code == 200
    assert len(store.asked) == 1


def test_first_visits_at_once_ask_for_one_token(app: Flask, store: Store) -> None:
    store.takes = 0.4
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: Admin(app.test_client(), HERS).open("/").status_code, range(6)))
    assert answers == [200] * 6
    assert len(store.asked) == 1
    assert len(rows(shop_row().id, "SELECT 1 FROM import WHERE shop_id = :shop")) == 5


def test_a_reinstall_begins_anew(client: FlaskClient, store: Store, time: Time) -> None:
    admin = Admin(client, HERS)
    admin.open("/")
    from app.transaction import transaction

    shop_id = shop_row().id
    with transaction(shop_id) as session:
        shops.uninstall(session, shops.get(session), time.now())
    assert shop_row().state == "uninstalled"
    assert admin.open("/").status_code == 200
    assert shop_row().state == "installed"
    assert len(store.asked) == 2
    assert len(rows(shop_id, "SELECT 1 FROM import WHERE shop_id = :shop AND generation = 2")) == 5


def test_access_that_ended_is_renewed_by_opening_the_app(client: FlaskClient, store: Store) -> None:
    admin = Admin(client, HERS)
    admin.open("/")
    shop_id = shop_row().id
    rows(shop_id, "UPDATE shop SET needs_reauthorization = true WHERE id = :shop RETURNING 1")
    assert admin.open("/").status_code == 200
    assert not shop_row().needs_reauthorization
    assert len(store.asked) == 2


def test_a_store_that_refuses_is_explained(client: FlaskClient, store: Store) -> None:
    store.status, store.error = 400, "invalid_client"
    answer = Admin(client, HERS).open("/")
    assert answer.status_code == 403
    assert "didn&#39;t let Regulars in" in answer.text
    assert "invalid_client" in answer.text
    assert f"https://{HERS}" in answer.headers["Content-Security-Policy"]
    assert shop_row().state == "known"


def test_a_store_that_is_silent_is_asked_again_later(client: FlaskClient, store: Store) -> None:
    store.status = 503
    answer = Admin(client, HERS).open("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "6")
    store.status = 200
    assert Admin(client, HERS).open("/").status_code == 200


def test_a_session_token_that_ended_on_the_way_is_fetched_anew(client: FlaskClient, store: Store) -> None:
    store.status, store.error = 400, "invalid_subject_token"
    answer = Admin(client, HERS).open("/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/auth/patch-id-token?")
    assert "id_token" not in answer.headers["Location"]
    by_script = Admin(client, HERS).get("/")
    assert by_script.status_code == 401
    assert by_script.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"


def test_a_store_let_in_before_is_shown_its_pages_while_access_cannot_be_renewed(
    client: FlaskClient, store: Store
) -> None:
    admin = Admin(client, HERS)
    admin.open("/")
    rows(shop_row().id, "UPDATE shop SET needs_reauthorization = true WHERE id = :shop RETURNING 1")
    store.status = 503
    answer = admin.open("/")
    assert answer.status_code == 200
    assert "Your store no longer lets us in" in answer.text


def test_what_the_store_did_not_say_at_install_is_asked_at_the_next_visit(client: FlaskClient, store: Store) -> None:
    store.knows_itself = False
    admin = Admin(client, HERS)
    assert admin.open("/").status_code == 200
    assert shop_row().timezone == "UTC"
    store.knows_itself = True
    admin.open("/")
    assert shop_row().timezone == "Europe/Berlin"


# -- the authorization-code grant, for use outside the admin ---------------------------------------------------------


def signed(**values: str) -> str:
    values = {"shop": HERS, "timestamp": str(int(wall.time())), **values}
    message = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(values.items()))
    return urlencode({**values, "hmac": hmac.digest(API_SECRET.encode(), message.encode(), hashlib.sha256).hex()})


def begin(client: FlaskClient) -> tuple[str, str]:
    """(state, cookie) of a grant that has begun."""
    answer = client.get(f"/auth/shopify?{signed()}")
    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    assert target.path == f"/{HERS}/admin/oauth/authorize"
    query = parse_qs(target.query)
    assert query["redirect_uri"] == ["http://127.0.0.1:5999/auth/shopify/callback"]
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-regulars_state=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=60"} <= set(cookie.split("; "))
    return query["state"][0], cookie.partition(";")[0]


def come_back(app: Flask, state: str, cookie: str, **values: str) -> Any:
    client = app.test_client(use_cookies=False)
    return client.get(f"/auth/shopify/callback?{signed(code='abc', state=state, **values)}", headers={"Cookie": cookie})


def test_a_grant_installs_the_app_and_leads_into_the_stores_own_admin(
    app: Flask, client: FlaskClient, store: Store
) -> None:
    state, cookie = begin(client)
    answer = come_back(app, state, cookie)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"https://admin.shopify.com/store/acme/apps/{API_KEY}"
    assert "Max-Age=0" in answer.headers["Set-Cookie"], "a state serves once"
    assert shop_row().state == "installed"
    assert store.asked[0]["code"] == "abc"


def test_a_state_serves_once(app: Flask, client: FlaskClient, store: Store) -> None:
    earlier, state = begin(client), begin(client)
    with ThreadPoolExecutor(4) as many:
        answers = [each.result() for each in [many.submit(come_back, app, *state) for _ in range(4)]]
    assert sorted(answer.status_code for answer in answers) == [302, 401, 401, 401]
    assert come_back(app, *state).status_code == 401, "within its minute, with its cookie"
    assert come_back(app, *earlier).status_code == 401, "nor do those that were made before it"
    assert len(store.asked) == 1


def test_a_state_serves_once_even_when_the_store_was_silent(app: Flask, client: FlaskClient, store: Store) -> None:
    state = begin(client)
    store.status = 503
    assert come_back(app, *state).status_code == 503
    store.status = 200
    assert come_back(app, *state).status_code == 401
    assert come_back(app, *begin(client)).status_code == 302


def test_a_grant_is_refused_without_its_cookie_or_with_another_state(
    app: Flask, client: FlaskClient, store: Store
) -> None:
    state, cookie = begin(client)
    other_state, _ = begin(client)
    assert come_back(app, state, "").status_code == 401
    assert come_back(app, other_state, cookie).status_code == 401
    assert come_back(app, "made-up", "__Host-regulars_state=made-up").status_code == 401
    assert store.asked == []


def test_a_grant_is_refused_after_a_minute(
    app: Flask, client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from app import clock

    state, cookie = begin(client)
    later = clock.real_now() + timedelta(seconds=62)
    monkeypatch.setattr(clock, "real_now", lambda: later)
    assert come_back(app, state, cookie).status_code == 401
    assert store.asked == []


@pytest.mark.parametrize(
    "query",
    ["", f"shop={HERS}", f"shop={HERS}&timestamp=1&hmac=00", "shop=evil.example"],
    ids=["nothing", "unsigned", "wrongly signed", "no store"],
)
def test_an_install_request_must_be_the_platforms(client: FlaskClient, store: Store, query: str) -> None:
    for path in ("/auth/shopify", "/auth/shopify/callback"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code in (400, 401)
        assert "Location" not in answer.headers
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert store.asked == []


def test_a_store_that_only_looks_like_one_is_refused(client: FlaskClient, store: Store) -> None:
    del store
    assert client.get(f"/auth/shopify?{signed(shop='acme.myshopify.com.evil.example')}").status_code == 400


def test_an_installed_store_is_led_to_its_admin_without_a_new_token(client: FlaskClient, store: Store) -> None:
    Admin(client, HERS).open("/")
    answer = client.get(f"/auth/shopify?{signed()}")
    assert answer.headers["Location"] == f"https://admin.shopify.com/store/acme/apps/{API_KEY}"
    assert len(store.asked) == 1


def test_from_within_the_admins_frame_session_tokens_are_the_way(client: FlaskClient, store: Store) -> None:
    del store
    answer = client.get(f"/auth/shopify?{signed(embedded='1', id_token=id_token())}")
    assert answer.headers["Location"].startswith("/?")


def test_a_starter_of_a_newer_release_reaches_shops_on_their_next_visit(admin: Admin, shop: int) -> None:
    keys = "SELECT key FROM journey WHERE shop_id = :shop ORDER BY key"
    everything = rows(shop, keys)
    rows(shop, "DELETE FROM journey WHERE shop_id = :shop AND key = 'replenishment' RETURNING id")
    installing._Seen.shops.discard(shop)  # the release restarts every process
    assert admin.get("/").status_code == 200
    assert rows(shop, keys) == everything
    assert not rows(shop, "SELECT 1 FROM journey WHERE shop_id = :shop AND is_on")
