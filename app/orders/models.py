"""Carts, checkouts, orders, parcels and refunds, as the store last described them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Part, Tenant, same_shop
from app.security.sealed import SealedText


class Cart(Tenant, Base):
    """A basket. Whose it is becomes known by its checkout, or by the storefront telling us."""

    __tablename__ = "cart"
    __table_args__ = (
        Index("uq_cart_token", "shop_id", "token", unique=True),
        same_shop("customer_id", "customer", ondelete="SET NULL"),
    )

    token: Mapped[str]
    customer_id: Mapped[int | None]
    currency: Mapped[str | None]
    lines: Mapped[list[dict[str, Any]]]
    total: Mapped[int]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    """When its content last changed, by the store's clock."""
    version_at: Mapped[datetime]
    version_tie: Mapped[str] = mapped_column(default="")


class Checkout(Tenant, Base):
    """A checkout: a cart on its way to an order."""

    __tablename__ = "checkout"
    __table_args__ = (
        Index("uq_checkout_token", "shop_id", "token", unique=True),
        Index("ix_checkout_cart", "shop_id", "cart_token"),
        Index("ix_checkout_customer", "shop_id", "customer_id", "version_at"),
        same_shop("customer_id", "customer", ondelete="SET NULL"),
    )

    token: Mapped[str]
    cart_token: Mapped[str | None]
    customer_id: Mapped[int | None]
    currency: Mapped[str]
    total: Mapped[int]
    subtotal: Mapped[int]
    lines: Mapped[list[dict[str, Any]]]
    recovery_url: Mapped[str | None] = mapped_column(SealedText("checkout.recovery_url"))
    locale: Mapped[str | None]
    accepts_email: Mapped[bool] = mapped_column(default=False)
    accepts_sms: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    version_at: Mapped[datetime]
    version_tie: Mapped[str] = mapped_column(default="")


class CheckoutEnd(Tenant, Base):
    """The store's word that a checkout is gone, kept since it may come before the checkout itself."""

    __tablename__ = "checkout_end"
    __table_args__ = (Index("uq_checkout_end", "shop_id", "kind", "token", unique=True),)

    kind: Mapped[str]
    """checkout | cart: whose token it is"""
    token: Mapped[str]
    ended_at: Mapped[datetime]


class Order(Tenant, Base):
    """An order. A parcel or refund may make it known before its own webhook does: then `placed_at` is None."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("uq_orders_external", "shop_id", "external_id", unique=True),
        Index("ix_orders_checkout", "shop_id", "checkout_token", postgresql_where=text("checkout_token IS NOT NULL")),
        Index("ix_orders_cart", "shop_id", "cart_token", postgresql_where=text("cart_token IS NOT NULL")),
        Index("ix_orders_customer", "shop_id", "customer_id", "placed_at"),
        Index("ix_orders_placed", "shop_id", "placed_at"),
        same_shop("customer_id", "customer", ondelete="SET NULL"),
    )

    external_id: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    customer_id: Mapped[int | None]
    checkout_token: Mapped[str | None]
    cart_token: Mapped[str | None]
    currency: Mapped[str] = mapped_column(default="")
    total: Mapped[int] = mapped_column(default=0)
    refunded: Mapped[int] = mapped_column(default=0, server_default="0")
    payment: Mapped[str] = mapped_column(default="pending")
    channel: Mapped[str] = mapped_column(default="online")
    is_test: Mapped[bool] = mapped_column(default=False)
    fulfilled: Mapped[bool] = mapped_column(default=False)
    locale: Mapped[str | None]
    status_url: Mapped[str | None] = mapped_column(SealedText("orders.status_url"))
    lines: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'::jsonb"), default=list)
    discount_codes: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    placed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    refunded_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    version_at: Mapped[datetime | None]
    version_tie: Mapped[str] = mapped_column(default="")


class Fulfilment(Tenant, Base):
    """A parcel."""

    __tablename__ = "fulfilment"
    __table_args__ = (
        Index("uq_fulfilment_external", "shop_id", "external_id", unique=True),
        Index("ix_fulfilment_order", "shop_id", "order_id"),
        same_shop("order_id", "orders"),
    )

    external_id: Mapped[str]
    order_id: Mapped[int]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    cancelled: Mapped[bool] = mapped_column(default=False)
    version_at: Mapped[datetime]
    version_tie: Mapped[str] = mapped_column(default="")


class Refund(Tenant, Base):
    """Money given back."""

    __tablename__ = "refund"
    __table_args__ = (
        Index("uq_refund_external", "shop_id", "external_id", unique=True),
        Index("ix_refund_order", "shop_id", "order_id"),
        same_shop("order_id", "orders"),
    )

    external_id: Mapped[str]
    order_id: Mapped[int]
    amount: Mapped[int]
    refunded_at: Mapped[datetime]


class Purchase(Part, Base):
    """One line of an order that counts as bought: what replenishment, reviews and recommendations learn from."""

    __tablename__ = "purchase"
    __table_args__ = (
        Index("uq_purchase_line", "shop_id", "order_id", "line_id", unique=True),
        Index("ix_purchase_person", "shop_id", "customer_id", "variant_external_id", "bought_at"),
        Index("ix_purchase_variant", "shop_id", "variant_external_id", "bought_at"),
        same_shop("order_id", "orders"),
        same_shop("customer_id", "customer"),
    )

    order_id: Mapped[int]
    line_id: Mapped[str]
    customer_id: Mapped[int]
    product_external_id: Mapped[str | None]
    variant_external_id: Mapped[str | None]
    quantity: Mapped[int]
    price: Mapped[int]
    bought_at: Mapped[datetime]
