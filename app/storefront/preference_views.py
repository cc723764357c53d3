"""The preference page: topics, how often, a pause, a language, channels. No login, no script; only a POST acts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import clock
from app.content.dates import local_date
from app.customers import preferences, wordings
from app.customers.queries import consent_states
from app.customers.rules import PAUSE, SPACING, Choices
from app.journeys import queries as journeys
from app.messages import engagement
from app.shops import service as shops
from app.storefront.subscription_views import (
    CHANNELS,
    Holder,
    addresses,
    holder_of,
    page,
    present as present_holder,
    say,
)
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

bp = Blueprint("preferences", __name__, template_folder="templates")

TOPICS = {
    "baskets": "What I left in my cart",
    "orders": "Tips about things I bought",
    "reviews": "Asking how I like what I bought",
    "refills": "When something may be running out",
    "news": "News and offers",
}
FREQUENCIES = {
    "all": "Whenever there is something for me",
    "weekly": "At most once a week",
    "less": "At most once a month",
}
LANGUAGES = {
    "en": "English", "da": "Dansk", "de": "Deutsch", "es": "Español", "fi": "Suomi", "fr": "Français", "it": "Italiano",
    "ja": "日本語", "nb": "Norsk bokmål", "nl": "Nederlands", "pl": "Polski", "pt": "Português", "sv": "Svenska",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wishes:
    """The form as posted: choices, channel -> wanted, and what is wrong, field by field."""

    choices: Choices
    channels: Mapping[str, bool | None]
    errors: Mapping[str, str] = field(default_factory=dict)


def read(
    form: Mapping[str, str], shown: Collection[str], reachable: Collection[str], present: Choices, now: datetime
) -> Wishes:
    """What was posted. A topic that wasn't on the page stays as it was; saving doesn't make a pause longer."""
    off = {topic for topic in shown if f"topic.{topic}" not in form}
    errors = {}
    frequency, locale = form.get("frequency", ""), form.get("language", "")
    if frequency not in SPACING:
        errors["frequency"] = "Please choose one of these."
    if locale and locale not in LANGUAGES:
        errors["language"] = "Please choose a language from the list."
    under_way = present.paused_until if present.paused_until is not None and present.paused_until > now else None
    wanted = Choices(
        frozenset(off | (present.topics_off - set(shown))),
        frequency if frequency in SPACING else present.frequency,
        (under_way or now + PAUSE) if "pause" in form else None,
        locale if locale in LANGUAGES else None,
    )
    return Wishes(wanted, {channel: channel in form for channel in reachable}, errors)


@bp.route("/p/<token>", methods=["GET", "POST"])
def preferences_page(token: str) -> Response:
    """What a person wants to hear, how often, and where."""
    holder = holder_of(token)
    with transaction(holder.shop_id) as session:
        holder = present_holder(session, holder)
        present = preferences.choices_of(session, holder.customer_id)
        reachable = addresses(session, holder)
        if request.method != "POST" or not reachable:
            return _show(session, holder, Wishes(present, _channels(session, holder)))
        wishes = read(request.form, _topics(session, present), reachable, present, clock.now())
        if wishes.errors:
            return _show(session, holder, wishes, status=422)
        preferences.choose(session, holder.customer_id, wishes.choices, "preference_page")
        before = _channels(session, holder)
        changed = {c: bool(on) for c, on in wishes.channels.items() if before[c] != on}
        shown = {c: wordings.shown_as(session, c, request.form.get(f"wording.{c}", "")) for c in changed}
        say(session, holder, changed, "preference_page", collected="page", shown=shown)
        engagement.answered(session, holder.message_id, request.user_agent.string)
        return _show(session, holder, wishes, saved=True)


def _channels(session: Session, holder: Holder) -> dict[str, bool | None]:
    """Channel -> whether they get marketing there; None when they were never asked."""
    states = consent_states(session, holder.shop_id, [holder.customer_id])
    found: dict[str, bool | None] = {}
    for channel in addresses(session, holder):
        state = states.get((holder.customer_id, channel))
        found[channel] = None if state is None else state == "subscribed"
    return found


def _topics(session: Session, present: Choices) -> list[str]:
    """What this shop writes about, and what the person has left out before."""
    running = {str(j.definition.topic) for j in journeys.running(session, session.info["shop_id"])}
    return [topic for topic in TOPICS if topic in running | present.topics_off | {"news"}]


def _show(session: Session, holder: Holder, wishes: Wishes, *, saved: bool = False, status: int = 200) -> Response:
    shop = shops.get(session)
    choices, now = wishes.choices, clock.now()
    if choices.paused_until is not None and choices.paused_until <= now:
        choices = replace(choices, paused_until=None)
    until, locale = choices.paused_until, preferences.locale_of(session, holder.customer_id)
    return page(
        session,
        "storefront/preferences.html",
        holder,
        status=status,
        saved=saved,
        errors=wishes.errors,
        channels=[(c, CHANNELS[c], on) for c, on in wishes.channels.items()],
        wordings=wordings.present(session),
        topics=[(t, TOPICS[t], t not in choices.topics_off) for t in _topics(session, choices)],
        frequencies=FREQUENCIES,
        frequency=choices.frequency,
        languages=LANGUAGES,
        language=choices.locale or "",
        days=PAUSE.days,
        paused=local_date(until, "long", locale, shop.timezone) if until else None,
    )
