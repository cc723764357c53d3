"""The app's own reader makes facts of everything the simulated store tells: no body of it is unreadable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.platforms.base import Envelope, Ignored, Unreadable
from app.platforms.shopify.normalise import READERS, normalise
from app.platforms.shopify.webhooks import receive
from simulator.shopify.webhooks import TOPICS

if TYPE_CHECKING:
    from tests.simulator.town import InTown, Town

NEVER_TOLD = {"customers/data_request", "app/scopes_update", "bulk_operations/finish", "shop/update"}
"""Topics that no scenario brings about."""


def test_every_kind_of_webhook_is_read(in_town: InTown) -> None:
    async def story(town: Town) -> None:
        await town.token()
        for name in town.sim.scenarios.by_name:
            more = (
                {"checkout": (await town.play("abandon"))["checkout"]["token"]} if name == "complete_checkout" else {}
            )
            if name == "deliver":
                more = {"order": (await town.play("buy"))["order"]["id"]}
            if name not in {"uninstall", "late_delivery_scan"}:
                await town.play(name, **more)
        who = next(iter(town.sim.world.store.customers.values()))
        town.sim.counter.tag(who, ["vip"])
        town.sim.counter.untag(who, ["vip"])
        product = next(iter(town.sim.world.store.products.values()))
        product.variants[0].inventory_quantity = 1
        await town.play("buy", variant=product.variants[0].id)
        await town.play("uninstall")
        await town.app.until(
            lambda app: any(each.headers.get("X-Shopify-Topic") == "shop/redact" for each in app.heard), seconds=20
        )
        seen = set()
        for each in town.app.to("/webhooks/shopify"):
            envelope = receive(each.headers, each.body, [town.sim.settings.keys.shopify_api_secret])
            assert isinstance(envelope, Envelope)
            facts = normalise(
                envelope.topic,
                each.body,
                envelope.triggered_at,
                datetime.now(UTC),
                shop_domain=town.sim.settings.identity.domain,
            )
            assert not isinstance(facts, Unreadable), (envelope.topic, facts)
            if envelope.topic in READERS:
                assert not isinstance(facts, Ignored) or envelope.topic == "checkouts/create", envelope.topic
            seen.add(envelope.topic)
        assert seen >= TOPICS - NEVER_TOLD

    in_town(story, speed=20_000.0)
