"""What privacy itself has to remember: who did what, files for merchants, what others were asked to erase."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, OfShop, Tenant, same_shop
from app.security.sealed import SealedJson


class AuditEntry(Tenant, Base):
    """Who did what to whom, and when. Only ever added to: neither role may change it, and a trigger refuses."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_at", "shop_id", "at"),)

    at: Mapped[datetime]
    actor: Mapped[str]
    """`system`, `operator` (at the command line), `store` (by webhook), `user:<the platform's id>`, or `key:<id>`."""
    action: Mapped[str]
    """One of `audit.Action`."""
    targets: Mapped[dict[str, Any]]
    """What it was done to: kind of thing -> id or ids."""
    before: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    after: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))


class DataFile(Tenant, Base):
    """Everything known of one person, as a file for the merchant to pass on. Goes when the person is erased."""

    __tablename__ = "data_file"
    __table_args__ = (
        Index("uq_data_file_request", "shop_id", "request_id", unique=True),
        Index("ix_data_file_customer", "shop_id", "customer_id"),
        same_shop("customer_id", "customer"),
    )

    request_id: Mapped[int]
    customer_id: Mapped[int | None]
    """None when nobody was found: then the file says so."""
    content: Mapped[dict[str, Any]] = mapped_column(SealedJson("data_file.content"))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ProcessorErasure(Tenant, Base):
    """Addresses that a provider has been asked, or is still to be asked, to forget."""

    __tablename__ = "processor_erasure"
    __table_args__ = (Index("ix_processor_erasure_due", "due_at", postgresql_where=text("done_at IS NULL")),)

    provider: Mapped[str]
    request_id: Mapped[int | None]
    """The request that is done when this is; None when its shop is gone."""
    addresses: Mapped[list[str] | None] = mapped_column(SealedJson("processor_erasure.addresses"))
    """None once the provider has them."""
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """What the provider said last: `accepted`, or a code."""
    provider_ref: Mapped[str | None]
    created_at: Mapped[datetime]


class Retention(OfShop, Base):
    """When a shop's old data is looked through next."""

    __tablename__ = "retention"

    due_at: Mapped[datetime]
