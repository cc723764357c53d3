"""A message's text in the draft: its source, what is wrong with it and where, and what it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Response, g, request

from app.admin import advising, previews, record
from app.admin.braking import dollars
from app.admin.editing import pages
from app.admin.editing.texts import fresh
from app.admin.guard import bp, settings
from app.admin.queries import editing as queries
from app.admin.showing import missing, page, part
from app.admin.words import _
from app.channels.sms import prices
from app.content.faults import TemplateFault
from app.journeys import drafting, service as journeys
from app.journeys.definition import walk
from app.journeys.editing import Change, Reword, data_of
from app.messages.compose import compiled
from app.transaction import transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.journeys.definition import Flaw
    from app.journeys.drafting import State
    from app.journeys.editing import Edit
    from app.journeys.models import Journey

LONGEST: Final = 100_000


@bp.get("/admin/journeys/<key>/edit/text/<step>/<channel>", endpoint="journey_text")
def text(key: str, step: str, channel: str) -> Response:
    """The page."""
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        return pages.unknown() if journey is None else _show(session, journey, step, channel)


@bp.post("/admin/journeys/<key>/edit/text/<step>/<channel>", endpoint="journey_reword")
def reword(key: str, step: str, channel: str) -> Response:
    """Keep what was typed as the text of this step; a fault is shown with its line, and what was typed stays."""
    source = _typed()
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is None:
            return pages.unknown()
        result = keep(session, journey, step, channel, source, request.form.get("seen", ""))
        if result is None:
            return missing(_("There is no such message"))
        if isinstance(result, TemplateFault):
            return _show(session, journey, step, channel, source, result)
        if isinstance(result, drafting.Conflict):
            return pages.show(session, journey, pages.Outcome(conflict=result))
        if isinstance(result, list):
            return pages.show(session, journey, pages.Outcome(flaws=tuple(flaw.message for flaw in result)))
        return _show(session, journey, step, channel, toast=_("Kept in the draft"))


@bp.post("/admin/journeys/<key>/edit/text/<step>/<channel>/check", endpoint="journey_text_check")
def check(key: str, step: str, channel: str) -> Response:
    """What is typed, looked at while it is typed: nothing is kept."""
    source = _typed()
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        if journey is None:
            return pages.unknown()
        state = drafting.state(session, journey)
        if _template(state, step, channel) is None:
            return missing(_("There is no such message"))
        record.only_looked()
        return part("wording_look.html", **_look(session, journey, state, step, channel, source))


def keep(
    session: Session, journey: Journey, step: str, channel: str, source: str, seen: str
) -> drafting.State | drafting.Conflict | TemplateFault | list[Flaw] | None:
    """Make a source the text of a step in the draft; None when the step sends nothing on the channel."""
    state = drafting.state(session, journey)
    name = _template(state, step, channel)
    if name is None:
        return None
    fault = compiled(channel, source)
    if isinstance(fault, TemplateFault):
        return fault
    edit, name = _edit(state, step, channel, name)
    brought = {name: journeys.keep_text(session, channel, source)}
    result = drafting.edit(session, journey, seen, edit, pages.actor(), brought)
    pages.note(session, journey, {"edit": "reword", "step": step, "channel": channel})
    return result


def source_of(session: Session, state: State, step: str, channel: str) -> str | None:
    """The text of a step in the draft; None when it sends nothing on the channel."""
    name = _template(state, step, channel)
    return (
        None if name is None else queries.sources(session, g.shop_id, [state.templates[name]])[state.templates[name]][1]
    )


def _typed() -> str:
    return request.form.get("source", "").replace("\r\n", "\n")[:LONGEST]


def _edit(state: State, step: str, channel: str, name: str) -> tuple[Edit, str]:
    """A text that several steps share becomes this step's own before it is changed."""
    sends = {s.id: s.send for s in walk(state.definition.steps) if s.send}
    if sum(name in send.templates.values() for send in sends.values()) == 1:
        return Reword(template=name), name
    own = fresh(f"{step}_{channel}", set(state.templates))
    part = data_of(sends[step]) | {channel: own}
    return Change(step=step, part={"send": part}), own


def _template(state: State, step: str, channel: str) -> str | None:
    sending = next((s.send for s in walk(state.definition.steps) if s.id == step), None)
    return None if sending is None else sending.templates.get(channel)


def _show(
    session: Session,
    journey: Journey,
    step: str,
    channel: str,
    source: str | None = None,
    fault: TemplateFault | None = None,
    toast: str | None = None,
) -> Response:
    state = drafting.state(session, journey)
    if source is None:
        source = source_of(session, state, step, channel)
    if source is None:
        return missing(_("There is no such message"))
    address = f"/admin/journeys/{journey.key}/edit/text/{step}/{channel}"
    return page(
        "wording.html",
        title=_("Text"),
        status=422 if fault else 200,
        toast=toast,
        address=address,
        journey=journey,
        state=state,
        step=step,
        source=source,
        action=address,
        **_look(session, journey, state, step, channel, source),
    )


def _look(session: Session, journey: Journey, state: State, step: str, channel: str, source: str) -> dict[str, Any]:
    """A text as somebody would get it, and what a good colleague would say about it."""
    wanted = request.args.get("with", previews.choices()[0])
    case = previews.case(session, g.shop, settings(), journey.event, (channel, source), wanted)
    sending = next(s.send for s in walk(state.definition.steps) if s.id == step)
    checked = advising.check(channel, source, marketing=sending is not None and sending.purpose == "marketing")
    fault = checked if isinstance(checked, TemplateFault) else None
    preview = None if fault else previews.render(channel, source, case)
    return {
        "channel": channel,
        "fault": fault,
        "advice": None if fault else checked,
        "preview": preview,
        "cost": _cost(preview.segments.count) if preview and preview.segments else None,
    }


def _cost(segments: int) -> str:
    """What a thousand texts cost where the shop is: what one costs is too small to be felt."""
    return dollars(1_000 * prices.micros(g.shop.country, segments))
