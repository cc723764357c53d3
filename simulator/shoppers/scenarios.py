"""Things to make happen at will: `POST /scenario {"name": "abandon"}` lets a chosen shopper do it now.

The chosen one lives in the States and has agreed to mail and texts. `{"customer": <id>}` takes somebody again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.clock import iso
from simulator.ids import number_of
from simulator.shoppers.sessions import Basket
from simulator.store.history import Habit, pick_variants

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.merchant import Merchant
    from simulator.providers.service import Providers
    from simulator.shoppers.readers import Readers
    from simulator.shoppers.sessions import Shoppers
    from simulator.store.models import Checkout, Customer, Order, Variant

Answer = dict[str, Any]
REMINDER_SHARE = 0.8
"""At which part of a gap a shop would remind: where `reorder_due` places its buyer."""


class Scenarios:
    """The scenarios, by name."""

    def __init__(self, shoppers: Shoppers, providers: Providers, readers: Readers, merchant: Merchant) -> None:
        self._shoppers = shoppers
        self._counter = shoppers.counter
        self._providers = providers
        self._readers = readers
        self._merchant = merchant
        self._chosen: set[int] = set()
        self.by_name: dict[str, Callable[[Answer], Answer]] = {
            "abandon": self.abandon,
            "abandon_cart": self.abandon_cart,
            "buy": self.buy,
            "buy_and_deliver": self.buy_and_deliver,
            "late_delivery_scan": self.late_delivery_scan,
            "reorder_due": self.reorder_due,
            "refund": self.refund,
            "cancel": self.cancel,
            "stop_sms": self.stop_sms,
            "unsubscribe": self.unsubscribe,
            "merge_customers": self.merge_customers,
            "deliver": self.deliver,
            "complete_checkout": self.complete_checkout,
            "erase": self.erase,
            "uninstall": self.uninstall,
        }

    async def handle(self, request: web.Request) -> web.Response:
        """POST /scenario."""
        try:
            asked = await request.json()
        except ValueError:
            return web.json_response({"error": "the body is not JSON"}, status=400)
        name = asked.get("name") if isinstance(asked, dict) else None
        action = self.by_name.get(str(name))
        if action is None:
            return web.json_response({"error": f"unknown scenario; there are {', '.join(self.by_name)}"}, status=400)
        try:
            outcome = action(asked)
        except LookupError as problem:
            return web.json_response({"error": str(problem.args[0])}, status=409)
        return web.json_response({"scenario": name, "business_time": iso(self._counter.clock.now()), **outcome})

    # -- who and what ------------------------------------------------------------------------------------------

    def _shopper(self, asked: Answer) -> Customer:
        """The person asked for, or a new one who has agreed to everything."""
        store = self._counter.store
        if asked.get("customer"):
            who = store.customers.get(number_of(str(asked["customer"])) or 0)
            if who is None or who.deleted:
                message = "there is no such customer"
                raise LookupError(message)
            return who
        return self._shoppers.world.people.make(self._counter.clock.now(), contactable=True)

    def _variant(self, asked: Answer) -> Variant:
        variants = self._counter.store.variants
        if asked.get("variant"):
            chosen = variants.get(number_of(str(asked["variant"])) or 0)
            if chosen is None:
                message = "there is no such variant"
                raise LookupError(message)
            return chosen
        return next(variant for variant in variants.values() if variant.product.handle == "hearth-house-blend")

    def _visit(self, asked: Answer) -> tuple[Customer, Checkout]:
        who = self._shopper(asked)
        basket = self._counter.fill_cart([(self._variant(asked), int(asked.get("quantity", 1)))])
        visit = self._counter.start_checkout(basket)
        self._counter.give_contact(visit, who, email_too=True, sms_too=True)
        return who, visit

    def _order(self, asked: Answer) -> Order:
        order = self._counter.store.orders.get(number_of(str(asked.get("order", ""))) or 0)
        if order is not None:
            return order
        who, visit = self._visit(asked)
        return self._shoppers.buy(Basket(who, [], []), visit) if asked.get("lifecycle") else self._counter.pay(visit)

    @staticmethod
    def _about(who: Customer | None, visit: Checkout | None = None, order: Order | None = None) -> Answer:
        answer: Answer = {}
        if who is not None:
            answer["customer"] = {
                "id": who.id,
                "name": f"{who.first_name} {who.last_name}",
                "email": who.email,
                "phone": who.phone,
            }
        if visit is not None:
            answer["checkout"] = {"token": visit.token, "cart_token": visit.cart_token}
        if order is not None:
            answer["order"] = {
                "id": order.id,
                "name": order.name,
                "processed_at": iso(order.processed_at),
                "lines": [
                    {"variant": line.variant.id, "title": line.variant.product.title, "quantity": line.quantity}
                    for line in order.lines
                ],
                "fulfilments": [parcel.id for parcel in order.fulfilments],
            }
        return answer

    # -- the scenarios -----------------------------------------------------------------------------------------

    def abandon(self, asked: Answer) -> Answer:
        """Leave a checkout after giving contact data."""
        who, visit = self._visit(asked)
        return self._about(who, visit)

    def abandon_cart(self, asked: Answer) -> Answer:
        """Give contact data at a checkout, throw the checkout away, add something to the basket, and leave."""
        who, visit = self._visit(asked)
        self._counter.drop_checkout(visit)
        basket = self._counter.store.carts[visit.cart_token]
        self._counter.add_to_cart(basket, pick_variants(self._shoppers.rng, self._counter.store, 1)[0])
        return self._about(who, visit)

    def complete_checkout(self, asked: Answer) -> Answer:
        """Pay for a checkout that was left (`{"checkout": token}`)."""
        visit = self._counter.store.checkouts.get(str(asked.get("checkout")))
        if visit is None:
            message = "there is no such checkout"
            raise LookupError(message)
        return self._about(visit.customer, visit, self._counter.pay(visit))

    def buy(self, asked: Answer) -> Answer:
        """Buy something now; the parcel then takes its usual way."""
        order = self._order({**asked, "lifecycle": True})
        return self._about(order.customer, None, order)

    def buy_and_deliver(self, asked: Answer) -> Answer:
        """Buy something that is shipped and delivered within the hour."""
        order = self._order(asked)
        parcel = self._counter.ship(order)
        for status in ("in_transit", "out_for_delivery", "delivered"):
            self._counter.carrier_says(parcel, status)
        return self._about(order.customer, None, order)

    def deliver(self, asked: Answer) -> Answer:
        """Ship and deliver an order that exists (`{"order": id}`)."""
        if "order" not in asked:
            message = "say which order"
            raise LookupError(message)
        return self.buy_and_deliver(asked)

    def late_delivery_scan(self, asked: Answer) -> Answer:
        """A carrier reports a delivery days after it happened: an order of last week that the app knows already."""
        days = float(asked.get("days_ago", 6.9))
        happened = self._counter.clock.now() - timedelta(days=days)
        order = self._delivered_unnoticed(happened)
        order.fulfilments[0].events = [each for each in order.fulfilments[0].events if each.status != "delivered"]
        self._counter.carrier_says(order.fulfilments[0], "delivered", happened)
        return self._about(order.customer, None, order) | {"delivered_at": iso(happened)}

    def _delivered_unnoticed(self, happened: datetime) -> Order:
        for order in reversed(self._counter.store.orders.values()):
            who = order.customer
            if (
                who
                and not who.deleted
                and who.email_consent.given
                and order.id not in self._chosen
                and order.source_name == "web"
                and not order.test
                and not order.refunds
                and order.fulfilments
                and order.fulfilments[0].created_at < happened
                and not order.lines[0].variant.product.is_gift_card
                and order.created_at > happened - timedelta(days=7)
                and order.fulfilments[0].happened("delivered") is None
            ):
                self._chosen.add(order.id)
                return order
        message = "no parcel of last week is still without a delivery scan"
        raise LookupError(message)

    def reorder_due(self, asked: Answer) -> Answer:
        """Import an order made so long ago that its buyer is about to run out."""
        who = self._shopper(asked)
        if who.id not in self._counter.store.customers:
            self._counter.welcome(who)
        variant, quantity = self._variant(asked), int(asked.get("quantity", 1))
        days = (variant.lasts_days or 30) * quantity
        ago = timedelta(days=float(asked.get("days_ago", days * REMINDER_SHARE))) - timedelta(hours=2)
        now = self._counter.clock.now()
        order = self._counter.record_sale(who, [(variant, quantity)], at=now - ago)
        self._shoppers.habits.append(Habit(who, variant, 1.0, now - ago + timedelta(days=days * 1.6), quantity))
        return self._about(who, None, order) | {"bought_at": iso(now - ago), "lasts_days": days}

    def refund(self, asked: Answer) -> Answer:
        """Buy (or take `{"order": id}`) and get the money back."""
        order = self._order(asked)
        self._counter.give_back(order)
        return self._about(order.customer, None, order)

    def cancel(self, asked: Answer) -> Answer:
        """Buy (or take `{"order": id}`) and call it off."""
        order = self._order(asked)
        self._counter.cancel(order)
        return self._about(order.customer, None, order)

    def stop_sms(self, asked: Answer) -> Answer:
        """Text STOP to the shop."""
        who = self._shopper(asked)
        if who.id not in self._counter.store.customers:
            self._counter.welcome(who)
        if not who.phone:
            message = "this customer has no phone number"
            raise LookupError(message)
        self._readers.say_stop(who.phone, str(asked.get("word", "STOP")))
        return self._about(who)

    def unsubscribe(self, asked: Answer) -> Answer:
        """Leave the mailing list in the store's own account page."""
        who = self._shopper(asked)
        self._counter.set_email_consent(who, "unsubscribed")
        return self._about(who)

    def merge_customers(self, asked: Answer) -> Answer:
        """The merchant finds that two customers are one."""
        kept, gone = self._shopper(asked), self._shopper({})
        for who in (kept, gone):
            if who.id not in self._counter.store.customers:
                self._counter.welcome(who)
        self._counter.record_sale(gone, [(self._variant(asked), 1)])
        self._counter.merge(kept, gone)
        return self._about(kept) | {"gone": {"id": gone.id}}

    def erase(self, asked: Answer) -> Answer:
        """Somebody asks to be forgotten."""
        who = self._shopper(asked)
        self._counter.privacy_request(who, redact=True)
        return self._about(who)

    def uninstall(self, _: Answer) -> Answer:
        """The merchant removes the app."""
        self._merchant.uninstall()
        return {}
