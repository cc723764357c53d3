"""The things a store keeps. Money is integer cents of the shop's currency; times are aware UTC business time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(slots=True)
class Variant:
    """One thing that can be bought."""

    id: int
    product: Product = field(repr=False)
    title: str
    sku: str
    price: int
    compare_at_price: int | None
    grams: int
    inventory_item_id: int
    inventory_quantity: int
    position: int
    updated_at: datetime
    lasts_days: float | None
    """How long one unit lasts a typical buyer; None for things that don't run out."""
    love: float
    """How readily shoppers pick it, relative to the others."""


@dataclass(slots=True)
class Product:
    """One product with its variants."""

    id: int
    title: str
    handle: str
    product_type: str
    vendor: str
    tags: list[str]
    description: str
    is_gift_card: bool
    created_at: datetime
    updated_at: datetime
    shape: str
    palette: tuple[str, str, str]
    status: str = "ACTIVE"
    variants: list[Variant] = field(default_factory=list)


@dataclass(slots=True)
class Address:
    """Where somebody lives, with the zone that decides their night."""

    id: int
    first_name: str
    last_name: str
    address1: str
    city: str
    province: str
    province_code: str
    country: str
    country_code: str
    zip: str
    time_zone: str
    phone: str | None


@dataclass(slots=True)
class Consent:
    """Whether somebody agreed to marketing on one channel."""

    state: str
    """not_subscribed, subscribed, unsubscribed, pending."""
    opt_in_level: str | None
    updated_at: datetime | None
    collected_from: str = "SHOPIFY"

    @property
    def given(self) -> bool:
        """True while marketing may be sent."""
        return self.state == "subscribed"


@dataclass(slots=True)
class Customer:
    """A person the store knows."""

    id: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    locale: str
    address: Address | None
    created_at: datetime
    updated_at: datetime
    email_consent: Consent
    sms_consent: Consent
    tags: list[str] = field(default_factory=list)
    note: str | None = None
    state: str = "DISABLED"
    deleted: bool = False
    orders: list[Order] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class Line:
    """So many of one variant, in a cart, checkout or order."""

    id: int
    variant: Variant
    quantity: int
    price: int
    key: str
    refunded: int = 0

    @property
    def total(self) -> int:
        """Cents for the whole line."""
        return self.price * self.quantity

    @property
    def current_quantity(self) -> int:
        """What is left after refunds."""
        return self.quantity - self.refunded


@dataclass(slots=True)
class Cart:
    """A basket on the storefront; it does not know whose it is."""

    token: str
    lines: list[Line]
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Checkout:
    """Somebody on the way to paying."""

    id: int
    token: str
    cart_token: str
    lines: list[Line]
    created_at: datetime
    updated_at: datetime
    email: str | None = None
    phone: str | None = None
    customer: Customer | None = None
    address: Address | None = None
    accepts_email: bool = False
    accepts_sms: bool = False
    completed_at: datetime | None = None
    locale: str = "en"

    @property
    def subtotal(self) -> int:
        """Cents of all lines."""
        return sum(line.total for line in self.lines)


@dataclass(slots=True)
class FulfilmentEvent:
    """One word from the carrier."""

    id: int
    status: str
    happened_at: datetime
    created_at: datetime


@dataclass(slots=True)
class Fulfilment:
    """A parcel."""

    id: int
    order: Order = field(repr=False)
    name: str
    created_at: datetime
    updated_at: datetime
    tracking_company: str
    tracking_number: str
    events: list[FulfilmentEvent] = field(default_factory=list)
    status: str = "success"

    def happened(self, status: str) -> datetime | None:
        """When the carrier reported a status, if it has."""
        return next((event.happened_at for event in self.events if event.status == status), None)


@dataclass(slots=True)
class Refund:
    """Money given back for some lines."""

    id: int
    created_at: datetime
    note: str
    lines: list[tuple[Line, int]]
    amount: int
    transaction_id: int


@dataclass(slots=True)
class Order:
    """A purchase."""

    id: int
    number: int
    token: str
    customer: Customer | None = field(repr=False)
    email: str | None
    phone: str | None
    lines: list[Line]
    address: Address | None
    created_at: datetime
    processed_at: datetime
    updated_at: datetime
    source_name: str
    locale: str
    presentment_currency: str
    shipping: int
    tax: int
    cart_token: str | None = None
    checkout_token: str | None = None
    test: bool = False
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    closed_at: datetime | None = None
    tags: list[str] = field(default_factory=list)
    fulfilments: list[Fulfilment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"#{self.number}"

    @property
    def subtotal(self) -> int:
        """Cents of all lines as bought."""
        return sum(line.total for line in self.lines)

    @property
    def total(self) -> int:
        """Cents as charged."""
        return self.subtotal + self.shipping + self.tax

    @property
    def refunded(self) -> int:
        """Cents given back so far."""
        return sum(refund.amount for refund in self.refunds)

    @property
    def financial_status(self) -> str:
        """paid, partially_refunded, refunded or voided."""
        if self.refunded >= self.total and self.refunds:
            return "refunded"
        if self.refunds:
            return "partially_refunded"
        return "voided" if self.cancelled_at else "paid"

    @property
    def fulfilment_status(self) -> str | None:
        """Fulfilled once a parcel has left, else None."""
        return "fulfilled" if self.fulfilments else None
