"""People: who they are, what they said about being written to, and who must not be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Part, Tenant, same_shop
from app.security.sealed import SealedJson


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
        # What a search begins with.
        Index("ix_customer_email_begins", "shop_id", "email", postgresql_ops={"email": "text_pattern_ops"}),
        Index(
            "ix_customer_phone_begins",
            "shop_id",
            "phone",
            postgresql_ops={"phone": "text_pattern_ops"},
            postgresql_where=text("phone IS NOT NULL"),
        ),
        Index(
            "ix_customer_first_name_lower",
            "shop_id",
            "first_name_lower",
            "last_name_lower",
            postgresql_ops={"first_name_lower": "text_pattern_ops", "last_name_lower": "text_pattern_ops"},
        ),
        Index(
            "ix_customer_last_name_lower",
            "shop_id",
            "last_name_lower",
            postgresql_ops={"last_name_lower": "text_pattern_ops"},
        ),
        Index("ix_customer_listed", "shop_id", "first_seen_at", "id", postgresql_where=text("merged_into_id IS NULL")),
        Index("ix_customer_merged", "shop_id", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        same_shop("merged_into_id", "customer", ondelete="SET NULL"),
    )

    external_id: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    first_name: Mapped[str] = mapped_column(default="")
    last_name: Mapped[str] = mapped_column(default="")
    first_name_lower: Mapped[str] = mapped_column(default="", server_default="")
    last_name_lower: Mapped[str] = mapped_column(default="", server_default="")
    """Names in lower case, for searching; a trigger keeps them so. Row-level security uses no index on lower(...)."""
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


class CustomerAddress(Part, Base):
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


class ConsentEntry(Part, Base):
    """One word on consent. Only ever added to; the present state is the entry with the latest `effective_at`.

    The app's role may neither change nor delete an entry. Two things are left to it and the clerk, and a trigger sees
    to it that they are all: entries follow their person into the one they were merged into, and erasure empties
    `evidence`.
    """

    __tablename__ = "consent_entry"
    __table_args__ = (
        Index(
            "uq_consent_entry_said",
            "shop_id",
            "customer_id",
            "channel",
            "purpose",
            "effective_at",
            "state",
            "source",
            "about",
            "double_opt_in",
            unique=True,
        ),
        Index("ix_consent_entry_goodbye", "shop_id", "effective_at", postgresql_where=text("state = 'unsubscribed'")),
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
    """Who told us: `shopify`, `checkout`, `keyword`, `preference_page`, `import`, `double_opt_in`, ..."""
    about: Mapped[str] = mapped_column(default="", server_default="")
    """The store's customer it was said of: after a merge, which of the two. Empty for guests."""
    double_opt_in: Mapped[bool] = mapped_column(default=False)
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    """What is personal in it: `ip`, where known."""
    recorded_at: Mapped[datetime]
    collected: Mapped[str] = mapped_column(default="", server_default="")
    """How: `checkout_box`, `link`, `page`, `text`, `file`, ... Empty when whoever told us didn't say."""
    wording: Mapped[str] = mapped_column(default="", server_default="")
    """Which wording or version of a form they said it to, where known."""


class ConsentHold(Tenant, Base):
    """A channel that is ended since two of the store's customers became one, as one of them had ended it.

    No word of anybody's: it follows from the ledger and is derived anew when a late word comes in.
    """

    __tablename__ = "consent_hold"
    __table_args__ = (
        Index("uq_consent_hold", "shop_id", "customer_id", "channel", "purpose", "held_at", unique=True),
        same_shop("customer_id", "customer"),
    )

    customer_id: Mapped[int]
    channel: Mapped[str]
    purpose: Mapped[str]
    held_at: Mapped[datetime]


class ConsentWrite(Tenant, Base):
    """A word said to us that the store is to be told. Kept when done: the store repeats it, and that is no news."""

    __tablename__ = "consent_write"
    __table_args__ = (
        Index("ix_consent_write_said", "shop_id", "customer_id", "channel", "told_at"),
        Index("ix_consent_write_due", "due_at", postgresql_where=text("done_at IS NULL")),
        same_shop("customer_id", "customer"),
    )

    customer_id: Mapped[int]
    channel: Mapped[str]
    state: Mapped[str]
    double_opt_in: Mapped[bool]
    told_at: Mapped[datetime]
    """When the word took effect, to the second: stores know no smaller."""
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """told | overtaken | gone | uninstalled, not_in_store (a guest: told when they become a customer), or the store's
    refusal"""


class OptIn(Tenant, Base):
    """A yes that may need a second step: whether and when the person was asked for it, and what came of it."""

    __tablename__ = "opt_in"
    __table_args__ = (
        Index("ix_opt_in_customer", "shop_id", "customer_id", "channel"),
        Index("ix_opt_in_due", "due_at", postgresql_where=text("asked_at IS NULL AND done_at IS NULL")),
        same_shop("customer_id", "customer"),
    )

    customer_id: Mapped[int]
    channel: Mapped[str]
    said_at: Mapped[datetime]
    due_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """confirmed, or why nobody was asked: not_needed | asked_before | too_old | nothing_is_on | unreachable"""
    message_id: Mapped[int | None]


class Preference(Tenant, Base):
    """What a person chose on their page, whole, after each change. Only ever added to; the newest row counts."""

    __tablename__ = "preference"
    __table_args__ = (
        Index("ix_preference_customer", "shop_id", "customer_id", "id"),
        same_shop("customer_id", "customer"),
        CheckConstraint("frequency IN ('all', 'weekly', 'less')", name="frequency"),
    )

    customer_id: Mapped[int]
    topics_off: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    frequency: Mapped[str] = mapped_column(default="all", server_default="all")
    """all | weekly | less: see `preferences.SPACING`"""
    paused_until: Mapped[datetime | None]
    locale: Mapped[str | None]
    source: Mapped[str]
    recorded_at: Mapped[datetime]


class ConsentWording(Tenant, Base):
    """A sentence of the merchant's own that people agree to. Only ever added to; a channel's newest is shown."""

    __tablename__ = "consent_wording"
    __table_args__ = (
        Index("uq_consent_wording_version", "shop_id", "channel", "version", unique=True),
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
    )

    channel: Mapped[str]
    version: Mapped[int]
    """From 1; the ledger knows it as `email-1`."""
    sentence: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class Suppression(Tenant, Base):
    """An address that must not be written to, as a keyed hash: it outlives the person's erasure."""

    __tablename__ = "suppression"
    __table_args__ = (Index("uq_suppression_address", "shop_id", "channel", "address_hash", unique=True),)

    channel: Mapped[str]
    address_hash: Mapped[bytes] = mapped_column(LargeBinary)
    reason: Mapped[str]
    source: Mapped[str]
    suppressed_at: Mapped[datetime]


class PeopleFile(Tenant, Base):
    """A file of people and what they agreed to, as a merchant uploaded it."""

    __tablename__ = "people_file"
    __table_args__ = (
        Index("ix_people_file_due", "due_at", postgresql_where=text("state = 'running'")),
        CheckConstraint("state IN ('uploaded', 'running', 'done', 'dropped')", name="state"),
    )

    name: Mapped[str]
    state: Mapped[str]
    header: Mapped[list[str]] = mapped_column(JSONB)
    """The names of its columns, and per column a guess at what it holds."""
    mapping: Mapped[dict[str, Any]]
    """Which column means what, once the merchant has said so (see `filing.Mapping`)."""
    lines: Mapped[int]
    lines_read: Mapped[int] = mapped_column(default=0, server_default="0")
    taken: Mapped[int] = mapped_column(default=0, server_default="0")
    """Lines of which something went in."""
    refused: Mapped[int] = mapped_column(default=0, server_default="0")
    """Lines of which something was refused."""
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class PeoplePart(Tenant, Base):
    """Some hundred lines of a file, sealed. Deleted as soon as they are read, or after a day when they never are."""

    __tablename__ = "people_part"
    __table_args__ = (
        Index("uq_people_part_line", "shop_id", "file_id", "first_line", unique=True),
        same_shop("file_id", "people_file"),
    )

    file_id: Mapped[int]
    first_line: Mapped[int]
    content: Mapped[list[list[str]] | None] = mapped_column(SealedJson("people_part.content"))


class PeopleRefusal(Tenant, Base):
    """A line, or a channel of a line, that didn't go in, and why. By its number: it holds nothing personal."""

    __tablename__ = "people_refusal"
    __table_args__ = (
        Index("uq_people_refusal_line", "shop_id", "file_id", "line", "field", unique=True),
        same_shop("file_id", "people_file"),
    )

    file_id: Mapped[int]
    line: Mapped[int]
    field: Mapped[str]
    """What of it: `line`, `email`, `sms`, `phone`, `date`, ..."""
    reason: Mapped[str]
