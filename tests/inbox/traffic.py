"""A shop's webhooks, made from a seed: people, guests, baskets, orders, parcels, refunds, consent, stock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

BEGIN = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
DOMAIN = "acme.myshopify.com"


@dataclass(frozen=True)
class Webhook:
    """One event as a store sends it; every copy of it has the same id."""

    topic: str
    payload: dict[str, Any]
    webhook_id: str
    at: datetime

    @property
    def body(self) -> bytes:
        return orjson.dumps(self.payload)


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@dataclass
class Shopper:
    number: int
    customer_id: int | None
    email: str | None
    phone: str | None
    tags: list[str] = field(default_factory=list)
    known: bool = False

    @property
    def name(self) -> str:
        return ("Ana", "Ben", "Cleo", "Dov", "Eva", "Finn")[self.number % 6]


class Traffic:
    """Tells the shop's days, event by event, in the order in which they happened."""

    def __init__(self, seed: int, *, shoppers: int = 20, filler: int = 0, merges: bool = True) -> None:
        self.random = random.Random(seed)
        self.now = BEGIN
        self.events: list[Webhook] = []
        self.filler = "x" * filler
        self.merges = merges
        self.shoppers = [self._shopper(n) for n in range(shoppers)]
        self.orders = 0

    def _shopper(self, n: int) -> Shopper:
        guest = self.random.random() < 0.2
        phone = f"+1212555{n:04d}" if self.random.random() < 0.5 else None
        email = f"Shopper{n}@Mail.example" if guest or self.random.random() < 0.95 else None
        return Shopper(n, None if guest else 5000 + n, email, phone)

    def tell(self, topic: str, payload: dict[str, Any]) -> None:
        self.now += timedelta(seconds=self.random.randint(1, 40))
        if self.filler:
            payload = {**payload, "note_attributes": [{"name": "gift", "value": self.filler}]}
        number = len(self.events)
        self.events.append(Webhook(topic, payload, f"w-{number:06d}", self.now + timedelta(milliseconds=number % 1000)))

    def run(self, until: int) -> list[Webhook]:
        """At least this many events."""
        for product in range(6):
            self.product(product)
        while len(self.events) < until:
            shopper = self.random.choice(self.shoppers)
            self.random.choices(
                [self.visit, self.profile, self.consent, self.tags, self.stock, self.new_address, self.merge],
                [60, 10, 8, 6, 6, 3, 1 if self.merges else 0],
            )[0](shopper)
        return self.events

    def product(self, n: int) -> None:
        self.tell(
            "products/update",
            {
                "id": 800 + n,
                "title": f"Blend {n}",
                "handle": f"blend-{n}",
                "product_type": "Coffee",
                "vendor": "Acme",
                "status": "active",
                "updated_at": stamp(self.now),
                "tags": "coffee, fresh",
                "variants": [
                    {
                        "id": 900 + 10 * n + v,
                        "title": f"{250 * (v + 1)} g",
                        "price": "12.50",
                        "sku": f"B{n}{v}",
                        "inventory_quantity": 40,
                        "inventory_item_id": 700 + 10 * n + v,
                        "inventory_policy": "deny",
                    }
                    for v in range(2)
                ],
            },
        )

    def stock(self, _: Shopper) -> None:
        if self.random.random() < 0.2:
            self.product(self.random.randrange(6))
        else:
            self.tell(
                "inventory_levels/update",
                {
                    "inventory_item_id": 700 + 10 * self.random.randrange(6),
                    "location_id": self.random.randint(1, 2),
                    "available": self.random.randint(0, 9),
                    "updated_at": stamp(self.now),
                },
            )

    def customer(self, shopper: Shopper) -> dict[str, Any]:
        return {
            "id": shopper.customer_id,
            "email": shopper.email,
            "phone": shopper.phone,
            "first_name": shopper.name,
            "last_name": f"Lee {shopper.number}",
            "tags": ", ".join(shopper.tags),
            "created_at": stamp(BEGIN),
            "updated_at": stamp(self.now),
            "default_address": {"country_code": "US", "province_code": "NY", "city": "New York", "zip": "10001"},
        }

    def profile(self, shopper: Shopper) -> None:
        if shopper.customer_id is not None:
            self.tell("customers/update" if shopper.known else "customers/create", self.customer(shopper))
            shopper.known = True

    def new_address(self, shopper: Shopper) -> None:
        if shopper.customer_id is not None:
            shopper.email = f"shopper{shopper.number}.{len(self.events)}@mail.example"
            self.profile(shopper)

    def merge(self, shopper: Shopper) -> None:
        """Somebody's second record is made one with the first."""
        if shopper.customer_id is None:
            return
        other = Shopper(shopper.number, 6000 + len(self.events), f"second{len(self.events)}@mail.example", None)
        self.profile(other)
        self.visit(other)
        self.consent(other)
        self.tell(
            "customers/merge",
            {
                "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{shopper.customer_id}",
                "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{other.customer_id}",
                "status": "completed",
            },
        )
        self.profile(shopper)

    def consent(self, shopper: Shopper) -> None:
        if shopper.customer_id is None:
            return
        state = self.random.choice(["subscribed", "unsubscribed", "subscribed", "pending"])
        word = {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": stamp(self.now)}
        if shopper.phone and self.random.random() < 0.4:
            self.tell(
                "customers_marketing_consent/update",
                {
                    "id": shopper.customer_id,
                    "phone": shopper.phone,
                    "sms_marketing_consent": {**word, "consent_collected_from": "other"},
                },
            )
        else:
            self.tell(
                "customers_email_marketing_consent/update",
                {
                    "customer_id": shopper.customer_id,
                    "email_address": shopper.email,
                    "email_marketing_consent": word,
                },
            )

    def tags(self, shopper: Shopper) -> None:
        if shopper.customer_id is None:
            return
        tag = self.random.choice(["vip", "wholesale", "friend"])
        gone = tag in shopper.tags
        (shopper.tags.remove if gone else shopper.tags.append)(tag)
        self.tell(
            "customer.tags_removed" if gone else "customer.tags_added",
            {
                "customerId": f"gid://shopify/Customer/{shopper.customer_id}",
                "tags": [tag],
                "occurredAt": stamp(self.now),
            },
        )

    def lines(self) -> list[dict[str, Any]]:
        return [
            {
                "id": 10 * n + 1,
                "key": f"k{n}",
                "product_id": 800 + n,
                "variant_id": 900 + 10 * n,
                "title": f"Blend {n}",
                "quantity": self.random.randint(1, 3),
                "price": "12.50",
                "sku": f"B{n}0",
                "gift_card": False,
                "variant_title": "250 g",
                "requires_shipping": True,
            }
            for n in self.random.sample(range(6), self.random.randint(1, 3))
        ]

    def buyer(self, shopper: Shopper) -> dict[str, Any]:
        found: dict[str, Any] = {"email": shopper.email, "phone": shopper.phone}
        if shopper.customer_id is not None:
            found["customer"] = self.customer(shopper)
        return found

    def visit(self, shopper: Shopper) -> None:
        """A cart, mostly a checkout, half of the time an order, and what follows from it."""
        token, begun, lines = f"t{len(self.events)}", self.now, self.lines()
        cart = {"id": f"c-{token}", "token": f"c-{token}", "created_at": stamp(begun), "line_items": lines}
        self.tell("carts/create", {**cart, "updated_at": stamp(self.now)})
        if self.random.random() < 0.3:
            self.tell("carts/update", {**cart, "line_items": lines + self.lines(), "updated_at": stamp(self.now)})
        total = sum(1250 * line["quantity"] for line in lines)
        basket: dict[str, Any] = {
            "token": token,
            "cart_token": f"c-{token}",
            "currency": "USD",
            "total_price": f"{total / 100:.2f}",
            "subtotal_price": f"{total / 100:.2f}",
            "line_items": lines,
            "created_at": stamp(self.now),
            "abandoned_checkout_url": f"https://acme.example/{token}/recover?key=1",
            "completed_at": None,
            "shipping_address": {"country_code": "US", "province_code": "NY", "city": "New York"},
        }
        self.tell("checkouts/create", {**basket, "updated_at": stamp(self.now)})
        named = {**basket, **self.buyer(shopper), "buyer_accepts_marketing": self.random.random() < 0.3}
        self.tell("checkouts/update", {**named, "updated_at": stamp(self.now)})
        if self.random.random() < 0.5:
            self.order(shopper, named)
        elif self.random.random() < 0.1:
            self.tell("checkouts/delete", {"cart_token": f"c-{token}"})

    def order(self, shopper: Shopper, basket: dict[str, Any]) -> None:
        self.orders += 1
        placed = self.now
        order = {
            "id": 70_000 + self.orders,
            "name": f"#{self.orders}",
            "checkout_token": basket["token"],
            "cart_token": basket["cart_token"],
            "currency": "USD",
            "total_price": basket["total_price"],
            "current_total_price": basket["total_price"],
            "line_items": basket["line_items"],
            "created_at": stamp(placed),
            "processed_at": stamp(placed),
            "source_name": "web",
            "test": self.random.random() < 0.05,
            "financial_status": "pending",
            "fulfillment_status": None,
            "cancelled_at": None,
            "order_status_url": "https://acme.example/status",
            **self.buyer(shopper),
            "shipping_address": basket["shipping_address"],
        }

        def changed(topic: str, **more: Any) -> None:
            order.update(more)
            self.tell(topic, {**order, "updated_at": stamp(self.now)})

        changed("orders/create")
        changed("orders/paid", financial_status="paid")
        if self.random.random() < 0.5:
            self.tell("checkouts/update", {**basket, "completed_at": stamp(placed), "updated_at": stamp(self.now)})
        if self.random.random() < 0.6:
            self.parcel(order["id"])
            changed("orders/fulfilled", fulfillment_status="fulfilled")
        if self.random.random() < 0.2:
            self.refund(order["id"])
            changed("orders/updated", financial_status="partially_refunded", current_total_price="5.00")
        if self.random.random() < 0.1:
            changed("orders/cancelled", cancelled_at=stamp(self.now), financial_status="voided")
        if self.random.random() < 0.02:
            self.tell("orders/delete", {"id": order["id"]})

    def parcel(self, order_id: int) -> None:
        parcel = {"id": order_id + 100_000, "order_id": order_id, "created_at": stamp(self.now)}
        self.tell("fulfillments/create", {**parcel, "status": "success", "updated_at": stamp(self.now)})
        if self.random.random() < 0.1:
            self.tell("fulfillments/update", {**parcel, "status": "cancelled", "updated_at": stamp(self.now)})
        elif self.random.random() < 0.7:
            self.tell(
                "fulfillment_events/create",
                {
                    "id": order_id + 200_000,
                    "fulfillment_id": parcel["id"],
                    "order_id": order_id,
                    "status": "delivered",
                    "happened_at": stamp(self.now),
                    "created_at": stamp(self.now),
                    "updated_at": stamp(self.now),
                },
            )

    def refund(self, order_id: int) -> None:
        self.tell(
            "refunds/create",
            {
                "id": order_id + 300_000,
                "order_id": order_id,
                "created_at": stamp(self.now),
                "processed_at": stamp(self.now),
                "refund_line_items": [],
                "transactions": [{"kind": "refund", "status": "success", "amount": "7.50", "currency": "USD"}],
            },
        )
