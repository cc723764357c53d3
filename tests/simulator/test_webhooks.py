"""The app hears of what happens as Shopify would tell it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from tests.simulator.town import Heard, InTown, Listener, Town


def topic_of(heard: Heard) -> str:
    return heard.headers["X-Shopify-Topic"]


def bodies(app: Listener, topic: str) -> list[Any]:
    return [orjson.loads(each.body) for each in app.to("/webhooks/shopify") if topic_of(each) == topic]


def test_nobody_is_told_before_the_app_is_installed(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.play("abandon")
        await town.token()
        await town.play("abandon")
        await town.app.until(lambda app: len(bodies(app, "checkouts/create")) == 1)

    in_town(story)


def test_every_delivery_is_signed_over_its_raw_body(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        await town.play("buy_and_deliver")
        await town.app.until(lambda app: len(bodies(app, "fulfillment_events/create")) == 3)
        secret = town.sim.settings.keys.shopify_api_secret.encode()
        for each in town.app.to("/webhooks/shopify"):
            expected = base64.b64encode(hmac.new(secret, each.body, hashlib.sha256).digest()).decode()
            assert each.headers["X-Shopify-Hmac-Sha256"] == expected
            assert each.headers["X-Shopify-Shop-Domain"] == town.sim.settings.identity.domain
            assert each.headers["X-Shopify-API-Version"] == "2026-10"
        ids = [each.headers["X-Shopify-Webhook-Id"] for each in town.app.to("/webhooks/shopify")]
        assert len(ids) == len(set(ids))

    in_town(story)


def test_a_checkout_meets_its_order_by_token_and_gets_its_contact_late(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        bought = await town.play("buy")
        await town.app.until(lambda app: bool(bodies(app, "orders/create")) and bool(bodies(app, "checkouts/update")))
        created = bodies(town.app, "checkouts/create")[0]
        assert created["email"] is None
        assert created["shipping_address"] == []
        assert "customer" not in created
        assert "id" not in created
        known = next(each for each in bodies(town.app, "checkouts/update") if each["email"])
        order = bodies(town.app, "orders/create")[0]
        assert order["checkout_token"] == created["token"] == known["token"]
        assert order["cart_token"] == created["cart_token"] == bodies(town.app, "carts/create")[0]["id"]
        assert "checkout_id" not in order
        assert order["id"] == bought["order"]["id"] > 2**53
        assert known["customer"]["id"] == bought["customer"]["id"]
        assert "email_marketing_consent" not in known["customer"]

    in_town(story)


def test_a_failed_delivery_comes_again_with_the_same_id_and_body(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        refusals = iter([500, 302, 200])
        town.app.status = lambda heard: next(refusals) if topic_of(heard) == "refunds/create" else 200
        await town.play("refund")
        await town.app.until(lambda app: len(bodies(app, "refunds/create")) == 3)
        tries = [each for each in town.app.to("/webhooks/shopify") if topic_of(each) == "refunds/create"]
        assert len({each.headers["X-Shopify-Webhook-Id"] for each in tries}) == 1
        assert len({each.body for each in tries}) == 1

    in_town(story, speed=6000.0)


def test_eight_retries_in_four_hours_and_then_silence(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        town.app.status = lambda heard: 503 if topic_of(heard) == "customers/redact" else 200
        await town.play("erase")
        await town.app.until(lambda _: town.sim.webhooks.failed > 0)
        assert len(bodies(town.app, "customers/redact")) == 9

    in_town(story, speed=20_000.0)


def test_some_deliveries_come_twice_on_purpose(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        await town.play("abandon")
        await town.app.until(lambda app: len(bodies(app, "checkouts/update")) == 2)
        twice = [each for each in town.app.to("/webhooks/shopify") if topic_of(each) == "checkouts/update"]
        assert twice[0].headers["X-Shopify-Webhook-Id"] == twice[1].headers["X-Shopify-Webhook-Id"]

    in_town(story, duplicate_share=1.0, speed=6000.0)


def test_uninstalling_kills_the_tokens_and_is_told_once(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        token = await town.token()
        await town.play("uninstall")
        await town.app.until(lambda app: bool(bodies(app, "app/uninstalled")))
        async with town.client.post(
            f"{town.shop}/admin/api/2026-10/graphql.json",
            headers={"X-Shopify-Access-Token": token},
            json={"query": "{ shop { name } }"},
        ) as answer:
            assert answer.status == 401
        await town.play("abandon")
        await town.app.until(lambda app: bool(bodies(app, "shop/redact")))
        assert not bodies(town.app, "checkouts/create")

    in_town(story, speed=60_000.0)


def test_a_merge_names_both_and_deletes_one(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        merged = await town.play("merge_customers")
        await town.app.until(lambda app: bool(bodies(app, "customers/delete")))
        told = bodies(town.app, "customers/merge")[0]
        assert told["status"] == "completed"
        assert told["admin_graphql_api_customer_kept_id"].endswith(f"/{merged['customer']['id']}")
        assert bodies(town.app, "customers/delete")[0]["id"] == merged["gone"]["id"]

    in_town(story)


def test_an_imported_order_keeps_the_date_it_was_made(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        due = await town.play("reorder_due", days_ago=11)
        await town.app.until(lambda app: bool(bodies(app, "orders/create")))
        order = bodies(town.app, "orders/create")[0]
        assert order["processed_at"] < order["created_at"]
        assert due["order"]["processed_at"] == due["bought_at"]

    in_town(story)


def test_a_scenario_that_does_not_exist_is_refused_with_the_list(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        async with town.client.post(f"{town.url}/scenario", json={"name": "dance"}) as answer:
            assert answer.status == 400
            assert "abandon" in (await answer.json())["error"]

    in_town(story)
