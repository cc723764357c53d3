"""What is counted to stop a shop in time: complaints, money, new numbers, mails a day, bounces in a row."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, OfShop, same_shop


class Brake(OfShop, Base):
    """How a shop's marketing is taken: the share of complaints at the last look, and what follows from it."""

    __tablename__ = "brake"
    __table_args__ = (
        Index("ix_brake_due", "due_at"),
        CheckConstraint("state IN ('calm', 'warned', 'stopped')", name="state"),
    )

    state: Mapped[str] = mapped_column(default="calm", server_default="calm")
    sent: Mapped[int] = mapped_column(default=0, server_default="0")
    complained: Mapped[int] = mapped_column(default=0, server_default="0")
    """Marketing emails of the window, and how many of these were marked as spam."""
    since: Mapped[datetime | None]
    """Since when the state has been what it is."""
    lifted_at: Mapped[datetime | None]
    """When the merchant last lifted the stop: mails from before no longer count."""
    sells_to: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    """Countries (ISO 3166) that people have ordered from."""
    looked_at: Mapped[datetime | None]
    due_at: Mapped[datetime]


class SendingDay(OfShop, Base):
    """What a shop has sent and spent on one day of its own calendar."""

    __tablename__ = "sending_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    sms_micros: Mapped[int] = mapped_column(default=0, server_default="0")
    """Reserved for texts, in millionths of a US dollar; taken back when the provider surely didn't take the text."""
    marketing_emails: Mapped[int] = mapped_column(default=0, server_default="0")
    """Counted while the shop is being warmed up."""
    sms_capped_at: Mapped[datetime | None]
    ramp_full_at: Mapped[datetime | None]
    """When something was first held back for it."""


class NumberBlock(OfShop, Base):
    """How many new numbers of one block were texted for the first time within the hour."""

    __tablename__ = "number_block"

    block: Mapped[str] = mapped_column(primary_key=True)
    """The beginning that a hundred thousand neighbouring numbers share: names nobody."""
    from_at: Mapped[datetime]
    firsts: Mapped[int]
    held_at: Mapped[datetime | None]


class SoftBounce(OfShop, Base):
    """Mails in a row that a person's mailbox turned away for now. A delivery deletes it."""

    __tablename__ = "soft_bounce"
    __table_args__ = (same_shop("customer_id", "customer"),)

    customer_id: Mapped[int] = mapped_column(primary_key=True)
    address_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """Of which address: a new one begins anew."""
    in_a_row: Mapped[int]
    at: Mapped[datetime]
