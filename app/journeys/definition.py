"""A journey as data: trigger, filters, steps, exits, re-entry. Read from YAML or JSON, checked, then flattened.

Steps follow one another; a split has two branches that meet again behind it. `Program` is the same journey as a flat
table: every step knows the next, so that an enrolment needs no more than the name of the step it stands at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from app.conditions import Condition

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=730)
END = "end"
MAX_STEPS = 100


def _duration(value: Any) -> Any:
    """`30m`, `1h`, `3d`, `2w`; a number is seconds."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d{1,5})\s*([mhdw])", value.strip())
        if not match:
            raise ValueError("a time is written like 30m, 1h, 3d or 2w")
        value = timedelta(**{UNITS[match[2]]: int(match[1])})
    if isinstance(value, timedelta) and value > LONGEST:
        raise ValueError("a time can't be longer than two years")
    return value


def written(span: timedelta) -> str:
    """A span as a definition writes it, in the largest unit that fits: `3d`, not `72h`."""
    minutes = int(span.total_seconds() // 60)
    for unit, size in (("w", 7 * 24 * 60), ("d", 24 * 60), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(written, when_used="json")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Moment = Literal["previous", "entered", "trigger", "placed", "shipped", "delivered"]
Topic = Literal["baskets", "orders", "reviews", "refills", "news"]
"""What people may leave out on their page, one by one."""
Outranked = Literal["wait", "merge", "end"]
"""What becomes of a message when a more important one goes to the same person at that time: it is asked about again,
it counts as said when the other is on the same topic (else it waits), or it is given up."""
Event = Literal["checkout_abandoned", "cart_abandoned", "order_placed", "product_running_low", "went_quiet"]


class Part(BaseModel):
    """Base of all parts: unknown keys are refused, since a misspelt one would silently do nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Fallback(Part):
    """Another moment to count from while the first isn't known."""

    wait: Duration = Field(alias="for")
    after: Moment


class Wait(Part):
    """Wait until a span after a moment has passed."""

    wait: Duration | None = Field(None, alias="for")
    share_of_gap: float | None = Field(None, gt=0, le=3)
    """In place of a fixed span: this share of the expected gap between purchases."""
    after: Moment = "previous"
    otherwise: Fallback | None = None
    give_up: Duration | None = None
    """Leave the journey when the moment still isn't known this long after the trigger."""

    @model_validator(mode="after")
    def _one_span(self) -> Wait:
        if (self.wait is None) == (self.share_of_gap is None):
            raise ValueError("a wait has either `for` or `share_of_gap`")
        return self


class Send(Part):
    """One message. With several channels, the person gets the one they answered before, else the first that may."""

    email: Name | None = None
    sms: Name | None = None
    useful_for: Duration
    purpose: Literal["marketing", "transactional"] = "marketing"
    audience: Literal["subscribers", "anyone"] = "subscribers"
    only_if: tuple[Condition, ...] = ()
    needs: tuple[Name, ...] = ()
    """What the template must have something of (`products`): an empty shelf isn't worth a message."""

    @model_validator(mode="after")
    def _some_channel(self) -> Send:
        if not self.templates:
            raise ValueError("a message needs a template for email or sms")
        return self

    @property
    def templates(self) -> dict[str, str]:
        """Channel -> template, email first."""
        return {channel: name for channel, name in (("email", self.email), ("sms", self.sms)) if name}


class Split(Part):
    """Two ways, by whether all conditions hold."""

    when: tuple[Condition, ...] = Field(alias="if", min_length=1)
    yes: tuple[Step, ...] = ()
    no: tuple[Step, ...] = ()


class Until(Part):
    """Wait until something has happened, at most so long."""

    when: tuple[Condition, ...] = Field(alias="if", min_length=1)
    at_most: Duration


class LetGo(Part):
    """Write to the person no more, until they speak: a click, a new yes or an order ends it."""


class Step(Part):
    """One step: exactly one of wait, send, split, until, let_go."""

    id: Name
    wait: Wait | None = None
    send: Send | None = None
    split: Split | None = None
    until: Until | None = None
    let_go: LetGo | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("wait"), str):
            return {**data, "wait": {"for": data["wait"]}}
        return data

    @model_validator(mode="after")
    def _exactly_one(self) -> Step:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"step {self.id} needs exactly one of {', '.join(KINDS)}")
        return self


KINDS: Final = tuple(name for name in Step.model_fields if name != "id")
"""What a step can be: the names of its parts."""


class Exit(Part):
    """A reason to leave at any step."""

    when: tuple[Condition, ...] = Field(alias="if", min_length=1)
    reason: Name


class Trigger(Part):
    """What brings people in."""

    event: Event
    filters: tuple[Condition, ...] = ()
    within: Duration
    """News older than this brings nobody in: a late webhook must not make a late message."""


class Reentry(Part):
    """What happens when the same person could enter again."""

    again: Literal["once", "move", "replace"] = "once"
    """once: never twice about the same thing · move: the clock starts anew · replace: a new round replaces the old"""
    cooldown: Duration | None = None
    """Between two entries of one person, whatever they are about."""


class Definition(Part):
    """A whole journey."""

    key: Name
    name: str = Field(min_length=1, max_length=80)
    about: str = Field("", max_length=300)
    priority: int = Field(50, ge=0, le=100)
    topic: Topic = "news"
    outranked: Outranked = "wait"
    trigger: Trigger
    reentry: Reentry = Reentry()
    exits: tuple[Exit, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Definition:
        names = [step.id for step in walk(self.steps)]
        if len(names) > MAX_STEPS:
            raise ValueError(f"a journey has at most {MAX_STEPS} steps")
        doubled = {name for name in names if names.count(name) > 1}
        if doubled or END in names:
            raise ValueError(f"step names must be unique and not `end`: {', '.join(sorted(doubled)) or END}")
        return self

    @property
    def templates(self) -> dict[str, str]:
        """Template -> channel, of all messages."""
        return {name: ch for step in walk(self.steps) if step.send for ch, name in step.send.templates.items()}

    @cached_property
    def asked_on_entry(self) -> frozenset[str]:
        """The fields that decide whether somebody comes in."""
        conditions = (*self.trigger.filters, *(c for leaving in self.exits for c in leaving.when))
        return frozenset(c.field for c in conditions)

    @cached_property
    def program(self) -> Program:
        """The journey as a flat table."""
        nodes: dict[str, Node] = {}
        first = _flatten(self.steps, END, nodes)
        return Program(first, nodes)


@dataclass(frozen=True, slots=True)
class Node:
    """A step and where it leads."""

    step: Step
    following: str
    yes: str = END
    no: str = END


@dataclass(frozen=True, slots=True)
class Program:
    """All steps by name."""

    first: str
    nodes: dict[str, Node]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a definition can't be used: where, and what is wrong, for its author."""

    where: str
    message: str


def parse(data: Any) -> Definition | list[Flaw]:
    """Check a definition. Flaws come as values, each with its place."""
    try:
        return Definition.model_validate(data)
    except ValidationError as error:
        return [Flaw(".".join(str(p) for p in e["loc"]) or "steps", _sentence(e)) for e in error.errors()]


SENTENCES = {
    "missing": "This is missing.",
    "extra_forbidden": "There is no such setting.",
    "string_too_short": "This is missing.",
    "string_too_long": "Use at most {max_length} characters.",
    "greater_than_equal": "Use {ge} or more.",
    "greater_than": "Use more than {gt}.",
    "less_than_equal": "Use {le} or less.",
    "literal_error": "Use one of {expected}.",
    "string_pattern_mismatch": "Use small letters, digits and _, beginning with a letter.",
}


def _sentence(error: ErrorDetails) -> str:
    known = SENTENCES.get(error["type"])
    if known is not None:
        return known.format(**error.get("ctx", {}))
    said = error["msg"].removeprefix("Value error, ").removesuffix(".")
    return f"{said[:1].upper()}{said[1:]}."


def walk(steps: tuple[Step, ...]) -> list[Step]:
    """All steps, branches included, in the order they are written."""
    found = []
    for step in steps:
        found.append(step)
        if step.split:
            found += walk(step.split.yes) + walk(step.split.no)
    return found


def _flatten(steps: tuple[Step, ...], following: str, nodes: dict[str, Node]) -> str:
    """Enter steps into the table, last first; returns the name of the first of them."""
    for step in reversed(steps):
        if step.split:
            yes, no = _flatten(step.split.yes, following, nodes), _flatten(step.split.no, following, nodes)
            nodes[step.id] = Node(step, following, yes, no)
        else:
            nodes[step.id] = Node(step, following)
        following = step.id
    return following
