"""What the API takes and gives. The same models check requests, shape answers, and make the OpenAPI document."""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from app.api.calls import Given

CHANNELS = Literal["email", "sms"]
Item = TypeVar("Item", bound=BaseModel)


def cursor_of(number: int) -> str:
    """A row's number as the place where the next page begins."""
    return base64.urlsafe_b64encode(f"before:{number}".encode()).decode().rstrip("=")


def _place(value: str) -> str:
    if number_of(value) is None:
        raise ValueError("not a cursor: take next_cursor from the page before")
    return value


def number_of(cursor: str) -> int | None:
    """The number a cursor stands for; None when it is none of ours."""
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    word, _, number = plain.partition(":")
    fits = word == "before" and number.isdigit() and len(number) < 19  # noqa: PLR2004 digits of a bigint
    return int(number) if fits else None


class PageQuery(Given):
    """Which page of a list."""

    cursor: Annotated[str, AfterValidator(_place)] | None = Field(
        default=None, max_length=60, description="`next_cursor` of the page before; without it, the newest"
    )
    limit: int = Field(default=50, ge=1, le=200)

    @property
    def before(self) -> int | None:
        """The number that the page's rows lie below."""
        return None if self.cursor is None else number_of(self.cursor)


class Page(BaseModel, Generic[Item]):
    """A page of a list, newest first."""

    data: list[Item]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one")


class Resource(BaseModel):
    """Something of a shop."""

    model_config = ConfigDict(from_attributes=True)

    id: int


class ConsentState(BaseModel):
    """What somebody said about marketing on a channel."""

    channel: str
    state: Literal["subscribed", "unsubscribed", "pending", "never_asked"]


class Customer(Resource):
    """A person."""

    external_id: str | None = Field(description="The store's id of them; null for guests")
    email: str | None
    phone: str | None = Field(description="E.164")
    first_name: str
    last_name: str
    country: str | None
    tags: list[str]
    orders_count: int
    spent_minor: int = Field(description="Net of refunds, in minor units of the shop's currency")
    first_seen_at: datetime
    last_order_at: datetime | None
    erased_at: datetime | None
    deleted_at: datetime | None
    merged_into_id: int | None


class CustomerQuery(PageQuery):
    """Which customers."""

    email: str | None = Field(default=None, max_length=254)
    phone: str | None = Field(default=None, max_length=20, description="E.164, with its + as %2B")
    external_id: str | None = Field(default=None, max_length=64)


class Customers(Page[Customer]):
    """A page of customers."""


class SuppressGiven(Given):
    """Which of a person's addresses are never written to again."""

    channels: list[CHANNELS] = Field(default=["email", "sms"], min_length=1, max_length=2)


class Suppressed(BaseModel):
    """What was suppressed."""

    customer_id: int
    channels: list[str] = Field(description="Those on which the person has an address")


class ErasureAsked(BaseModel):
    """An erasure that is on its way; it is done within minutes, at the providers within days."""

    request_id: int
    customer_id: int


class Excluded(BaseModel):
    """What ended for a person who was taken out of their journeys."""

    customer_id: int
    journeys_ended: int
    messages_cancelled: int


class ConsentEntry(Resource):
    """One line of the consent ledger."""

    customer_id: int
    channel: str
    purpose: str
    state: str
    effective_at: datetime
    source: str
    double_opt_in: bool
    recorded_at: datetime


class ConsentLedger(Page[ConsentEntry]):
    """A page of the ledger."""


class MayWrite(BaseModel):
    """The answer for one channel and purpose, by the very checks every message passes."""

    model_config = ConfigDict(from_attributes=True)

    channel: str
    purpose: str = Field(description="marketing, basket (about a left cart or checkout), or transactional")
    may: bool = Field(description="Whether a message may go, now or at `not_before`")
    reason: str
    not_before: datetime | None


class Evidence(BaseModel):
    """One word of the consent ledger."""

    model_config = ConfigDict(from_attributes=True)

    channel: str
    purpose: str
    state: str
    effective_at: datetime
    source: str
    collected: str
    wording: str
    double_opt_in: bool
    recorded_at: datetime


class RefusedMessage(BaseModel):
    """A message that was held back for good, and why."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    outcome: str
    reason: str
    channel: str | None
    journey: str | None
    message_id: int | None


class Permission(BaseModel):
    """Whether this person may be written to, on what evidence, and what was refused of late."""

    model_config = ConfigDict(from_attributes=True)

    customer_id: int
    asked_at: datetime
    answers: list[MayWrite]
    evidence: list[Evidence]
    refused: list[RefusedMessage]


class ConsentGiven(Given):
    """What a person said, and when."""

    channel: Literal["email", "sms", "whatsapp"] = Field(
        description="Of WhatsApp only a record is kept: nothing is sent"
    )
    state: Literal["subscribed", "unsubscribed"]
    effective_at: AwareDatetime = Field(description="When they said it; not in the future")
    double_opt_in: bool = False


class ConsentRecorded(BaseModel):
    """The present state after a word was written down; a later word may say otherwise."""

    customer_id: int
    states: list[ConsentState]


class Suppression(Resource):
    """An address that is never written to. Kept as a keyed hash, so the address itself can't be told."""

    channel: str
    reason: str
    source: str
    suppressed_at: datetime


class Suppressions(Page[Suppression]):
    """A page of suppressed addresses."""


class Message(Resource):
    """One message to one person."""

    customer_id: int
    journey: str | None = Field(description="Its journey's key")
    step: str
    channel: str
    purpose: str
    state: str
    reason: str | None = Field(description="Why it is in this state")
    planned_at: datetime
    due_at: datetime | None
    useful_until: datetime
    accepted_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None = Field(description="By a person, as far as can be told")
    clicked_at: datetime | None = Field(description="By a person, as far as can be told")


class Messages(Page[Message]):
    """A page of messages."""


class MessageQuery(PageQuery):
    """Which messages."""

    customer_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    journey: str | None = Field(default=None, max_length=80)
    state: str | None = Field(default=None, max_length=20)


class Journey(BaseModel):
    """A journey of the shop."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    name: str
    is_on: bool
    event: str = Field(description="What people enter by")
    priority: int
    version: int = Field(description="The version new people enter by")
    turned_on_at: datetime | None


class Journeys(BaseModel):
    """All of them."""

    data: list[Journey]


class ReportQuery(Given):
    """Which days, by the shop's clock."""

    first: date = Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))
    last: date = Field(ge=date(2000, 1, 1), le=date(2999, 12, 31), description="At most 366 days from the first")


class Figures(BaseModel):
    """Messages count on the day they were sent, orders on the day they were placed."""

    model_config = ConfigDict(from_attributes=True)

    revenue: int = Field(description="Brought back by the last human click, in minor units, net of refunds")
    orders: int
    recovered: int
    sent: int
    human_opens: int
    machine_opens: int
    human_clicks: int
    machine_clicks: int
    unsubscribes: int
    bounces: int
    complaints: int


class Day(BaseModel):
    """The figures of a day."""

    day: date
    figures: Figures


class Report(BaseModel):
    """The figures of a period."""

    first: date
    last: date
    currency: str
    total: Figures
    by_day: list[Day]


class Settings(BaseModel):
    """The shop, and what its merchant has set."""

    domain: str
    name: str
    currency: str
    timezone: str
    locale: str
    settings: dict[str, Any]
