"""A message's text in the draft: its source, what is wrong with it and where, and what it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Response, g, request

from app.admin import previews
from app.admin.editing import pages
from app.admin.editing.texts import fresh
from app.admin.guard import bp, settings
from app.admin.queries import editing as queries
from app.admin.showing import missing, page
from app.admin.words import _
from app.content.faults import TemplateFault
from app.journeys import drafting, service as journeys
from app.journeys.definition import walk
from app.journeys.editing import Change, Reword, data_of
from app.messages.compose import compiled
from app.transaction import transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

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
    source = request.form.get("source", "").replace("\r\n", "\n").replace("\0", "")[:LONGEST]
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is None:
            return pages.unknown()
        state = drafting.state(session, journey)
        name = _template(state, step, channel)
        if name is None:
            return missing(_("There is no such message"))
        fault = compiled(channel, source)
        if isinstance(fault, TemplateFault):
            return _show(session, journey, step, channel, source, fault)
        edit, name = _edit(state, step, channel, name)
        brought = {name: journeys.keep_text(session, channel, source)}
        result = drafting.edit(session, journey, request.form.get("seen", ""), edit, pages.actor(), brought)
        pages.note(session, journey, {"edit": "reword", "step": step, "channel": channel})
        if isinstance(result, drafting.Conflict):
            return pages.show(session, journey, pages.Outcome(conflict=result))
        if isinstance(result, list):
            return pages.show(session, journey, pages.Outcome(flaws=tuple(flaw.message for flaw in result)))
        return _show(session, journey, step, channel, toast=_("Kept in the draft"))


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
    name = _template(state, step, channel)
    if name is None:
        return missing(_("There is no such message"))
    if source is None:
        source = queries.sources(session, g.shop_id, [state.templates[name]])[state.templates[name]][1]
    wanted = request.args.get("with", previews.choices()[0])
    case = previews.case(session, g.shop, settings(), journey.event, (channel, source), wanted)
    address = f"/admin/journeys/{journey.key}/edit/text/{step}/{channel}"
    return page(
        "wording.html",
        title=_("Text"),
        status=422 if fault else 200,
        toast=toast,
        address=address if request.method == "POST" else None,
        journey=journey,
        state=state,
        step=step,
        channel=channel,
        source=source,
        fault=fault,
        preview=None if fault else previews.render(channel, source, case),
        action=address,
    )
