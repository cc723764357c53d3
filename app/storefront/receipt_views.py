"""Signed callbacks of the providers. Wrongly signed: 403. Signed but about nothing we know: 200, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, request
from markupsafe import escape

from app import clock
from app.channels.email import receipts as email_receipts
from app.channels.sms import receipts as sms_receipts
from app.messages import breaker, inbound, receipts
from app.messages.evidence import TELLS_AGAIN_WITHIN
from app.security import tokens
from app.shops import accounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.channels.base import Receipt
    from config import Settings

bp = Blueprint("receipts", __name__, url_prefix="/receipts")

REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response><Message>{}</Message></Response>'
NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


def _settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


@bp.post("/sendgrid")
def sendgrid() -> Response:
    """SendGrid's events, an array at a time, signed over the raw bytes."""
    body = request.get_data(cache=False)
    key = _settings().sendgrid.webhook_public_key
    if not email_receipts.verify(key, dict(request.headers.items()), body, clock.real_now()):
        return Response("bad signature", 403, mimetype="text/plain")
    found, _unusable = email_receipts.read(body)
    _take("sendgrid", "email", found)
    return Response(status=200)


@bp.post("/twilio/status")
def twilio_status() -> Response:
    """Twilio's word on one message; ours is named by the signed reference in the address."""
    body = request.get_data()
    reference = request.args.get("m")
    named = tokens.read("reference", reference or "", 3)
    # Whoever runs the host's account may report on any text; a shop's own account on that shop's only.
    if not (_signed_with(_hosts_secrets(), body) or (named and _signed_with(accounts.signing_secrets(named[0]), body))):
        return Response("bad signature", 403, mimetype="text/plain")
    receipt = sms_receipts.read_status(request.form, reference, clock.now())
    if receipt is not None:
        _take("twilio", "sms", [receipt])
    return Response(status=200)


def _take(provider: str, channel: str, found: Sequence[Receipt]) -> None:
    try:
        receipts.apply(provider, found)
    except BaseException:  # whatever it was, the provider tells them again
        breaker.refused(provider, _settings().grace_seconds(channel) * TELLS_AGAIN_WITHIN)
        raise


@bp.post("/twilio/inbound")
def twilio_inbound() -> Response:
    """A shopper's text to us: STOP, START, HELP, or anything else."""
    body = request.get_data()
    message = sms_receipts.read_inbound(request.form)
    shop_ids = _addressed(message.service if message is not None else None, body)
    if shop_ids is None:
        return Response("bad signature", 403, mimetype="text/plain")
    reply = inbound.receive(message, shop_ids) if message is not None else None
    # Twilio itself confirms STOP and START; answering those too would be a second text.
    return Response(NO_REPLY if reply is None else REPLY.format(escape(reply)), 200, mimetype="text/xml")


def _addressed(service: str | None, body: bytes) -> list[int] | None:
    """Whom a text came to: the shops whose own service it names and whose own token signed it, else the host's.

    None when nobody who may has signed it. The name of the service only says whose token to try.
    """
    if service and service != _settings().twilio.messaging_service_sid:
        own = [
            shop_id for shop_id in accounts.shops_of(service) if _signed_with(accounts.signing_secrets(shop_id), body)
        ]
        if own:
            return own
    return inbound.shops_of_host() if _signed_with(_hosts_secrets(), body) else None


def _hosts_secrets() -> list[str]:
    twilio = _settings().twilio
    return [secret for secret in (twilio.auth_token, twilio.signing_key) if secret]


def _signed_with(secrets: Iterable[str], body: bytes) -> bool:
    """Whether one of these signed the request and its body as it came.

    The auth token signs by SHA-1, a key of its own by SHA-256.
    """
    url = _settings().public_url + request.full_path.rstrip("?")
    headers = dict(request.headers.items())
    return any(sms_receipts.verify(secret, url, body, headers) for secret in secrets)
