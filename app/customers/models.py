"""People: who they are, what they said about being written to, and who must not be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant, same_shop


class Customer(Tenant, Base):
    """One person in one shop. A person merged into another keeps the row as a signpost."""

    __tablename__ = "customer"
    __table_args__ = (
        Index("uq_customer_external", "shop_id", "external_id", unique=True),
        Index(
            "uq_customer_email",
            "shop_id",
            "email",
            unique=True,
            postgresql_where=text("email IS NOT NULL AND merged_into_id IS NULL"),
        ),
        Index("ix_customer_phone", "shop_id", "phone", postgresql_where=text("phone IS NOT NULL")),
        # What a search begins with.
        Index("ix_customer_email_begins", "shop_id", "email", postgresql_ops={"email": "text_pattern_ops"}),
        Index("ix_customer_last_order", "shop_id", "last_order_at"),
        Index("ix_customer_listed", "shop_id", "first_seen_at", "id", postgresql_where=text("merged_into_id IS NULL")),
        Index("ix_customer_merged", "shop_id", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        same_shop("merged_into_id", "customer", ondelete="SET NULL"),
    )

    external_id: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    first_name: Mapped[str] = mapped_column(default="")
    last_name: Mapped[str] = mapped_column(default="")
    locale: Mapped[str | None]
    country: Mapped[str | None]
    province: Mapped[str | None]
    city: Mapped[str | None]
    postal_code: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    tag_times: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    """Tag -> [stamp of the word, whether it is on], for words newer than the last whole set: the last word wins."""
    told: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    """Field -> stamp of who told it (see `stamps`), where it isn't the newest record of the store (`version_at`)."""
    orders_count: Mapped[int] = mapped_column(default=0, server_default="0")
    spent: Mapped[int] = mapped_column(default=0, server_default="0")
    """Minor units of the shop's currency, net of refunds."""
    first_order_at: Mapped[datetime | None]
    last_order_at: Mapped[datetime | None]
    preferred_channel: Mapped[str | None]
    """The channel this person last answered on (a human click, a reply, a purchase after it)."""
    first_seen_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    merged_into_id: Mapped[int | None]
    merged_at: Mapped[datetime | None]
    """When the store made two of its customers one; None for a guest who turned out to be a customer."""
    version_at: Mapped[datetime | None]
    version_tie: Mapped[str] = mapped_column(default="", server_default="")


class CustomerAddress(Tenant, Base):
    """Whose an address is: the person who claimed it last. Known by a keyed hash, so it holds nothing personal."""

    __tablename__ = "customer_address"
    __table_args__ = (
        Index("uq_customer_address", "shop_id", "kind", "address_hash", unique=True),
        Index("ix_customer_address_customer", "shop_id", "customer_id"),
        same_shop("customer_id", "customer"),
        CheckConstraint("kind IN ('email', 'phone')", name="kind"),
    )

    kind: Mapped[str]
    address_hash: Mapped[bytes] = mapped_column(LargeBinary)
    customer_id: Mapped[int]
    stamp: Mapped[str]
    """How strong the claim is and when it was made; the greatest holds (see `stamps`)."""


class ConsentEntry(Tenant, Base):
    """One word on consent. Only ever added to; the present state is the entry with the latest `effective_at`.

    Entries of source `merge` are no words but follow from them, and are derived anew when a late word comes in.
    """

    __tablename__ = "consent_entry"
    __table_args__ = (
        Index(
            "uq_consent_entry_once",
            "shop_id",
            "customer_id",
            "channel",
            "purpose",
            "effective_at",
            "state",
            "source",
            "about",
            unique=True,
        ),
        same_shop("customer_id", "customer"),
        CheckConstraint("channel IN ('email', 'sms', 'whatsapp')", name="channel"),
        CheckConstraint("state IN ('subscribed', 'unsubscribed', 'pending', 'never_asked')", name="state"),
    )

    customer_id: Mapped[int]
    channel: Mapped[str]
    purpose: Mapped[str] = mapped_column(default="marketing")
    state: Mapped[str]
    effective_at: Mapped[datetime]
    source: Mapped[str]
    about: Mapped[str] = mapped_column(default="", server_default="")
    """The store's customer it was said of: after a merge, which of the two. Empty for guests."""
    double_opt_in: Mapped[bool] = mapped_column(default=False)
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    recorded_at: Mapped[datetime]


class Suppression(Tenant, Base):
    """An address that must not be written to, as a keyed hash: it outlives the person's erasure."""

    __tablename__ = "suppression"
    __table_args__ = (Index("uq_suppression_address", "shop_id", "channel", "address_hash", unique=True),)

    channel: Mapped[str]
    address_hash: Mapped[bytes] = mapped_column(LargeBinary)
    reason: Mapped[str]
    source: Mapped[str]
    suppressed_at: Mapped[datetime]
