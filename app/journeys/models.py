"""Journeys, the people in them, and every decision taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, OfShop, Part, Tenant, same_shop


class Journey(Tenant, Base):
    """A journey of a shop: off until the merchant turns it on."""

    __tablename__ = "journey"
    __table_args__ = (Index("uq_journey_key", "shop_id", "key", unique=True),)

    key: Mapped[str]
    name: Mapped[str]
    is_on: Mapped[bool] = mapped_column(default=False)
    event: Mapped[str]
    """What its trigger listens to."""
    priority: Mapped[int] = mapped_column(default=50)
    version_id: Mapped[int | None]
    """The version new people enter by."""
    turned_on_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class JourneyVersion(Tenant, Base):
    """A definition with its templates, frozen: people under way keep the version they entered by."""

    __tablename__ = "journey_version"
    __table_args__ = (
        Index("uq_journey_version_number", "shop_id", "journey_id", "number", unique=True),
        same_shop("journey_id", "journey"),
    )

    journey_id: Mapped[int]
    number: Mapped[int]
    definition: Mapped[dict[str, Any]]
    templates: Mapped[dict[str, Any]]
    """Template name -> id of the frozen template."""
    created_at: Mapped[datetime]
    made_by: Mapped[str | None]
    """`user:<id>`; None: it came with the product."""


class JourneyDraft(OfShop, Base):
    """That a journey has changes that aren't published, and which of its revisions they have come to."""

    __tablename__ = "journey_draft"
    __table_args__ = (same_shop("journey_id", "journey"),)

    journey_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    head: Mapped[int]
    """The number of the revision that is shown."""
    begun_at: Mapped[datetime]
    moved_by: Mapped[str]
    moved_at: Mapped[datetime]


class JourneyRevision(Tenant, Base):
    """What one edit made of a draft. Undo goes to its parent, redo to its newest child."""

    __tablename__ = "journey_revision"
    __table_args__ = (
        Index("uq_journey_revision_number", "shop_id", "journey_id", "number", unique=True),
        same_shop("journey_id", "journey"),
    )

    journey_id: Mapped[int]
    number: Mapped[int]
    parent: Mapped[int | None]
    """None: the draft began here, equal to what was published."""
    definition: Mapped[dict[str, Any]]
    templates: Mapped[dict[str, Any]]
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class JourneyAside(Tenant, Base):
    """An edit that came too late, after somebody else's: kept until it is made again or dropped."""

    __tablename__ = "journey_aside"
    __table_args__ = (Index("ix_journey_aside_journey", "shop_id", "journey_id"), same_shop("journey_id", "journey"))

    journey_id: Mapped[int]
    seen: Mapped[str]
    """What its author had before their eyes."""
    edit: Mapped[dict[str, Any]]
    templates: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class Enrolment(Part, Base):
    """One person in one journey, about one thing (this checkout, that order)."""

    __tablename__ = "enrolment"
    __table_args__ = (
        # The same thing enrols once per round: a replayed delivery finds its row here.
        Index("uq_enrolment_round", "shop_id", "journey_id", "subject_key", "round", unique=True),
        Index("ix_enrolment_due", "due_at", postgresql_where=text("state = 'active' AND due_at IS NOT NULL")),
        Index("ix_enrolment_customer", "shop_id", "customer_id", "journey_id", "entered_at"),
        # How many are under way in a journey, and who is next, without looking at a single one.
        Index("ix_enrolment_under_way", "shop_id", "journey_id", "due_at", postgresql_where=text("state = 'active'")),
        Index("ix_enrolment_subject", "shop_id", "subject_key", postgresql_where=text("state = 'active'")),
        same_shop("journey_id", "journey"),
        same_shop("customer_id", "customer"),
        CheckConstraint("state IN ('active', 'completed', 'exited')", name="state"),
    )

    journey_id: Mapped[int]
    version_id: Mapped[int]
    customer_id: Mapped[int]
    subject_kind: Mapped[str]
    subject_key: Mapped[str]
    round: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(default="active")
    step: Mapped[str]
    """Where the person stands: the next step to take."""
    anchor_at: Mapped[datetime]
    """When the thing happened that the waits count from."""
    since: Mapped[datetime]
    """When the step the person stands at began."""
    due_at: Mapped[datetime | None]
    """When to look again; None while waiting for an event without limit."""
    entered_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    """What the trigger found and later steps need (gap in days, items to review)."""
