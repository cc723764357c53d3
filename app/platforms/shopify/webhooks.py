"""The front door: is this webhook Shopify's, and what do its headers say? Over raw bytes, before anything is parsed."""

from __future__ import annotations

import base64
import hmac
import re
from typing import TYPE_CHECKING

from app.platforms.base import Envelope, Refused
from app.platforms.shopify.domains import shop_domain
from app.platforms.shopify.normalise.reading import instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOPIC = re.compile(r"[a-z][a-z0-9_.]{0,79}(?:/[a-z0-9_]{1,79})?", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,255}")
_VERSION_LENGTH = 32
MAC = "x-shopify-hmac-sha256"
"""A server that hands this name out in lower case does so with all names."""


def signature(secret: str, body: bytes) -> bytes:
    """What Shopify puts into the signature header: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256"))


def receive(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Envelope | Refused:
    """Verify a webhook and read its envelope.

    Header names may have any case and either family (`X-Shopify-...`, or `Shopify-...` of the newer events). After
    a rotation Shopify may go on signing with the old secret for an hour, so each of `secrets` is tried; an empty one
    never counts. Missing headers are refused with 400, a wrong signature with 401.
    """
    given = headers if MAC in headers else {name.lower(): value for name, value in headers.items()}
    mac = _header(given, "hmac-sha256")
    topic, shop, webhook_id = _header(given, "topic"), _header(given, "shop-domain"), _header(given, "webhook-id")
    if not (mac and topic and shop and webhook_id):
        return Refused(400, "missing_headers")
    if not _is_signed(mac, body, secrets):
        return Refused(401, "bad_signature")
    domain = shop_domain(shop)
    if domain is None:
        return Refused(400, "bad_shop_domain")
    if not _TOPIC.fullmatch(topic) or not _ID.fullmatch(webhook_id):
        return Refused(400, "bad_headers")
    event_id = _header(given, "event-id")
    return Envelope(
        shop_domain=domain,
        topic=topic,
        webhook_id=webhook_id,
        api_version=_header(given, "api-version")[:_VERSION_LENGTH],
        event_id=event_id if _ID.fullmatch(event_id) else "",
        triggered_at=instant(_header(given, "triggered-at")),
    )


def _header(given: Mapping[str, str], name: str) -> str:
    return given.get("x-shopify-" + name) or given.get("shopify-" + name) or ""


def _is_signed(mac: str, body: bytes, secrets: Sequence[str]) -> bool:
    """Whether any secret made this signature; every one is tried, so that time tells nothing."""
    claimed = mac.encode("utf-8", "surrogateescape")
    matches = [hmac.compare_digest(signature(secret, body), claimed) for secret in secrets if secret]
    return any(matches)
