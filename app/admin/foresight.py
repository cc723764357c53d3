"""What lies ahead of a person in a journey: the engine run forward from now, and what the gates would say. Pure.

Nothing is written and nothing is guessed: `advance` itself is asked, with the facts as they are now, at each moment at
which it asked to be asked again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from app.admin import flow, words
from app.admin.words import _
from app.journeys.rules import Facts, Noted, Place, Plan, advance, remember
from app.messages.rules import Asked, Defer, Go, Skip, gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from app.brakes.rules import Hold
    from app.journeys.definition import Definition

MOST_MOMENTS: Final = 250
"""More looks than any journey of a hundred steps needs: a journey that wants more goes round in circles."""
MOST_DEFERRALS: Final = 20

ENDS_BY_ITSELF: Final = ("ramp", "sms_day_cap", "sms_month_cap", "sms_new_numbers")
"""Holds that a new day, month or hour ends; all others end when somebody mends what is wrong."""

BEFORE_FILTERS: Final = (
    "nothing_in_it", "nobody_to_write_to", "gift_cards_only", "draft_not_paid", "test_order", "order_not_seen_yet",
    "no_usable_gap", "checkout_is_gone", "cart_is_gone", "order_is_gone", "product_is_gone", "bought",
    "checkout_started",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing that will happen: a step taken, a message, or the end."""

    at: datetime
    noted: Noted
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """All that will happen, in order."""

    stops: tuple[Stop, ...]
    waits_for_news: bool = False
    """It ends in a wait without limit: only news from the store moves it on."""


def ahead(definition: Definition, place: Place, facts: Facts, now: datetime) -> Path:
    """Run the engine forward from a place until the journey ends."""
    stops: list[Stop] = []
    for _look in range(MOST_MOMENTS):
        result = advance(definition, place, facts, now)
        plans = {plan.step: plan for plan in result.plans}
        stops += [Stop(max(now, _moment(n, plans, now)), n, plans.get(n.step)) for n in result.noted]
        fields = dict(facts.fields)
        for plan in result.plans:
            remember(fields, plan.step, plan.channel, "accepted", clicked=False)
        facts = replace(facts, fields=fields)
        if result.place is None:
            return Path(tuple(stops))
        if result.due_at is None:
            return Path(tuple(stops), waits_for_news=True)
        place, now = result.place, max(now, result.due_at)
    return Path(tuple(stops))


def _moment(noted: Noted, plans: dict[str, Plan], now: datetime) -> datetime:
    plan = plans.get(noted.step)
    return plan.due_at if plan is not None and noted.outcome == "planned" else now


@dataclass(frozen=True, slots=True)
class Held:
    """A gate that is closed when the message is to go: why, and until when (None: it doesn't go at all)."""

    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a planned message, as far as can be known now."""

    goes_at: datetime | None
    held: tuple[Held, ...] = ()
    brake: str | None = None
    """Why it would be held all the same if the shop stood then as it does now."""


def fate(asked: Asked, due_at: datetime) -> Fate:
    """Ask the gates as hand-over will: held messages are asked again when their wait is over."""
    held: list[Held] = []
    at = due_at
    for _again in range(MOST_DEFERRALS):
        verdict = gate(asked, at)
        if isinstance(verdict, Go):
            return Fate(at, tuple(held))
        if isinstance(verdict, Skip):
            return Fate(None, (*held, Held(verdict.reason, None)))
        assert isinstance(verdict, Defer)  # noqa: S101 there are three kinds of verdict
        held.append(Held(verdict.reason, verdict.until))
        at = verdict.until
    return Fate(None, tuple(held))


def braked(known: Fate, hold: Hold | None) -> Fate:
    """The same, with what stands against it in the shop just now. A limit of the day or hour is over by itself."""
    if hold is None or known.goes_at is None:
        return known
    if hold.until is None:
        return replace(known, goes_at=None, held=(*known.held, Held(hold.reason, None)))
    if hold.reason in ENDS_BY_ITSELF and hold.until <= known.goes_at:
        return known
    return replace(known, brake=hold.reason)


def fates(path: Path, ask: Callable[[Plan], Asked], gone: Callable[[Plan, datetime], None]) -> dict[str, Fate]:
    """Step -> what becomes of its message. `gone` is told of each that goes: it counts for those after it."""
    found: dict[str, Fate] = {}
    for stop in path.stops:
        if stop.plan is None:
            continue
        found[stop.plan.step] = result = fate(ask(stop.plan), max(stop.at, stop.plan.due_at))
        if result.goes_at is not None:
            gone(stop.plan, result.goes_at)
    return found


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of the way in: it held, it didn't, or it wasn't asked since an earlier one didn't."""

    label: str
    passed: bool | None


def checks(definition: Definition, outcome: str, reason: str, money: Callable[[int], str] = str) -> tuple[Check, ...]:
    """What was asked on the way in, in the engine's order, read back from the decision it left."""
    entered = outcome in ("entered", "moved")
    labels: list[tuple[str, str]] = [("occasion", _("It counts as an occasion"))]
    labels += [(f"filter:{c.field}", flow.condition_words(c, money)) for c in definition.trigger.filters]
    leaving = {x.reason for x in definition.exits}
    labels += [("exit", _("No reason to leave yet")), ("too_late", _("In time"))]
    if definition.reentry.cooldown:
        labels.append(("cool_down", _("Not in it a short while ago")))
    if entered:
        return tuple(Check(label, passed=True) for _key, label in labels)
    failing = _failing(reason, leaving)
    if failing not in {key for key, _label in labels}:  # a filter that this version no longer has
        labels.insert(1, (failing, words.reason(reason)))
    found: list[Check] = []
    state: bool | None = True
    for key, label in labels:
        if state and key == failing:
            found.append(Check(label, passed=False))
            state = None
        else:
            found.append(Check(label, state))
    return tuple(found)


def _failing(reason: str, leaving: set[str]) -> str:
    if reason.startswith("filter:") or reason in ("too_late", "cool_down"):
        return reason
    # An occasion that doesn't count is refused before anything else is asked; the same word may also be an exit's.
    return "exit" if reason in leaving and reason not in BEFORE_FILTERS else "occasion"
