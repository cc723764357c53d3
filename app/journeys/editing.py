"""What can be done to a journey in the editor: one edit and a definition give a new definition, or its flaws. Pure.

Edits name steps, not positions, and can be written down: an edit that came too late can be made again on top of what
somebody else did meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from app.journeys.catalogue import fields as known_fields, flaw_of, moments
from app.journeys.definition import MAX_STEPS, Definition, Flaw, Part, parse, walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from app.conditions import Condition
    from app.journeys.catalogue import Field as Known
    from app.journeys.definition import Step

    Data = dict[str, Any]
    Steps = list[Data]

DEEPEST: Final = 8
"""Splits within splits: more can't be drawn, let alone understood."""
BASES: Final = {"wait": "wait", "send": "message", "split": "split", "until": "until", "let_go": "let_go"}
FIRST_PARTS: Final[Mapping[str, Data]] = {
    "wait": {"for": "1d"},
    "split": {"if": [{"field": "clicked"}]},
    "until": {"if": [{"field": "clicked"}], "at_most": "2d"},
    "let_go": {},
}
"""What a new step is until somebody says otherwise. A new message comes with its text, which whoever adds it names."""

Where = Annotated[str, Field(pattern=r"^(start|up|down|(after|yes|no):[a-z][a-z0-9_]{0,59})$")]
"""`start`, `after:<step>`, `yes:<split>`, `no:<split>` (first in that way); to move also `up` and `down`."""


class Add(Part):
    """A new step."""

    do: Literal["add"] = "add"
    kind: Literal["wait", "send", "split", "until", "let_go"]
    where: Where
    part: dict[str, Any] | None = None


class Change(Part):
    """A step does something else than before."""

    do: Literal["change"] = "change"
    step: str
    part: dict[str, Any]


class Copy(Part):
    """The same step once more, behind itself."""

    do: Literal["copy"] = "copy"
    step: str


class Delete(Part):
    """A step goes. A split takes its ways along, but for the one that is kept."""

    do: Literal["delete"] = "delete"
    step: str
    keep: Literal["yes", "no"] | None = None


class Move(Part):
    """A step takes another place."""

    do: Literal["move"] = "move"
    step: str
    where: Where


class Head(Part):
    """Name, priority, who gets in and how often."""

    do: Literal["head"] = "head"
    values: dict[str, Any]
    """Of name, about, priority, topic, outranked, filters, within, reentry: those that change."""


class Leave(Part):
    """A reason to leave: a new one (`number` is None), a changed one, or one that goes (`exit` is None)."""

    do: Literal["leave"] = "leave"
    number: int | None = Field(None, ge=0, lt=100)
    exit: dict[str, Any] | None = None


class Reword(Part):
    """A message's text is another one."""

    do: Literal["reword"] = "reword"
    template: str


class Whole(Part):
    """Everything at once: an older version, or a file."""

    do: Literal["whole"] = "whole"
    definition: dict[str, Any]
    source: Literal["version", "file"] = "version"
    number: int | None = None


Edit = Add | Change | Copy | Delete | Move | Head | Leave | Reword | Whole
EDITS: Final[TypeAdapter[Edit]] = TypeAdapter(Annotated[Edit, Field(discriminator="do")])


def data_of(definition: Part) -> dict[str, Any]:
    """A definition, or a part of one, as it is stored and written to files: what was said, and nothing else."""
    # Not `exclude_defaults`: a 1 equals the default True, and would be lost.
    return definition.model_dump(mode="json", by_alias=True, exclude_unset=True)


def apply(
    definition: Definition, edit: Edit, texts: Collection[str], taken: Iterable[str] = ()
) -> Definition | list[Flaw]:
    """Carry an edit out. `texts`: the texts there are; `taken`: names that steps of older versions had.

    A name isn't given twice, since whoever got a message of that name would never get the new one.
    """
    if isinstance(edit, Whole):
        return check(edit.definition, texts)
    data = data_of(definition)
    work = _Work(data, {*taken, *(step.id for step in walk(definition.steps))})
    flaw = work.carry_out(edit)
    return [flaw] if flaw is not None else check(data, texts)


@dataclass(slots=True)
class _Work:
    data: Data
    taken: set[str]
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        self.steps = self.data["steps"]

    def carry_out(self, edit: Edit) -> Flaw | None:
        doing = {
            "add": self._add,
            "change": self._change,
            "copy": self._copy,
            "delete": self._delete,
            "move": self._move,
            "head": self._head,
            "leave": self._leave,
        }.get(edit.do)
        # Reword does nothing here: the text it names was changed beside the definition.
        return doing(edit) if doing is not None else None  # type: ignore[operator] # each is called with its own kind

    def _add(self, edit: Add) -> Flaw | None:
        part = edit.part if edit.part is not None else FIRST_PARTS.get(edit.kind)
        if part is None:
            return Flaw("text", "A message needs a text.")
        return self._insert({"id": self._fresh(BASES[edit.kind]), edit.kind: part}, edit.where)

    def _insert(self, step: Data, where: str) -> Flaw | None:
        if where == "start":
            self.steps.insert(0, step)
            return None
        way, _, name = where.partition(":")
        found = _find(self.steps, name)
        if found is None:
            return Flaw("where", f"There is no step “{name}” any more.")
        siblings, index = found
        if way == "after":
            siblings.insert(index + 1, step)
        elif "split" in siblings[index]:
            siblings[index]["split"].setdefault(way, []).insert(0, step)
        else:
            return Flaw("where", f"“{name}” doesn't part the way.")
        return None

    def _change(self, edit: Change) -> Flaw | None:
        found = _find(self.steps, edit.step)
        if found is None:
            return _gone(edit.step)
        step = found[0][found[1]]
        kind = next(iter(edit.part), "")
        if len(edit.part) != 1 or kind not in step:
            return Flaw(f"steps.{edit.step}", "A step stays what it is: add another one in its place.")
        part = edit.part[kind]
        if kind == "split" and isinstance(part, dict):  # what lies behind it isn't changed by asking something else
            part = {**{way: step["split"][way] for way in ("yes", "no") if way in step["split"]}, **part}
        step[kind] = part
        return None

    def _copy(self, edit: Copy) -> Flaw | None:
        found = _find(self.steps, edit.step)
        if found is None:
            return _gone(edit.step)
        siblings, index = found
        names: dict[str, str] = {}
        twin = self._renamed(siblings[index], names)
        _refer(twin, names)
        siblings.insert(index + 1, twin)
        return None

    def _renamed(self, step: Data, names: dict[str, str]) -> Data:
        names[step["id"]] = name = self._fresh(step["id"])
        twin: Data = {**step, "id": name}
        if "split" in step:
            ways = {way: [self._renamed(s, names) for s in step["split"].get(way, ())] for way in ("yes", "no")}
            twin["split"] = {**step["split"], **ways}
        return twin

    def _delete(self, edit: Delete) -> Flaw | None:
        found = _find(self.steps, edit.step)
        if found is None:
            return _gone(edit.step)
        siblings, index = found
        kept = siblings[index].get("split", {}).get(edit.keep, []) if edit.keep else []
        siblings[index : index + 1] = kept
        if not self.steps:
            return Flaw(f"steps.{edit.step}", "A journey needs at least one step.")
        return None

    def _move(self, edit: Move) -> Flaw | None:
        found = _find(self.steps, edit.step)
        if found is None:
            return _gone(edit.step)
        siblings, index = found
        if edit.where in ("up", "down"):
            return self._shift(edit.step, siblings, index, -1 if edit.where == "up" else 1)
        step = siblings[index]
        target = edit.where.partition(":")[2]
        if target and _find([step], target) is not None:
            return Flaw("where", "A step can't be moved into itself.")
        del siblings[index]
        return self._insert(step, edit.where)

    def _shift(self, name: str, siblings: Steps, index: int, by: int) -> Flaw | None:
        beside = index + by
        if 0 <= beside < len(siblings):
            siblings[index], siblings[beside] = siblings[beside], siblings[index]
            return None
        owner = _owner(self.steps, siblings)
        if owner is None:
            return Flaw(f"steps.{name}", "It is the first step already." if by < 0 else "It is the last step already.")
        outer, split = owner  # out of the way it stood in, before or behind the split
        outer.insert(split + (by > 0), siblings.pop(index))
        return None

    def _head(self, edit: Head) -> Flaw | None:
        for name, value in edit.values.items():
            if name in ("filters", "within"):
                self.data["trigger"][name] = value
            elif name in ("name", "about", "priority", "topic", "outranked", "reentry"):
                self.data[name] = value
            else:
                return Flaw(name, "There is no such setting.")
        return None

    def _leave(self, edit: Leave) -> Flaw | None:
        exits = self.data.setdefault("exits", [])
        if edit.number is not None and edit.number >= len(exits):
            return Flaw("exits", "This reason to leave is gone.")
        if edit.number is None:
            exits += [edit.exit] if edit.exit is not None else []
        else:
            exits[edit.number : edit.number + 1] = [edit.exit] if edit.exit is not None else []
        return None

    def _fresh(self, base: str) -> str:
        base = re.sub(r"_\d+$", "", base)[:50]
        number = 1
        while (name := base if number == 1 else f"{base}_{number}") in self.taken or name == "end":
            number += 1
        self.taken.add(name)
        return name


def _gone(name: str) -> Flaw:
    return Flaw(f"steps.{name}", f"There is no step “{name}” any more.")


def _find(steps: Steps, name: str) -> tuple[Steps, int] | None:
    """The list a step stands in, and where."""
    for index, step in enumerate(steps):
        if step["id"] == name:
            return steps, index
        for way in ("yes", "no"):
            found = _find(step.get("split", {}).get(way, []), name)
            if found is not None:
                return found
    return None


def _owner(steps: Steps, inner: Steps) -> tuple[Steps, int] | None:
    """Where the split stands to which a list of steps belongs."""
    for index, step in enumerate(steps):
        for way in ("yes", "no"):
            branch = step.get("split", {}).get(way, [])
            if branch is inner:
                return steps, index
            found = _owner(branch, inner)
            if found is not None:
                return found
    return None


def _refer(step: Data, names: Mapping[str, str]) -> None:
    """Let a copied branch ask about its own messages, not about those it was copied from."""
    for part in ("split", "until"):
        if part in step:
            step[part] = {**step[part], "if": _referred(step[part].get("if", ()), names)}
    if "only_if" in step.get("send", {}):
        step["send"] = {**step["send"], "only_if": _referred(step["send"]["only_if"], names)}
    for way in ("yes", "no"):
        for inner in step.get("split", {}).get(way, ()):
            _refer(inner, names)


def _referred(conditions: Iterable[Data], names: Mapping[str, str]) -> Steps:
    found = []
    for condition in conditions:
        step, dot, what = condition["field"].rpartition(".")
        found.append({**condition, "field": f"{names.get(step, step)}{dot}{what}"})
    return found


def check(data: Any, texts: Collection[str]) -> Definition | list[Flaw]:
    """Everything that a definition must fulfil to be used: its form, and that what it asks can be answered."""
    if _too_deep(data):
        return [Flaw("steps", f"Splits can be nested {DEEPEST} deep at most.")]
    result = parse(data)
    if not isinstance(result, Definition):
        return result
    flaws = [*_ways_in(result), *(flaw for step in walk(result.steps) for flaw in _step_flaws(step, result, texts))]
    return flaws or result


def _too_deep(data: Any) -> bool:
    depth, level = 0, [data.get("steps")] if isinstance(data, dict) else []
    while level and depth <= DEEPEST + 1:
        depth += 1
        splits = [s.get("split") for steps in level if isinstance(steps, list) for s in steps if isinstance(s, dict)]
        level = [split.get(way) for split in splits if isinstance(split, dict) for way in ("yes", "no")]
        if len(level) > 4 * MAX_STEPS:  # the parser says that there are too many steps
            return False
    return depth > DEEPEST + 1


def messages(definition: Definition) -> list[str]:
    """The names of all steps that send something."""
    return [step.id for step in walk(definition.steps) if step.send]


def _ways_in(definition: Definition) -> Iterator[Flaw]:
    event = definition.trigger.event
    yield from _asked(definition.trigger.filters, "trigger.filters", known_fields(event, entering=True))
    everything = known_fields(event, messages(definition))
    for number, leaving in enumerate(definition.exits):
        yield from _asked(leaving.when, f"exits.{number}.if", everything)


def _asked(conditions: Iterable[Condition], where: str, known: Mapping[str, Known]) -> Iterator[Flaw]:
    for number, condition in enumerate(conditions):
        flaw = flaw_of(condition, known)
        if flaw is not None:
            yield Flaw(f"{where}.{number}.{flaw[0]}", flaw[1])


def _step_flaws(step: Step, definition: Definition, texts: Collection[str]) -> Iterator[Flaw]:
    event, where = definition.trigger.event, f"steps.{step.id}"
    known = known_fields(event, messages(definition))
    if step.wait:
        for name, moment in (
            ("after", step.wait.after),
            ("otherwise", step.wait.otherwise and step.wait.otherwise.after),
        ):
            if moment is not None and moment not in moments(event):
                yield Flaw(f"{where}.wait.{name}", "This journey never hears of that moment.")
        if step.wait.share_of_gap is not None and event != "product_running_low":
            yield Flaw(f"{where}.wait.share_of_gap", "Only journeys about things that run out know a usual gap.")
    if step.send:
        yield from _asked(step.send.only_if, f"{where}.send.only_if", known)
        for channel, name in step.send.templates.items():
            if name not in texts:
                yield Flaw(f"{where}.send.{channel}", f"There is no text called “{name}”.")
    for part, asking in (("split", step.split), ("until", step.until)):
        if asking is not None:
            yield from _asked(asking.when, f"{where}.{part}.if", known)
