"""Edits of a journey: whatever is done in whatever order, a journey comes out, or a sentence with its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from app.journeys import service
from app.journeys.catalogue import COMPARISONS, FIELDS, fields, flaw_of
from app.journeys.definition import Definition, Flaw, walk
from app.journeys.editing import (
    EDITS,
    Add,
    Change,
    Copy,
    Delete,
    Edit,
    Head,
    Leave,
    Move,
    apply,
    check,
    data_of,
    messages,
)

STARTERS = {key: starter.definition for key, starter in service.library().items()}
CHECKOUT = STARTERS["abandoned_checkout"]
TEXTS = sorted({name for made in STARTERS.values() for name in made.templates})


def order(made: Definition | list[Flaw]) -> list[str]:
    assert isinstance(made, Definition), made
    return [step.id for step in walk(made.steps)]


def flaw(made: Definition | list[Flaw]) -> tuple[str, str]:
    assert isinstance(made, list)
    return made[0].where, made[0].message


def done(*edits: Edit, to: Definition = CHECKOUT) -> Definition:
    for edit in edits:
        made = apply(to, edit, TEXTS)
        assert isinstance(made, Definition), made
        to = made
    return to


SPLIT = Add(kind="split", where="after:first")


def test_a_new_step_has_a_name_that_no_step_ever_had() -> None:
    made = apply(CHECKOUT, Add(kind="wait", where="start"), TEXTS, ["wait", "wait_2"])
    assert order(made)[0] == "wait_3"


def test_steps_are_put_behind_a_step_and_into_the_ways_of_a_split() -> None:
    made = done(SPLIT, Add(kind="wait", where="yes:split"), Add(kind="wait", where="no:split"))
    split = next(s for s in made.steps if s.id == "split").split
    assert split is not None
    assert ([s.id for s in split.yes], [s.id for s in split.no]) == (["wait"], ["wait_2"])


@pytest.mark.parametrize(
    ("edit", "where"),
    [
        (Move(step="after_1_hour", where="up"), "steps.after_1_hour"),
        (Move(step="last", where="down"), "steps.last"),
        (Move(step="gone", where="up"), "steps.gone"),
        (Delete(step="gone"), "steps.gone"),
        (Delete(step="first"), "steps.text.send.only_if.0.field"),
        (Add(kind="send", where="start"), "text"),
        (Add(kind="wait", where="yes:first"), "where"),
        (Add(kind="wait", where="after:gone"), "where"),
        (Change(step="first", part={"wait": {"for": "1h"}}), "steps.first"),
        (Change(step="after_1_hour", part={"wait": {"for": "soon"}}), "steps.0.wait.for"),
        (Change(step="after_1_hour", part={"wait": {"for": "1h", "after": "delivered"}}),
         "steps.after_1_hour.wait.after"),
        (Change(step="first", part={"send": {"email": "nothing", "useful_for": "1d"}}), "steps.first.send.email"),
        (Head(values={"name": ""}), "name"),
        (Head(values={"filters": [{"field": "clicked"}]}), "trigger.filters.0.field"),
        (Leave(number=9), "exits"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_beside_its_place(edit: Edit, where: str) -> None:
    made = apply(CHECKOUT, edit, TEXTS)
    assert flaw(made)[0] == where
    assert flaw(made)[1].endswith(".")


def test_a_step_is_moved_by_one_and_out_of_the_way_it_stands_in() -> None:
    made = done(SPLIT, Add(kind="wait", where="yes:split"), Move(step="wait", where="up"))
    assert order(made)[1:4] == ["first", "wait", "split"]
    made = done(Move(step="wait", where="yes:split"), Move(step="wait", where="down"), to=made)
    assert order(made)[1:4] == ["first", "split", "wait"]
    assert order(done(Move(step="last", where="up")))[-2:] == ["last", "after_72_hours"]


def test_a_split_is_not_moved_into_itself() -> None:
    made = done(SPLIT)
    assert flaw(apply(made, Move(step="split", where="yes:split"), TEXTS))[0] == "where"


def test_a_copied_branch_asks_about_its_own_messages() -> None:
    made = done(
        SPLIT,
        Move(step="first", where="yes:split"),
        Change(step="text", part={"send": {"sms": "reminder_sms", "useful_for": "1h", "only_if": []}}),
        Add(kind="until", where="after:first", part={"if": [{"field": "first.clicked"}], "at_most": "1d"}),
        Copy(step="split"),
    )
    copy = made.steps[2].split
    assert copy is not None
    assert [s.id for s in copy.yes] == ["first_2", "until_2"]
    assert copy.yes[1].until is not None
    assert copy.yes[1].until.when[0].field == "first_2.clicked"


def test_a_split_goes_with_or_without_what_lies_behind_it() -> None:
    made = done(SPLIT, Add(kind="wait", where="yes:split"), Add(kind="until", where="no:split"))
    assert {"wait", "until"} & set(order(done(Delete(step="split"), to=made))) == set()
    assert order(done(Delete(step="split", keep="yes"), to=made))[1:4] == ["first", "wait", "after_4_hours"]


def test_asking_something_else_leaves_what_lies_behind_a_split() -> None:
    made = done(
        SPLIT, Add(kind="wait", where="yes:split"), Change(step="split", part={"split": {"if": [{"field": "bought"}]}})
    )
    assert "wait" in order(made)


# -- whatever is done ------------------------------------------------------------------------------------------------

names = st.sampled_from(["first", "text", "after_1_hour", "last", "split", "wait", "message", "message_2", "nobody"])
wheres = st.sampled_from(["start", "up", "down"]) | st.builds(
    lambda way, name: f"{way}:{name}", st.sampled_from(["after", "yes", "no"]), names
)
asked = st.fixed_dictionaries(
    {"field": st.sampled_from([*sorted(fields("checkout_abandoned", ["first"])), "no.such"])},
    optional={"is": st.sampled_from(["is", "at_least", "has", "one_of", "is_known"]),
              "value": st.sampled_from([True, 1, 4500, "email", "US", ["US"], None])},
)  # fmt: skip
parts = st.one_of(
    st.builds(lambda t: {"wait": {"for": t}}, st.sampled_from(["1h", "2d", "soon", "9999w"])),
    st.builds(lambda t: {"send": {"email": t, "useful_for": "1d"}}, st.sampled_from(["first_email", "nothing"])),
    st.builds(lambda c: {"split": {"if": c}}, st.lists(asked, max_size=2)),
    st.builds(lambda c: {"until": {"if": c, "at_most": "1d"}}, st.lists(asked, max_size=2)),
)
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(Add, kind=st.sampled_from(["wait", "split", "until"]), where=wheres),
    st.builds(Add, kind=st.just("send"), where=wheres, part=st.just({"email": "first_email", "useful_for": "1d"})),
    st.builds(Change, step=names, part=parts),
    st.builds(Copy, step=names),
    st.builds(Delete, step=names, keep=st.none() | st.sampled_from(["yes", "no"])),
    st.builds(Move, step=names, where=wheres),
    st.builds(
        Head,
        values=st.fixed_dictionaries(
            {}, optional={"name": st.text(max_size=90), "priority": st.integers(-5, 200),
                          "filters": st.lists(asked, max_size=2),
                          "reentry": st.sampled_from([{"again": "once"}, {"again": "often"}])}
        ),
    ),
    st.builds(
        Leave, number=st.none() | st.integers(0, 5),
        exit=st.none() | st.builds(lambda c: {"if": c, "reason": "left_by_rule"}, st.lists(asked, max_size=2)),
    ),
)  # fmt: skip


@given(st.sampled_from(sorted(STARTERS)), st.lists(edits, max_size=8))
@settings(max_examples=150)
def test_whatever_is_done_a_journey_comes_out_or_a_sentence_with_its_place(key: str, some: list[Edit]) -> None:
    made = STARTERS[key]
    for edit in some:
        before = data_of(made)
        result = apply(made, edit, TEXTS)
        assert data_of(made) == before, "what is edited stays as it was"
        if isinstance(result, list):
            assert result
            assert all(each.message and each.where for each in result)
        else:
            made = result
            assert check(data_of(made), TEXTS) == made, "what is stored reads back as the same"
            assert EDITS.validate_python(edit.model_dump(mode="json")) == edit, "an edit can be written down"


@pytest.mark.parametrize("key", STARTERS)
def test_every_starter_is_what_the_editor_accepts(key: str) -> None:
    assert check(data_of(STARTERS[key]), TEXTS) == STARTERS[key]
    assert set(messages(STARTERS[key])) <= set(order(STARTERS[key]))


def test_nesting_has_an_end() -> None:
    inner: dict[str, Any] = {"id": "deepest", "wait": "1h"}
    for number in range(400):
        inner = {"id": f"s{number}", "split": {"if": [{"field": "bought"}], "yes": [inner]}}
    made = check({**data_of(CHECKOUT), "steps": [inner]}, TEXTS)
    assert flaw(made)[0] == "steps"


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f.name)
def test_every_field_takes_values_of_its_kind_and_no_others(field: Any) -> None:
    from app.conditions import Condition

    good: dict[str, Any] = {
        "flag": False,
        "number": 2,
        "money": 4500,
        "country": "SE",
        "tags": "vip",
        "channels": "sms",
    }
    good["choice"] = field.choices[0] if field.choices else ""
    known = {field.name: field}
    for comparison in COMPARISONS[field.kind]:
        value = [good[field.kind]] if comparison == "one_of" else good[field.kind]
        asked = {"field": field.name, "is": comparison}
        assert flaw_of(Condition.model_validate({**asked, "value": value}), known) is None
        if comparison not in ("is_known", "is_missing"):
            wrongs: list[Any] = [None, {}, [], "\0" * 200]
            for wrong in wrongs:
                made = flaw_of(Condition.model_validate({**asked, "value": wrong}), known)
                assert made is not None
                assert made[0] == "value"
