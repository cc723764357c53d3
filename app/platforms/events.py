"""Facts: what happened in a store, in words no platform owns.

A platform's `normalise` makes them from its payloads; the feature folders record them. Ids are the platform's own,
as opaque text. Money is in minor units of the fact's currency. `version` orders the states of one thing: an older
version never overwrites a newer one, and `tie` decides, the same way in any order, between two of the same instant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Channel(StrEnum):
    """How a person can be reached."""

    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"


class ConsentState(StrEnum):
    """What a person said about marketing on one channel."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    PENDING = "pending"
    """Asked, not yet confirmed (double opt-in)."""
    NEVER_ASKED = "never_asked"


@dataclass(frozen=True, slots=True)
class Version:
    """Which of two states of one thing is the newer one."""

    at: datetime
    tie: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Whatever a payload says about who it is about. Any part may be missing; `customer_id` may be too (guests)."""

    customer_id: str | None = None
    email: str | None = None
    """Trimmed and lower-case, as typed otherwise; None when it can't be an address."""
    phone: str | None = None
    """E.164, or None when it can't be one."""
    first_name: str = ""
    last_name: str = ""
    locale: str | None = None
    country: str | None = None
    """ISO 3166 alpha-2."""
    province: str | None = None
    city: str | None = None
    postal_code: str | None = None

    @property
    def reachable(self) -> bool:
        """Whether there is any address to write to, or a customer who may have one."""
        return bool(self.customer_id or self.email or self.phone)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cart, checkout or order."""

    title: str
    quantity: int
    price: int
    """Per unit, minor units, after line discounts where the platform tells."""
    line_id: str = ""
    product_id: str | None = None
    variant_id: str | None = None
    variant_title: str = ""
    sku: str = ""
    image_url: str | None = None
    is_gift_card: bool = False
    requires_shipping: bool = True


@dataclass(frozen=True, slots=True)
class CartChanged:
    """A cart was made or altered. Platforms don't say whose it is."""

    token: str
    version: Version
    lines: tuple[Line, ...]
    currency: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckoutChanged:
    """A checkout was begun, altered or completed."""

    token: str
    version: Version
    created_at: datetime
    currency: str
    total: int
    lines: tuple[Line, ...]
    person: Person
    cart_token: str | None = None
    recovery_url: str | None = None
    """Signed by the platform: a secret, never logged."""
    completed_at: datetime | None = None
    subtotal: int = 0
    accepts_email: bool = False
    accepts_sms: bool = False
    sms_phone: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class CheckoutDeleted:
    """A checkout is gone. Named by its cart, since that may be all the platform tells."""

    version: Version
    token: str | None = None
    cart_token: str | None = None


class OrderChannel(StrEnum):
    """Where an order was made."""

    ONLINE = "online"
    POINT_OF_SALE = "pos"
    DRAFT = "draft"
    OTHER = "other"


class Payment(StrEnum):
    """How far an order is paid."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """The whole present state of an order."""

    order_id: str
    version: Version
    name: str
    placed_at: datetime
    currency: str
    total: int
    """After edits and refunds of lines, as the platform's current total."""
    lines: tuple[Line, ...]
    person: Person
    payment: Payment
    channel: OrderChannel
    is_test: bool = False
    cancelled_at: datetime | None = None
    cart_token: str | None = None
    checkout_token: str | None = None
    refunded: int | None = None
    """None when this payload doesn't tell."""
    fulfilled: bool = False
    status_url: str | None = None
    accepts_email: bool = False
    locale: str | None = None
    discount_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderDeleted:
    """The order was removed by the merchant."""

    order_id: str
    version: Version


@dataclass(frozen=True, slots=True)
class FulfilmentChanged:
    """A parcel: made, under way or delivered. May come before its order."""

    fulfilment_id: str
    order_id: str
    version: Version
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled: bool = False
    country: str | None = None


@dataclass(frozen=True, slots=True)
class RefundMade:
    """Money or goods given back. May come before its order."""

    refund_id: str
    order_id: str
    refunded_at: datetime
    amount: int
    currency: str | None = None
    line_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerChanged:
    """A customer's record at the platform."""

    person: Person
    version: Version
    created_at: datetime | None = None
    tags: tuple[str, ...] | None = None
    """None when this payload doesn't tell."""


@dataclass(frozen=True, slots=True)
class CustomerDeleted:
    """The merchant removed the customer."""

    customer_id: str
    version: Version


@dataclass(frozen=True, slots=True)
class CustomersMerged:
    """Two records became one; the platform has finished doing so."""

    kept_id: str
    removed_id: str
    version: Version


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """A person's word on marketing over one channel."""

    person: Person
    channel: Channel
    state: ConsentState
    effective_at: datetime
    source: str
    """Who told us, in the platform's terms: `shopify`, ..."""
    double_opt_in: bool = False
    collected: str = ""
    """How it was collected, where that is told."""


@dataclass(frozen=True, slots=True)
class TagsChanged:
    """Tags were put on or taken off a customer."""

    customer_id: str
    version: Version
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can be bought."""

    variant_id: str
    title: str
    sku: str = ""
    price: int = 0
    compare_at: int | None = None
    stock: int | None = None
    """None when the platform doesn't count it."""
    stock_item_id: str | None = None
    available: bool = True


@dataclass(frozen=True, slots=True)
class ProductChanged:
    """A product with its variants."""

    product_id: str
    version: Version
    title: str
    handle: str = ""
    product_type: str = ""
    vendor: str = ""
    active: bool = True
    is_gift_card: bool = False
    image_url: str | None = None
    tags: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    variants_complete: bool = True
    """False when the payload had no room for all: those not named may still be sold."""


@dataclass(frozen=True, slots=True)
class ProductDeleted:
    """The product is no longer in the catalogue."""

    product_id: str
    version: Version


@dataclass(frozen=True, slots=True)
class StockChanged:
    """How many of a stock item are available at one location."""

    stock_item_id: str
    location_id: str
    available: int
    version: Version


@dataclass(frozen=True, slots=True)
class ShopChanged:
    """The shop's own record."""

    version: Version
    name: str | None = None
    email: str | None = None
    currency: str | None = None
    timezone: str | None = None
    country: str | None = None
    locale: str | None = None
    storefront_url: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class AppUninstalled:
    """The merchant removed the app at `version.at`."""

    version: Version


@dataclass(frozen=True, slots=True)
class ScopesChanged:
    """The merchant granted or took away access."""

    scopes: tuple[str, ...]
    version: Version


@dataclass(frozen=True, slots=True)
class ImportFinished:
    """A bulk export that the app asked for is ready, or has failed."""

    export_id: str
    succeeded: bool
    version: Version


class PrivacyKind(StrEnum):
    """What a privacy request asks for."""

    DATA_REQUEST = "data_request"
    CUSTOMER_REDACT = "customer_redact"
    SHOP_REDACT = "shop_redact"


@dataclass(frozen=True, slots=True)
class PrivacyRequested:
    """A person or merchant asks for their data or its erasure."""

    kind: PrivacyKind
    version: Version
    person: Person = field(default_factory=Person)
    order_ids: tuple[str, ...] = ()
    request_id: str | None = None


Fact = (
    CartChanged
    | CheckoutChanged
    | CheckoutDeleted
    | OrderChanged
    | OrderDeleted
    | FulfilmentChanged
    | RefundMade
    | CustomerChanged
    | CustomerDeleted
    | CustomersMerged
    | ConsentChanged
    | TagsChanged
    | ProductChanged
    | ProductDeleted
    | StockChanged
    | ShopChanged
    | AppUninstalled
    | ScopesChanged
    | ImportFinished
    | PrivacyRequested
)
