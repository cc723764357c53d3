"""Who of the store's staff has opened the app, and what each may do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant
from app.security.sealed import SealedText


class Member(Tenant, Base):
    """One member of a store's staff, known by the platform's id of them."""

    __tablename__ = "member"
    __table_args__ = (
        Index("uq_member_user", "shop_id", "user_id", unique=True),
        CheckConstraint("role IN ('viewer', 'editor', 'owner')", name="role"),
    )

    user_id: Mapped[str]
    role: Mapped[str]
    name: Mapped[str | None] = mapped_column(SealedText("member.name"))
    """As the store tells it; None while it didn't."""
    email: Mapped[str | None] = mapped_column(SealedText("member.email"))
    is_account_owner: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The store's own owner, by the store's word."""
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    """To the day: it isn't written at each request."""
