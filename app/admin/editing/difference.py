"""What differs between two definitions of a journey, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.admin import flow
from app.admin.words import CHANNELS, _, spelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.journeys.definition import Definition, Step


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: `sign` is + (added), - (removed), ~ (changed) or > (moved)."""

    sign: str
    what: str
    before: str = ""
    after: str = ""


Texts = tuple["Mapping[str, int]", "Mapping[str, int]"]


def between(
    before: Definition, after: Definition, texts: Texts = ({}, {}), money: Callable[[int], str] = str
) -> list[Difference]:
    """All that differs, from the top down. `texts`: template name -> id, before and after."""
    return [*_head(before, after, money), *_steps(before, after, texts, money)]


def _head(before: Definition, after: Definition, money: Callable[[int], str]) -> list[Difference]:
    found = [
        Difference("~", title, old, new)
        for title, old, new in (
            (_("Name"), before.name, after.name),
            (_("Description"), before.about, after.about),
            (_("Priority"), str(before.priority), str(after.priority)),
            (_("Topic"), flow.TOPICS[before.topic], flow.TOPICS[after.topic]),
            (
                _("When a more important message goes"),
                flow.OUTRANKED[before.outranked],
                flow.OUTRANKED[after.outranked],
            ),
            (_("News it looks at"), flow.span(before.trigger.within), flow.span(after.trigger.within)),
        )
        if old != new
    ]
    old_rules, new_rules = flow.rules(before, money), flow.rules(after, money)
    if before.reentry != after.reentry or before.trigger.filters != after.trigger.filters:
        found += [Difference("-", _("Who gets in: {rule}", rule=rule)) for rule in old_rules if rule not in new_rules]
        found += [Difference("+", _("Who gets in: {rule}", rule=rule)) for rule in new_rules if rule not in old_rules]
    old_exits, new_exits = _exits(before, money), _exits(after, money)
    found += [Difference("-", _("They leave when {what}", what=e)) for e in old_exits if e not in new_exits]
    found += [Difference("+", _("They leave when {what}", what=e)) for e in new_exits if e not in old_exits]
    return found


def _exits(definition: Definition, money: Callable[[int], str]) -> list[str]:
    return [flow.conditions(leaving.when, money) for leaving in definition.exits]


def _steps(before: Definition, after: Definition, texts: Texts, money: Callable[[int], str]) -> list[Difference]:
    old, new = _places(before), _places(after)
    found = [Difference("-", _title(before, step, money)) for name, (step, _place) in old.items() if name not in new]
    moved = _moved(list(old), list(new)) | {n for n in old.keys() & new.keys() if old[n][1] != new[n][1]}
    for name, (step, _place) in new.items():
        if name not in old:
            found.append(Difference("+", _title(after, step, money)))
            continue
        was = _words(before, old[name][0], money)
        now = _words(after, step, money)
        if was != now:
            found.append(Difference("~", spelled(name).capitalize(), was, now))
        if name in moved:
            found.append(Difference(">", _("Moved: {step}", step=_title(after, step, money))))
        found += _texts(old[name][0], step, texts)
    return found


def _texts(old: Step, new: Step, texts: Texts) -> list[Difference]:
    if not old.send or not new.send:
        return []
    had, has = old.send.templates, new.send.templates
    return [
        Difference("~", _("The text of “{step}”, {channel}", step=spelled(new.id), channel=CHANNELS[channel]))
        for channel in has
        if channel in had and texts[0].get(had[channel]) != texts[1].get(has[channel])
    ]


def _places(definition: Definition) -> dict[str, tuple[Step, str]]:
    """Step -> itself and the way it stands in."""
    found: dict[str, tuple[Step, str]] = {}

    def down(steps: Sequence[Step], way: str) -> None:
        for step in steps:
            found[step.id] = (step, way)
            if step.split:
                down(step.split.yes, f"{step.id}:yes")
                down(step.split.no, f"{step.id}:no")

    down(definition.steps, "")
    return found


def _moved(old: list[str], new: list[str]) -> set[str]:
    """Of the names in both, those outside the longest run that kept its order."""
    common = [n for n in new if n in set(old)]
    places = [old.index(n) for n in common]
    best: list[tuple[int, ...]] = []
    for i, place in enumerate(places):
        runs = [best[j] for j in range(i) if places[j] < place]
        best.append((*_longest(runs), i))
    kept = set(_longest(best))
    return {name for i, name in enumerate(common) if i not in kept}


def _longest(runs: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return max(runs, key=len) if runs else ()


def _title(definition: Definition, step: Step, money: Callable[[int], str]) -> str:
    return _("{title} (“{step}”)", title=flow.draw_one(definition, step, money).title, step=spelled(step.id))


def _words(definition: Definition, step: Step, money: Callable[[int], str]) -> str:
    drawn = flow.draw_one(definition, step, money)
    return " ".join([f"{drawn.title.rstrip('?.')}{'?' if drawn.title.endswith('?') else '.'}", *drawn.notes])
