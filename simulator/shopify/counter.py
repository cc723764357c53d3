"""The verbs of the store: each changes the books and tells the app what a real store would tell it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.ids import gid
from simulator.shopify import order_payloads, payloads, shop_payloads
from simulator.store import history
from simulator.store.models import Cart, Checkout, Consent, Customer, Fulfilment, Line, Order, Refund, Variant

if TYPE_CHECKING:
    from simulator.agenda import Agenda
    from simulator.clock import BusinessClock
    from simulator.shopify.payloads import Json, Stationery
    from simulator.shopify.webhooks import Webhooks
    from simulator.store.state import Store

LOW_STOCK = 40
RESTOCK = 400
SHOP_REDACT_AFTER = timedelta(hours=48)


class Counter:
    """Everything that can happen in the store."""

    def __init__(
        self,
        store: Store,
        clock: BusinessClock,
        paper: Stationery,
        webhooks: Webhooks,
        agenda: Agenda,
    ) -> None:
        self.store = store
        self.clock = clock
        self.paper = paper
        self.webhooks = webhooks
        self.agenda = agenda

    # -- before paying ------------------------------------------------------------------------------------------

    def fill_cart(self, wanted: list[tuple[Variant, int]]) -> Cart:
        """A new basket with the first thing in it, then the others one by one."""
        now = self.clock.now()
        basket = self.store.new_cart([self.store.line(*wanted[0])], now)
        self.webhooks.publish([("carts/create", payloads.cart(basket))])
        for variant, quantity in wanted[1:]:
            self.add_to_cart(basket, variant, quantity)
        return basket

    def add_to_cart(self, basket: Cart, variant: Variant, quantity: int = 1) -> None:
        """One more thing into a basket."""
        basket.lines.append(self.store.line(variant, quantity))
        basket.updated_at = self.clock.now()
        self.webhooks.publish([("carts/update", payloads.cart(basket))])

    def start_checkout(self, basket: Cart) -> Checkout:
        """Somebody presses "check out"; the store doesn't know who yet."""
        visit = self.store.new_checkout(basket, self.clock.now())
        self.webhooks.publish([("checkouts/create", payloads.checkout(visit, self.paper))])
        return visit

    def give_contact(self, visit: Checkout, who: Customer, *, email_too: bool, sms_too: bool) -> None:
        """The shopper types an address; maybe ticks the boxes for mail and texts."""
        now = self.clock.now()
        facts: list[tuple[str, Json]] = []
        if who.id not in self.store.customers:
            who.created_at = who.updated_at = now
            self.store.customers[who.id] = who
            facts.append(("customers/create", payloads.customer(who, self.paper, whole=True)))
        visit.email, visit.customer, visit.address, visit.locale = who.email, who, who.address, who.locale
        visit.phone = who.phone
        visit.accepts_email = email_too or who.email_consent.given
        visit.accepts_sms = sms_too or who.sms_consent.given
        visit.updated_at = now
        self.webhooks.publish([*facts, ("checkouts/update", payloads.checkout(visit, self.paper))])
        if facts and (who.email_consent.given or who.sms_consent.given):
            self.confirm_consent(who)
        if email_too and not who.email_consent.given:
            self.set_email_consent(who, "subscribed")
        if sms_too and who.phone and not who.sms_consent.given:
            self.set_sms_consent(who, "subscribed")

    def touch_checkout(self, visit: Checkout) -> None:
        """The shopper comes back to the checkout and lingers."""
        visit.updated_at = self.clock.now()
        self.webhooks.publish([("checkouts/update", payloads.checkout(visit, self.paper))])

    def drop_checkout(self, visit: Checkout) -> None:
        """The checkout is deleted; its basket stays."""
        del self.store.checkouts[visit.token]
        self.webhooks.publish([("checkouts/delete", payloads.checkout_deleted(visit))])

    # -- paying ------------------------------------------------------------------------------------------------

    def pay(self, visit: Checkout) -> Order:
        """The checkout becomes an order; paying twice gives the same order."""
        if visit.token in self.store.order_by_checkout:
            return self.store.order_by_checkout[visit.token]
        now = self.clock.now()
        lines = [self.store.line(line.variant, line.quantity) for line in visit.lines]
        order = self.store.new_order(visit.customer, lines, now, address=visit.address)
        order.cart_token, order.checkout_token = visit.cart_token, visit.token
        order.locale = visit.locale
        self.store.order_by_checkout[visit.token] = order
        visit.completed_at = visit.updated_at = now
        self.webhooks.publish(
            [
                ("checkouts/update", payloads.checkout(visit, self.paper)),
                *self._placed(order),
            ]
        )
        return order

    def record_sale(
        self,
        who: Customer | None,
        wanted: list[tuple[Variant, int]],
        *,
        at: datetime | None = None,
        source_name: str = "web",
        test: bool = False,
    ) -> Order:
        """An order without a checkout: at the till, a test, or imported with the date it was really made."""
        now = self.clock.now()
        order = self.store.new_order(who, [self.store.line(*each) for each in wanted], now, source_name=source_name)
        order.processed_at = at or now
        order.test = test
        self.webhooks.publish(self._placed(order))
        return order

    def _placed(self, order: Order) -> list[tuple[str, Json]]:
        now = self.clock.now()
        body = order_payloads.order(order, self.paper)
        facts = [("orders/create", body), ("orders/paid", body)]
        if order.customer:
            order.customer.updated_at = now
            facts.append(("customers/update", payloads.customer(order.customer, self.paper, whole=True)))
            facts.append(("customers/purchasing_summary", shop_payloads.purchasing_summary(order.customer, now)))
        for line in order.lines:
            facts += self._take_stock(line, now)
        return facts

    def _take_stock(self, line: Line, now: datetime) -> list[tuple[str, Json]]:
        variant = line.variant
        if variant.product.is_gift_card:
            return []
        variant.inventory_quantity = max(0, variant.inventory_quantity - line.quantity)
        facts = [("inventory_levels/update", shop_payloads.inventory_level(variant, self.paper, now))]
        if variant.inventory_quantity < LOW_STOCK:
            variant.inventory_quantity += RESTOCK
            variant.updated_at = variant.product.updated_at = now
            facts += [
                ("inventory_levels/update", shop_payloads.inventory_level(variant, self.paper, now)),
                ("products/update", payloads.product(variant.product, self.paper)),
            ]
        return facts

    # -- after paying ------------------------------------------------------------------------------------------

    def ship(self, order: Order) -> Fulfilment:
        """The parcel leaves."""
        parcel = history.add_fulfilment(self.store, order, self.clock.now())
        body = order_payloads.order(order, self.paper)
        self.webhooks.publish(
            [
                ("fulfillments/create", order_payloads.fulfilment(parcel, self.paper)),
                ("orders/fulfilled", body),
                ("orders/updated", body),
            ]
        )
        return parcel

    def carrier_says(self, parcel: Fulfilment, status: str, happened_at: datetime | None = None) -> None:
        """A word from the carrier, perhaps about something that happened earlier."""
        now = self.clock.now()
        event = history.add_carrier_event(self.store, parcel, status, happened_at or now, now)
        self.webhooks.publish(
            [
                ("fulfillment_events/create", order_payloads.fulfilment_event(parcel, event, self.paper)),
                ("fulfillments/update", order_payloads.fulfilment(parcel, self.paper)),
            ]
        )

    def give_back(self, order: Order, lines: list[Line] | None = None, note: str = "Changed my mind") -> Refund:
        """A refund of some lines, or of everything."""
        back = history.add_refund(self.store, order, self.clock.now(), lines or order.lines, note)
        self.webhooks.publish(
            [
                ("refunds/create", order_payloads.refund(back, order, self.paper)),
                ("orders/updated", order_payloads.order(order, self.paper)),
            ]
        )
        return back

    def cancel(self, order: Order, reason: str = "customer") -> None:
        """The order is called off."""
        order.cancelled_at = order.updated_at = self.clock.now()
        order.cancel_reason = reason
        body = order_payloads.order(order, self.paper)
        self.webhooks.publish([("orders/cancelled", body), ("orders/updated", body)])

    # -- people ------------------------------------------------------------------------------------------------

    def set_email_consent(
        self,
        who: Customer,
        state: str,
        at: datetime | None = None,
        *,
        level: str = "single_opt_in",
        unless_older: bool = False,
    ) -> None:
        """Somebody agrees to mail, or no longer does. `unless_older`: not by an older word."""
        now = self.clock.now()
        if unless_older and _is_older(at, who.email_consent):
            return
        who.email_consent = Consent(state, level, at or now)
        who.updated_at = now
        self.webhooks.publish(
            [
                ("customers_email_marketing_consent/update", shop_payloads.email_consent(who, self.paper)),
                ("customers/update", payloads.customer(who, self.paper, whole=True)),
            ]
        )

    def set_sms_consent(
        self,
        who: Customer,
        state: str,
        at: datetime | None = None,
        source: str = "SHOPIFY",
        *,
        level: str = "single_opt_in",
        unless_older: bool = False,
    ) -> None:
        """Somebody agrees to texts, or no longer does. `unless_older`: not by an older word."""
        now = self.clock.now()
        if unless_older and _is_older(at, who.sms_consent):
            return
        who.sms_consent = Consent(state, level, at or now, source)
        who.updated_at = now
        self.webhooks.publish(
            [
                ("customers_marketing_consent/update", shop_payloads.sms_consent(who, self.paper)),
                ("customers/update", payloads.customer(who, self.paper, whole=True)),
            ]
        )

    def welcome(self, who: Customer) -> None:
        """Somebody becomes a customer without buying, with what they agreed to."""
        self.store.customers[who.id] = who
        self.webhooks.publish([("customers/create", payloads.customer(who, self.paper, whole=True))])
        self.confirm_consent(who)

    def confirm_consent(self, who: Customer) -> None:
        """Say what somebody has agreed to, on every channel they have."""
        facts: list[tuple[str, Json]] = []
        if who.email:
            facts.append(("customers_email_marketing_consent/update", shop_payloads.email_consent(who, self.paper)))
        if who.phone:
            facts.append(("customers_marketing_consent/update", shop_payloads.sms_consent(who, self.paper)))
        self.webhooks.publish(facts)

    def tag(self, who: Customer, tags: list[str]) -> None:
        """The merchant puts tags on somebody."""
        now = self.clock.now()
        new = [tag for tag in tags if tag not in who.tags]
        who.tags += new
        who.updated_at = now
        self.webhooks.publish(
            [
                ("customer.tags_added", shop_payloads.tags_changed(who, new, now)),
                ("customers/update", payloads.customer(who, self.paper, whole=True)),
            ]
        )

    def untag(self, who: Customer, tags: list[str]) -> None:
        """The merchant takes tags off somebody."""
        now = self.clock.now()
        who.tags = [tag for tag in who.tags if tag not in tags]
        who.updated_at = now
        self.webhooks.publish(
            [
                ("customer.tags_removed", shop_payloads.tags_changed(who, tags, now)),
                ("customers/update", payloads.customer(who, self.paper, whole=True)),
            ]
        )

    def merge(self, kept: Customer, gone: Customer) -> None:
        """Two customers turn out to be one."""
        now = self.clock.now()
        gone.deleted = True
        for order in gone.orders:
            order.customer = kept
            order.updated_at = now
        kept.orders = sorted([*kept.orders, *gone.orders], key=lambda order: order.created_at)
        kept.phone = kept.phone or gone.phone
        kept.updated_at = now
        gone.orders = []
        job = gid("Job", uuid.uuid4().int % 10**12)
        self.webhooks.publish(
            [
                ("customers/merge", shop_payloads.customers_merged(kept, gone, job)),
                ("customers/delete", shop_payloads.customer_deleted(gone)),
                ("customers/update", payloads.customer(kept, self.paper, whole=True)),
            ]
        )

    def privacy_request(self, who: Customer, *, redact: bool) -> None:
        """Somebody asks what is stored about them, or asks to be forgotten."""
        topic = "customers/redact" if redact else "customers/data_request"
        self.webhooks.publish([(topic, shop_payloads.privacy_request(who, self.paper, redact=redact))])

    # -- the app's life in the store ---------------------------------------------------------------------------

    def uninstalled(self) -> None:
        """The merchant removes the app: it hears so once, and two days later that it must forget the shop."""
        self.webhooks.publish([("app/uninstalled", shop_payloads.shop(self.paper, self.clock.now()))])
        self.webhooks.listening = False
        self.agenda.after(SHOP_REDACT_AFTER, self._redact_shop)

    def _redact_shop(self) -> None:
        if self.webhooks.listening:
            return
        self.webhooks.listening = True
        self.webhooks.publish([("shop/redact", shop_payloads.shop_redact(self.paper))])
        self.webhooks.listening = False


def _is_older(at: datetime | None, known: Consent) -> bool:
    return at is not None and known.updated_at is not None and at < known.updated_at
