"""The domains that shops' mails come from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, OfShop


class SendingDomain(OfShop, Base):
    """A domain in a shop's From address, what its DNS has to say, and what it said."""

    __tablename__ = "sending_domain"
    __table_args__ = (
        Index("ix_sending_domain_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_sending_domain_name", "domain"),
        CheckConstraint("state IN ('waiting', 'verified', 'unverified')", name="state"),
    )

    domain: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default="waiting", server_default="waiting")
    provider_ref: Mapped[str | None]
    """The provider's own number of it."""
    records: Mapped[list[dict[str, Any]]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    """What must be in its DNS: name, kind, value, and for what."""
    findings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    """spf, dkim, dmarc -> what the last look found."""
    error: Mapped[str | None]
    """Why the last look came to no end: a name server or the provider that didn't answer."""
    taken: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Another shop has proved that it is its domain, and this one hasn't: no word of the merchant's lets it send."""
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """Looks in a row that found it wrong: a verified domain is only given up at the third."""
    verified_at: Mapped[datetime | None]
    """First time: the ramp begins here."""
    looked_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
