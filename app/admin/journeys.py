"""Journeys: which there are, on or off, what each does step by step, and what its messages look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, g, request
from sqlalchemy import select

from app.admin import flow, home, messages, previews, record, test_send
from app.admin.guard import bp, settings
from app.admin.queries import journeys as queries
from app.admin.record import Action
from app.admin.showing import COUNTED_DAYS, last, missing, page
from app.admin.words import _
from app.journeys import service as journeys
from app.journeys.definition import Definition, walk
from app.journeys.models import Journey
from app.transaction import ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.admin.flow import Delay


@bp.get("/admin/journeys", endpoint="journeys")
def every(toast: str | None = None, address: str | None = None) -> Response:
    """The list."""
    with transaction(g.shop_id) as session:
        found = queries.overview(session, g.shop_id, last(COUNTED_DAYS))
    return page("journeys.html", title=_("Journeys"), toast=toast, address=address, journeys=found)


@bp.get("/admin/journeys/<key>", endpoint="journey")
def one(key: str) -> Response:
    """One journey, drawn."""
    return _show(key)


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
        journey = _locked(session, key)
        if journey is not None:
            _turn_on(session, journey)
    return _show(key, toast=_("The journey is on"))


@bp.post("/admin/journeys/<key>/off", endpoint="journey_off")
def turn_off(key: str) -> Response:
    """Nobody enters any more, and nothing more goes to those under way."""
    with transaction(g.shop_id) as session:
        journey = _locked(session, key)
        if journey is not None:
            journeys.turn_off(session, journey)
            record.note(session, Action.JOURNEY_TURNED_OFF, journey=key)
    return _show(key, toast=_("The journey is off"))


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
        return _unknown()
    return every(toast=_("The order is changed. It counts for messages planned from now on"), address="/admin/journeys")


@bp.post("/admin/journeys/<key>/waits", endpoint="journey_waits")
def change_waits(key: str) -> Response:
    """Give the journey's waits new lengths; what was typed stays when something is wrong with it."""
    with transaction(g.shop_id) as session:
        found = queries.current(session, g.shop_id, key)
    if found is None:
        return _unknown()
    definition = found.definition
    entered = {
        name: flow.typed(request.form.get(f"{name}.number", ""), request.form.get(f"{name}.unit", ""))
        for name in flow.changeable(definition)
        if f"{name}.number" in request.form
    }
    if any(delay.error for delay in entered.values()):
        return _show(key, status=422, entered=entered)
    before = {step.id: step.wait.wait for step in walk(definition.steps) if step.wait}
    changed = {
        name: f"{delay.number}{delay.unit}"
        for name, delay in entered.items()
        if int(delay.number) * flow.UNIT_SPANS[delay.unit] != before[name]
    }
    if not changed:
        return _show(key, toast=_("Nothing had changed"))
    flaws = journeys.change_waits(g.shop_id, key, changed)
    if flaws:
        return _show(key, status=422, entered=entered, flaws=[flaw.message for flaw in flaws])
    with transaction(g.shop_id) as session:
        spans = {name: str(before[name]) for name in changed}
        record.note(session, Action.JOURNEY_CHANGED, journey=key, before=spans, after=changed)
    return _show(key, toast=_("Saved. People under way keep the waits they began with"))


@bp.get("/admin/journeys/<key>/preview/<step>/<channel>", endpoint="preview")
def preview(key: str, step: str, channel: str, toast: str | None = None) -> Response:
    """One message of a journey, as somebody would get it."""
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
        toast=toast,
        address=f"/admin/journeys/{key}/preview/{step}/{channel}" if request.method == "POST" else None,
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
    """Send one email of a journey to the merchant, and show how it goes."""
    with transaction(g.shop_id) as session:
        found = queries.current(session, g.shop_id, key)
        source = queries.template(session, g.shop_id, found, step, channel) if found else None
        if found is None or source is None or channel != "email":
            return missing(_("There is no such message"))
        sent = test_send.send(session, g.shop, found.event, step, source)
        record.note(session, Action.TEST_SENT, journey=key, step=step)
    if isinstance(sent, test_send.NotSent):
        return preview(key, step, channel, toast=sent.why)
    return messages.show(sent, toast=_("The test is on its way"))


def _show(
    key: str,
    *,
    toast: str | None = None,
    status: int = 200,
    entered: Mapping[str, Delay] | None = None,
    flaws: list[str] | None = None,
) -> Response:
    with transaction(g.shop_id) as session:
        found = queries.current(session, g.shop_id, key)
        if found is None:
            return _unknown()
        figures = queries.figures(session, g.shop_id, found.id, last(COUNTED_DAYS))
    definition: Definition = found.definition
    values: dict[str, Any] = {
        "journey": found,
        "figures": figures,
        "steps": flow.draw(definition, entered),
        "trigger": flow.TRIGGERS[found.event],
        "rules": flow.rules(definition),
        "exits": flow.exits(definition),
        "units": flow.UNIT_WORDS,
        "flaws": flaws or [],
    }
    address = f"/admin/journeys/{key}" if request.method == "POST" else None
    return page("journey.html", title=found.name, toast=toast, status=status, address=address, **values)


def _unknown() -> Response:
    return missing(_("There is no such journey"))


def _locked(session: Session, key: str) -> Journey | None:
    return session.execute(
        select(Journey).where(Journey.shop_id == g.shop_id, Journey.key == key).with_for_update()
    ).scalar_one_or_none()


def _turn_on(session: Session, journey: Journey) -> None:
    record.note(session, Action.JOURNEY_TURNED_ON, journey=journey.key)
    if journeys.turn_on(session, journey):
        ring_after_commit(session, "plan")
