"""Promises of the engine that hold for every definition, whatever the facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, strategies as st

from app.journeys.definition import Definition, parse, walk
from app.journeys.rules import Advance, Facts, Place, advance, due_time, remember

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENTS = ("entered", "placed", "shipped", "delivered")
FIELDS = ("a", "b", "bought")

durations = st.sampled_from(["0m", "30m", "1h", "1d", "3d", "2w"])
conditions = st.builds(
    lambda field, negative: {"field": field, "is": "is_not" if negative else "is"},
    st.sampled_from(FIELDS),
    st.booleans(),
)
waits = st.builds(
    lambda span, after, otherwise, give_up: {
        "wait": {"for": span, "after": after}
        | ({"otherwise": {"for": otherwise[0], "after": otherwise[1]}} if otherwise else {})
        | ({"give_up": give_up} if give_up else {})
    },
    durations, st.sampled_from(("previous", "trigger", *MOMENTS)),
    st.none() | st.tuples(durations, st.sampled_from(("trigger", *MOMENTS))), st.none() | durations,
)  # fmt: skip
sends = st.builds(
    lambda channels, purpose, audience, only_if: {
        "send": {c: f"t_{c}" for c in channels} | {"useful_for": "1d", "purpose": purpose, "audience": audience,
                                                   "only_if": only_if}
    },
    st.sets(st.sampled_from(["email", "sms"]), min_size=1), st.sampled_from(["marketing", "transactional"]),
    st.sampled_from(["subscribers", "anyone"]), st.lists(conditions, max_size=1),
)  # fmt: skip
untils = st.builds(lambda when, most: {"until": {"if": [when], "at_most": most}}, conditions, durations)


def splits(steps: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(steps, max_size=3)
    return st.builds(lambda when, yes, no: {"split": {"if": [when], "yes": yes, "no": no}}, conditions, some, some)


steps = st.recursive(waits | sends | untils, splits, max_leaves=8)
untimed = st.recursive(waits | sends, splits, max_leaves=8)


def named(tree: list[dict[str, Any]], counter: list[int]) -> list[dict[str, Any]]:
    """Give every step a name of its own."""
    found = []
    for nameless in tree:
        counter[0] += 1
        step = {"id": f"s{counter[0]}", **nameless}
        if "split" in step:
            branches = {name: named(step["split"][name], counter) for name in ("yes", "no")}
            step["split"] = step["split"] | branches
        found.append(step)
    return found


def definition(tree: list[dict[str, Any]], leaving: list[dict[str, Any]]) -> Definition:
    result = parse({
        "key": "j", "name": "J", "trigger": {"event": "order_placed", "within": "1d"},
        "exits": [{"if": [when], "reason": "left"} for when in leaving], "steps": named(tree, [0]),
    })  # fmt: skip
    assert isinstance(result, Definition), result
    return result


definitions = st.builds(definition, st.lists(steps, min_size=1, max_size=8), st.lists(conditions, max_size=2))
lasting = st.builds(definition, st.lists(untimed, min_size=1, max_size=8), st.just([]))
facts = st.builds(
    lambda moments, fields, unreachable, consent, answered: Facts(
        {"trigger": START, **{m: START + timedelta(hours=h) for m, h in moments.items()}}, fields,
        dict.fromkeys(unreachable, "no_address"), consent, answered,
    ),
    st.dictionaries(st.sampled_from(MOMENTS), st.integers(0, 400)),
    st.dictionaries(st.sampled_from(FIELDS), st.booleans()),
    st.sets(st.sampled_from(["email", "sms"])),
    st.dictionaries(st.sampled_from(["email", "sms"]), st.sampled_from(["subscribed", "unsubscribed", "never_asked"])),
    st.sampled_from([None, "email", "sms"]),
)  # fmt: skip
hours = st.integers(0, 2000)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def begin(made: Definition) -> Place:
    return Place(made.program.first, START)


def with_messages(known: Facts, result: Advance) -> Facts:
    """The facts as they are once the plans have been written."""
    fields = dict(known.fields)
    for plan in result.plans:
        remember(fields, plan.step, plan.channel, "due", clicked=False)
    return Facts(known.moments, fields, known.unreachable, known.consent, known.answered_on, known.gap)


@given(definitions, facts, hours)
def test_it_comes_to_an_end_and_says_the_same_twice(made: Definition, known: Facts, hour: int) -> None:
    first = advance(made, begin(made), known, at(hour))
    assert first == advance(made, begin(made), known, at(hour))
    assert (first.place is None) == (first.ended is not None)


@given(definitions, facts, st.lists(hours, min_size=1, max_size=6))
def test_no_step_is_planned_twice_however_often_it_is_asked(made: Definition, known: Facts, asked: list[int]) -> None:
    place, planned = begin(made), []
    for hour in sorted(asked):
        result = advance(made, place, known, at(hour))
        planned += [plan.step for plan in result.plans]
        known = with_messages(known, result)
        if result.place is None:
            break
        place = result.place
    assert len(planned) == len(set(planned))


@given(definitions, facts, hours)
def test_nothing_is_planned_when_an_exit_holds(made: Definition, known: Facts, hour: int) -> None:
    holds = any(all(c.holds(known.fields) for c in leaving.when) for leaving in made.exits)
    result = advance(made, begin(made), known, at(hour))
    assert (result.ended == "left") == holds
    if holds:
        assert result.plans == ()


@given(definitions, facts, hours)
def test_no_wait_ends_early_and_no_message_is_due_in_the_future(made: Definition, known: Facts, hour: int) -> None:
    result = advance(made, begin(made), known, at(hour))
    assert all(plan.due_at <= at(hour) for plan in result.plans)
    assert all(plan.useful_until == plan.due_at + plan.send.useful_for for plan in result.plans)
    if result.place is not None:
        assert result.due_at is None or result.due_at > at(hour)
        standing = made.program.nodes[result.place.step].step
        assert standing.wait is not None or standing.until is not None
        if standing.wait is not None:
            due = due_time(standing.wait, result.place, known)
            assert due is None or due > at(hour)


@given(lasting, facts, hours, hours)
def test_asking_in_between_changes_nothing(made: Definition, known: Facts, one: int, other: int) -> None:
    early, late = sorted((one, other))
    between = advance(made, begin(made), known, at(early))
    direct = advance(made, begin(made), known, at(late))
    if between.place is None:
        assert direct.plans == between.plans
        assert direct.ended == between.ended or between.ended != "completed"
        return
    after = advance(made, between.place, with_messages(known, between), at(late))
    assert between.plans + after.plans == direct.plans
    assert (after.place, after.due_at, after.ended) == (direct.place, direct.due_at, direct.ended)


@given(definitions, facts, hours)
def test_every_step_taken_or_not_leaves_a_word(made: Definition, known: Facts, hour: int) -> None:
    result = advance(made, begin(made), known, at(hour))
    told = [n.step for n in result.noted]
    assert all(n.reason for n in result.noted)
    if result.ended == "left":
        return
    # The way from the first step to where the person stands now, by what was said of each step.
    place, program = made.program.first, made.program
    for noted in result.noted:
        if noted.outcome in ("completed", "exited"):
            break
        assert noted.step == place
        node = program.nodes[place]
        place = {"yes": node.yes, "no": node.no}[noted.reason] if noted.outcome == "split" else node.following
    assert place == (result.place.step if result.place else told[-1])


@given(definitions)
def test_a_definition_survives_being_stored(made: Definition) -> None:
    stored = made.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    again = Definition.model_validate(stored)
    assert again == made
    assert [s.id for s in walk(again.steps)] == [s.id for s in walk(made.steps)]
