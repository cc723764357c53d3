"""What applying is measured against: each delivery in a transaction of its own, with ORM objects.

The same job done the plain way, as one would write it first: the delivery is read and opened; the person is looked up
by the store's id, then by email, then by phone, and a guest of the same email becomes them; what is known of them and
of the order changes only by newer news; lines are written anew, totals counted, consent kept once; the journeys are
asked (`naive_journeys`), and the delivery is marked. It looks at one order at a time and knows nothing of claims to
addresses, of batches, or of the other kinds of webhooks.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete, func, select, update

from app import clock
from app.customers.models import ConsentEntry, Customer
from app.inbox.models import BODY_PURPOSE, Delivery
from app.orders.models import Order, Purchase
from app.security.sealed import open_bytes
from app.transaction import transaction
from bench import naive_journeys

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def apply_one(shop_id: int, delivery_id: int) -> None:
    """Apply a delivery of an order."""
    with transaction(shop_id) as session:
        delivery = session.scalar(
            select(Delivery).where(Delivery.shop_id == shop_id, Delivery.id == delivery_id).with_for_update()
        )
        if delivery is None or delivery.state != "pending" or delivery.body is None:
            return
        payload = orjson.loads(open_bytes(delivery.body, BODY_PURPOSE, delivery.shop_domain))
        at = datetime.fromisoformat(payload["updated_at"])
        customer = _customer(session, shop_id, payload, at)
        if payload["buyer_accepts_marketing"]:
            _consent(session, shop_id, customer, datetime.fromisoformat(payload["processed_at"]))
        order = _order(session, shop_id, customer, payload, at)
        if order is not None:
            _lines(session, shop_id, order)
            _totals(session, shop_id, customer)
            naive_journeys.react(session, shop_id, order, customer)
        delivery.state, delivery.applied_at, delivery.tries = "applied", clock.now(), delivery.tries + 1


def _customer(session: Session, shop_id: int, payload: dict[str, Any], at: datetime) -> Customer:
    told = payload["customer"]
    external_id, email, phone = str(told["id"]), told["email"], told["phone"]
    here = select(Customer).where(Customer.shop_id == shop_id)
    found = session.scalar(here.where(Customer.external_id == external_id))
    while found is not None and found.merged_into_id is not None:
        found = session.get_one(Customer, (shop_id, found.merged_into_id))
    of_email = session.scalar(here.where(Customer.email == email, Customer.merged_into_id.is_(None))) if email else None
    if found is None:
        found = of_email or (session.scalar(here.where(Customer.phone == phone)) if phone else None)
    elif of_email is not None and of_email is not found:
        _make_way(session, shop_id, of_email, found)
    if found is None:
        found = Customer(shop_id=shop_id, first_seen_at=at, told={})
        session.add(found)
    found.external_id = external_id
    address = told.get("default_address") or {}
    news = {
        "email": email,
        "phone": phone,
        "first_name": told["first_name"],
        "last_name": told["last_name"],
        "locale": payload["customer_locale"],
        "country": address.get("country_code"),
        "province": address.get("province_code"),
        "city": address.get("city"),
        "postal_code": address.get("zip"),
    }
    heard = dict(found.told)
    for name, value in news.items():
        if value and at.isoformat() > heard.get(name, ""):
            setattr(found, name, value)
            heard[name] = at.isoformat()
    found.told = heard
    session.flush()
    return found


def _make_way(session: Session, shop_id: int, before: Customer, now: Customer) -> None:
    """An address has changed hands; a guest who was known by nothing else was this person all along."""
    before.email = None
    if before.external_id is None:
        before.merged_into_id = now.id
        for model in (Order, Purchase, ConsentEntry):
            session.execute(
                update(model).where(model.shop_id == shop_id, model.customer_id == before.id).values(customer_id=now.id)
            )
    session.flush()


def _consent(session: Session, shop_id: int, customer: Customer, at: datetime) -> None:
    said = {
        "customer_id": customer.id,
        "channel": "email",
        "purpose": "marketing",
        "state": "subscribed",
        "effective_at": at,
        "source": "checkout",
        "about": customer.external_id or "",
        "double_opt_in": False,
    }
    if session.scalar(select(ConsentEntry.id).filter_by(shop_id=shop_id, **said)) is None:
        session.add(ConsentEntry(shop_id=shop_id, **said, collected="checkout_box", recorded_at=clock.now()))


def _order(session: Session, shop_id: int, customer: Customer, payload: dict[str, Any], at: datetime) -> Order | None:
    """The order as it is now; None when newer news of it was here before."""
    external_id = str(payload["id"])
    order = session.scalar(select(Order).where(Order.shop_id == shop_id, Order.external_id == external_id))
    if order is None:
        order = Order(shop_id=shop_id, external_id=external_id)
        session.add(order)
    elif order.version_at is not None and order.version_at >= at:
        return None
    order.name, order.customer_id, order.currency = payload["name"], customer.id, payload["currency"]
    order.checkout_token, order.cart_token = payload["checkout_token"], payload["cart_token"]
    order.total, order.payment = _minor(payload["current_total_price"]), payload["financial_status"]
    order.channel = "online" if payload["source_name"] == "web" else "other"
    order.is_test, order.fulfilled = payload["test"], payload["fulfillment_status"] == "fulfilled"
    order.locale, order.status_url = payload["customer_locale"], payload["order_status_url"]
    order.lines = [_line(line) for line in payload["line_items"]]
    order.discount_codes = [each["code"] for each in payload["discount_codes"]]
    order.placed_at = datetime.fromisoformat(payload["processed_at"])
    order.cancelled_at = datetime.fromisoformat(payload["cancelled_at"]) if payload["cancelled_at"] else None
    order.version_at = at
    session.flush()
    return order


def _line(line: dict[str, Any]) -> dict[str, Any]:
    off = sum(_minor(each["amount"]) for each in line["discount_allocations"])
    return {
        "line_id": str(line["id"]),
        "product_id": str(line["product_id"]),
        "variant_id": str(line["variant_id"]),
        "title": line["title"],
        "variant_title": line["variant_title"],
        "sku": line["sku"],
        "quantity": line["current_quantity"],
        "price": max(0, _minor(line["price"]) - round(off / max(line["quantity"], 1))),
        "image_url": None,
        "is_gift_card": line["gift_card"],
        "requires_shipping": line["requires_shipping"],
    }


def _lines(session: Session, shop_id: int, order: Order) -> None:
    session.execute(delete(Purchase).where(Purchase.shop_id == shop_id, Purchase.order_id == order.id))
    if order.is_test or order.cancelled_at is not None or order.payment in ("voided", "refunded"):
        return
    for number, line in enumerate(order.lines, 1):
        session.add(
            Purchase(
                shop_id=shop_id,
                order_id=order.id,
                line_id=f"{number}:{line['line_id']}",
                customer_id=order.customer_id,
                product_external_id=line["product_id"],
                variant_external_id=line["variant_id"],
                quantity=line["quantity"],
                price=line["price"],
                bought_at=order.placed_at,
            )
        )


def _totals(session: Session, shop_id: int, customer: Customer) -> None:
    count, spent, first, last = session.execute(
        select(
            func.count(), func.coalesce(func.sum(Order.total), 0), func.min(Order.placed_at), func.max(Order.placed_at)
        ).where(
            Order.shop_id == shop_id,
            Order.customer_id == customer.id,
            Order.placed_at.is_not(None),
            Order.is_test.is_(False),
            Order.cancelled_at.is_(None),
            Order.deleted_at.is_(None),
            Order.payment != "voided",
        )
    ).one()
    customer.orders_count, customer.spent = count, int(spent)
    customer.first_order_at, customer.last_order_at = first, last


def _minor(amount: str) -> int:
    return round(float(amount) * 100)
