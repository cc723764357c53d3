"""The outbox: every message, every try to hand it over, and what came back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, OfShop, Tenant, same_shop
from app.messages.states import STATES
from app.security.sealed import SealedJson


class Template(Tenant, Base):
    """A template's source, frozen: the same text is the same row."""

    __tablename__ = "template"
    __table_args__ = (Index("uq_template_digest", "shop_id", "digest", unique=True),)

    channel: Mapped[str]
    source: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class Message(Tenant, Base):
    """One message to one person. Its state says what may still happen to it; its reason says why it is there."""

    __tablename__ = "message"
    __table_args__ = (
        # A second message for the same step of the same enrolment cannot exist.
        Index("uq_message_step", "shop_id", "enrolment_id", "step", unique=True),
        # Claims hop from shop to shop along this index.
        Index(
            "ix_message_due",
            "channel",
            "shop_id",
            "due_at",
            "id",
            postgresql_where=text("state IN ('due', 'deferred')"),
        ),
        Index(
            "ix_message_leased",
            "lease_until",
            postgresql_where=text("state IN ('claimed', 'sending', 'unknown')"),
        ),
        Index("ix_message_customer", "shop_id", "customer_id", "channel", "accepted_at"),
        Index("ix_message_listed", "shop_id", "planned_at", "id"),
        Index("ix_message_journey", "shop_id", "journey_id", "planned_at"),
        Index("ix_message_attempt", "shop_id", "attempt_id"),
        # Lists of what didn't go, or not yet.
        Index(
            "ix_message_unsent",
            "shop_id",
            "state",
            "planned_at",
            "id",
            postgresql_where=text("state NOT IN ('accepted', 'delivered')"),
        ),
        Index(
            "ix_message_reason", "shop_id", "reason", "planned_at", "id", postgresql_where=text("reason IS NOT NULL")
        ),
        same_shop("customer_id", "customer"),
        same_shop("template_id", "template", ondelete="RESTRICT"),
        CheckConstraint("state IN ({})".format(", ".join(f"'{s}'" for s in STATES)), name="state"),
    )

    enrolment_id: Mapped[int | None]
    journey_id: Mapped[int | None]
    customer_id: Mapped[int]
    step: Mapped[str]
    template_id: Mapped[int]
    conditions: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    """What must still hold at hand-over, in the words of the journey's filters."""
    channel: Mapped[str]
    priority: Mapped[int] = mapped_column(default=50, server_default="50")
    purpose: Mapped[str]
    """marketing | transactional"""
    audience: Mapped[str] = mapped_column(default="subscribers")
    """subscribers | anyone: whether a person who never said no may get it without having said yes"""
    subject_kind: Mapped[str]
    """What it is about: checkout | cart | order | variant | person | none"""
    subject_key: Mapped[str]
    since: Mapped[datetime]
    """The moment its journey counts from."""
    state: Mapped[str]
    reason: Mapped[str | None]
    planned_at: Mapped[datetime]
    due_at: Mapped[datetime]
    useful_until: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    """Hand-overs begun."""
    repeats: Mapped[int] = mapped_column(default=0, server_default="0")
    """Hand-overs begun although an earlier one may have been taken."""
    lease_token: Mapped[int | None]
    lease_until: Mapped[datetime | None]
    """Database time."""
    attempt_id: Mapped[int | None]
    """The hand-over that counts."""
    provider: Mapped[str | None]
    provider_ref: Mapped[str | None]
    accepted_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    clicked_at: Mapped[datetime | None]
    """First open and click by a human."""
    machine_opened_at: Mapped[datetime | None]
    machine_clicked_at: Mapped[datetime | None]
    """First open and click that wasn't surely a human's."""
    updated_at: Mapped[datetime]


class MessageContent(OfShop, Base):
    """What a message was rendered from: with its journey's version, enough to show it as the shopper saw it."""

    __tablename__ = "message_content"
    __table_args__ = (same_shop("message_id", "message"),)

    message_id: Mapped[int] = mapped_column(primary_key=True)
    context: Mapped[dict[str, Any]] = mapped_column(SealedJson("message_content.context"))
    links: Mapped[list[str]] = mapped_column(SealedJson("message_content.links"))
    """Targets of its tracked links: `/c/<token>` leads to these only."""
    rendered_at: Mapped[datetime]


class Attempt(Tenant, Base):
    """One hand-over, written down before the provider is called."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index("ix_attempt_message", "shop_id", "message_id"),
        Index("ix_attempt_begun", "shop_id", "begun_at"),
        same_shop("message_id", "message"),
    )

    message_id: Mapped[int]
    provider: Mapped[str]
    begun_at: Mapped[datetime]
    """Database time, like `ended_at`: hand-overs are about real processes."""
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """accepted | rejected | retry_later | unknown; None while under way"""
    code: Mapped[str | None]


class ReceiptSeen(Tenant, Base):
    """A provider's report, kept once however often it comes."""

    __tablename__ = "receipt"
    __table_args__ = (Index("uq_receipt_event", "shop_id", "provider", "event_id", unique=True),)

    provider: Mapped[str]
    event_id: Mapped[str]
    message_id: Mapped[int | None]
    kind: Mapped[str]
    code: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]
    received_at: Mapped[datetime]


class Engagement(Tenant, Base):
    """An open or a click, with a verdict on whether a human did it."""

    __tablename__ = "engagement"
    __table_args__ = (
        Index("ix_engagement_message", "shop_id", "message_id"),
        same_shop("message_id", "message"),
    )

    message_id: Mapped[int]
    kind: Mapped[str]
    """open | click"""
    link: Mapped[int | None]
    """Which of the message's links."""
    verdict: Mapped[str]
    """human | machine | unknown"""
    verdict_reason: Mapped[str]
    network: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A keyed hash of the network it came from, to compare with its neighbours."""
    system: Mapped[str | None]
    """The operating system its user agent names."""
    at: Mapped[datetime]


class Breaker(Base):
    """How a provider has been doing: opened after repeated failures, so that a dead provider costs one probe."""

    __tablename__ = "breaker"

    provider: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime | None]
    """Database time."""
    paused_until: Mapped[datetime | None]
    """Database time: a rate limit asked us to wait."""
    last_receipt_at: Mapped[datetime | None]
    """Real time of the newest event that any receipt told of: silence about what was before that means something."""
