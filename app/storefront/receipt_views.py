"""Signed callbacks of the providers. Wrongly signed: 403. Signed but about nothing we know: 200, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, request

from app import clock
from app.channels.email import receipts as email_receipts
from app.channels.sms import receipts as sms_receipts
from app.messages import inbound, receipts

if TYPE_CHECKING:
    from config import Settings

bp = Blueprint("receipts", __name__, url_prefix="/receipts")

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
    receipts.apply("sendgrid", found)
    return Response(status=200)


@bp.post("/twilio/status")
def twilio_status() -> Response:
    """Twilio's word on one message; ours is named by the signed reference in the address."""
    if not _signed_by_twilio():
        return Response("bad signature", 403, mimetype="text/plain")
    receipt = sms_receipts.read_status(request.form, request.args.get("m"), clock.now())
    if receipt is not None:
        receipts.apply("twilio", [receipt])
    return Response(status=200)


@bp.post("/twilio/inbound")
def twilio_inbound() -> Response:
    """A shopper's text to us: STOP, START, HELP, or anything else."""
    if not _signed_by_twilio():
        return Response("bad signature", 403, mimetype="text/plain")
    message = sms_receipts.read_inbound(request.form)
    if message is not None:
        inbound.receive(message)
    # Twilio itself confirms STOP and START; answering too would be a second text.
    return Response(NO_REPLY, 200, mimetype="text/xml")


def _signed_by_twilio() -> bool:
    settings = _settings()
    url = settings.public_url + request.full_path.rstrip("?")
    return sms_receipts.verify(settings.twilio.auth_token, url, request.form, dict(request.headers.items()))
