"""What a store platform has to be able to do. `registry.py` finds the folders and checks each against this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from app.platforms.events import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers of a verified webhook say. Headers aren't signed: only the body is proven genuine."""

    shop_domain: str
    topic: str
    webhook_id: str
    api_version: str = ""
    event_id: str = ""
    triggered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A webhook that isn't taken in: the HTTP status and the reason's code."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A payload that can't become facts; it is parked with this reason and shown to the merchant."""

    reason: str
    """A code: `not_json`, `not_an_object`, `missing_field:<name>`, `bad_field:<name>`, `foreign_shop`."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A payload that is fine and of no concern to us (a topic we don't use, a bulk export of somebody else)."""

    reason: str


Normalised = tuple[Fact, ...] | Unreadable | Ignored
"""What a payload is turned into."""


@dataclass(frozen=True, slots=True)
class ShopAccess:
    """What a call to a store needs."""

    shop_id: int
    domain: str
    access_token: str


@dataclass(frozen=True, slots=True)
class TokenGranted:
    """A pair of tokens. Times are real time; `refresh_token` is None when the store gave a token that never ends."""

    access_token: str = field(repr=False)
    expires_at: datetime | None
    refresh_token: str | None = field(repr=False)
    refresh_expires_at: datetime | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """The store said no. `final`: asking again in the same way is useless, the merchant has to open the app."""

    code: str
    final: bool


@dataclass(frozen=True, slots=True)
class TokenUnavailable:
    """No word: try again, no sooner than `retry_after` seconds. The old refresh token still works."""

    reason: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class StaffMember:
    """What a store says of a member of its staff."""

    name: str = field(repr=False)
    email: str = field(repr=False)
    is_account_owner: bool


TokenResult = TokenGranted | TokenRefused | TokenUnavailable


@dataclass(frozen=True, slots=True)
class ExportStarted:
    """The store is at work on a bulk export; its end is told by an `ImportFinished` that names it."""

    export_id: str


@dataclass(frozen=True, slots=True)
class ExportRunning:
    """Not done yet; this many objects so far, children counted too."""

    objects: int


@dataclass(frozen=True, slots=True)
class ExportReady:
    """Done. `url` can be read for some days; None means that there was nothing to export."""

    url: str | None
    objects: int
    roots: int


@dataclass(frozen=True, slots=True)
class ExportFailed:
    """No answer, or no export. `lost`: this export will never be ready, so it has to be started again."""

    code: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class ToldConsent:
    """A customer's word that the store is to be told. `customer_id` is the store's; `at` to the second."""

    customer_id: str
    channel: str
    state: str
    """subscribed | unsubscribed | pending"""
    at: datetime
    double_opt_in: bool


@dataclass(frozen=True, slots=True)
class ConsentTold:
    """The store has it, or knows a later word."""


@dataclass(frozen=True, slots=True)
class TellRefused:
    """The store won't take it: telling the same again would end the same."""

    code: str


@dataclass(frozen=True, slots=True)
class TellLater:
    """No answer, or not now: try again, no sooner than `retry_after` seconds."""

    code: str
    retry_after: float | None = None


TellAnswer = ConsentTold | TellRefused | TellLater


class StoreSilentError(Exception):
    """The store stopped answering in the middle of a list; what was yielded so far is good."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class StorefrontCall(Protocol):
    """A shopper's request that came through the store's own pages, which signed it."""

    @property
    def shop(self) -> str:
        """The store's domain."""
        ...

    @property
    def customer_id(self) -> str | None:
        """Who is signed in there, if anybody."""
        ...


@runtime_checkable
class Platform(Protocol):
    """A kind of store."""

    key: str
    """Its folder's name, stored with each shop."""

    def receive(self, headers: Mapping[str, str], body: bytes) -> Envelope | Refused:
        """Verify a webhook over its raw bytes and read its headers. Nothing is parsed before the signature holds."""
        ...

    def normalise(
        self,
        topic: str,
        body: bytes,
        triggered_at: datetime | None,
        received_at: datetime,
        *,
        shop_currency: str | None = None,
        shop_domain: str | None = None,
    ) -> Normalised:
        """Turn a payload into facts. Never raises for anything a payload may contain.

        `shop_currency` tells how many decimals prices have where the payload names no currency; a payload that names
        another shop than `shop_domain` is unreadable as `foreign_shop`.
        """
        ...

    def refresh(self, shop: str, refresh_token: str) -> TokenResult:
        """A new pair of tokens for a pair that is about to end."""
        ...

    def start_export(
        self, access: ShopAccess, kind: str, since: datetime | None, until: datetime | None
    ) -> ExportStarted | ExportFailed:
        """Begin a bulk export of a kind (`customers`, `products`, `orders`), of a span of time or of everything."""
        ...

    def export_status(self, access: ShopAccess, export_id: str) -> ExportRunning | ExportReady | ExportFailed:
        """How far an export is."""
        ...

    def read_export(self, url: str, kind: str, done: int) -> Iterator[tuple[int, tuple[Fact, ...]]]:
        """The facts of an export, thing by thing with its number from 1, after the first `done` things.

        Raises:
            StoreSilentError: the download broke off.
        """
        ...

    def order_exists(
        self, access: ShopAccess, *, checkout_token: str | None, email: str | None, since: datetime
    ) -> bool | None:
        """Ask the store whether the checkout was bought (or this person ordered since); None when it can't tell."""
        ...

    def changes_since(self, access: ShopAccess, kind: str, since: datetime) -> Iterator[Fact]:
        """All things of a kind (`orders`, `customers`, `products`) changed since then, oldest first.

        Raises:
            StoreSilentError: the store stopped answering midway.
        """
        ...

    def tell_consent(self, access: ShopAccess, told: ToldConsent) -> TellAnswer:
        """Tell the store what a customer said to us about marketing. Telling twice does no harm."""
        ...

    def storefront_call(self, query_string: str) -> StorefrontCall | None:
        """A shopper's request that came through the store's own pages; None when the store didn't sign it."""
        ...
