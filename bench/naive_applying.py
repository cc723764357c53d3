"""What applying is measured against: each event in a transaction of its own, written as ORM objects."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select

from app.customers.models import Customer
from app.journeys.models import Enrolment, Journey
from app.orders.models import Order, Purchase
from app.transaction import transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def apply_one(shop_id: int, body: bytes) -> None:
    """Find or make the person, write the order and its lines, count, and let one journey begin."""
    payload = orjson.loads(body)
    placed_at = datetime.fromisoformat(payload["created_at"])
    with transaction(shop_id) as session:
        customer = _customer(session, shop_id, payload["customer"], placed_at)
        total = round(float(payload["total_price"]) * 100)
        order = session.scalar(
            select(Order).where(Order.shop_id == shop_id, Order.external_id == str(payload["id"]))
        ) or Order(shop_id=shop_id, external_id=str(payload["id"]))
        order.name, order.customer_id, order.currency, order.total = (
            payload["name"],
            customer.id,
            payload["currency"],
            total,
        )
        order.payment, order.lines, order.placed_at, order.version_at = (
            "paid",
            [_line(line) for line in payload["line_items"]],
            placed_at,
            placed_at,
        )
        session.add(order)
        session.flush()
        for line in payload["line_items"]:
            session.add(
                Purchase(
                    shop_id=shop_id,
                    order_id=order.id,
                    line_id=str(line["id"]),
                    customer_id=customer.id,
                    product_external_id=str(line["product_id"]),
                    variant_external_id=str(line["variant_id"]),
                    quantity=line["quantity"],
                    price=round(float(line["price"]) * 100),
                    bought_at=placed_at,
                )
            )
        customer.orders_count, customer.spent = customer.orders_count + 1, customer.spent + total
        customer.last_order_at = placed_at
        _enrol(session, shop_id, order, placed_at)


def _customer(session: Session, shop_id: int, told: dict[str, Any], at: datetime) -> Customer:
    found = session.scalar(
        select(Customer).where(Customer.shop_id == shop_id, Customer.external_id == str(told["id"]))
    ) or session.scalar(select(Customer).where(Customer.shop_id == shop_id, Customer.email == told["email"]))
    if found is None:
        found = Customer(shop_id=shop_id, external_id=str(told["id"]), email=told["email"], first_seen_at=at)
        session.add(found)
    found.first_name, found.last_name = told["first_name"], told["last_name"]
    session.flush()
    return found


def _enrol(session: Session, shop_id: int, order: Order, at: datetime) -> None:
    journey = session.scalar(select(Journey).where(Journey.shop_id == shop_id, Journey.key == "post_purchase"))
    if journey is not None and journey.is_on:
        session.add(
            Enrolment(
                shop_id=shop_id,
                journey_id=journey.id,
                version_id=journey.version_id,
                customer_id=order.customer_id,
                subject_kind="order",
                subject_key=str(order.id),
                step="thanks",
                anchor_at=at,
                since=at,
                due_at=at,
                entered_at=at,
            )
        )


def _line(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in ("product_id", "variant_id", "title", "variant_title", "quantity", "price")}
