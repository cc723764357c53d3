"""Who wants to hear of what, what was told, and how each telling went."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant, same_shop
from app.security.sealed import SealedText


class Hook(Tenant, Base):
    """A subscription: events of these kinds go to this address, signed."""

    __tablename__ = "hook"
    __table_args__ = (CheckConstraint("state IN ('on', 'off', 'stopped')", name="state"),)

    url: Mapped[str]
    kinds: Mapped[list[str]]
    state: Mapped[str]
    """on | off (by the merchant) | stopped (by us, since nothing arrived for days)"""
    secret: Mapped[str] = mapped_column(SealedText("hook.secret"))
    """`whsec_` and 32 bytes in base64."""
    old_secret: Mapped[str | None] = mapped_column(SealedText("hook.old_secret"))
    """The one before a change: both sign until `old_until`."""
    old_until: Mapped[datetime | None]
    made_by: Mapped[str]
    created_at: Mapped[datetime]
    failing_since: Mapped[datetime | None]
    """Since when every try failed; None after a success."""
    stopped_at: Mapped[datetime | None]


class HookEvent(Tenant, Base):
    """Something that happened, as others are told. Never changed (a trigger refuses); goes after its retention."""

    __tablename__ = "hook_event"
    __table_args__ = (Index("ix_hook_event_at", "shop_id", "at"),)

    kind: Mapped[str]
    at: Mapped[datetime]
    customer_id: Mapped[int | None]
    data: Mapped[dict[str, Any]]
    """Ids, codes and times; nobody's name or address."""


class HookDelivery(Tenant, Base):
    """One event for one subscription."""

    __tablename__ = "hook_delivery"
    __table_args__ = (
        Index("uq_hook_delivery_event", "shop_id", "hook_id", "event_id", unique=True),
        Index("ix_hook_delivery_event", "shop_id", "event_id"),
        Index("ix_hook_delivery_due", "due_at", postgresql_where=text("state IN ('due', 'sending')")),
        same_shop("hook_id", "hook"),
        same_shop("event_id", "hook_event"),
        CheckConstraint("state IN ('due', 'sending', 'done', 'failed', 'dropped')", name="state"),
    )

    hook_id: Mapped[int]
    event_id: Mapped[int]
    state: Mapped[str]
    """due | sending (until `lease_until`, then due again) | done | failed (given up) | dropped (subscription ended)"""
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    status: Mapped[int | None]
    """The HTTP status of the last answer."""
    code: Mapped[str | None]
    """Why the last try failed."""
    updated_at: Mapped[datetime]
