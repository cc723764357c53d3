"""Shoppers at work: a seeded model of visits, and what follows from them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.store.history import (
    CANCEL_SHARE,
    NO_DELIVERY_SCAN_SHARE,
    REFUND_SHARE,
    STAY,
    Habit,
    carrier_plan,
    gap,
    parcel_leaves_after,
    pick_variants,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.agenda import Agenda
    from simulator.settings import Settings
    from simulator.shopify.counter import Counter
    from simulator.store.history import World
    from simulator.store.models import Cart, Checkout, Customer, Fulfilment, Order, Variant

ABANDON_SHARE = 0.65
CART_ONLY_SHARE = 0.25
"""Of those who fill a basket, how many never press "check out"."""
KNOWN_SHARE = 0.55
"""How many visitors the store has met before."""
OPT_IN_EMAIL, OPT_IN_SMS = 0.45, 0.2
UNSUBSCRIBE_SHARE = 0.01
BACK_AT_CHECKOUT = 0.12
"""How many who left come back to look again without buying."""
POS_SHARE, TEST_SHARE = 0.04, 0.005
LEAST_PAUSE_SECONDS = 0.5
"""Real time between two visitors, so that a very fast clock doesn't drown whoever watches."""
HOURLY = (
    0.6,
    0.5,
    0.4,
    0.4,
    0.4,
    0.5,
    0.6,
    0.8,
    0.9,
    1.1,
    1.2,
    1.3,
    1.4,
    1.3,
    1.2,
    1.2,
    1.2,
    1.3,
    1.5,
    1.7,
    1.7,
    1.5,
    1.2,
    0.8,
)
"""How busy an hour of the shop's day is, relative to the mean."""


@dataclass(slots=True)
class Basket:
    """What somebody wants, and why they came."""

    who: Customer
    wanted: list[tuple[Variant, int]]
    habits: list[Habit]


class Shoppers:
    """The crowd."""

    def __init__(self, settings: Settings, world: World, counter: Counter, agenda: Agenda) -> None:
        self.settings = settings
        self.world = world
        self.counter = counter
        self.agenda = agenda
        self.rng = random.Random(settings.seed + 2)
        self.habits = sorted(world.habits, key=lambda habit: habit.runs_out_at)
        self.sessions = 0

    async def live(self) -> None:
        """Let visitors come at the shop's pace until cancelled."""
        clock = self.settings.clock
        while True:
            hour = (clock.now() - timedelta(hours=5)).hour
            rate = self.settings.sessions_per_hour * HOURLY[hour]
            pause = timedelta(hours=min(3.0, self.rng.expovariate(rate)))
            await asyncio.sleep(max(LEAST_PAUSE_SECONDS, clock.real_seconds(pause)))
            if self.counter.webhooks.listening:
                self.visit()

    def visit(self) -> None:
        """Somebody comes by."""
        self.sessions += 1
        die = self.rng.random()
        if die < POS_SHARE:
            self._at_the_till()
        elif die < POS_SHARE + TEST_SHARE:
            self.counter.record_sale(self._somebody_known(), [(self._fancy()[0], 1)], test=True)
        elif die < POS_SHARE + TEST_SHARE + UNSUBSCRIBE_SHARE:
            self._leaves_the_list()
        else:
            self._browse(self._next_basket())

    def _browse(self, basket: Basket) -> None:
        """Fill a basket and, minutes later, perhaps go on."""
        cart = self.counter.fill_cart(basket.wanted)
        if basket.habits or self.rng.random() > CART_ONLY_SHARE:
            self._later(2, 15, lambda: self._to_checkout(basket, cart))

    def _to_checkout(self, basket: Basket, cart: Cart) -> None:
        visit = self.counter.start_checkout(cart)
        self._later(1, 4, lambda: self._give_contact(basket, visit))

    def _give_contact(self, basket: Basket, visit: Checkout) -> None:
        rng = self.rng
        self.counter.give_contact(
            visit, basket.who, email_too=rng.random() < OPT_IN_EMAIL, sms_too=rng.random() < OPT_IN_SMS
        )
        leaves = ABANDON_SHARE * (0.35 if basket.habits else 1.25)
        if rng.random() > leaves:
            self._later(1, 6, lambda: self.buy(basket, visit))
        elif rng.random() < BACK_AT_CHECKOUT:
            self._later(90, 600, lambda: self._look_again(visit))

    def _look_again(self, visit: Checkout) -> None:
        if visit.completed_at is None:
            self.counter.touch_checkout(visit)

    def buy(self, basket: Basket, visit: Checkout) -> Order:
        """Pay; what the person liked they will need again, and the parcel begins its way."""
        order = self.counter.pay(visit)
        for line in order.lines:
            self._will_need_again(basket.who, line.variant, line.quantity)
        self.follow_up(order)
        return order

    def come_back_and_buy(self, visit: Checkout) -> Order | None:
        """Somebody followed a link into a checkout they had left, and buys."""
        if visit.customer is None or visit.completed_at is not None:
            return None
        return self.buy(Basket(visit.customer, [], []), visit)

    def _will_need_again(self, who: Customer, variant: Variant, quantity: int) -> None:
        if variant.lasts_days is None or self.rng.random() > STAY:
            return
        pace = self.rng.lognormvariate(0, 0.12)
        runs_out = self.settings.clock.now() + gap(self.rng, variant, quantity, pace)
        self.habits.append(Habit(who, variant, pace, runs_out, quantity))
        self.habits.sort(key=lambda habit: habit.runs_out_at)

    def follow_up(self, order: Order) -> None:
        """Cancelled, shipped, delivered, sent back: what becomes of an order."""
        rng = self.rng
        if rng.random() < CANCEL_SHARE:
            self._later(30, 400, lambda: self.counter.cancel(order))
            return
        self.agenda.after(parcel_leaves_after(rng, order), lambda: self._ship(order))

    def _ship(self, order: Order) -> None:
        if order.cancelled_at is not None or order.fulfilments:
            return
        parcel = self.counter.ship(order)
        if self.rng.random() >= NO_DELIVERY_SCAN_SHARE:
            for status, moment in carrier_plan(self.rng, parcel.created_at):
                self.agenda.at(moment, self.scan(parcel, status))
        if self.rng.random() < REFUND_SHARE:
            days = self.rng.uniform(4, 12)
            self.agenda.after(timedelta(days=days), lambda: self._send_back(order))

    def scan(self, parcel: Fulfilment, status: str) -> Callable[[], None]:
        """The carrier's reporting a status, to be put on the agenda."""
        return lambda: self.counter.carrier_says(parcel, status)

    def _send_back(self, order: Order) -> None:
        if not order.refunds:
            self.counter.give_back(order, order.lines[:1])

    def _at_the_till(self) -> None:
        who = self._somebody_known() if self.rng.random() < KNOWN_SHARE else None
        order = self.counter.record_sale(who, [(self._fancy()[0], 1)], source_name="pos")
        self.agenda.after(timedelta(minutes=1), lambda: None if order.fulfilments else self._hand_over(order))

    def _hand_over(self, order: Order) -> None:
        self.counter.ship(order)

    def _leaves_the_list(self) -> None:
        who = self._somebody_known()
        if who.email_consent.given:
            self.counter.set_email_consent(who, "unsubscribed")

    def _next_basket(self) -> Basket:
        """Those whose things have run out come first, then the curious, known or new."""
        due = self._take_due()
        if due:
            return Basket(due[0].customer, [(habit.variant, habit.quantity) for habit in due], due)
        known = self.rng.random() < KNOWN_SHARE
        who = self._somebody_known() if known else self.world.people.make(self.settings.clock.now())
        return Basket(who, [(variant, 1) for variant in self._fancy(self.rng.choice((1, 1, 2)))], [])

    def _take_due(self) -> list[Habit]:
        """The next habit that is due, with everything else the same person has run out of."""
        now = self.settings.clock.now()
        first = next((habit for habit in self.habits if habit.runs_out_at <= now), None)
        if first is None or first.customer.deleted:
            if first is not None:
                self.habits.remove(first)
            return []
        soon = now + timedelta(days=2)
        taken = [habit for habit in self.habits if habit.customer is first.customer and habit.runs_out_at <= soon]
        self.habits = [habit for habit in self.habits if habit not in taken]
        return taken

    def _fancy(self, count: int = 1) -> list[Variant]:
        return pick_variants(self.rng, self.world.store, count)

    def _somebody_known(self) -> Customer:
        living = list(self.world.store.customers.values())
        while True:
            who = self.rng.choice(living)
            if not who.deleted:
                return who

    def _later(self, least: float, most: float, action: Callable[[], object]) -> None:
        """Some business minutes from now."""

        def happen() -> None:
            action()

        self.agenda.after(timedelta(minutes=self.rng.uniform(least, most)), happen)
