"""Everything the store knows, with the indexes its interfaces look things up by."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.ids import Ids, cart_token, hex_token
from simulator.store.models import Address, Cart, Checkout, Customer, Fulfilment, Line, Order, Product, Variant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

FIRST_ORDER_NUMBER = 1001
PRESENTMENT = {"US": "USD", "CA": "CAD", "GB": "GBP", "FR": "EUR", "DE": "EUR"}
RATES = {"USD": 1.0, "CAD": 1.37, "GBP": 0.78, "EUR": 0.92}
"""What one dollar is in the currencies shoppers see."""


@dataclass(frozen=True, slots=True)
class ShopIdentity:
    """The shop as it names itself."""

    domain: str = "sage-and-stone.myshopify.com"
    id: int = 70_548_380_009
    name: str = "Sage & Stone"
    email: str = "hello@sageandstone.example.com"
    currency: str = "USD"
    time_zone: str = "America/New_York"
    address1: str = "18 Mill Lane"
    city: str = "Hudson"
    province_code: str = "NY"
    province: str = "New York"
    zip: str = "12534"
    country_code: str = "US"
    phone: str = "+15185550100"

    @property
    def handle(self) -> str:
        """The part of the domain that is the shop's own."""
        return self.domain.removesuffix(".myshopify.com")


@dataclass(slots=True)
class Store:
    """All data of one shop."""

    identity: ShopIdentity
    seed: int
    rng: random.Random
    ids: Ids
    products: dict[int, Product] = field(default_factory=dict)
    variants: dict[int, Variant] = field(default_factory=dict)
    customers: dict[int, Customer] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    fulfilments: dict[int, Fulfilment] = field(default_factory=dict)
    carts: dict[str, Cart] = field(default_factory=dict)
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    order_by_checkout: dict[str, Order] = field(default_factory=dict)
    next_order_number: int = FIRST_ORDER_NUMBER

    @classmethod
    def empty(cls, identity: ShopIdentity, seed: int) -> Store:
        """A shop with nothing in it."""
        rng = random.Random(seed)
        return cls(identity=identity, seed=seed, rng=rng, ids=Ids(rng))

    def add_products(self, products: Iterable[Product]) -> None:
        """Put products on the shelf."""
        for product in products:
            self.products[product.id] = product
            self.variants.update((variant.id, variant) for variant in product.variants)

    def line(self, variant: Variant, quantity: int, kind: str = "LineItem") -> Line:
        """A new line for a basket, checkout or order at today's price."""
        number = self.ids.next(kind)
        return Line(id=number, variant=variant, quantity=quantity, price=variant.price, key=hex_token(self.rng))

    def new_cart(self, lines: list[Line], now: datetime) -> Cart:
        """A basket that exists."""
        cart = Cart(token=cart_token(self.rng), lines=lines, created_at=now, updated_at=now)
        self.carts[cart.token] = cart
        return cart

    def new_checkout(self, cart: Cart, now: datetime) -> Checkout:
        """A checkout of a basket, nobody's yet."""
        checkout = Checkout(
            id=self.ids.next("AbandonedCheckout"),
            token=hex_token(self.rng),
            cart_token=cart.token,
            lines=[self.line(line.variant, line.quantity, "CheckoutLine") for line in cart.lines],
            created_at=now,
            updated_at=now,
        )
        self.checkouts[checkout.token] = checkout
        return checkout

    def new_order(
        self,
        customer: Customer | None,
        lines: list[Line],
        at: datetime,
        *,
        source_name: str = "web",
        address: Address | None = None,
    ) -> Order:
        """An order that is paid; the caller sets what is unusual about it."""
        address = address or (customer.address if customer else None)
        country = address.country_code if address else "US"
        shippable = any(line.variant.grams for line in lines) and source_name == "web"
        subtotal = sum(line.total for line in lines)
        order = Order(
            id=self.ids.next("Order"),
            number=self.next_order_number,
            token=hex_token(self.rng),
            customer=customer,
            email=customer.email if customer else None,
            phone=None,
            lines=lines,
            address=address,
            created_at=at,
            processed_at=at,
            updated_at=at,
            source_name=source_name,
            locale=customer.locale if customer else "en",
            presentment_currency=PRESENTMENT[country],
            shipping=0 if subtotal >= 6000 or not shippable else 595,
            tax=round(subtotal * 0.06) if country == "US" else 0,
        )
        self.next_order_number += 1
        self.orders[order.id] = order
        if customer:
            customer.orders.append(order)
        return order

    def find_customer(self, *, email: str | None = None, phone: str | None = None) -> Customer | None:
        """The living customer with this address, if there is one."""
        for customer in self.customers.values():
            if customer.deleted:
                continue
            if (email and customer.email == email.lower()) or (phone and customer.phone == phone):
                return customer
        return None
