"""A year of trade made from a seed: who came when, what they liked, and how soon they came back for more.

A shopper who likes something buys it again when it has run out: after `lasts_days` for each unit bought, times a
person's own pace, times a lognormal wobble. Nothing here tells the app these numbers; it has to learn them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.ids import hex_token
from simulator.store.catalogue import build_catalogue
from simulator.store.models import Customer, Fulfilment, FulfilmentEvent, Line, Order, Refund, Variant
from simulator.store.people import People
from simulator.store.state import ShopIdentity, Store

if TYPE_CHECKING:
    import random

DAYS = 365
WOBBLE = 0.22
"""Sigma of the lognormal noise on a gap."""
STAY = 0.72
"""How likely somebody who ran out of something buys it again."""
REFUND_SHARE = 0.03
CANCEL_SHARE = 0.01
TEST_SHARE = 0.004
POS_SHARE = 0.05
GIFT_CARD_SHARE = 0.01
NO_DELIVERY_SCAN_SHARE = 0.08
"""Parcels whose carrier never reports the delivery."""


@dataclass(slots=True)
class Habit:
    """One thing somebody keeps buying, and when they will have run out."""

    customer: Customer
    variant: Variant
    pace: float
    runs_out_at: datetime
    quantity: int


@dataclass(slots=True)
class World:
    """A store with its past, and the habits that will make its future."""

    store: Store
    people: People
    habits: list[Habit]


def build_world(identity: ShopIdentity, seed: int, now: datetime, customers: int = 3000) -> World:
    """A shop with a year behind it, identical for the same arguments."""
    store = Store.empty(identity, seed)
    opened = now - timedelta(days=DAYS)
    store.add_products(build_catalogue(store.ids, store.rng, opened))
    people = People(store.ids, store.rng)
    habits: list[Habit] = []
    visits: list[tuple[datetime, Customer, list[tuple[Variant, int]]]] = []
    for joined in sorted(_joining_days(store.rng, opened, now, customers)):
        customer = people.make(joined)
        store.customers[customer.id] = customer
        habits.extend(_live(store.rng, customer, store, joined, now, visits))
    visits.sort(key=lambda visit: visit[0])
    for at, customer, basket in visits:
        _happened(store, customer, basket, at, now)
    return World(store, people, habits)


def _joining_days(rng: random.Random, opened: datetime, now: datetime, customers: int) -> list[datetime]:
    """Growth: more people find the shop late in the year than early; fewer at night."""
    span = (now - opened).total_seconds() - 3600 * 6
    return [opened + timedelta(seconds=span * math.sqrt(rng.random())) for _ in range(customers)]


def _live(
    rng: random.Random,
    customer: Customer,
    store: Store,
    joined: datetime,
    now: datetime,
    visits: list[tuple[datetime, Customer, list[tuple[Variant, int]]]],
) -> list[Habit]:
    """Everything one person buys until now; returns the habits they still have."""
    liked = pick_variants(rng, store, rng.choices((1, 2, 3), (50, 35, 15))[0])
    first = [(variant, _quantity(rng, variant)) for variant in liked]
    visits.append((joined, customer, first))
    habits: list[Habit] = []
    for variant, quantity in first:
        if variant.lasts_days is None:
            continue
        pace = rng.lognormvariate(0, 0.12)
        last_at, last_quantity = joined, quantity
        while True:
            runs_out = last_at + gap(rng, variant, last_quantity, pace)
            if rng.random() > STAY:
                break
            if runs_out > now:
                habits.append(Habit(customer, variant, pace, runs_out, last_quantity))
                break
            last_at, last_quantity = runs_out, _quantity(rng, variant)
            visits.append((last_at, customer, [(variant, last_quantity)]))
    return habits


def gap(rng: random.Random, variant: Variant, quantity: int, pace: float) -> timedelta:
    """How long so many units last this person this time."""
    days = (variant.lasts_days or DAYS) * quantity * pace * rng.lognormvariate(0, WOBBLE)
    return timedelta(days=max(1.0, days))


def pick_variants(rng: random.Random, store: Store, count: int) -> list[Variant]:
    """Different things somebody fancies, the loved ones more often; never a gift card."""
    choices = [variant for variant in store.variants.values() if not variant.product.is_gift_card]
    picked: list[Variant] = []
    while len(picked) < count:
        variant = rng.choices(choices, [choice.love for choice in choices])[0]
        if all(variant.product is not other.product for other in picked):
            picked.append(variant)
    return picked


def _quantity(rng: random.Random, variant: Variant) -> int:
    return 1 if variant.lasts_days is None else rng.choices((1, 2, 3), (74, 20, 6))[0]


def _happened(
    store: Store,
    customer: Customer,
    basket: list[tuple[Variant, int]],
    at: datetime,
    now: datetime,
) -> None:
    """Write one past visit into the books, with what became of it."""
    rng = store.rng
    fate = rng.random()
    if fate < GIFT_CARD_SHARE:
        card = next(v for v in store.variants.values() if v.product.is_gift_card)
        basket = [(card, 1)]
    source = "pos" if GIFT_CARD_SHARE <= fate < GIFT_CARD_SHARE + POS_SHARE else "web"
    anonymous = source == "pos" and rng.random() < 0.4
    lines = [store.line(variant, quantity) for variant, quantity in basket]
    order = store.new_order(None if anonymous else customer, lines, at, source_name=source)
    order.test = rng.random() < TEST_SHARE
    if source == "web":
        order.cart_token, order.checkout_token = hex_token(rng), hex_token(rng)
        store.order_by_checkout[order.checkout_token] = order
    customer.updated_at = max(customer.updated_at, at)
    if rng.random() < CANCEL_SHARE:
        order.cancelled_at = order.updated_at = min(now, at + timedelta(hours=rng.randint(1, 9)))
        order.cancel_reason = "customer"
        return
    _past_parcel(store, order, now)
    if rng.random() < REFUND_SHARE:
        refunded_at = at + timedelta(days=rng.randint(4, 14))
        if refunded_at < now:
            add_refund(store, order, refunded_at, order.lines[:1])


def _past_parcel(store: Store, order: Order, now: datetime) -> None:
    left_at = order.created_at + parcel_leaves_after(store.rng, order)
    if left_at >= now:
        return
    parcel = add_fulfilment(store, order, left_at)
    if order.source_name == "pos" or store.rng.random() < NO_DELIVERY_SCAN_SHARE:
        return
    for status, moment in carrier_plan(store.rng, left_at):
        if moment < now:
            add_carrier_event(store, parcel, status, moment, moment)


def parcel_leaves_after(rng: random.Random, order: Order) -> timedelta:
    """From paying to the parcel's leaving: at once in the shop, about a day on the web."""
    return timedelta(minutes=1) if order.source_name == "pos" else timedelta(hours=rng.uniform(14, 34))


def carrier_plan(rng: random.Random, left_at: datetime) -> list[tuple[str, datetime]]:
    """What the carrier will report, and when: delivered after two to four days."""
    days = rng.uniform(2, 4)
    return [
        ("in_transit", left_at + timedelta(hours=rng.uniform(4, 12))),
        ("out_for_delivery", left_at + timedelta(days=days - 0.25)),
        ("delivered", left_at + timedelta(days=days)),
    ]


def add_fulfilment(store: Store, order: Order, at: datetime) -> Fulfilment:
    """A parcel with everything in the order."""
    parcel = Fulfilment(
        id=store.ids.next("Fulfillment"),
        order=order,
        name=f"{order.name}.{len(order.fulfilments) + 1}",
        created_at=at,
        updated_at=at,
        tracking_company=store.rng.choice(("UPS", "USPS", "DHL Express")),
        tracking_number=f"1Z{store.rng.randrange(10**14):014d}",
    )
    order.fulfilments.append(parcel)
    order.updated_at = max(order.updated_at, at)
    order.closed_at = at
    store.fulfilments[parcel.id] = parcel
    return parcel


def add_carrier_event(
    store: Store,
    parcel: Fulfilment,
    status: str,
    happened_at: datetime,
    reported_at: datetime,
) -> FulfilmentEvent:
    """A word from the carrier; it may be reported later than it happened."""
    event = FulfilmentEvent(store.ids.next("FulfillmentEvent"), status, happened_at, reported_at)
    parcel.events.append(event)
    parcel.updated_at = max(parcel.updated_at, reported_at)
    parcel.order.updated_at = max(parcel.order.updated_at, reported_at)
    return event


def add_refund(store: Store, order: Order, at: datetime, lines: list[Line], note: str = "Changed my mind") -> Refund:
    """Money back for whole lines."""
    returned = [(line, line.current_quantity) for line in lines if line.current_quantity]
    for line, quantity in returned:
        line.refunded += quantity
    everything = all(line.current_quantity == 0 for line in order.lines)
    amount = order.total - order.refunded if everything else sum(line.price * quantity for line, quantity in returned)
    refund = Refund(store.ids.next("Refund"), at, note, returned, amount, store.ids.next("OrderTransaction"))
    order.refunds.append(refund)
    order.updated_at = max(order.updated_at, at)
    return refund
