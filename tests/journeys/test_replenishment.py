"""Replenishment: when what they bought runs out, by the shop's own repeat purchases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.catalog import learning
from app.journeys.service import admit_running_low
from app.transaction import transaction
from tests.conftest import NOON
from tests.core.conftest import order
from tests.journeys.conftest import DAY, ends, live, outcomes, person, product, refund, sent

if TYPE_CHECKING:
    from tests.core.conftest import World

BUYER: dict[str, Any] = {"buyer_accepts_marketing": True}


def line(quantity: int = 1, variant_id: int = 91, product_id: int = 81) -> dict[str, Any]:
    return {"id": variant_id, "variant_id": variant_id, "product_id": product_id, "title": "House blend",
            "quantity": quantity, "price": "20.00", "gift_card": False, "requires_shipping": True}  # fmt: skip


def history(
    world: World, gaps: int, days: float = 30, variant_id: int = 91, product_id: int = 81, first: int = 1
) -> None:
    """So many people who bought twice, so many days apart, before the story begins."""
    for number in range(first, first + gaps):
        for nth in range(2):
            at = (NOON - timedelta(days=300 - nth * days)).isoformat()
            world.deliver("orders/create", order(
                world, 100_000 + number * 2 + nth, None, **person(number), created_at=at, processed_at=at,
                updated_at=at, line_items=[line(1, variant_id, product_id)],
            ))  # fmt: skip
    world.apply()


def learn(world: World) -> None:
    with transaction(world.shop_id) as session:
        learning.learn(session)


def buys(world: World, quantity: int = 1, order_id: int = 7001, **more: Any) -> None:
    world.deliver("orders/create", order(world, order_id, None, **(BUYER | {"line_items": [line(quantity)]} | more)))
    world.settle()


@pytest.fixture
def story(world: World) -> World:
    """A shop that has seen twenty people come back for the same coffee after thirty days."""
    world.deliver("products/update", product(world))
    history(world, 20)
    learn(world)
    world.turn_on("replenishment")
    return world


def test_at_eight_tenths_of_the_gap_and_at_the_gap(story: World) -> None:
    buys(story)
    live(story, days=60)
    assert sent(story, DAY) == [("running_low", "email", 24), ("time_to_reorder", "email", 30)]
    assert ends(story) == [("completed", "completed")]


def test_two_last_twice_as_long(story: World) -> None:
    buys(story, quantity=2)
    live(story, days=90)
    assert [(step, at) for step, _, at in sent(story, DAY)] == [("running_low", 48), ("time_to_reorder", 60)]


def test_two_lines_of_one_order_count_together(story: World) -> None:
    buys(story, line_items=[line(1), {**line(2), "id": 92}])
    live(story, days=120)
    assert [(step, at) for step, _, at in sent(story, DAY)] == [("running_low", 72), ("time_to_reorder", 90)]


def test_buying_again_ends_it_and_begins_anew(story: World) -> None:
    buys(story)
    live(story, days=26)
    buys(story, order_id=7002)
    live(story, days=60)
    assert [(step, at) for step, _, at in sent(story, DAY)] == [
        ("running_low", 24), ("running_low", 50), ("time_to_reorder", 56),
    ]  # fmt: skip
    assert ends(story) == [("exited", "replaced"), ("completed", "completed")]


def test_an_older_order_heard_late_disturbs_nothing(story: World) -> None:
    buys(story)
    old = (NOON - timedelta(days=9)).isoformat()
    buys(story, order_id=6999, created_at=old, processed_at=old, updated_at=old)
    live(story, days=60)
    assert [(step, at) for step, _, at in sent(story, DAY)] == [("running_low", 24), ("time_to_reorder", 30)]


def test_giving_it_back_ends_it(story: World) -> None:
    buys(story)
    live(story, days=10)
    at = story.time.at.isoformat()
    story.deliver("refunds/create", refund(story))
    then = {"created_at": NOON.isoformat(), "processed_at": NOON.isoformat(), "updated_at": at}
    given_back = order(story, 7001, None, **BUYER, **then, line_items=[line()], financial_status="refunded")
    story.deliver("orders/updated", given_back)
    live(story, days=60)
    assert sent(story) == []
    assert ends(story) == [("exited", "order_refunded")]


def test_what_is_sold_out_is_not_offered(story: World) -> None:
    buys(story)
    live(story, days=10)
    variant = {**product(story)["variants"][0], "inventory_quantity": 0}
    story.deliver("products/update", product(story, variants=[variant]))
    live(story, days=60)
    assert sent(story) == []
    assert outcomes(story, "running_low") == [("skipped", "condition")]


def test_with_nineteen_gaps_there_is_silence(world: World) -> None:
    world.deliver("products/update", product(world, product_type=""))
    history(world, 19)
    learn(world)
    world.turn_on("replenishment")
    buys(world)
    live(world, days=60)
    assert ends(world) == []
    assert sent(world) == []


def test_the_product_types_gap_serves_where_the_variants_own_is_too_thin(world: World) -> None:
    world.deliver("products/update", product(world))
    world.deliver("products/update", product(world, 82, 92))
    history(world, 10)
    history(world, 10, variant_id=92, product_id=82, first=51)
    learn(world)
    world.turn_on("replenishment")
    buys(world)
    live(world, days=60)
    assert [(step, at) for step, _, at in sent(world, DAY)] == [("running_low", 24), ("time_to_reorder", 30)]
    assert [r.data["gap_source"] for r in world.rows("SELECT data FROM enrolment")] == ["product_type"]


def test_the_merchants_own_word_serves_where_nothing_was_learned(world: World) -> None:
    world.deliver("products/update", product(world, product_type=""))
    world.apply()
    with transaction(world.shop_id) as session:
        session.execute(text("UPDATE variant SET reorder_days = 10"))
    world.turn_on("replenishment")
    buys(world)
    live(world, days=60)
    assert [(step, at) for step, _, at in sent(world, DAY)] == [("running_low", 8), ("time_to_reorder", 10)]


def test_turning_it_on_brings_in_those_whose_date_lies_ahead_and_nobody_else(world: World) -> None:
    world.deliver("products/update", product(world))
    history(world, 20)
    learn(world)
    buys(world)  # 24 days to go when turned on below after 10
    live(world, days=10)
    world.turn_on("replenishment")
    assert [r.n for r in world.rows("SELECT count(*) AS n FROM enrolment")] == [1]
    live(world, days=60)
    assert [(step, at) for step, _, at in sent(world, DAY)] == [("running_low", 24), ("time_to_reorder", 30)]


def test_learning_every_day_brings_nobody_in_twice(story: World) -> None:
    buys(story)
    for _ in range(3):
        live(story, days=1)
        learn(story)
        with transaction(story.shop_id) as session:
            assert admit_running_low(session, story.time.at) == 0
    assert [r.n for r in story.rows("SELECT count(*) AS n FROM enrolment")] == [1]


def test_who_texts_back_is_reminded_by_text(story: World) -> None:
    buys(story)
    with transaction(story.shop_id) as session:
        session.execute(text("UPDATE customer SET preferred_channel = 'sms' WHERE external_id = '501'"))
        session.execute(
            text("INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, "
"source, "
                 "double_opt_in, evidence, recorded_at) SELECT shop_id, id, 'sms', 'marketing', 'subscribed', "
":now, 't', "
                 "false, '{}', :now FROM customer WHERE external_id = '501'"),
            {"now": story.time.at},
        )  # fmt: skip
    live(story, days=60)
    assert [(step, channel) for step, channel, _ in sent(story)] == [("running_low", "sms"), ("time_to_reorder", "sms")]
