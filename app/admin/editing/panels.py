"""The panels of the editor: one thing of a journey as a form, and what was typed as an edit. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from app.admin import flow
from app.admin.editing import conditions
from app.admin.editing.conditions import Asking, Rows, asking
from app.admin.flow import Delay
from app.admin.words import _
from app.journeys.catalogue import moments
from app.journeys.definition import walk, written
from app.journeys.editing import Change, Head, Leave, messages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from werkzeug.datastructures import MultiDict

    from app.conditions import Condition
    from app.journeys.definition import Definition, Send, Step, Wait
    from app.journeys.editing import Edit

    Form = MultiDict[str, str]

NEW_EXIT: Final = "exit:new"
PERCENT: Final = 100
NEW_TEXT: Final = "new"
LONGEST: Final = {"name": 80, "about": 300}
CHOICES: Final = {"topic": flow.TOPICS, "outranked": flow.OUTRANKED}


@dataclass(frozen=True, slots=True)
class Panel:
    """An open panel: what it is about, what its fields hold, and what is wrong with them."""

    open: str
    """`about`, `trigger`, `exit:<number>`, `exit:new` or `step:<name>`"""
    kind: str
    """about | trigger | exit | wait | send | split | until"""
    values: Mapping[str, Any]
    errors: Mapping[str, str] = field(default_factory=dict)
    rows: Rows | None = None
    about: Asking | None = None
    entering: bool = False
    step: str = ""


def opened(definition: Definition, wanted: str, currency: str) -> Panel | None:
    """A panel with what is there; None when there is no such thing (any more)."""
    kind, _colon, which = wanted.partition(":")
    event = definition.trigger.event
    everything = asking(event, messages(definition), currency)
    if wanted == "about":
        values: dict[str, Any] = {name: getattr(definition, name) for name in ("name", "about", "topic", "outranked")}
        return Panel(wanted, "about", values)
    if wanted == "trigger":
        entering = asking(event, (), currency, entering=True)
        values = {
            "within": flow.delay(definition.trigger.within),
            "again": definition.reentry.again,
            "cooldown": _optional(definition.reentry.cooldown),
        }
        rows = conditions.shown(definition.trigger.filters, entering)
        return Panel(wanted, "trigger", values, rows=rows, about=entering, entering=True)
    if kind == "exit":
        when: tuple[Condition, ...] | None = ()
        if wanted != NEW_EXIT:
            when = (
                definition.exits[int(which)].when if which.isdecimal() and int(which) < len(definition.exits) else None
            )
        if when is None:
            return None
        rows = conditions.shown(when, everything) if when else Rows((conditions.blank(everything),), None)
        return Panel(wanted, "exit", {}, rows=rows, about=everything)
    step = next((s for s in walk(definition.steps) if s.id == which), None) if kind == "step" else None
    return None if step is None else _step(step, everything)


def _step(step: Step, everything: Asking) -> Panel | None:
    name, target = step.id, f"step:{step.id}"
    if step.wait:
        return Panel(target, "wait", _wait_values(step.wait), step=name)
    if step.send:
        rows = conditions.shown(step.send.only_if, everything)
        return Panel(target, "send", _send_values(step.send), rows=rows, about=everything, step=name)
    if step.split:
        return Panel(
            target, "split", {}, rows=conditions.shown(step.split.when, everything), about=everything, step=name
        )
    if step.until is None:
        return None  # letting go has nothing to set
    rows = conditions.shown(step.until.when, everything)
    return Panel(target, "until", {"at_most": flow.delay(step.until.at_most)}, rows=rows, about=everything, step=name)


def _wait_values(wait: Wait) -> dict[str, Any]:
    return {
        "by": "span" if wait.wait is not None else "share",
        "span": _optional(wait.wait) if wait.wait is not None else Delay("1", "d"),
        "share": str(round((wait.share_of_gap or 0.8) * PERCENT)),
        "after": wait.after,
        "otherwise": _optional(wait.otherwise.wait if wait.otherwise else None),
        "otherwise_after": wait.otherwise.after if wait.otherwise else "shipped",
        "give_up": _optional(wait.give_up),
    }


def _send_values(send: Send) -> dict[str, Any]:
    return {
        "email": send.email or "",
        "sms": send.sms or "",
        "useful_for": flow.delay(send.useful_for),
        "purpose": send.purpose,
        "audience": send.audience,
    }


def _optional(span: timedelta | None) -> Delay:
    return Delay("", "d") if span is None else flow.delay(span)


def typed(panel: Panel, form: Form, definition: Definition) -> Panel:
    """A panel with what was typed in place of what is there, and with what is wrong about that."""
    values, errors = dict(panel.values), {}
    for name, value in panel.values.items():
        if isinstance(value, Delay):
            values[name] = _delay(
                form, name, is_needed=name in NEEDED or (name == "span" and form.get("by") != "share")
            )
            if values[name].error:
                errors[name] = values[name].error
        else:
            values[name] = form.get(name, "").strip()
    rows = None if panel.rows is None or panel.about is None else conditions.typed(form, panel.about)
    if rows is not None and not rows.rows and panel.kind in ("split", "until", "exit"):
        errors["conditions"] = _("Add at least one condition.")
    elif rows is not None and rows.found is None:
        errors["conditions"] = ""
    if panel.kind in _CHECKS:
        errors |= _CHECKS[panel.kind](values, definition)
    return replace(panel, values=values, errors=errors, rows=rows)


NEEDED: Final = ("within", "useful_for", "at_most")


def _delay(form: Form, name: str, *, is_needed: bool) -> Delay:
    number, unit = form.get(f"{name}.number", "").strip(), form.get(f"{name}.unit", "d")
    if not number and not is_needed:
        return Delay("", unit if unit in flow.UNIT_SPANS else "d")
    return flow.typed(number, unit)


def _check_about(values: Mapping[str, Any], _definition: Definition) -> dict[str, str]:
    errors = {} if values["name"] else {"name": _("Give it a name.")}
    errors |= {n: _("Choose one.") for n, words in CHOICES.items() if values[n] not in words}
    errors |= {n: _("Use at most {n} characters.", n=most) for n, most in LONGEST.items() if len(values[n]) > most}
    return errors


def _check_wait(values: Mapping[str, Any], definition: Definition) -> dict[str, str]:
    errors = {}
    if values["after"] not in moments(definition.trigger.event):
        errors["after"] = _("Choose a moment.")
    share = values["share"]
    if values["by"] == "share" and not (share.isascii() and share.isdigit() and 1 <= int(share) <= 3 * PERCENT):
        errors["share"] = _("Use a whole number from 1 to 300.")
    return errors


def _check_send(values: Mapping[str, Any], _definition: Definition) -> dict[str, str]:
    return {} if values["email"] or values["sms"] else {"email": _("Choose a text for email, for SMS, or for both.")}


_CHECKS: Final = {"about": _check_about, "wait": _check_wait, "send": _check_send}


def edit_of(panel: Panel, definition: Definition) -> Edit:
    """The edit that a panel without errors asks for."""
    values, when = panel.values, conditions.stored(panel.rows.found or ()) if panel.rows else []
    match panel.kind:
        case "about":
            return Head(values=dict(values))
        case "trigger":
            again = {"again": values["again"]} | _span("cooldown", values["cooldown"])
            return Head(values={"filters": when, "within": _written(values["within"]), "reentry": again})
        case "exit":
            number = None if panel.open == NEW_EXIT else int(panel.open.partition(":")[2])
            kept = number is not None and definition.exits[number].when == (panel.rows.found if panel.rows else None)
            reason = definition.exits[number].reason if kept and number is not None else flow.OWN_EXIT
            return Leave(number=number, exit={"if": when, "reason": reason})
        case "wait":
            part = _wait_part(values)
        case "send":
            part = _send_part(values, when, next(s.send for s in walk(definition.steps) if s.id == panel.step))
        case "until":
            part = {"if": when, "at_most": _written(values["at_most"])}
        case _:
            part = {"if": when}
    return Change(step=panel.step, part={panel.kind: part})


def _wait_part(values: Mapping[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = {"after": values["after"]}
    if values["by"] == "share":
        return part | {"share_of_gap": int(values["share"]) / PERCENT}
    part["for"] = _written(values["span"])
    if values["otherwise"].number:
        part["otherwise"] = {"for": _written(values["otherwise"]), "after": values["otherwise_after"]}
    return part | _span("give_up", values["give_up"])


def _send_part(values: Mapping[str, Any], when: list[dict[str, Any]], before: Send | None) -> dict[str, Any]:
    part = {channel: values[channel] for channel in ("email", "sms") if values[channel]}
    part |= {"useful_for": _written(values["useful_for"]), "purpose": values["purpose"], "audience": values["audience"]}
    if when:
        part["only_if"] = when
    if before is not None and before.needs:
        part["needs"] = list(before.needs)
    return part


def _span(name: str, delay: Delay) -> dict[str, str]:
    return {name: _written(delay)} if delay.number else {}


def _written(delay: Delay) -> str:
    return written(int(delay.number) * flow.UNIT_SPANS[delay.unit])
