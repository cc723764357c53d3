"""One delivery being read: its content, when it happened, and how states of one instant are put in order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.platforms.events import Version
from app.platforms.shopify.normalise.reading import Json, instant

if TYPE_CHECKING:
    from datetime import datetime

FROM_WEBHOOK, FROM_API = 1, 2
"""Of two reports on the same instant the API's is fuller (stock tracking, tags), so it counts as the newer."""


def tie(rank: int, source: int, moment: datetime | None, digest: str) -> str:
    """The order among states of one instant: furthest along, then fullest, then last told, then by content.

    Only digits and lower-case hexadecimal of fixed width, so that Python and every database collation agree.
    """
    micros = int(moment.timestamp() * 1_000_000) if moment else 0
    return f"{rank:03d}{source}{micros:017d}{digest}"


def digest_of(body: bytes) -> str:
    """A short name for a content, the same wherever it is computed."""
    return hashlib.blake2b(body, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A parsed webhook and what its envelope said of time."""

    data: Json
    digest: str
    triggered_at: datetime | None
    received_at: datetime
    shop_currency: str | None = None

    @property
    def moment(self) -> datetime:
        """When it happened, as far as the envelope tells."""
        return self.triggered_at or self.received_at

    def version(self, at: datetime | None, rank: int = 0) -> Version:
        """The state's place among the states of its thing; without a time of its own, the delivery's counts."""
        return Version(at or self.moment, tie(rank, FROM_WEBHOOK, self.triggered_at, self.digest))

    def version_by(self, *fields: str, rank: int = 0) -> Version:
        """The same, by the first of these fields that holds a time."""
        for name in fields:
            at = instant(self.data.get(name))
            if at is not None:
                return self.version(at, rank)
        return self.version(None, rank)
