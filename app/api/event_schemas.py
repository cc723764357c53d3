"""What the API takes and gives about events and those who are told of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.calls import Given
from app.api.schemas import Page, PageQuery, Resource


class Event(BaseModel):
    """Something that happened, as it was told. Kept for 30 days, for shops that have a subscription."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    webhook_id: str = Field(description="What it is told by: the same however often")
    kind: str
    at: datetime
    data: dict[str, Any]


class Events(Page[Event]):
    """A page of events."""


class EventQuery(PageQuery):
    """Which events."""

    kind: str | None = Field(default=None, max_length=40)
    customer_id: int | None = Field(default=None, ge=1, le=2**63 - 1)


KIND = Literal[
    "message.sent",
    "message.delivered",
    "message.skipped",
    "message.bounced",
    "message.failed",
    "message.complained",
    "message.clicked",
    "consent.changed",
    "customer.suppressed",
    "journey.entered",
    "journey.exited",
    "review.received",
]


class Webhook(Resource):
    """A subscription: events of these kinds are posted to this address."""

    url: str
    kinds: list[str]
    state: Literal["on", "off", "stopped"] = Field(description="stopped: by us, since nothing arrived for days")
    created_at: datetime
    failing_since: datetime | None
    stopped_at: datetime | None


class Webhooks(BaseModel):
    """All of them."""

    data: list[Webhook]


class WebhookGiven(Given):
    """Where to, and what."""

    url: str = Field(min_length=9, max_length=2000, description="https, on the public internet")
    kinds: list[KIND] = Field(min_length=1, max_length=40)


class WebhookChange(Given):
    """What is to be otherwise; the rest stays."""

    url: str | None = Field(default=None, min_length=9, max_length=2000)
    kinds: list[KIND] | None = Field(default=None, min_length=1, max_length=40)
    on: bool | None = Field(default=None, description="true also starts one that was stopped")


class WebhookSecret(BaseModel):
    """A subscription with its secret, which is told this once."""

    webhook: Webhook
    secret: str = Field(description="`whsec_` and the key in base64, as Standard Webhooks has it")


class WebhookRemoved(BaseModel):
    """It is gone."""

    id: int


class EventSent(BaseModel):
    """An event that is on its way."""

    event_id: int
    webhook_id: str


class WebhookDelivery(Resource):
    """How telling an event went."""

    event_id: int
    kind: str
    state: Literal["due", "sending", "done", "failed", "dropped"]
    tries: int
    status: int | None = Field(description="The HTTP status of the last answer")
    code: str | None = Field(description="Why the last try failed")
    due_at: datetime
    updated_at: datetime


class WebhookDeliveries(Page[WebhookDelivery]):
    """A page of deliveries."""
