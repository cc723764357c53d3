"""The providers of email that the host has configured, the preferred one first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.channels.email.sendgrid import SendGridProvider
from app.channels.email.smtp import SmtpProvider

if TYPE_CHECKING:
    from app.channels.base import Provider
    from config import Settings


def build(settings: Settings) -> list[Provider]:
    """SendGrid when it has a key, then SMTP when it has an address."""
    found: list[Provider] = []
    if settings.sendgrid.api_key:
        found.append(SendGridProvider(settings.sendgrid.api_key, settings.sendgrid.api_base))
    if settings.smtp_url:
        found.append(SmtpProvider(settings.smtp_url))
    return found
