"""The parts of the host's account with Twilio that are single shops'."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant


class HostedService(Tenant, Base):
    """A shop's own Messaging Service in the host's account, from being wanted until it is given back.

    A shop has one at most; under the shop of unknown stores stand those of erased shops that are still to be removed.
    """

    __tablename__ = "hosted_service"
    __table_args__ = (
        Index("uq_hosted_service_shop", "shop_id", unique=True, postgresql_where=text("shop_id <> 0")),
        Index("ix_hosted_service_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_hosted_service_service", "service"),
        CheckConstraint("state IN ('wanted', 'no_number', 'ready', 'leaving', 'removing')", name="state"),
    )

    name: Mapped[str]
    """What it is called at Twilio: by it a service is found whose making was interrupted."""
    state: Mapped[str] = mapped_column(default="wanted", server_default="wanted")
    service: Mapped[str | None]
    """MG..."""
    number_sid: Mapped[str | None]
    """PN..., taken from the host's pool."""
    number: Mapped[str | None]
    """The same in E.164, once Twilio has given it to the service."""
    refused: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    """Numbers that another service has: not asked for again until all were tried."""
    error: Mapped[str | None]
    """Why the last call came to no end."""
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    """Calls in a row that came to no end."""
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
