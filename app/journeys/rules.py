"""The engine: from a definition, where a person stands, the facts and now, to decisions. Pure.

Nothing here reads a clock or a table. The same inputs give the same decisions, so every decision can be explained, and
previewed, by asking again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from app.conditions import first_failing
from app.customers.rules import SUNSET, barred, may_receive_marketing
from app.journeys.definition import END, Definition, Node, Send, Until, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision may rest on."""

    moments: Mapping[str, datetime]
    """trigger, entered, placed, shipped, delivered: those that are known."""
    fields: Mapping[str, Any]
    """What filters, splits and exits ask about."""
    unreachable: Mapping[str, str]
    """Channel -> reason, for channels without a usable address."""
    consent: Mapping[str, str]
    """Channel -> present state of marketing consent."""
    answered_on: str | None = None
    gap: timedelta | None = None
    """Expected time between purchases, for replenishment."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person stands: the step to take next, and since when."""

    step: str
    since: datetime
    until: datetime | None = None
    """When the wait the person stands in ends, whatever the definition says: kept when the journey was changed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A message to write."""

    step: str
    channel: str
    template: str
    send: Send
    due_at: datetime
    useful_until: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """A step taken or not, with its reason, for the log."""

    step: str
    outcome: str
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advance:
    """What follows: messages to write, decisions to log, and where the person stands now (None: the journey ended)."""

    plans: tuple[Plan, ...]
    noted: tuple[Noted, ...]
    place: Place | None
    due_at: datetime | None
    ended: str | None
    """`completed`, or the reason of the exit."""


def advance(definition: Definition, place: Place, facts: Facts, now: datetime) -> Advance:
    """Take every step that is due. Leaving comes before any step."""
    plans: list[Plan] = []
    noted: list[Noted] = []
    planned = 0
    for leaving in definition.exits:
        if first_failing(leaving.when, facts.fields) is None:
            noted.append(Noted(place.step, "exited", leaving.reason))
            return Advance((), tuple(noted), None, None, leaving.reason)
    program = definition.program
    fields = dict(facts.fields)  # grows by the messages planned here: a later step may ask about an earlier one
    facts = replace(facts, fields=fields)
    while place.step != END:
        node = program.nodes.get(place.step)
        if node is None:  # a step that a hand-edited version lost: better to stop than to guess
            noted.append(Noted(place.step, "exited", "step_is_gone"))
            return Advance(tuple(plans), tuple(noted), None, None, "step_is_gone")
        moved = _take(node, place, facts, now, plans, noted)
        for made in plans[planned:]:
            remember(fields, made.step, made.channel, "due", clicked=False)
        planned = len(plans)
        if isinstance(moved, _Sleep):
            return Advance(tuple(plans), tuple(noted), place, moved.until, None)
        if isinstance(moved, _Leave):
            noted.append(Noted(place.step, "exited", moved.reason))
            return Advance(tuple(plans), tuple(noted), None, None, moved.reason)
        place = moved
    noted.append(Noted(END, "completed", "all_steps_done"))
    return Advance(tuple(plans), tuple(noted), None, None, "completed")


def remember(fields: dict[str, Any], step: str, channel: str, state: str, *, clicked: bool) -> None:
    """Add to the facts what conditions may ask about a message of this journey."""
    fields |= {f"{step}.channel": channel, f"{step}.state": state, f"{step}.clicked": clicked}
    fields["clicked"] = fields.get("clicked", False) or clicked
    fields["channels"] = [*fields.get("channels", ()), channel]


@dataclass(frozen=True, slots=True)
class _Sleep:
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Leave:
    reason: str


def _take(
    node: Node, place: Place, facts: Facts, now: datetime, plans: list[Plan], noted: list[Noted]
) -> Place | _Sleep | _Leave:
    step = node.step
    if step.wait:
        waited = _wait(node, step.wait, place, facts, now)
        if isinstance(waited, Place):
            noted.append(Noted(step.id, "waited", "time_passed"))
        return waited
    if step.send:
        result = plan(step.id, step.send, facts, place.since)
        if isinstance(result, Plan):
            plans.append(result)
            noted.append(Noted(step.id, "planned", "due", {"channel": result.channel, "template": result.template}))
        else:
            noted.append(result)
        return Place(node.following, place.since)
    if step.split:
        failing = first_failing(step.split.when, facts.fields)
        noted.append(Noted(step.id, "split", "no" if failing else "yes", {"on": failing.field} if failing else {}))
        return Place(node.no if failing else node.yes, place.since)
    if step.let_go:
        noted.append(Noted(step.id, "suppressed", SUNSET))
        return Place(node.following, place.since)
    assert step.until is not None  # noqa: S101 a step has exactly one part: checked by its definition
    return _until(node, step.until, place, facts, now, noted)


def _until(node: Node, until: Until, place: Place, facts: Facts, now: datetime, noted: list[Noted]) -> Place | _Sleep:
    limit = place.until or place.since + until.at_most
    if first_failing(until.when, facts.fields) is None:
        noted.append(Noted(node.step.id, "waited", "happened"))
        return Place(node.following, min(now, limit))
    if now >= limit:
        noted.append(Noted(node.step.id, "waited", "did_not_happen"))
        return Place(node.following, limit)
    return _Sleep(limit)


def _wait(node: Node, wait: Wait, place: Place, facts: Facts, now: datetime) -> Place | _Sleep | _Leave:
    due = place.until or due_time(wait, place, facts)
    if due is not None:
        return Place(node.following, max(due, place.since)) if due <= now else _Sleep(due)
    if wait.give_up is None:
        return _Sleep(None)
    limit = facts.moments["trigger"] + wait.give_up
    return _Leave(f"never_{wait.after}") if now >= limit else _Sleep(limit)


def due_time(wait: Wait, place: Place, facts: Facts) -> datetime | None:
    """When a wait ends, as far as is known now; None when the moment it counts from isn't known."""
    span = wait.wait if wait.wait is not None else _share(facts.gap, wait.share_of_gap)
    start = place.since if wait.after == "previous" else facts.moments.get(wait.after)
    if start is not None and span is not None:
        return start + span
    if wait.otherwise is not None:
        start = facts.moments.get(wait.otherwise.after)
        if start is not None:
            return start + wait.otherwise.wait
    return None


def _share(gap: timedelta | None, share: float | None) -> timedelta | None:
    return None if gap is None or share is None else gap * share


def plan(step: str, send: Send, facts: Facts, due_at: datetime) -> Plan | Noted:
    """Choose the channel: the one the person answered before, else email first; or say why there is none."""
    failing = first_failing(send.only_if, facts.fields)
    if failing is not None:
        return Noted(step, "skipped", "condition", {"field": failing.field})
    channels = sorted(send.templates, key=lambda c: c != facts.answered_on)
    refusals = {}
    for channel in channels:
        reason = why_unreachable(channel, send, facts)
        if reason is None:
            return Plan(step, channel, send.templates[channel], send, due_at, due_at + send.useful_for)
        refusals[channel] = reason
    return Noted(step, "skipped", refusals[channels[0]], refusals)


def why_unreachable(channel: str, send: Send, facts: Facts) -> str | None:
    """None when the person may be written to on this channel."""
    if reason := barred(facts.unreachable.get(channel), send.purpose):
        return reason
    if send.purpose == "transactional":
        return None
    return may_receive_marketing(facts.consent.get(channel), send.audience, channel)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The newest earlier enrolment about the same thing."""

    round: int
    active: bool
    anchor_at: datetime
    basket: str | None
    sent: bool
    """Whether any message of it was written."""


@dataclass(frozen=True, slots=True)
class Enter:
    """Bring the person in."""

    round: int
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """Start the clock of the enrolment under way anew."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Nothing new."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not brought in, for a reason worth recording."""

    reason: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something happened that the journey's trigger listens to."""

    at: datetime
    refusal: str | None
    """Why the occasion itself doesn't count (a test order, an empty basket), or None."""
    fields: Mapping[str, Any]
    basket: str | None = None


def entry(
    definition: Definition, occasion: Occasion, earlier: Earlier | None, last_entered_at: datetime | None, now: datetime
) -> Enter | Move | Stay | Refuse:
    """Whether an occasion brings a person in."""
    again = definition.reentry.again
    if earlier is not None and (again == "once" or occasion.at <= earlier.anchor_at):
        return Stay()
    if earlier is not None and earlier.active and again == "move":
        if occasion.refusal is not None:
            return Stay()  # bought, emptied or gone: the journey's exits have the word
        # Any sign of life counts before the first message; afterwards only a changed basket does.
        return Move() if not earlier.sent or occasion.basket != earlier.basket else Stay()
    reason = _why_not(definition, occasion, last_entered_at, now)
    if reason is not None:
        return Refuse(reason)
    return Enter(earlier.round + 1 if earlier else 1, replaces=bool(earlier and earlier.active))


def _why_not(definition: Definition, occasion: Occasion, last_entered_at: datetime | None, now: datetime) -> str | None:
    """The reason why an occasion brings nobody in, or None: what it is, then whom it is about, then when it was."""
    if occasion.refusal is not None:
        return occasion.refusal
    if (failing := first_failing(definition.trigger.filters, occasion.fields)) is not None:
        return f"filter:{failing.field}"
    for leaving in definition.exits:
        if first_failing(leaving.when, occasion.fields) is None:
            return leaving.reason
    if now - occasion.at > definition.trigger.within:
        return "too_late"
    cooldown = definition.reentry.cooldown
    if cooldown is not None and last_entered_at is not None and occasion.at < last_entered_at + cooldown:
        return "cool_down"
    return None
