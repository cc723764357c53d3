"""Deliveries: webhooks as they came, until they are applied or parked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant

BODY_PURPOSE = "delivery.body"


class Delivery(Tenant, Base):
    """One webhook. The unique key makes a repeated delivery the same row."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("uq_delivery_webhook", "shop_id", "webhook_id", unique=True),
        Index("ix_delivery_pending", "shop_id", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_delivery_parked", "shop_id", "id", postgresql_where=text("state = 'parked'")),
        Index("ix_delivery_received", "shop_id", "received_at"),
        Index("ix_delivery_body", "shop_id", "received_at", postgresql_where=text("body IS NOT NULL")),
        CheckConstraint("state IN ('pending', 'applied', 'ignored', 'parked')", name="state"),
    )

    webhook_id: Mapped[str]
    platform: Mapped[str]
    shop_domain: Mapped[str]
    topic: Mapped[str]
    event_id: Mapped[str] = mapped_column(default="")
    api_version: Mapped[str] = mapped_column(default="")
    triggered_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed; None once its retention has passed."""
    state: Mapped[str] = mapped_column(default="pending", server_default="pending")
    reason: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    applied_at: Mapped[datetime | None]
