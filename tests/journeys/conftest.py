"""Stories: what a store tells us, what time brings, and what reached whom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.transaction import transaction
from tests.conftest import NOON
from tests.core.conftest import world  # noqa: F401 a fixture

if TYPE_CHECKING:
    from datetime import datetime

    from tests.core.conftest import World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def live(world: World, **span: float) -> None:  # noqa: F811 the fixture's value
    """Let business time pass, from one moment at which something is due to the next."""
    end = world.time.at + timedelta(**span)
    while True:
        world.settle()
        upcoming = world.rows(
            "SELECT min(due_at) AS at FROM (SELECT due_at FROM enrolment WHERE state = 'active' UNION ALL "
            "SELECT due_at FROM message WHERE state IN ('due', 'deferred')) d WHERE due_at > :now",
            now=world.time.at,
        )[0].at
        if upcoming is None or upcoming > end:
            break
        world.time.at = upcoming
    world.time.at = end
    world.settle()


def sent(world: World, unit: timedelta = HOUR, since: datetime = NOON) -> list[tuple[str, str, float]]:  # noqa: F811
    """(step, channel, when) of everything a provider accepted, in units since the story began."""
    rows = world.rows(
        "SELECT step, channel, accepted_at FROM message WHERE accepted_at IS NOT NULL ORDER BY accepted_at"
    )
    return [(r.step, r.channel, round((r.accepted_at - since) / unit, 2)) for r in rows]


def outcomes(world: World, step: str) -> list[tuple[str, str]]:  # noqa: F811
    """What was decided about a step, in order."""
    return [(outcome, reason) for at, outcome, reason in world.decisions() if at == step]


def ends(world: World) -> list[tuple[str, str | None]]:  # noqa: F811
    """How each enrolment stands: its state and why it ended."""
    return [(r.state, r.end_reason) for r in world.rows("SELECT state, end_reason FROM enrolment ORDER BY id")]


def cart(world: World, name: str = "cart-1", **more: Any) -> dict[str, Any]:  # noqa: F811
    now = world.time.at.isoformat()
    line = {
        "id": 91, "variant_id": 91, "product_id": 81, "title": "House blend", "quantity": 2, "price": "20.00",
        "sku": "HB", "gift_card": False,
    }  # fmt: skip
    return {"id": name, "token": name, "line_items": [line], "created_at": now, "updated_at": now, **more}


def product(world: World, product_id: int = 81, variant_id: int = 91, **more: Any) -> dict[str, Any]:  # noqa: F811
    now = world.time.at.isoformat()
    return {
        "id": product_id, "title": f"Product {product_id}", "handle": f"product-{product_id}", "status": "active",
        "product_type": "Coffee", "vendor": "Acme", "created_at": now, "updated_at": now, "tags": "",
        "image": {"src": f"https://cdn.example/{product_id}.jpg"},
        "variants": [{"id": variant_id, "title": "250 g", "price": "20.00", "inventory_quantity": 10,
                      "inventory_policy": "deny", "inventory_item_id": variant_id + 1000}],
        **more,
    }  # fmt: skip


def parcel(world: World, order_id: int = 7001, *, delivered: bool = False, **more: Any) -> dict[str, Any]:  # noqa: F811
    now = world.time.at.isoformat()
    return {
        "id": order_id + 500_000, "order_id": order_id, "status": "success", "created_at": now, "updated_at": now,
        "shipment_status": "delivered" if delivered else None, **more,
    }  # fmt: skip


def refund(world: World, order_id: int = 7001, amount: str = "45.00") -> dict[str, Any]:  # noqa: F811
    now = world.time.at.isoformat()
    return {
        "id": order_id + 900_000, "order_id": order_id, "created_at": now, "processed_at": now,
        "refund_line_items": [],
        "transactions": [{"kind": "refund", "status": "success", "amount": amount, "currency": "USD"}],
    }  # fmt: skip


def person(number: int, **more: Any) -> dict[str, Any]:
    """What makes a payload somebody else's."""
    email, phone = f"p{number}@shopper.example", f"+1212555{number:04d}"
    return {
        "email": email, "buyer_accepts_marketing": True, "sms_marketing_phone": phone,
        "customer": {"id": 9000 + number, "email": email, "first_name": f"P{number}", "last_name": "Lee",
                     "phone": phone, "updated_at": NOON.isoformat(), "created_at": NOON.isoformat()},
        **more,
    }  # fmt: skip


def say(world: World, channel: str, state: str) -> None:  # noqa: F811
    """A consent webhook in one line: everybody says so now."""
    with transaction(world.shop_id) as session:
        session.execute(
            text("INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, "
"source, "
                 "double_opt_in, evidence, recorded_at) SELECT shop_id, id, :channel, 'marketing', :state, :now, "
"'test', "
                 "false, '{}', :now FROM customer WHERE shop_id = :shop"),
            {"shop": world.shop_id, "channel": channel, "state": state, "now": world.time.at},
        )  # fmt: skip
