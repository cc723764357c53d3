"""What SendGrid reports back: who signed it, and what it says."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.channels.base import Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
OLDEST = timedelta(hours=24)
"""SendGrid repeats a report for a day."""
NEWEST = timedelta(minutes=10)
"""How far the two clocks may differ."""
LONGEST = 2048

KINDS = {
    "processed": "processed",
    "delivered": "delivered",
    "deferred": "deferred",
    "bounce": "bounced",
    "dropped": "dropped",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
DROPS = {
    "bounced address": "hard_bounce",
    "spam reporting address": "complaint",
    "unsubscribed address": "unsubscribed",
    "invalid": "invalid_address",
}
"""Why SendGrid drops an email, by its `reason`, and what that says about the address; other reasons say nothing."""


def verify(public_key: str, headers: Mapping[str, str], raw_body: bytes, now: datetime) -> bool:
    """Whether the report is SendGrid's and recent, judged over its bytes as they came.

    `public_key`: the webhook's verification key, or several separated by commas while keys change. `headers`: name to
    value, in any case. `now`: real time; a report may be 24 hours old (a repetition) and 10 minutes ahead.
    """
    given = {name.lower(): value for name, value in headers.items()}
    signature = _decoded(given.get(SIGNATURE_HEADER.lower(), ""))
    timestamp = given.get(TIMESTAMP_HEADER.lower(), "")
    if not signature or not _is_recent(timestamp, now):
        return False
    signed = timestamp.encode("ascii") + raw_body
    keys = filter(None, (_key(text.strip()) for text in public_key.split(",")))
    return any(_signed_by(key, signature, signed) for key in keys)


def read(raw_body: bytes) -> tuple[list[Receipt], int]:
    """The receipts in a report, and how many of its entries could not be used (unreadable or of no use to us)."""
    try:
        entries = orjson.loads(raw_body)
    except orjson.JSONDecodeError:
        return [], 1
    if not isinstance(entries, list):
        return [], 1
    receipts = [receipt for entry in entries if (receipt := _receipt(entry))]
    return receipts, len(entries) - len(receipts)


def _receipt(entry: Any) -> Receipt | None:
    if not isinstance(entry, dict):
        return None
    kind = KINDS.get(_text(entry, "event"))
    event_id = _text(entry, "sg_event_id")
    at = _moment(entry.get("timestamp"))
    if not kind or not event_id or at is None:
        return None
    reference = _text(entry, "reference") or None
    suppress = _suppression(kind, entry)
    return Receipt(
        event_id=event_id,
        kind=kind,
        at=at,
        reference=reference,
        provider_ref=_text(entry, "sg_message_id").partition(".")[0] or None,
        code=_code(kind, entry),
        permanent=suppress is not None and kind in {"bounced", "dropped"},
        suppress=suppress,
        url=_text(entry, "url") or None,
        user_agent=_text(entry, "useragent") or None,
        address=None if reference else _text(entry, "email") or None,
    )


def _suppression(kind: str, entry: dict[str, Any]) -> str | None:
    """Why the address is to be left alone, if it is."""
    if kind == "bounced":
        return None if _text(entry, "type") == "blocked" else "hard_bounce"
    if kind == "dropped":
        return DROPS.get(_drop_reason(entry))
    return {"complained": "complaint", "unsubscribed": "unsubscribed"}.get(kind)


def _code(kind: str, entry: dict[str, Any]) -> str:
    """A short word for the log: never `reason` of a bounce, in which servers quote addresses."""
    if kind == "dropped":
        reason = _drop_reason(entry)
        return reason.replace(" ", "_") if reason in DROPS else "dropped"
    if kind == "bounced":
        kind_of_bounce = "blocked" if _text(entry, "type") == "blocked" else "bounce"
        return " ".join((kind_of_bounce, _status(entry))).strip()
    return _status(entry) if kind == "deferred" else ""


def _drop_reason(entry: dict[str, Any]) -> str:
    return _text(entry, "reason").strip().lower()


def _status(entry: dict[str, Any]) -> str:
    """The enhanced status code (5.1.1), where there is one."""
    status = _text(entry, "status")
    return status if status.replace(".", "").isdigit() and len(status) <= len("5.999.999") else ""


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    return value[:LONGEST].replace("\x00", "") if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit()):
        return False
    at = _moment(int(timestamp[:20]))
    return at is not None and now - OLDEST <= at <= now + NEWEST


def _decoded(text: str) -> bytes:
    """Strict base64: one signature has one spelling. Empty when it isn't that."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return value if base64.b64encode(value).decode("ascii") == text else b""


@lru_cache(maxsize=256)
def _key(text: str) -> EllipticCurvePublicKey | None:
    try:
        key = load_der_public_key(base64.b64decode(text))
    except (ValueError, binascii.Error):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) else None


def _signed_by(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
