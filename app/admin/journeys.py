"""Journeys: which there are, on or off, what each does step by step, and what its messages look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, g, request
from sqlalchemy import select

from app import clock
from app.admin import braking, flow, home, messages, preview_as, previews, record, test_send
from app.admin.editing import pages
from app.admin.guard import bp, settings
from app.admin.queries import journeys as queries
from app.admin.record import Action
from app.admin.showing import COUNTED_DAYS, last, missing, money, page
from app.admin.words import CHANNELS, _
from app.journeys import drafting, service as journeys
from app.journeys.definition import Definition, walk
from app.journeys.models import Journey
from app.messages.accounts import account_for
from app.reports import queries as reports
from app.shops import service as shops, settings as shop_settings
from app.transaction import ring_after_commit, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LONGEST_PHONE = 40


@bp.get("/admin/journeys", endpoint="journeys")
def every(toast: str | None = None, address: str | None = None) -> Response:
    """The list."""
    with transaction(g.shop_id) as session:
        days = last(COUNTED_DAYS)
        values: dict[str, Any] = {
            "journeys": queries.overview(session, g.shop_id, days),
            "revenue": reports.revenue(session, g.shop_id, days),
            "drafts": drafting.drafted(session),
        }
    return page("journeys.html", title=_("Journeys"), toast=toast, address=address, **values)


@bp.get("/admin/journeys/<key>", endpoint="journey")
def one(key: str) -> Response:
    """One journey, drawn."""
    return show(key)


@bp.post("/admin/journeys/turn-on-all", endpoint="turn_on_all")
def turn_on_all() -> Response:
    """Everything on, with one click."""
    with transaction(g.shop_id) as session:
        found = session.scalars(select(Journey).where(Journey.shop_id == g.shop_id, ~Journey.is_on).with_for_update())
        for journey in found:
            _turn_on(session, journey)
    return home.show(toast=_("All journeys are on"), address="/")


@bp.post("/admin/journeys/<key>/on", endpoint="journey_on")
def turn_on(key: str) -> Response:
    """Let people enter from now on."""
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is not None:
            _turn_on(session, journey)
    return show(key, toast=_("The journey is on"))


@bp.post("/admin/journeys/<key>/off", endpoint="journey_off")
def turn_off(key: str) -> Response:
    """Nobody enters any more, and nothing more goes to those under way."""
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is not None:
            journeys.turn_off(session, journey)
            record.note(session, Action.JOURNEY_TURNED_OFF, journey=key)
    return show(key, toast=_("The journey is off"))


@bp.post("/admin/journeys/<key>/up", endpoint="journey_up")
def up(key: str) -> Response:
    """One place up: its messages go before those of the journeys below."""
    return _ranked(key, -1)


@bp.post("/admin/journeys/<key>/down", endpoint="journey_down")
def down(key: str) -> Response:
    """One place down."""
    return _ranked(key, 1)


def _ranked(key: str, steps: int) -> Response:
    if not journeys.rank(g.shop_id, key, steps):
        return missing(_("There is no such journey"))
    return every(toast=_("The order is changed. It counts for messages planned from now on"), address="/admin/journeys")


@bp.get("/admin/journeys/<key>/preview/<step>/<channel>", endpoint="preview")
def preview(key: str, step: str, channel: str, toast: str | None = None, phone: tuple[str, str] = ("", "")) -> Response:
    """One message of a journey, as somebody would get it. `phone`: where a test is to go, and what is wrong."""
    wanted = request.args.get("with", previews.REAL)
    with transaction(g.shop_id) as session:
        found = queries.current(session, g.shop_id, key)
        source = queries.template(session, g.shop_id, found, step, channel) if found else None
        if found is None or source is None:
            return missing(_("There is no such message"))
        case = previews.case(session, g.shop, settings(), found.event, (channel, source), wanted)
        if case.customer_id is not None:
            record.note(session, Action.PERSON_VIEWED, customer=case.customer_id)
    made = previews.render(channel, source, case)
    return page(
        "preview.html",
        title=_("Preview"),
        status=422 if phone[1] else 200,
        toast=toast,
        phone=phone,
        address=f"/admin/journeys/{key}/preview/{step}/{channel}",
        test_address=test_send.address_of(g.shop),
        journey=found,
        step=step,
        preview=made,
        case=case,
        wanted=wanted,
        choices=previews.choices(),
        real=previews.REAL,
        other=[(s.id, c) for s in walk(found.definition.steps) if s.send for c in s.send.templates],
    )


@bp.post("/admin/journeys/<key>/preview/<step>/<channel>/test", endpoint="preview_test")
def send_test(key: str, step: str, channel: str) -> Response:
    """Send one message of a journey to the merchant, and show how it goes."""
    phone = request.form.get("phone", "").strip()[:LONGEST_PHONE]
    with transaction(g.shop_id) as session:
        found = queries.current(session, g.shop_id, key)
        source = queries.template(session, g.shop_id, found, step, channel) if found else None
        if found is None or source is None:
            return missing(_("There is no such message"))
        sent = test_send.send(session, g.shop, found.event, step, (channel, source), phone)
        if isinstance(sent, int):
            _remember_test(session, sent)
        record.note(session, Action.TEST_SENT, journey=key, step=step)
    if isinstance(sent, test_send.NotSent):
        if sent.by_field:
            return preview(key, step, channel, phone=(phone, sent.why))
        return preview(key, step, channel, toast=sent.why, phone=(phone, ""))
    return messages.show(sent, toast=_("The test is on its way"))


def _remember_test(session: Session, message_id: int) -> None:
    """So that the set-up guide can see whether it arrived."""
    shop = shops.get(session)
    session.refresh(shop, with_for_update=True)
    chosen = shop_settings.of(shop).guide.model_copy(update={"test_message": message_id})
    shop.settings = shop_settings.changed(shop, "guide", chosen.model_dump())


def show(key: str, *, toast: str | None = None, status: int = 200) -> Response:
    """A journey as it runs."""
    with transaction(g.shop_id) as session:
        found = queries.current(session, g.shop_id, key)
        journey = journeys.find(session, key)
        if found is None or journey is None:
            return missing(_("There is no such journey"))
        figures = queries.figures(session, g.shop_id, found.id, last(COUNTED_DAYS))
        state = drafting.state(session, journey)
    values: dict[str, Any] = {
        "journey": found,
        "figures": figures,
        "state": state,
        "steps": flow.draw(found.definition, money),
        "trigger": flow.TRIGGERS[found.event],
        "rules": flow.rules(found.definition, money),
        "exits": flow.exits(found.definition, money),
        "is_own": key.startswith(drafting.OWN),
    }
    address = f"/admin/journeys/{key}"
    return page("journey.html", title=found.name, toast=toast, status=status, address=address, **values)


@bp.get("/admin/journeys/<key>/turn-on", endpoint="journey_turning_on")
def turning_on(key: str) -> Response:
    """What will happen when the journey is turned on, before it is."""
    now = clock.now()
    with transaction(g.shop_id) as session:
        found = queries.current(session, g.shop_id, key)
        journey = journeys.find(session, key)
        if found is None or journey is None:
            return missing(_("There is no such journey"))
        stops, waits = preview_as.sample_way(found, now)
        values: dict[str, Any] = {
            "passing": pages.asked(session, journey, found.definition),
            "without": [c for c in CHANNELS if c in _channels(found.definition) and not _way(session, c)],
            "number": _number(session, found.definition),
            "state": drafting.state(session, journey),
        }
    return page(
        "turn_on.html",
        title=_("Turn on"),
        journey=found,
        trigger=flow.TRIGGERS[found.event],
        rules=flow.rules(found.definition, money),
        exits=flow.exits(found.definition, money),
        stops=[(flow.span(at), title) for at, title in stops],
        waits_for_news=waits,
        **values,
    )


def _way(session: Session, channel: str) -> bool:
    return account_for(session, channel, ready=False) is not None


def _number(session: Session, definition: Definition) -> str | None:
    """What there is to say about the number its texts go by, while there is none."""
    state = braking.numbered(session) if "sms" in _channels(definition) else None
    return None if state in (None, "ready") else braking.NUMBERS[state]


def _channels(definition: Definition) -> set[str]:
    return {channel for step in walk(definition.steps) if step.send for channel in step.send.templates}


def _turn_on(session: Session, journey: Journey) -> None:
    record.note(session, Action.JOURNEY_TURNED_ON, journey=journey.key)
    if journeys.turn_on(session, journey):
        ring_after_commit(session, "plan")
