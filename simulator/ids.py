"""Identifiers as the platform makes them: 64-bit numbers above 2^53, global ids, opaque tokens."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

FIRST_ID = 9_007_199_254_800_000
"""Just above 2^53, so that any JavaScript number on the way would show itself."""
STEP = 32
KINDS = (
    "Product",
    "ProductVariant",
    "InventoryItem",
    "Customer",
    "MailingAddress",
    "Order",
    "LineItem",
    "Fulfillment",
    "FulfillmentEvent",
    "Refund",
    "RefundLineItem",
    "OrderTransaction",
    "AbandonedCheckout",
    "BulkOperation",
    "WebhookSubscription",
    "ShippingLine",
    "CheckoutLine",
)


class Ids:
    """Gives out ids, one series per kind, the same for the same seed and the same order of asking."""

    def __init__(self, rng: random.Random) -> None:
        self._last = {
            kind: FIRST_ID + index * 10_000_000_000 + rng.randrange(1_000_000) for index, kind in enumerate(KINDS)
        }

    def next(self, kind: str) -> int:
        """The next id of a kind."""
        self._last[kind] += STEP
        return self._last[kind]


def gid(kind: str, number: int) -> str:
    """`gid://shopify/Order/123`."""
    return f"gid://shopify/{kind}/{number}"


def number_of(global_id: str) -> int | None:
    """The number in a global id or in plain digits; None when there is none."""
    digits = global_id.rsplit("/", 1)[-1].split("?", 1)[0]
    return int(digits) if digits.isdigit() else None


def cart_token(rng: random.Random) -> str:
    """An opaque token in today's shape."""
    raw = f"hWN{rng.getrandbits(128):032x}"
    return base64.b64encode(f"gcp-us-east1:01{raw.upper()}".encode()).decode().rstrip("=")


def hex_token(rng: random.Random) -> str:
    """32 hex digits, as a checkout or order token."""
    return f"{rng.getrandbits(128):032x}"


def checkout_key(token: str) -> str:
    """The key that signs a recovery address; the same token always has the same key."""
    return hashlib.sha256(f"recover:{token}".encode()).hexdigest()[:24]
