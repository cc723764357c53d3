"""The providers of SMS that the host has configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.channels.sms.twilio import TwilioProvider

if TYPE_CHECKING:
    from app.channels.base import Provider
    from config import Settings


def build(settings: Settings) -> list[Provider]:
    """Twilio, when it has an account."""
    twilio = settings.twilio
    if not twilio.account_sid:
        return []
    sids = (twilio.account_sid, twilio.auth_token, twilio.messaging_service_sid)
    return [TwilioProvider(*sids, twilio.api_base, divided=bool(twilio.numbers))]
