"""Which message brought which order: facts that are only ever added to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, OfShop, Tenant, same_shop


class Attribution(Tenant, Base):
    """The touch of one order by one model, or that there was none.

    A trigger refuses changes: what turns out differently later is a further revision, and the highest counts.
    """

    __tablename__ = "attribution"
    __table_args__ = (
        Index("uq_attribution_revision", "shop_id", "order_id", "model", "revision", unique=True),
        Index("ix_attribution_placed", "shop_id", "placed_at"),
        same_shop("order_id", "orders"),
    )

    order_id: Mapped[int]
    model: Mapped[str]
    """Which rule found it, with its version: see `reports.rules.MODEL`."""
    revision: Mapped[int] = mapped_column(default=1, server_default="1")
    message_id: Mapped[int | None]
    """None: nobody clicked in time. No reference, since a fact outlives its message."""
    journey_id: Mapped[int | None]
    step: Mapped[str | None]
    channel: Mapped[str | None]
    clicked_at: Mapped[datetime | None]
    placed_at: Mapped[datetime]
    made_at: Mapped[datetime]


class AttributionCursor(OfShop, Base):
    """Up to which moment a shop's orders have been looked at."""

    __tablename__ = "attribution_cursor"

    looked_until: Mapped[datetime]
