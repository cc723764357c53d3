"""What Twilio sends us: who signed it, how a text fared, and what shoppers write."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlparse

from twilio.request_validator import (  # type: ignore[import-untyped]  # the library has no type hints
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    add_port,
    get_signature_algorithm,
    remove_port,
)

from app import clock
from app.channels.base import InboundText, Receipt
from app.channels.sms.errors import meaning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

KINDS = {
    "accepted": "processed",
    "scheduled": "processed",
    "queued": "processed",
    "sending": "processed",
    "sent": "processed",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
OPT_OUT_TYPES = frozenset({"STOP", "START", "HELP"})
BODY_DIGEST = "bodySHA256"
LONGEST_CODE = 8


def verify(secret: str, url: str, body: Mapping[str, str | Sequence[str]] | bytes, headers: Mapping[str, str]) -> bool:
    """Whether a request is Twilio's.

    `secret`: the auth token, or the SharedKey when the request names one (`X-Twilio-Webhooks-Signature-Settings`).
    `url`: the full public address, as Twilio was told it, with its query. `body`: the form (one value or several a
    name), or the raw bytes: of a form, or of JSON when the address carries their digest. `headers`: in any case.
    """
    given = {name.lower(): value for name, value in headers.items()}
    signature = given.get(SIGNATURE_HEADER.lower(), "")
    algorithm = get_signature_algorithm(given.get(SIGNATURE_SETTINGS_HEADER.lower(), "")).upper()
    if not secret or not signature.isascii() or not signature or algorithm not in {HMAC_SHA1, HMAC_SHA256}:
        return False
    form = _signed_form(url, body)
    if form is None:
        return False
    validator, parsed = RequestValidator(secret), urlparse(url)
    return any(
        hmac.compare_digest(str(validator.compute_signature(spelling, form, algorithm)), signature)
        for spelling in (remove_port(parsed), add_port(parsed))  # Twilio signs one or the other
    )


def read_status(form: Mapping[str, str], reference: str | None, at: datetime | None = None) -> Receipt | None:
    """What a status callback says about the text with this reference; None when it says nothing we know.

    Twilio gives no time with it: `at`, or now. Callbacks come twice and out of order; `event_id` is the same for the
    same status of the same text.
    """
    sid, status = _one(form, "MessageSid") or _one(form, "SmsSid"), _one(form, "MessageStatus").lower()
    kind = KINDS.get(status)
    if not sid or kind is None:
        return None
    code = _one(form, "ErrorCode")[:LONGEST_CODE]
    suppress = meaning(int(code)).suppress if kind == "failed" and code.isascii() and code.isdigit() else None
    return Receipt(
        event_id=f"{sid}{status}",
        kind=kind,
        at=at or clock.now(),
        reference=reference,
        provider_ref=sid,
        code=code or (status if kind == "failed" else ""),
        permanent=suppress is not None,
        suppress=suppress,
    )


def read_inbound(form: Mapping[str, str]) -> InboundText | None:
    """A text that a shopper wrote; None when it has no id or no sender."""
    sid, sender = _one(form, "MessageSid") or _one(form, "SmsSid"), _one(form, "From")
    if not sid or not sender:
        return None
    opt_out_type = _one(form, "OptOutType").upper()
    return InboundText(
        event_id=sid,
        sender=sender,
        recipient=_one(form, "To"),
        text=_one(form, "Body"),
        opt_out_type=opt_out_type if opt_out_type in OPT_OUT_TYPES else None,
        service=_one(form, "MessagingServiceSid") or None,
    )


class _Form(dict[str, list[str]]):
    """A form as Twilio's own validator reads it: every value of a name counts."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def _signed_form(url: str, body: Mapping[str, str | Sequence[str]] | bytes) -> _Form | None:
    """The parameters that take part in the signature; None when the bytes aren't the ones the address speaks of."""
    form = _Form()
    if isinstance(body, bytes):
        digests = parse_qs(urlparse(url).query).get(BODY_DIGEST)
        if digests:
            return form if hmac.compare_digest(sha256(body).hexdigest().encode(), digests[0].encode()) else None
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    else:
        getlist = getattr(body, "getlist", None)
        pairs = [(name, value) for name in body for value in _values(getlist(name) if getlist else body[name])]
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


def _values(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _one(form: Mapping[str, str], name: str) -> str:
    """A field without NUL, which no database column takes."""
    return str(form.get(name) or "").replace("\x00", "")
