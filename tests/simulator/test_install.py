"""Tokens come, rotate and die as Shopify's do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import jwt
from shopify_app.verify.app_home_req import verify_app_home_req

from simulator.shopify.oauth import query_hmac

if TYPE_CHECKING:
    from shopify_app.types import AppConfig, RequestInput

    from tests.simulator.town import InTown, Town

EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
}


async def ask_token(town: Town, **fields: str) -> tuple[int, Any]:
    keys = town.sim.settings.keys
    form = {"client_id": keys.shopify_api_key, "client_secret": keys.shopify_api_secret} | fields
    async with town.client.post(f"{town.shop}/admin/oauth/access_token", data=form) as answer:
        return answer.status, await answer.json()


async def status_with(town: Town, token: str) -> int:
    async with town.client.post(
        f"{town.shop}/admin/api/2026-10/graphql.json",
        headers={"X-Shopify-Access-Token": token},
        json={"query": "{ shop { name } }"},
    ) as answer:
        return answer.status


def test_an_id_token_is_exchanged_for_an_expiring_token(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        status, body = await ask_token(town, **EXCHANGE, subject_token=town.sim.tokens.mint_id_token(), expiring="1")
        assert status == 200
        assert body["access_token"].startswith("shpat_")
        assert body["refresh_token"].startswith("shprt_")
        assert body["expires_in"] in (3599, 3600)
        assert body["refresh_token_expires_in"] == 7_776_000
        assert "read_orders" in body["scope"].split(",")
        assert await status_with(town, body["access_token"]) == 200

    in_town(story)


def test_a_token_that_never_expires_is_given_and_then_useless(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        _, body = await ask_token(town, **EXCHANGE, subject_token=town.sim.tokens.mint_id_token())
        assert "refresh_token" not in body
        assert await status_with(town, body["access_token"]) == 403

    in_town(story)


def test_wrong_credentials_and_forged_or_old_id_tokens_are_refused(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        keys = town.sim.settings.keys
        good = town.sim.tokens.mint_id_token()
        status, body = await ask_token(town, **EXCHANGE, subject_token=good, client_secret="wrong")
        assert (status, body["error"]) == (400, "invalid_client")
        claims = jwt.decode(good, options={"verify_signature": False})
        forged = jwt.encode(claims, "another secret that is long enough for this", algorithm="HS256")
        old = jwt.encode(claims | {"exp": int(time.time()) - 11}, keys.shopify_api_secret, algorithm="HS256")
        for token in (forged, old, "nonsense"):
            status, body = await ask_token(town, **EXCHANGE, subject_token=token, expiring="1")
            assert (status, body["error"]) == (400, "invalid_subject_token")

    in_town(story)


def test_refreshing_rotates_both_tokens_and_forgives_a_lost_answer(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        _, first = await ask_token(town, **EXCHANGE, subject_token=town.sim.tokens.mint_id_token(), expiring="1")
        refresh = {"grant_type": "refresh_token"}
        _, lost = await ask_token(town, **refresh, refresh_token=first["refresh_token"])
        status, second = await ask_token(town, **refresh, refresh_token=first["refresh_token"])
        assert status == 200, "the old one works until its replacement is used"
        assert second["access_token"] not in {first["access_token"], lost["access_token"]}
        assert await status_with(town, first["access_token"]) == 200, "the old access token lives to its own end"
        assert await status_with(town, second["access_token"]) == 200
        status, body = await ask_token(town, **refresh, refresh_token=first["refresh_token"])
        assert (status, body["error"]) == (400, "invalid_grant")

    in_town(story)


def test_a_new_exchange_ends_the_older_refresh_token(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        _, first = await ask_token(town, **EXCHANGE, subject_token=town.sim.tokens.mint_id_token(), expiring="1")
        await town.token()
        status, _ = await ask_token(town, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert status == 400

    in_town(story)


def test_access_tokens_die_at_their_time(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        assert await status_with(town, await town.token()) == 401

    in_town(story, token_life=0)


def test_the_authorization_code_comes_back_signed_and_works_once(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        keys = town.sim.settings.keys
        back = f"{town.sim.settings.app_url}/auth/shopify/callback"
        query = {"client_id": keys.shopify_api_key, "redirect_uri": back, "state": "s-1"}
        address = f"{town.shop}/admin/oauth/authorize"
        async with town.client.get(address, params=query, allow_redirects=False) as answer:
            assert answer.status == 302
            place = answer.headers["Location"]
        returned = dict(parse_qsl(urlsplit(place).query))
        assert place.startswith(back)
        assert returned["state"] == "s-1"
        assert returned["hmac"] == query_hmac(keys.shopify_api_secret, returned)
        status, body = await ask_token(town, code=returned["code"], expiring="1")
        assert (status, body["access_token"][:6]) == (200, "shpat_")
        status, _ = await ask_token(town, code=returned["code"], expiring="1")
        assert status == 400
        async with town.client.get(
            address, params=query | {"redirect_uri": "http://elsewhere.example/x"}, allow_redirects=False
        ) as answer:
            assert answer.status == 400

    in_town(story)


def test_the_merchant_opens_the_app_with_a_token_that_shopifys_library_accepts(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        town.sim.merchant.installed()
        await town.app.until(lambda app: bool(app.to("/admin/journeys/turn-on-all")))
        opened = town.app.to("/?")[0]
        keys = town.sim.settings.keys
        config: AppConfig = {
            "client_id": keys.shopify_api_key,
            "client_secret": keys.shopify_api_secret,
            "old_client_secret": None,
        }
        request: RequestInput = {
            "method": "GET",
            "headers": {},
            "url": f"https://app.example.com{opened.path}",
            "body": "",
        }
        assert verify_app_home_req(request, config, "/patch").ok
        query = dict(parse_qsl(urlsplit(opened.path).query))
        assert query["shop"] == town.sim.settings.identity.domain
        assert query["embedded"] == "1"
        assert query["hmac"] == query_hmac(keys.shopify_api_secret, query)
        bearer = town.app.to("/admin/journeys/turn-on-all")[0].headers["Authorization"]
        assert jwt.decode(
            bearer.removeprefix("Bearer "), keys.shopify_api_secret, ["HS256"], audience=keys.shopify_api_key
        )

    in_town(story, install=True)
