"""What a store platform has to be able to do. `registry.py` finds the folders and checks each against this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from app.platforms.events import Fact, Normalised


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
class ShopAccess:
    """What a call to a store needs."""

    shop_id: int
    domain: str
    access_token: str


@runtime_checkable
class Platform(Protocol):
    """A kind of store."""

    key: str
    """Its folder's name, stored with each shop."""

    def receive(self, headers: Mapping[str, str], body: bytes) -> Envelope | Refused:
        """Verify a webhook over its raw bytes and read its headers. Nothing is parsed before the signature holds."""
        ...

    def normalise(self, topic: str, body: bytes, triggered_at: datetime | None, received_at: datetime) -> Normalised:
        """Turn a payload into facts. Never raises for anything a payload may contain."""
        ...

    def order_exists(self, access: ShopAccess, *, checkout_token: str | None, email: str | None,
                     since: datetime) -> bool | None:
        """Ask the store whether the checkout was bought (or this person ordered since); None when it can't tell."""
        ...

    def changes_since(self, access: ShopAccess, kind: str, since: datetime) -> Iterator[Fact]:
        """All things of a kind (`orders`, `customers`, `products`) changed since then, oldest first."""
        ...
