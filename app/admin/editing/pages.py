"""The editor's page: what the merchant does becomes an edit of the draft, and the page shows what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flask import Response, g, request
from pydantic import ValidationError

from app.admin import flow, record
from app.admin.editing import conditions, difference, panels, passing, texts
from app.admin.guard import bp
from app.admin.queries import editing as queries
from app.admin.showing import missing, money, page, part
from app.admin.words import _, spelled
from app.journeys import drafting, service as journeys
from app.journeys.catalogue import moments
from app.journeys.definition import Definition, walk
from app.journeys.drafting import Conflict, State
from app.journeys.editing import EDITS, Add, Copy, apply, messages
from app.team import service as team
from app.transaction import transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.admin.editing.difference import Difference
    from app.admin.editing.panels import Panel
    from app.journeys.definition import Flaw
    from app.journeys.editing import Edit
    from app.journeys.models import Journey

KINDS = {
    "wait": _("Wait"),
    "send": _("Message"),
    "split": _("Split"),
    "until": _("Wait until"),
    "let_go": _("Leave them alone"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request to the editor."""

    open: str = ""
    panel: Panel | None = None
    flaws: tuple[str, ...] = ()
    conflict: Conflict | None = None
    toast: str | None = None


def actor() -> str:
    """Who edits, as it is put on record."""
    return f"user:{g.user_id}"


def who(session: Session, made_by: str | None) -> str:
    """Who did something, as the reader would say it."""
    if made_by is None:
        return _("Regulars")
    if made_by == actor():
        return _("you")
    names = {f"user:{member.user_id}": member.name for member in team.everybody(session, g.shop_id)}
    return names.get(made_by) or _("somebody else of your team")


def unknown() -> Response:
    """The answer to a key that is none."""
    return missing(_("There is no such journey"))


@bp.get("/admin/journeys/<key>/edit", endpoint="journey_editor")
def edit(key: str) -> Response:
    """The page, with one panel open at most."""
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        if journey is None:
            return unknown()
        return show(session, journey, Outcome(request.args.get("open", "")))


@bp.post("/admin/journeys/<key>/edit", endpoint="journey_edit")
def change(key: str) -> Response:
    """One edit, undo, redo, or giving the draft up."""
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is None:
            return unknown()
        return show(session, journey, _carried_out(session, journey))


@bp.get("/admin/journeys/<key>/edit/conditions", endpoint="journey_conditions")
def typed_conditions(key: str) -> Response:
    """The conditions of the open panel as they are being typed, and how many would pass."""
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        if journey is None:
            return unknown()
        definition = drafting.state(session, journey).definition
        panel = panels.opened(definition, request.args.get("open", ""), g.shop.currency)
        if panel is None or panel.about is None:
            return missing(_("There is no such step"))
        panel = replace(panel, rows=conditions.typed(request.args, panel.about))
        counted = _passing(session, definition, panel)
        words = {"comparisons": flow.COMPARISONS, "names": flow.VALUES}
        return part("editor_conditions.html", panel=panel, passing=counted, key=key, **words)


def _carried_out(session: Session, journey: Journey) -> Outcome:
    form, seen = request.form, request.form.get("seen", "")
    word, _space, rest = form.get("do", "").partition(" ")
    if word in ("undo", "redo", "discard"):
        return _walked(session, journey, word, seen)
    if word in ("again", "drop"):
        return _put_aside(session, journey, word, rest)
    state = drafting.state(session, journey)
    brought: dict[str, int] = {}
    wanted: Edit | None
    if word == "save":
        panel = panels.opened(state.definition, form.get("open", ""), g.shop.currency)
        if panel is None:
            return Outcome(flaws=(_("That is gone: somebody removed it meanwhile."),))
        panel = panels.typed(panel, form, state.definition)
        if panel.errors:
            return Outcome(panel.open, panel)
        if panel.kind == "send":
            chosen = {channel: panel.values[channel] for channel in ("email", "sms")}
            brought = texts.settle(session, g.shop_id, chosen, state, panel.step)
            panel = replace(panel, values={**panel.values, **chosen})
        wanted = panels.edit_of(panel, state.definition)
    else:
        wanted = _tool(word, rest)
        if isinstance(wanted, Add) and wanted.kind == "send":
            chosen = {"email": texts.NEW}
            brought = texts.settle(session, g.shop_id, chosen, state, "message")
            wanted = wanted.model_copy(update={"part": {"email": chosen["email"], "useful_for": "2d"}})
    if wanted is None:
        return Outcome(flaws=(_("That can't be done."),))
    result = drafting.edit(session, journey, seen, wanted, actor(), brought)
    return _outcome(session, journey, state.definition, wanted, result)


def _outcome(
    session: Session, journey: Journey, before: Definition, wanted: Edit, result: State | list[Flaw] | Conflict
) -> Outcome:
    if isinstance(result, list):
        return Outcome(request.form.get("open", ""), flaws=tuple(_said(flaw) for flaw in result))
    note(session, journey, {"edit": wanted.do})
    if isinstance(result, Conflict):
        return Outcome(conflict=result)
    if isinstance(wanted, Add | Copy):
        had = {step.id for step in walk(before.steps)}
        new = next((step.id for step in walk(result.definition.steps) if step.id not in had), "")
        return Outcome(f"step:{new}" if isinstance(wanted, Add) else "")
    return Outcome()


def _said(flaw: Flaw) -> str:
    step = flaw.where.split(".")[1] if flaw.where.startswith("steps.") else ""
    about = spelled(step) if step and not step.isdecimal() else ""
    return _("“{step}”: {what}", step=about, what=flaw.message) if about else flaw.message


def _walked(session: Session, journey: Journey, word: str, seen: str) -> Outcome:
    result = (
        drafting.discard(session, journey, seen)
        if word == "discard"
        else (drafting.undo if word == "undo" else drafting.redo)(session, journey, seen, actor())
    )
    note(session, journey, {"edit": word})
    if isinstance(result, Conflict):
        return Outcome(conflict=result)
    return Outcome(toast=_("The changes are discarded") if word == "discard" else None)


def _put_aside(session: Session, journey: Journey, word: str, rest: str) -> Outcome:
    number = int(rest) if rest.isascii() and rest.isdigit() and len(rest) < 19 else 0  # noqa: PLR2004 digits of a bigint
    kept = drafting.aside(session, journey, number)
    if kept is None:
        return Outcome(flaws=(_("That change is gone."),))
    if word == "again":
        state = drafting.state(session, journey)
        result = drafting.edit(session, journey, state.seen, kept[0], actor(), kept[1])
        if isinstance(result, list):
            return Outcome(flaws=tuple(_said(flaw) for flaw in result))
    drafting.drop_aside(session, journey, number)
    note(session, journey, {"edit": word})
    return Outcome(toast=_("The change is made") if word == "again" else _("The change is dropped"))


def _tool(word: str, rest: str) -> Edit | None:
    name, _space, more = rest.partition(" ")
    made: dict[str, dict[str, Any]] = {
        "up": {"do": "move", "step": name, "where": "up"},
        "down": {"do": "move", "step": name, "where": "down"},
        "move": {"do": "move", "step": name, "where": request.form.get("where", "")},
        "copy": {"do": "copy", "step": name},
        "delete": {"do": "delete", "step": name, "keep": more or None},
        "add": {"do": "add", "kind": name, "where": more},
        "unexit": {"do": "leave", "number": name},
    }
    try:
        return EDITS.validate_python(made.get(word))
    except ValidationError:  # not one of the words that our own buttons send
        return None


def note(session: Session, journey: Journey, after: dict[str, Any]) -> None:
    """Put on record who changed a journey."""
    record.note(session, record.Action.JOURNEY_CHANGED, journey=journey.key, after=after)


def _passing(session: Session, definition: Definition, panel: Panel) -> passing.Passing | None:
    if panel.rows is None or panel.about is None or panel.rows.found is None:
        return None
    event = definition.trigger.event
    return passing.count(session, g.shop_id, event, panel.rows.found, panel.about, entering=panel.entering)


@dataclass(frozen=True, slots=True)
class Aside:
    """An edit that waits, in words."""

    id: int
    made_by: str
    made_at: Any
    differences: list[Difference]


def _asides(session: Session, journey: Journey, state: State) -> list[Aside]:
    found = []
    for row in queries.asides(session, g.shop_id, journey.id):
        kept = drafting.aside(session, journey, row.id)
        if kept is not None:
            after = apply(state.definition, kept[0], {**state.templates, **kept[1]})
            words = difference.between(state.definition, after, money=money) if isinstance(after, Definition) else []
            found.append(Aside(row.id, who(session, row.made_by), row.made_at, words))
    return found


def show(session: Session, journey: Journey, outcome: Outcome) -> Response:
    """The page as it is now, with what came of the last request."""
    state = drafting.state(session, journey)
    definition = state.definition
    panel = outcome.panel or panels.opened(definition, outcome.open, g.shop.currency)
    conflict = outcome.conflict
    values: dict[str, Any] = {
        "journey": journey,
        "state": state,
        "who": who(session, state.moved_by),
        "drawn_steps": flow.draw(definition, money),
        "key": journey.key,
        "comparisons": flow.COMPARISONS,
        "names": flow.VALUES,
        "trigger": flow.TRIGGERS[journey.event],
        "rules": flow.rules(definition, money),
        "exits": flow.exits(definition, money),
        "panel": panel,
        "passing": None if panel is None else _passing(session, definition, panel),
        "choices": texts.choices(session, g.shop_id, journey.key, state) if panel and panel.kind == "send" else {},
        "moments": [(name, flow.moment(name, journey.event)) for name in moments(journey.event)],
        "places": _places(definition),
        "units": flow.UNIT_WORDS,
        "topics": flow.TOPICS,
        "outranked": flow.OUTRANKED,
        "kinds": KINDS,
        "flaws": outcome.flaws,
        "conflict": conflict,
        "conflict_by": who(session, conflict.state.moved_by) if conflict else "",
        "differs": difference.between(conflict.before, definition, money=money) if conflict and conflict.before else [],
        "asides": _asides(session, journey, state),
        "waiting": queries.waiting(session, g.shop_id, journey.id),
        "sends": messages(definition),
    }
    status = 409 if conflict else 422 if outcome.flaws or outcome.panel else 200
    address = f"/admin/journeys/{journey.key}/edit"
    return page("editor.html", title=_("Edit"), status=status, toast=outcome.toast, address=address, **values)


def _places(definition: Definition) -> list[tuple[str, str]]:
    """Where a step can be moved: (code, words)."""
    found = [("start", _("to the beginning"))]
    for step in walk(definition.steps):
        found.append((f"after:{step.id}", _("behind “{step}”", step=spelled(step.id))))
        if step.split:
            found.append((f"yes:{step.id}", _("into the Yes of “{step}”", step=spelled(step.id))))
            found.append((f"no:{step.id}", _("into the No of “{step}”", step=spelled(step.id))))
    return found


def asked(session: Session, journey: Journey, definition: Definition) -> passing.Passing:
    """How many of the newest occasions would come in."""
    about = conditions.asking(journey.event, (), g.shop.currency, entering=True)
    return passing.count(session, g.shop_id, journey.event, definition.trigger.filters, about, entering=True)
