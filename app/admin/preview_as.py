"""Preview as: a real or a made-up person's way through a journey from now on, and who came to its door of late."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from flask import Response, g, request

from app import clock
from app.admin import flow, foresight, previews, record
from app.admin.customers import typed_query
from app.admin.foresight import braked
from app.admin.guard import bp, settings
from app.admin.queries import customers as people, foreseen as queries, journeys as journey_queries
from app.admin.showing import missing, money, page
from app.admin.words import CHANNELS, _, reason
from app.brakes.chunk import Brakes
from app.customers.queries import Profile, profiles
from app.journeys import queries as known
from app.journeys.planning import reference
from app.journeys.rules import Enter, Facts, Occasion, Place, Plan, Refuse, entry, why_unreachable
from app.messages.asking import Asker
from app.orders.subjects import Ref, Subject, load as load_subjects
from app.shops import settings as shop_settings
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.admin.foresight import Fate, Path
    from app.admin.previews import Case, Preview
    from app.admin.queries.journeys import Current
    from app.journeys.definition import Definition
    from app.messages.rules import Asked

ABOUT = {
    "checkout_abandoned": "checkout",
    "cart_abandoned": "cart",
    "order_placed": "order",
    "product_running_low": "variant",
    "went_quiet": "person",
}
"""What a journey's messages are about, by the event that starts it."""
SHIPPED_AFTER, DELIVERED_AFTER, GAP = timedelta(days=1), timedelta(days=3), timedelta(days=30)
MOST_FOUND: Final = 8
FRESH: Final[dict[str, dict[str, Any]]] = {
    "checkout_abandoned": {"bought": False, "gone": False, "emptied": False, "checkout.gift_cards_only": False},
    "cart_abandoned": {"bought": False, "gone": False, "emptied": False, "checkout_started": False},
    "order_placed": {"gone": False, "order.cancelled": False, "order.refunded": False},
    "product_running_low": {"bought": False, "given_back": False, "gone": False, "product.available": True},
    "went_quiet": {"bought": False, "engaged": False, "gone": False},
}
"""What is so at the moment a thing has just happened."""
MADE_UP: Final[dict[str, Any]] = {
    "checkout.total": 4_500, "checkout.items": 2, "cart.total": 4_500, "cart.items": 2, "order.total": 4_500,
    "order.items": 2, "order.channel": "online", "order.delivered": False, "order.first": True, "order.reviewable": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose way it is, and what it starts from."""

    person: Profile
    definition: Definition
    templates: Mapping[str, int]
    place: Place
    facts: Facts
    subject: Subject
    ref: Ref | None
    """What a message is rendered from; None: made-up things."""
    standing: str
    """One sentence: under way, or what is supposed."""
    refused: str | None = None
    """Why they would not be let in now."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on the way: why this channel, what the gates say, how it looks."""

    plan: Plan
    why: str
    fate: Fate
    preview: Preview


@bp.get("/admin/journeys/<key>/preview", endpoint="preview_as")
def preview_as(key: str) -> Response:
    """The page."""
    query = typed_query()
    asked_for, sample = request.args.get("customer", ""), request.args.get("sample", "")
    now = clock.now()
    with transaction(g.shop_id) as session:
        journey = journey_queries.current(session, g.shop_id, key)
        if journey is None:
            return missing(_("There is no such journey"))
        whose = None
        if asked_for:
            person = _person(session, asked_for)
            if person is None:
                return missing(_("There is no such customer"))
            whose = _real(session, journey, person, now)
            record.note(session, record.Action.PERSON_VIEWED, customer=person.id)
        elif sample in previews.choices():
            whose = _made_up(journey, sample, now)
        path = foresight.ahead(whose.definition, whose.place, whose.facts, now) if whose else None
        if query:
            record.note(session, record.Action.PEOPLE_LISTED, page="preview_as")
        values: dict[str, Any] = {
            "found": people.found(session, g.shop_id, query, None)[:MOST_FOUND] if query else [],
            "messages": _messages(session, journey, whose, path, sample, now) if whose and path else {},
            "door": [
                (row, foresight.checks(journey.definition, row.outcome, row.reason, money))
                for row in queries.at_the_door(session, g.shop_id, journey.id)
            ],
        }
    return page(
        "preview_as.html",
        title=_("Preview as"),
        journey=journey,
        query=query,
        sample=sample,
        samples=previews.choices(),
        whose=whose,
        path=path,
        steps={step.id: step for step in _flat(flow.draw(whose.definition, money))} if whose else {},
        now=now,
        **values,
    )


def _person(session: Session, number: str) -> Profile | None:
    if not (number.isascii() and number.isdigit() and len(number) < 19):  # noqa: PLR2004 digits of a bigint
        return None
    return profiles(session, g.shop_id, [int(number)]).get(int(number))


def _flat(steps: tuple[flow.Drawn, ...]) -> list[flow.Drawn]:
    return [found for step in steps for found in (step, *_flat(step.yes), *_flat(step.no))]


def _real(session: Session, journey: Current, person: Profile, now: datetime) -> Whose:
    enrolment = queries.under_way(session, g.shop_id, journey.id, person.id)
    if enrolment is None:
        return _supposed(session, journey, person, now)
    ref = reference(enrolment)
    subject = load_subjects(session, [ref])[ref]
    definition, templates = known.versions(session, g.shop_id, [enrolment.version_id])[enrolment.version_id]
    written = known.messages_of(session, g.shop_id, [enrolment.id]).get(enrolment.id, {})
    return Whose(
        person,
        definition,
        templates,
        known.place(enrolment),
        known.facts(enrolment, subject, person, written),
        subject,
        ref if subject.row is not None else None,
        _("They are under way. This is what lies ahead, as things stand now."),
    )


def _supposed(session: Session, journey: Current, person: Profile, now: datetime) -> Whose:
    """Not under way: what would follow if it happened now, with what they had last."""
    case = queries.last_case(session, g.shop_id, journey.event, person.id)
    ref = None if case is None else Ref(case.kind, case.key, person.id, case.since)
    subject = Subject(None) if ref is None else load_subjects(session, [ref])[ref]
    gap = GAP if case is None or case.days is None else timedelta(days=case.days)
    started = _just_now(journey, subject, gap, person, now)
    entered = known.last_entries(session, g.shop_id, [person.id]).get((journey.id, person.id))
    occasion = Occasion(now, None, started.fields)
    verdict = entry(journey.definition, occasion, None, entered, now)
    assert isinstance(verdict, Enter | Refuse)  # noqa: S101 without an earlier round nothing else can come
    return Whose(
        person,
        journey.definition,
        journey.templates,
        Place(journey.definition.program.first, now),
        started,
        replace(subject, fields=dict(started.fields)),
        ref if subject.row is not None else None,
        _("They aren't under way. This is what would follow if it happened now, with what they had last.")
        if ref
        else _("They aren't under way and never were near it, so this follows made-up things."),
        verdict.reason if isinstance(verdict, Refuse) else None,
    )


def sample_way(journey: Current, now: datetime) -> tuple[list[tuple[timedelta, str]], bool]:
    """A made-up person's way: how long after the beginning each message goes, as drawn; and whether it ends waiting."""
    whose = _made_up(journey, previews.choices()[0], now)
    path = foresight.ahead(whose.definition, whose.place, whose.facts, now)
    steps = {step.id: step for step in _flat(flow.draw(whose.definition))}
    stops = [(stop.at - now, steps[stop.noted.step].title) for stop in path.stops if stop.plan is not None]
    return stops, path.waits_for_news


def _made_up(journey: Current, sample: str, now: datetime) -> Whose:
    person = Profile(
        0, sample.capitalize(), "", None, None, None,
        {"email": "somebody@example.com", "sms": "+12125550100"}, {}, {"email": "subscribed", "sms": "subscribed"},
        None, {"customer.orders_count": 1, "customer.spent": 4_500},
    )  # fmt: skip
    facts = _just_now(journey, Subject(None), GAP, person, now)
    return Whose(
        person,
        journey.definition,
        journey.templates,
        Place(journey.definition.program.first, now),
        facts,
        Subject(None, fields=dict(facts.fields)),
        None,
        _("A made-up person who said yes to everything, for whom it happens now."),
    )


def _just_now(journey: Current, subject: Subject, gap: timedelta, person: Profile, now: datetime) -> Facts:
    """The facts as if it had happened this moment; a parcel leaves after a day and arrives after three."""
    fields = {"clicked": False, "channels": [], **person.fields, **MADE_UP, **subject.fields, **FRESH[journey.event]}
    moments = {"trigger": now, "entered": now, "placed": now}
    if journey.event == "order_placed":
        moments |= {"shipped": now + SHIPPED_AFTER, "delivered": now + DELIVERED_AFTER}
    consent = person.consent_about(ABOUT[journey.event])
    return Facts(moments, fields, person.unreachable, consent, person.preferred_channel, gap)


def _messages(
    session: Session, journey: Current, whose: Whose, path: Path, sample: str, now: datetime
) -> dict[str, Sent]:
    asker = Asker(g.shop)
    heard = queries.heard(session, g.shop_id, whose.person.id, now)

    def ask(plan: Plan) -> Asked:
        return asker.asked(_as_message(whose, plan), whose.person, whose.subject, heard, bought=False)

    def gone(plan: Plan, at: datetime) -> None:
        heard.note(_as_message(whose, plan), at)

    fates = foresight.fates(path, ask, gone)
    plans = [stop.plan for stop in path.stops if stop.plan is not None]
    texts = queries.sources(session, g.shop_id, {whose.templates[p.template] for p in plans})
    domain = shop_settings.sending_domain(g.shop, settings().sender_email)
    brakes = Brakes(session, g.shop, domain, now, [whose.person.id])
    found = {}
    for plan in plans:
        source = (plan.channel, texts[whose.templates[plan.template]])
        case = _case(session, journey, whose, source, sample)
        preview = previews.render(*source, case)
        pieces = preview.segments.count if preview.segments else 1
        hold = brakes.foreseen(plan.channel, plan.send.purpose, whose.person, pieces)
        found[plan.step] = Sent(plan, _why(plan, whose.facts), braked(fates[plan.step], hold), preview)
    return found


def _case(session: Session, journey: Current, whose: Whose, source: tuple[str, str], sample: str) -> Case:
    if whose.ref is not None:
        real = previews.of(session, g.shop, settings(), whose.ref, whose.subject, whose.person, source)
        if real is not None:
            return real
    wanted = sample if sample in previews.choices() else previews.choices()[0]
    return previews.case(session, g.shop, settings(), journey.event, source, wanted)


def _as_message(whose: Whose, plan: Plan) -> Any:
    """The plan as the row it would become, as far as gates look at it."""
    definition = whose.definition
    return SimpleNamespace(
        subject_kind=whose.ref.kind if whose.ref else ABOUT[definition.trigger.event],
        subject_key=whose.ref.key if whose.ref else "",
        since=whose.facts.moments["trigger"],
        channel=plan.channel,
        purpose=plan.send.purpose,
        audience=plan.send.audience,
        useful_until=plan.useful_until,
        tries=0,
        priority=definition.priority,
        conditions={
            "topic": definition.topic,
            "outranked": definition.outranked,
            "filters": [c.model_dump(by_alias=True) for c in definition.trigger.filters],
            "only_if": [c.model_dump(by_alias=True) for c in plan.send.only_if],
            "exits": [
                {"if": [c.model_dump(by_alias=True) for c in x.when], "reason": x.reason} for x in definition.exits
            ],
        },
    )


def _why(plan: Plan, facts: Facts) -> str:
    """Why this channel, in a sentence."""
    names = {key: word if key == "sms" else word.lower() for key, word in CHANNELS.items()}
    name = names[plan.channel]
    if len(plan.send.templates) == 1:
        return _("This step writes by {channel} only.", channel=name)
    for other in plan.send.templates:
        if other != plan.channel and (refusal := why_unreachable(other, plan.send, facts)):
            return _("By {channel}, since {other} can't be used: {why}.", channel=name, other=names[other],
                     why=reason(refusal).rstrip("."))  # fmt: skip
    if plan.channel == facts.answered_on:
        return _("By {channel}, since that is where they answered before.", channel=name)
    return _("By {channel}, which comes first as long as they haven't answered elsewhere.", channel=name)
