"""Whether the links of a draft lead anywhere: a part of the page that comes when the other side has answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from flask import Response, g

from app.admin import advising, dead_links
from app.admin.dead_links import Found
from app.admin.editing import pages
from app.admin.guard import bp
from app.admin.queries import editing as queries
from app.admin.showing import missing, part
from app.admin.words import CHANNELS, _, spelled
from app.content.faults import TemplateFault
from app.content.links import links
from app.journeys import drafting, service as journeys
from app.journeys.definition import walk
from app.messages.compose import compiled
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.content.links import Link
    from app.journeys.drafting import State
    from app.journeys.models import Journey

DEAD: Final = {
    (Found.GONE, False): _("The link {url} leads to a page that isn't there."),
    (Found.GONE, True): _("The picture {url} isn't there."),
    (Found.NO_SUCH_SITE, False): _("The link {url} leads nowhere: there is no site {host}."),
    (Found.NO_SUCH_SITE, True): _("The picture {url} isn't there: there is no site {host}."),
}
"""What was found, and whether for a picture -> the sentence."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message's text in the draft, as it is looked at."""

    step: str
    channel: str
    source: str
    marketing: bool

    @property
    def title(self) -> str:
        """What the merchant knows it by."""
        return _("{channel} “{step}”", channel=CHANNELS[self.channel], step=spelled(self.step))


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is to say about a text; `unclear` are the addresses that could not be checked."""

    text: Text
    advice: tuple[str, ...]
    unclear: tuple[str, ...]


@bp.get("/admin/journeys/<key>/edit/text/<step>/<channel>/links", endpoint="journey_text_links")
def of_text(key: str, step: str, channel: str) -> Response:
    """The links of one message, as it is kept in the draft."""
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        if journey is None:
            return pages.unknown()
        found = [t for t in _texts(session, drafting.state(session, journey)) if (t.step, t.channel) == (step, channel)]
    if not found:
        return missing(_("There is no such message"))
    again = f"/admin/journeys/{key}/edit/text/{step}/{channel}/links"
    return part("links.html", looked=_look(found, {}), address=again, whole=False, journey=journey)


@bp.get("/admin/journeys/<key>/edit/links", endpoint="journey_links")
def of_journey(key: str) -> Response:
    """Everything worth a look in the draft's messages, links and all: what to know before it is published."""
    with transaction(g.shop_id) as session:
        journey: Journey | None = journeys.find(session, key)
        if journey is None:
            return pages.unknown()
        found = _texts(session, drafting.state(session, journey))
    advice = {text: _advice(text) for text in found}
    again = f"/admin/journeys/{key}/edit/links"
    return part("links.html", looked=_look(found, advice), address=again, whole=True, journey=journey)


def _texts(session: Session, state: State) -> list[Text]:
    stored = queries.sources(session, g.shop_id, state.templates.values())
    return [
        Text(step.id, channel, stored[state.templates[name]][1], step.send.purpose == "marketing")
        for step in walk(state.definition.steps)
        if step.send
        for channel, name in step.send.templates.items()
    ]


def _advice(text: Text) -> tuple[str, ...]:
    checked = advising.check(text.channel, text.source, marketing=text.marketing)
    if isinstance(checked, TemplateFault):
        return (_("Line {n}: {what}", n=checked.line, what=checked.message),)
    return tuple(checked)


def _look(texts: list[Text], advice: Mapping[Text, tuple[str, ...]]) -> list[Looked]:
    """Ask for what the texts link to. No transaction is open."""
    written: dict[Text, list[Link]] = {}
    for text in texts:
        template = compiled(text.channel, text.source)
        written[text] = [] if isinstance(template, TemplateFault) else links(template, g.shop.home)
    found = dead_links.ask(link.url for each in written.values() for link in each)
    return [
        Looked(
            text,
            (*advice.get(text, ()), *(_said(link, found[link.url]) for link in each if _is_dead(found[link.url]))),
            tuple(dict.fromkeys(link.url for link in each if found[link.url] is Found.UNCLEAR)),
        )
        for text, each in written.items()
    ]


def _is_dead(found: Found) -> bool:
    return found in (Found.GONE, Found.NO_SUCH_SITE)


def _said(link: Link, found: Found) -> str:
    sentence = _(DEAD[found, link.is_picture], url=link.url, host=urlsplit(link.url).hostname or "")
    return _("Line {n}: {what}", n=link.line, what=sentence)
