"""A merchant: the shop, how we reach its store, what was imported, what it asked us to do with data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, OfShop, Tenant
from app.security.sealed import SealedJson, SealedText

UNKNOWN_SHOP = 0
"""The shop to which deliveries of stores we don't know belong, until they are parked."""


class Shop(Base):
    """The tenant."""

    __tablename__ = "shop"
    __table_args__ = (CheckConstraint("state IN ('known', 'installed', 'uninstalled')", name="state"),)

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    platform: Mapped[str] = mapped_column(default="shopify")
    domain: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(default="known")
    name: Mapped[str] = mapped_column(default="")
    email: Mapped[str | None] = mapped_column(SealedText("shop.email"))
    currency: Mapped[str] = mapped_column(default="USD")
    timezone: Mapped[str] = mapped_column(default="UTC")
    country: Mapped[str | None]
    locale: Mapped[str] = mapped_column(default="en")
    storefront_url: Mapped[str | None]
    address: Mapped[str] = mapped_column(default="")
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    scopes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"), default=list)
    scopes_at: Mapped[datetime | None]
    version_at: Mapped[datetime | None]
    """When the store last changed the facts above."""
    version_tie: Mapped[str] = mapped_column(default="", server_default="")
    installed_at: Mapped[datetime | None]
    uninstalled_at: Mapped[datetime | None]
    needs_reauthorization: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    states_spent_at: Mapped[datetime | None]
    """Real time: an install from outside the admin that began then or before can't end (again)."""
    created_at: Mapped[datetime]

    @property
    def active(self) -> bool:
        """Whether we may act for this shop."""
        return self.state == "installed"

    @property
    def home(self) -> str:
        """Where shoppers find the store, without a slash at the end."""
        return (self.storefront_url or f"https://{self.domain}").rstrip("/")


class ShopToken(OfShop, Base):
    """The store's offline access, encrypted. One row a shop: a second token would kill the first (platform rule)."""

    __tablename__ = "shop_token"

    access_token: Mapped[str] = mapped_column(SealedText("shop_token.access_token"))
    refresh_token: Mapped[str | None] = mapped_column(SealedText("shop_token.refresh_token"))
    expires_at: Mapped[datetime | None]
    """Real time, as the platform counts it."""
    refresh_expires_at: Mapped[datetime | None]
    refreshing_until: Mapped[datetime | None]
    """Database time: one process at a time refreshes; the others wait for what it brings."""
    updated_at: Mapped[datetime]


class ProviderAccount(Tenant, Base):
    """A shop's own account with a provider, in place of the host's."""

    __tablename__ = "provider_account"
    __table_args__ = (Index("uq_provider_account_channel", "shop_id", "channel", unique=True),)

    channel: Mapped[str]
    provider: Mapped[str]
    credentials: Mapped[dict[str, Any]] = mapped_column(SealedJson("provider_account.credentials"))
    created_at: Mapped[datetime]


class MessagingService(OfShop, Base):
    """Which Messaging Service a shop's own texts go by: shoppers' answers name the service, not the shop."""

    __tablename__ = "messaging_service"
    __table_args__ = (Index("ix_messaging_service", "service"),)

    service: Mapped[str] = mapped_column(primary_key=True)


class Import(Tenant, Base):
    """One bulk export of the store's history, and how far we have read it."""

    __tablename__ = "import"
    __table_args__ = (
        Index("uq_import_kind_span", "shop_id", "kind", "span", "generation", unique=True),
        CheckConstraint("state IN ('waiting', 'exporting', 'reading', 'done', 'failed')", name="state"),
    )

    kind: Mapped[str]
    """customers | products | orders"""
    span: Mapped[str]
    """recent (the last 90 days, first) | older"""
    generation: Mapped[int]
    """Counts installs: a reinstall imports anew."""
    position: Mapped[int]
    """Imports run in this order."""
    state: Mapped[str] = mapped_column(default="waiting")
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    export_id: Mapped[str | None]
    lines_read: Mapped[int] = mapped_column(default=0)
    things: Mapped[int] = mapped_column(default=0)
    """How many things the export holds, once known."""
    error: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Reconciliation(OfShop, Base):
    """Up to when we have asked the store ourselves what changed, per kind of thing."""

    __tablename__ = "reconciliation"

    kind: Mapped[str] = mapped_column(primary_key=True)
    cursor_at: Mapped[datetime]
    due_at: Mapped[datetime]
    error: Mapped[str | None]


class PrivacyRequest(Tenant, Base):
    """A request for data or erasure, as it came."""

    __tablename__ = "privacy_request"
    __table_args__ = (Index("uq_privacy_request_delivery", "shop_id", "reference", unique=True),)

    kind: Mapped[str]
    reference: Mapped[str]
    """Unique per request: the platform's id, or a digest of the request."""
    details: Mapped[dict[str, Any]] = mapped_column(SealedJson("privacy_request.details"))
    received_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
