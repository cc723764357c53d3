"""A webhook becomes a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.core.conftest import checkout, order

if TYPE_CHECKING:
    from tests.core.conftest import World


def test_an_abandoned_checkout_brings_an_email_then_a_text(world: World) -> None:
    world.turn_on("abandoned_checkout")
    world.deliver("checkouts/update", checkout(world))
    world.confirm_texts(checkout(world))
    world.settle()
    assert world.email.sent == []
    world.pass_time(hours=1)
    assert [o.to for o in world.email.sent] == ["ana@shopper.example"]
    world.pass_time(hours=3)
    assert [o.to for o in world.sms.sent] == ["+12125550123"]
    assert [m.state for m in world.messages()] == ["accepted", "accepted"]


def test_an_order_ends_the_journey_before_the_reminder(world: World) -> None:
    world.turn_on("abandoned_checkout")
    world.deliver("checkouts/update", checkout(world))
    world.pass_time(minutes=50)
    world.deliver("orders/create", order(world))
    world.pass_time(hours=80)
    assert world.email.sent == world.sms.sent == []
    assert ("after_1_hour", "exited", "bought") in world.decisions()


def test_the_same_delivery_twice_has_one_effect(world: World) -> None:
    world.turn_on("abandoned_checkout")
    for _ in range(3):
        world.deliver("checkouts/update", checkout(world), webhook_id="w-1")
    world.pass_time(hours=2)
    assert len(world.email.sent) == 1
