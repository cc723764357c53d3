"""The plain way to let an order begin journeys: one person, one journey and one question after the other.

The same journeys, asked by the same rules: whoever is under way is looked at again; for every journey that is on and
listens to orders, or to things that run out, it is found out what its filters ask, who came in earlier and when, and
the entry or the refusal is written with its reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import func, select

from app import clock
from app.catalog.models import Product, ReorderGap, Variant
from app.decisions import Decision
from app.journeys import queries
from app.journeys.models import Enrolment
from app.journeys.rules import Earlier, Enter, Occasion, Refuse, entry
from app.orders.models import Order
from app.orders.rules import only_gift_cards, why_not_a_purchase
from app.reviews.models import Review, ReviewAsk
from app.reviews.rules import NOT_AGAIN_FOR, reviewable

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.customers.models import Customer
    from app.journeys.queries import Running
    from app.orders.rules import OrderLike


def react(session: Session, shop_id: int, order: Order, customer: Customer) -> None:
    """Wake those under way, then decide for each journey that is on."""
    now = clock.now()
    under_way = select(Enrolment).where(
        Enrolment.shop_id == shop_id, Enrolment.customer_id == customer.id, Enrolment.state == "active"
    )
    for enrolment in session.scalars(under_way):
        if enrolment.due_at is None or enrolment.due_at > now:
            enrolment.due_at = now
    for journey in queries.running(session, shop_id):  # its definition was parsed once
        if journey.definition.trigger.event == "order_placed":
            refusal = why_not_a_purchase(cast("OrderLike", order)) or (
                "gift_cards_only" if only_gift_cards(order.lines) else None
            )
            assert order.placed_at is not None  # noqa: S101 it was just told
            occasion = Occasion(order.placed_at, refusal, _of_order(session, shop_id, order) | _of(customer))
            _decide(session, journey, customer, "order", str(order.id), occasion, now)
        elif journey.definition.trigger.event == "product_running_low":
            _running_low(session, journey, order, customer, now)


def _of(customer: Customer) -> dict[str, Any]:
    return {
        "customer.orders_count": customer.orders_count,
        "customer.spent": customer.spent,
        "customer.country": customer.country,
        "customer.tags": customer.tags,
    }


def _of_order(session: Session, shop_id: int, order: Order) -> dict[str, Any]:
    earlier = select(Order.id).where(
        Order.shop_id == shop_id,
        Order.customer_id == order.customer_id,
        Order.placed_at < order.placed_at,
        Order.is_test.is_(False),
    )
    assert order.placed_at is not None  # noqa: S101 it was just told
    since = order.placed_at - NOT_AGAIN_FOR
    asked = session.scalars(
        select(ReviewAsk.product_external_id).where(
            ReviewAsk.shop_id == shop_id,
            ReviewAsk.customer_id == order.customer_id,
            ReviewAsk.order_id != order.id,
            ReviewAsk.asked_at > since,
        )
    )
    reviewed = session.scalars(
        select(Review.product_external_id).where(
            Review.shop_id == shop_id, Review.customer_id == order.customer_id, Review.created_at > since
        )
    )
    return {
        "order.total": order.total,
        "order.items": len(order.lines),
        "order.channel": order.channel,
        "order.cancelled": order.cancelled_at is not None or order.payment == "voided",
        "order.refunded": order.payment in ("refunded", "partially_refunded"),
        "order.delivered": order.delivered_at is not None,
        "order.first": session.scalar(earlier.limit(1)) is None,
        "order.reviewable": len(reviewable(order.lines, set(asked), set(reviewed))),
    }


def _running_low(session: Session, journey: Running, order: Order, customer: Customer, now: datetime) -> None:
    shop_id = order.shop_id
    for line in order.lines:
        variant = session.scalar(
            select(Variant).where(Variant.shop_id == shop_id, Variant.external_id == line["variant_id"])
        )
        if variant is None:
            continue
        product = session.scalar(
            select(Product).where(Product.shop_id == shop_id, Product.external_id == variant.product_external_id)
        )
        gaps = select(ReorderGap.days).where(ReorderGap.shop_id == shop_id)
        days = session.scalar(gaps.where(ReorderGap.scope == "variant", ReorderGap.key == variant.external_id))
        if days is None and product is not None:
            days = session.scalar(
                gaps.where(ReorderGap.scope == "product_type", ReorderGap.key == product.product_type)
            )
        if product is None or (days or variant.reorder_days) is None:
            continue
        assert order.placed_at is not None  # noqa: S101 it was just told
        facts = {"product.available": variant.available, "bought": False, "given_back": False, "gone": False}
        occasion = Occasion(order.placed_at, None, facts | _of(customer))
        _decide(session, journey, customer, "variant", f"{customer.id}:{variant.external_id}", occasion, now)


def _decide(
    session: Session, journey: Running, customer: Customer, kind: str, key: str, occasion: Occasion, now: datetime
) -> None:
    shop_id = customer.shop_id
    before = session.scalar(
        select(Enrolment)
        .where(Enrolment.shop_id == shop_id, Enrolment.journey_id == journey.id, Enrolment.subject_key == key)
        .order_by(Enrolment.round.desc())
        .limit(1)
    )
    earlier = Earlier(before.round, before.state == "active", before.anchor_at, None, sent=False) if before else None
    last = None
    if journey.definition.reentry.cooldown is not None:
        last = session.scalar(
            select(func.max(Enrolment.anchor_at)).where(
                Enrolment.shop_id == shop_id,
                Enrolment.journey_id == journey.id,
                Enrolment.customer_id == customer.id,
            )
        )
    verdict = entry(journey.definition, occasion, earlier, last, now)
    if isinstance(verdict, Enter):
        if before is not None and verdict.replaces:
            before.state, before.end_reason, before.ended_at, before.due_at = "exited", "replaced", now, None
        session.add(
            Enrolment(
                shop_id=shop_id,
                journey_id=journey.id,
                version_id=journey.version_id,
                customer_id=customer.id,
                subject_kind=kind,
                subject_key=key,
                round=verdict.round,
                step=journey.definition.program.first,
                anchor_at=occasion.at,
                since=occasion.at,
                due_at=now,
                entered_at=now,
            )
        )
        _note(session, journey, customer, key, "entered", journey.definition.trigger.event, now)
    elif isinstance(verdict, Refuse):
        known = select(Decision.id).filter_by(
            shop_id=shop_id, journey_id=journey.id, subject_key=key, reason=verdict.reason, outcome="not_entered"
        )
        if session.scalar(known) is None:
            _note(session, journey, customer, key, "not_entered", verdict.reason, now)


def _note(
    session: Session, journey: Running, customer: Customer, key: str, outcome: str, reason: str, now: datetime
) -> None:
    session.add(
        Decision(
            shop_id=customer.shop_id,
            customer_id=customer.id,
            journey_id=journey.id,
            subject_key=key,
            step="trigger",
            outcome=outcome,
            reason=reason,
            at=now,
        )
    )
