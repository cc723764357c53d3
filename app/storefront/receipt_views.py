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
from app.texting import service as texting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.channels.base import InboundText, Receipt
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
    shop_ids: Sequence[int] | None = _of_own_account(message.service if message is not None else None, body)
    if not shop_ids:
        if not _signed_with(_hosts_secrets(), body):
            return Response("bad signature", 403, mimetype="text/plain")
        shop_ids = _of_host(message) if message is not None else None
    reply = inbound.receive(message, shop_ids) if message is not None else None
    # Twilio itself confirms STOP and START; answering those too would be a second text.
    return Response(NO_REPLY if reply is None else REPLY.format(escape(reply)), 200, mimetype="text/xml")


def _of_own_account(service: str | None, body: bytes) -> list[int]:
    """The shops whose own service a text names and whose own token signed it.

    The name of the service only says whose token to try.
    """
    if not service or service == _settings().twilio.messaging_service_sid:
        return []
    return [shop_id for shop_id in accounts.shops_of(service) if _signed_with(accounts.signing_secrets(shop_id), body)]


def _of_host(message: InboundText) -> list[int] | None:
    """The shop whose part of the host's account a text came to; None: to what all share."""
    if message.service == _settings().twilio.messaging_service_sid:
        return None
    return texting.shops_of(message.service or "", message.recipient) or None


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
