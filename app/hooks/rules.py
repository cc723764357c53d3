"""Telling other systems what happened: signatures by Standard Webhooks, when to try again, when to stop. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

KINDS: Final[dict[str, str]] = {
    "message.sent": "A provider took a message",
    "message.delivered": "A message arrived",
    "message.skipped": "A message was not sent, with the reason",
    "message.bounced": "A mailbox refused a message",
    "message.failed": "A provider refused a message, or couldn't deliver it",
    "message.complained": "Somebody marked a message as spam",
    "message.clicked": "A person clicked a link",
    "consent.changed": "Somebody said yes or no to marketing",
    "customer.suppressed": "An address is never written to again",
    "journey.entered": "Somebody entered a journey",
    "journey.exited": "Somebody left a journey, or finished it",
    "review.received": "Somebody wrote a review",
}
TEST: Final = "webhook.test"
"""Sent when the merchant asks for a try; nobody subscribes to it."""
OF_DECISIONS: Final = {
    "sent": "message.sent",
    "skipped": "message.skipped",
    "expired": "message.skipped",
    "cancelled": "message.skipped",
    "bounced": "message.bounced",
    "failed": "message.failed",
    "complained": "message.complained",
    "entered": "journey.entered",
    "exited": "journey.exited",
    "completed": "journey.exited",
}
"""Outcome of a decision -> what is told of it."""

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
ROTATION: Final = timedelta(hours=24)
"""For so long after a change the old secret signs as well."""
DELAYS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""After each failed try, as the specification suggests: ten tries in about three days."""
HOPELESS_AFTER: Final = timedelta(days=3)
"""A subscription to which nothing could be delivered for so long is stopped when a delivery is given up."""
GONE: Final = 410


def secret_of(random: bytes) -> str:
    """A secret as it is shown and stored."""
    return PREFIX + base64.b64encode(random).decode()


def signatures(secrets: Iterable[str], identifier: str, at: int, body: bytes) -> str:
    """The `webhook-signature` header: one signature for each secret, newest first. `at`: seconds since 1970."""
    signed = f"{identifier}.{at}.".encode() + body
    keys = (base64.b64decode(secret.removeprefix(PREFIX)) for secret in secrets)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)


def next_try(tries: int) -> timedelta | None:
    """How long after a failed try the next one comes; None: that was the last."""
    return DELAYS[tries - 1] if tries <= len(DELAYS) else None


def is_hopeless(failing_since: datetime | None, now: datetime, *, speed: float = 1.0) -> bool:
    """Whether a subscription is stopped, now that one of its deliveries is given up."""
    return failing_since is not None and now - failing_since >= HOPELESS_AFTER * speed
