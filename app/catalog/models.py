"""What the shop sells."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant


class Product(Tenant, Base):
    """A product as the store last described it."""

    __tablename__ = "product"
    __table_args__ = (Index("uq_product_external", "shop_id", "external_id", unique=True),)

    external_id: Mapped[str]
    title: Mapped[str] = mapped_column(default="")
    handle: Mapped[str] = mapped_column(default="")
    product_type: Mapped[str] = mapped_column(default="")
    vendor: Mapped[str] = mapped_column(default="")
    active: Mapped[bool] = mapped_column(default=True)
    is_gift_card: Mapped[bool] = mapped_column(default=False)
    image_url: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(default=list)
    deleted_at: Mapped[datetime | None]
    version_at: Mapped[datetime | None]
    """None while only its deletion is known."""
    version_tie: Mapped[str] = mapped_column(default="")


class Variant(Tenant, Base):
    """One thing that can be bought. Named by the store's ids, so that an order may come before its product."""

    __tablename__ = "variant"
    __table_args__ = (
        Index("uq_variant_external", "shop_id", "external_id", unique=True),
        Index("ix_variant_product", "shop_id", "product_external_id"),
        Index("ix_variant_stock_item", "shop_id", "stock_item_id"),
    )

    external_id: Mapped[str]
    product_external_id: Mapped[str]
    title: Mapped[str] = mapped_column(default="")
    sku: Mapped[str] = mapped_column(default="")
    price: Mapped[int] = mapped_column(default=0)
    compare_at: Mapped[int | None]
    stock: Mapped[int | None]
    stock_item_id: Mapped[str | None]
    available: Mapped[bool] = mapped_column(default=True)
    oversells: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """It is sold although none is left, as its product last told."""
    removed_at: Mapped[datetime | None]
    """Its product was saved without it."""
    reorder_days: Mapped[int | None]
    """The merchant's own word on how long one lasts."""
    version_at: Mapped[datetime]
    version_tie: Mapped[str] = mapped_column(default="")


class StockLevel(Tenant, Base):
    """How many of a stock item one location has."""

    __tablename__ = "stock_level"
    __table_args__ = (Index("uq_stock_level_place", "shop_id", "stock_item_id", "location_id", unique=True),)

    stock_item_id: Mapped[str]
    location_id: Mapped[str]
    available: Mapped[int]
    version_at: Mapped[datetime]
    version_tie: Mapped[str] = mapped_column(default="")


class ReorderGap(Tenant, Base):
    """How long one unit lasts, learned from the shop's own repeat purchases."""

    __tablename__ = "reorder_gap"
    __table_args__ = (Index("uq_reorder_gap_scope", "shop_id", "scope", "key", unique=True),)

    scope: Mapped[str]
    """variant | product_type"""
    key: Mapped[str]
    gaps: Mapped[int]
    """How many repeat purchases it rests on."""
    days: Mapped[float]
    """Median days a unit."""
    spread: Mapped[dict[str, float]] = mapped_column(JSONB)
    """Quartiles, in days: how sure the figure is."""
    learned_at: Mapped[datetime]
