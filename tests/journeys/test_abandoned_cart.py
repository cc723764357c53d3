"""Abandoned cart: a cart whose owner we know, and which never became a checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.journeys.service import react
from app.orders.service import Touched
from app.transaction import transaction
from tests.core.conftest import checkout, order
from tests.journeys.conftest import cart, ends, live, outcomes, say, sent

if TYPE_CHECKING:
    from tests.core.conftest import World

ANA = {"id": 501, "email": "ana@shopper.example", "first_name": "Ana", "last_name": "Lee"}


@pytest.fixture
def story(world: World) -> World:
    """Ana is known, wants mail, and signed in on the storefront before she filled her cart."""
    world.turn_on("abandoned_cart")
    now = world.time.at.isoformat()
    world.deliver("customers/create", {**ANA, "created_at": now, "updated_at": now})
    world.apply()
    say(world, "email", "subscribed")
    return world


def identified(world: World, name: str = "cart-1") -> None:
    """What the storefront's signed call does: it names the cart's owner, and the journeys hear of it."""
    with transaction(world.shop_id) as session:
        row = session.execute(
            text("UPDATE cart SET customer_id = (SELECT id FROM customer LIMIT 1) WHERE token = :token RETURNING id"),
            {"token": name},
        ).one()
        react(session, Touched(carts={row.id}))


def fills(world: World, **more: Any) -> None:
    world.deliver("carts/update", cart(world, **more))
    world.apply()
    identified(world)
    world.settle()


def test_after_four_hours_and_after_a_day(story: World) -> None:
    fills(story)
    live(story, days=3)
    assert sent(story) == [("first", "email", 4), ("second", "email", 24)]


def test_a_cart_of_nobody_brings_nobody_in(story: World) -> None:
    story.deliver("carts/update", cart(story))
    live(story, days=3)
    assert ends(story) == []


def test_going_on_to_checkout_ends_it(story: World) -> None:
    fills(story)
    live(story, hours=2)
    story.deliver("checkouts/create", checkout(story, cart_token="cart-1"))
    live(story, days=3)
    assert sent(story) == []
    assert ends(story) == [("exited", "checkout_started")]


def test_buying_ends_it(story: World) -> None:
    fills(story)
    live(story, hours=5)
    story.deliver("orders/create", order(story, token=None))
    live(story, days=3)
    assert sent(story) == [("first", "email", 4)]
    assert ends(story) == [("exited", "bought")]


def test_emptying_it_ends_it(story: World) -> None:
    fills(story)
    live(story, hours=2)
    story.deliver("carts/update", cart(story, line_items=[]))
    live(story, days=3)
    assert sent(story) == []
    assert ends(story) == [("exited", "cart_emptied")]


def test_another_thing_in_it_restarts_the_clock(story: World) -> None:
    fills(story)
    live(story, hours=3)
    fills(story, line_items=[{**cart(story)["line_items"][0], "quantity": 9}])
    live(story, hours=5)
    assert sent(story) == [("first", "email", 7)]


def test_an_empty_cart_has_its_reason_on_record(story: World) -> None:
    fills(story, line_items=[])
    assert outcomes(story, "trigger") == [("not_entered", "nothing_in_it")]
