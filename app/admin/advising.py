"""The checker: what to look at in a message before it is published, in the merchant's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.admin.words import _
from app.content.advice import about_email, about_sms
from app.content.email import CompiledEmail, RenderedEmail
from app.content.faults import TemplateFault
from app.content.samples import samples
from app.content.sms import RenderedSms
from app.messages.compose import compiled

if TYPE_CHECKING:
    from app.content.advice import Advice

SENTENCES: Final = {
    "no_way_out": _("There is no way to unsubscribe. Include the footer, or link to {{ unsubscribe_url }}."),
    "no_postal_address": _("There is no postal address, which the law asks of marketing. The footer has it."),
    "no_preheader": _("The line after the subject is missing: inboxes will show the first words of the mail."),
    "too_heavy": _("It is {detail} long. Gmail cuts mails at 102 kB, and the unsubscribe link with it."),
    "long_subject": _("The subject has about {detail} letters; most inboxes show 40 to 70."),
    "empty_subject": _("For some people the subject is empty."),
    "only_pictures": _("There is hardly any text: people who see no pictures, and spam filters, see an empty mail."),
    "picture_without_words": _("A picture has no words of its own (alt): people who don't see it learn nothing."),
    "link_leads_nowhere": _("A link or button leads nowhere."),
    "style_is_dropped": _("“{detail}” is dropped by Gmail or Outlook; the mail will look different there."),
    "unknown_name": _("There is no {detail}: nothing will stand there. Is it spelled right?"),
    "may_be_empty": _("Not everybody has {detail}. Say what stands there instead: {{ {detail} | default: '…' }}."),
    "no_opt_out_words": _("A marketing text must say how to stop, e.g. “Reply STOP to opt out”."),
    "no_sender_name": _("People don't know your number: begin with {{ shop.name }}."),
    "many_segments": _("It takes {detail} messages, each of which costs."),
    "dear_letters": _("{detail} can't be said in the cheap alphabet of texts: a message holds 70 letters, not 160."),
    "public_shortener": _("Carriers block texts with links of {detail}: use a link to your own store."),
}  # fmt: skip
"""Advice's code -> what to do. `{detail}` is the advice's own."""


def check(channel: str, source: str, *, marketing: bool) -> list[str] | TemplateFault:
    """Look at a message with every made-up case; [] when there is nothing to mend."""
    template = compiled(channel, source)
    if isinstance(template, TemplateFault):
        return template
    made = [template.render(s.context, s.locale, s.currency, s.zone) for s in samples().values()]
    fault = next((each for each in made if isinstance(each, TemplateFault)), None)
    if fault is not None:
        return fault
    if isinstance(template, CompiledEmail):
        found = about_email(template, [each for each in made if isinstance(each, RenderedEmail)], marketing=marketing)
    else:
        found = about_sms(template, [each for each in made if isinstance(each, RenderedSms)], marketing=marketing)
    return [_sentence(each) for each in found]


def _sentence(advice: Advice) -> str:
    sentence = SENTENCES[advice.code].replace("{detail}", advice.detail)
    return sentence if advice.line is None else _("Line {n}: {what}", n=advice.line, what=sentence)
