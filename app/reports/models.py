"""Which message brought which order: facts that are only ever added to. And messages, counted by day."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, text
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
        Index("ix_attribution_touched", "shop_id", "placed_at", postgresql_where=text("message_id IS NOT NULL")),
        Index("ix_attribution_revised", "shop_id", "order_id", postgresql_where=text("revision > 1")),
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


class Counted:
    """How many messages are in a cell, and what their readers did."""

    messages: Mapped[int] = mapped_column(sort_order=1)
    sent: Mapped[int] = mapped_column(sort_order=2)
    """Those that a provider took, whatever became of them."""
    opened: Mapped[int] = mapped_column(sort_order=3)
    clicked: Mapped[int] = mapped_column(sort_order=4)
    machine_opened: Mapped[int] = mapped_column(sort_order=5)
    machine_clicked: Mapped[int] = mapped_column(sort_order=6)


class MessageCount(Counted, OfShop, Base):
    """A day's messages in one cell, without the changes that wait in `message_count_change`."""

    __tablename__ = "message_count"

    day: Mapped[date] = mapped_column(primary_key=True)
    """By the clock of `message_count_zone`."""
    journey_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """0: of no journey. No reference, since what was counted outlives its journey."""
    step: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    """waiting (deferred apart) | sent (accepted, delivered) | any other state of a message"""
    reason: Mapped[str] = mapped_column(primary_key=True)
    """Empty where messages have none, or go their usual way."""


class MessageCountChange(Counted, Tenant, Base):
    """By how much a statement changed a cell. A trigger writes it; `counting.fold` adds it to its day."""

    __tablename__ = "message_count_change"

    at: Mapped[datetime]
    """The quarter of an hour in which the messages count: every zone's days begin with one."""
    journey_id: Mapped[int]
    step: Mapped[str]
    channel: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]


class MessageCountZone(OfShop, Base):
    """By whose clock a shop's messages are counted into days."""

    __tablename__ = "message_count_zone"

    zone: Mapped[str]


class ReportDay(OfShop, Base):
    """What a message of a journey brought on a day, where that day isn't in `report_stale`."""

    __tablename__ = "report_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    """By the clock of `message_count_zone`."""
    journey_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """No reference, since what was brought outlives its journey."""
    step: Mapped[str] = mapped_column(primary_key=True)
    orders: Mapped[int]
    revenue: Mapped[int]
    """Minor units of the shop's currency, net of refunds."""
    unsubscribes: Mapped[int]


class ReportStale(Tenant, Base):
    """That something changed what a day brought. Triggers write it; `days.fold` works the day out anew."""

    __tablename__ = "report_stale"

    at: Mapped[datetime]
    """A quarter of an hour of that day: every zone's days begin with one."""
