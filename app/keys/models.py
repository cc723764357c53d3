"""Keys of the API, and answers kept so that a request that is made again changes nothing twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant, same_shop
from app.security.sealed import SealedJson


class ApiKey(Tenant, Base):
    """What a developer's program proves itself with. The key itself is shown once and kept nowhere."""

    __tablename__ = "api_key"

    name: Mapped[str]
    scopes: Mapped[list[str]]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the whole key. Unsalted and fast on purpose: the key is 256 random bits, not a password."""
    hint: Mapped[str]
    """Its last four signs, to tell keys apart."""
    made_by: Mapped[str]
    """The platform's id of who made it."""
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    busy_until: Mapped[datetime | None]
    """When its allowance is whole again, in real time (see `rules.spend`)."""


class ApiAnswer(Tenant, Base):
    """What a request with an Idempotency-Key was answered; written in the transaction of what it did."""

    __tablename__ = "api_answer"
    __table_args__ = (
        # Two of the same at once: the second waits here for the first, and then finds its answer.
        Index("uq_api_answer_reference", "shop_id", "key_id", "reference", unique=True),
        Index("ix_api_answer_created", "shop_id", "created_at"),
        same_shop("key_id", "api_key"),
    )

    key_id: Mapped[int]
    reference: Mapped[str]
    """The Idempotency-Key."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of method, path and body: the same key for something else is refused."""
    status: Mapped[int | None]
    body: Mapped[dict[str, Any] | None] = mapped_column(SealedJson("api_answer.body"))
    """Sealed, since an answer may hold a secret that is shown once."""
    created_at: Mapped[datetime]
