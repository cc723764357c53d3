"""The doors for providers' reports: what they could not take is told again, and until then silence proves nothing."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
import psycopg
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.exc import IntegrityError
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from app.channels.base import CannotTell
from app.channels.email.receipts import SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.messages.conftest import state
from tests.messages.test_unknown_outcomes import ask, grace_over, silent

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from config import Settings
    from local.postgres import Postgres
    from local.redis_server import Redis
    from tests.core.conftest import World

KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def client(app: Flask, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    del world
    public = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed_by = replace(settings.sendgrid, webhook_public_key=base64.b64encode(public).decode())
    monkeypatch.setitem(app.extensions, "settings", replace(settings, sendgrid=signed_by))
    return app.test_client()


def told(client: FlaskClient, settings: Settings, channel: str, reference: str) -> int:
    """A provider reports that it took the message, signed as it signs."""
    if channel == "email":
        now = int(datetime.now(UTC).timestamp())
        event = {"event": "processed", "sg_event_id": "e1", "timestamp": now, "reference": reference}
        body = orjson.dumps([event])
        signature = base64.b64encode(KEY.sign(str(now).encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
        headers = {SIGNATURE_HEADER: signature, TIMESTAMP_HEADER: str(now)}
        return client.post("/receipts/sendgrid", data=body, headers=headers).status_code
    path, form = f"/receipts/twilio/status?m={reference}", {"MessageSid": "SM1", "MessageStatus": "sent"}
    signature = RequestValidator("12345").compute_signature(settings.public_url + path, form, "HMAC_SHA1")
    return client.post(path, data=form, headers={"X-Twilio-Signature": signature}).status_code


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_report_that_could_not_be_taken_makes_silence_mean_nothing(
    world: World, client: FlaskClient, settings: Settings, services: tuple[Postgres, Redis], channel: str
) -> None:
    message, provider = silent(world, channel)
    reference = provider.sent[0].reference
    with psycopg.connect(services[0].url, autocommit=True) as owner:
        owner.execute("ALTER TABLE receipt ADD CONSTRAINT shut CHECK (false) NOT VALID")
        try:
            with pytest.raises(IntegrityError):
                told(client, settings, channel, reference)
        finally:
            owner.execute("ALTER TABLE receipt DROP CONSTRAINT shut")
    grace_over(world)
    assert ask(world, provider, CannotTell()) == 0, "others were heard since, but this one is still on its second way"
    assert state(world, message)[0] == "unknown"
    assert told(client, settings, channel, reference) == 200
    assert state(world, message)[0] == "accepted"
    assert len(provider.sent) == 1
