"""From a template, a context and a person to what the provider gets. The same inputs always give the same message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.channels.base import Outbound, OutboundEmail, OutboundText
from app.content.cache import TemplateCache
from app.content.email import CompiledEmail, compile_email
from app.content.faults import TemplateFault
from app.content.localise import ENGLISH, translated
from app.content.sms import compile_sms
from app.security import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.content.sms import CompiledSms

EMAILS = TemplateCache(compile_email)
TEXTS = TemplateCache(compile_sms)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything about a message that isn't its content."""

    shop_id: int
    message_id: int
    attempt_id: int
    channel: str
    purpose: str
    address: str = field(repr=False)
    name: str = field(repr=False)
    sender: str
    sender_name: str
    reply_to: str | None
    public_url: str
    seconds_useful: int = 36_000


@dataclass(frozen=True, slots=True)
class Language:
    """How numbers and dates are written for this person, and which language our own words are in."""

    locale: str
    currency: str
    zone: str
    words: str = ENGLISH


@dataclass(frozen=True, slots=True)
class Composed:
    """A message ready to go, and where its tracked links lead."""

    outbound: Outbound
    links: tuple[str, ...]


def compiled(channel: str, source: str, language: str = ENGLISH) -> CompiledEmail | CompiledSms | TemplateFault:
    """A template, compiled once a process; in another language where its words are ours."""
    source = translated(channel, source, language)
    return EMAILS.get(source) if channel == "email" else TEXTS.get(source)


def compose(
    envelope: Envelope,
    template: CompiledEmail | CompiledSms | TemplateFault,
    context: Mapping[str, Any],
    language: Language,
) -> Composed | TemplateFault:
    """Render a message. A fault names the template's line; nothing is sent then."""
    if isinstance(template, TemplateFault):
        return template
    reference = tokens.make("reference", envelope.shop_id, envelope.message_id, envelope.attempt_id)
    if isinstance(template, CompiledEmail):
        return _email(envelope, template, context, language, reference)
    rendered = template.render(context, language.locale, language.currency, language.zone)
    if isinstance(rendered, TemplateFault):
        return rendered
    callback = f"{envelope.public_url}/receipts/twilio/status?m={reference}"
    return Composed(
        OutboundText(reference, envelope.address, rendered.text, callback, envelope.seconds_useful),
        (),
    )


def _email(
    envelope: Envelope, template: CompiledEmail, context: Mapping[str, Any], language: Language, reference: str
) -> Composed | TemplateFault:
    links: list[str] = []
    rendered = template.render(context, language.locale, language.currency, language.zone, tracker(envelope, links))
    if isinstance(rendered, TemplateFault):
        return rendered
    headers = {}
    if envelope.purpose == "marketing":
        # RFC 8058: one click in the mail program, a POST to us, no cookie and no page.
        headers = {
            "List-Unsubscribe": f"<{context['unsubscribe_url']}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    outbound = OutboundEmail(
        reference,
        envelope.address,
        envelope.name,
        envelope.sender,
        envelope.sender_name,
        envelope.reply_to,
        rendered.subject,
        rendered.html,
        rendered.text,
        headers,
        envelope.purpose == "transactional",
    )
    return Composed(outbound, tuple(links))


def tracker(envelope: Envelope, links: list[str]) -> Callable[[str], str]:
    """Turns links into tracked ones and collects where they lead. Our own links know their message already."""
    own = envelope.public_url + "/"

    def track(url: str) -> str:
        if url.startswith(own):
            return url
        links.append(url)
        token = tokens.make("click", envelope.shop_id, envelope.message_id, len(links) - 1)
        return f"{own}c/{token}"

    return track
