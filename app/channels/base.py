"""What a way of reaching people has to be able to do. `registry.py` finds the folders and checks each against this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class OutboundEmail:
    """One email, ready to go."""

    reference: str
    """Our name for this hand-over: opaque, safe to store anywhere, comes back in receipts."""
    to: str = field(repr=False)
    to_name: str = field(repr=False)
    sender: str
    sender_name: str
    reply_to: str | None
    subject: str = field(repr=False)
    html: str = field(repr=False)
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    transactional: bool = False


@dataclass(frozen=True, slots=True)
class OutboundText:
    """One SMS, ready to go."""

    reference: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    status_callback: str = field(repr=False)
    """Where the provider reports back; carries the signed reference."""
    valid_for_seconds: int = 36_000
    """How long the provider may keep trying: as long as the message is useful."""


Outbound = OutboundEmail | OutboundText


@dataclass(frozen=True, slots=True)
class Account:
    """A provider account: the host's, or a shop's own."""

    provider: str
    credentials: Mapping[str, str] = field(repr=False, default_factory=dict)
    """Of a shop's own account; empty for the host's."""
    part: str = ""
    """Of the host's account, what is this shop's alone (a Messaging Service); empty where all share."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it and will report back."""

    provider_ref: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider refused this message for good; `suppress` when the address itself is the reason."""

    code: str
    detail: str = ""
    suppress: str | None = None
    """A suppression reason (`invalid_address`, `opted_out`, ...), or None."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Surely not taken, worth another try: refused connection, rate limit, account trouble the host can mend."""

    code: str
    after_seconds: float | None = None
    """What the provider asked for, unclamped; None when it didn't say."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No usable answer after the request was written: it may have been taken or not. Evidence decides."""

    code: str


Answer = Accepted | Rejected | RetryLater | Unknown


HELD_UP = "held_up"
"""A `RetryLater` of our own doing: the worker was stopped for so long that it gave up before the call."""


@dataclass(frozen=True, slots=True)
class Found:
    """The provider knows the message."""

    provider_ref: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider surely never took the message."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The provider can't be asked, or its answer proves nothing."""


Evidence = Found | Absent | CannotTell


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider's later word on one message."""

    event_id: str
    """The provider's own id of this report; the same report may come many times."""
    kind: str
    """processed | delivered | deferred | bounced | dropped | complained | opened | clicked | unsubscribed | failed"""
    at: datetime
    reference: str | None
    """Ours, when it came back with the report."""
    provider_ref: str | None = None
    code: str = ""
    permanent: bool = False
    """For bounces and failures: the address is to be suppressed."""
    suppress: str | None = None
    url: str | None = field(default=None, repr=False)
    user_agent: str | None = None
    address: str | None = field(default=None, repr=False)
    """Only where a report names no message (an opt-out in the provider's own list)."""


@dataclass(frozen=True, slots=True)
class InboundText:
    """A shopper's SMS to us."""

    event_id: str
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    text: str = field(repr=False)
    opt_out_type: str | None = None
    """The provider's own verdict (STOP, START, HELP), where it gives one."""
    service: str | None = None


@runtime_checkable
class Provider(Protocol):
    """One provider of one channel. Holds no database connection; makes one call per message; never retries."""

    key: str
    channel: str

    def send(self, outbound: Outbound, account: Account) -> Answer:
        """Hand one message over. Every outcome is a value."""
        ...

    def look_up(self, outbound: Outbound, account: Account, since: datetime) -> Evidence:
        """Ask whether a message was taken."""
        ...


@runtime_checkable
class Divided(Protocol):
    """A provider in whose account of the host each shop may get a part of its own."""

    divided: bool


@dataclass(frozen=True, slots=True)
class Parcel:
    """Messages that travel in one call."""

    places: tuple[int, ...]
    """Where each stood in the sequence that was packed."""
    content: Any = field(repr=False)
    """Whatever the provider needs to send them; nobody else reads it."""


@runtime_checkable
class Packer(Protocol):
    """A provider that takes many messages in one call."""

    def pack(self, outbounds: Sequence[Outbound]) -> list[Parcel]:
        """Which of these can travel together. Who is in no parcel is sent alone."""
        ...

    def send_parcel(self, parcel: Parcel, account: Account, may_go: Callable[[], bool]) -> list[Answer]:
        """Hand a parcel over; the answers are in its order, each what `send` would have answered.

        What is surely refused as a whole is tried again in parts, while `may_go` allows another call.
        """
        ...
