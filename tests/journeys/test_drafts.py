"""Drafts: nothing anybody did is lost, undo is exact, and publishing does with people under way what was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import text

from app.journeys import drafting, service
from app.journeys.drafting import Conflict, Published, State
from app.journeys.editing import Add, Change, Copy, Delete, Edit, Head, Move, Whole, data_of
from app.transaction import transaction
from tests.core.conftest import checkout
from tests.journeys.conftest import ends, live, outcomes, person, sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.journeys.models import Journey
    from tests.core.conftest import World

KEY = "abandoned_checkout"
ANA, BEN = "user:1", "user:2"


@pytest.fixture
def story(world: World) -> World:
    world.turn_on(KEY)
    return world


def within(world: World, do: Callable[[Session, Journey], Any], key: str = KEY) -> Any:
    with transaction(world.shop_id) as session:
        journey = service.locked(session, key)
        assert journey is not None
        return do(session, journey)


def now(world: World, key: str = KEY) -> State:
    found = within(world, drafting.state, key)
    assert isinstance(found, State)
    return found


def edit(world: World, change: Edit, seen: str | None = None, by: str = ANA) -> Any:
    seen = now(world).seen if seen is None else seen
    return within(world, lambda s, j: drafting.edit(s, j, seen, change, by))


def publish(world: World, waiting: Any = "stay", seen: str | None = None) -> Any:
    seen = now(world).seen if seen is None else seen
    return within(world, lambda s, j: drafting.publish(s, j, seen, waiting, ANA))


def wait(step: str, span: str) -> Change:
    return Change(step=step, part={"wait": {"for": span, "after": "trigger"}})


def test_edits_gather_in_a_draft_and_touch_nobody_until_published(story: World) -> None:
    assert edit(story, wait("after_1_hour", "2h")).differs
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=3)
    assert [at for _, _, at in sent(story)] == [1]
    made = publish(story)
    assert isinstance(made, Published)
    assert made.number == 2
    story.deliver("checkouts/update", checkout(story, "tok-2", **person(2)))
    live(story, hours=3)
    assert [at for step, _, at in sent(story) if step == "first"] == [1, 5], "after one hour; two hours after three"
    assert now(story).seen == "v2"
    assert not now(story).differs


def test_a_sensible_answer_to_publishing_nothing(story: World) -> None:
    assert publish(story)[0].message == "There is nothing to publish."
    edit(story, wait("after_1_hour", "2h"))
    edit(story, wait("after_1_hour", "1h"))
    assert not now(story).differs, "changed and changed back"


def test_an_edit_that_makes_no_sense_changes_nothing_and_says_why(story: World) -> None:
    flaws = edit(story, wait("after_1_hour", "soon"))
    assert ["30m, 1h, 3d or 2w" in flaw.message for flaw in flaws] == [True]
    assert story.rows("SELECT count(*) AS n FROM journey_revision")[0].n == 0


@given(st.lists(st.sampled_from(["copy", "delete", "move", "add", "name", "undo", "redo"]), max_size=12))
@settings(max_examples=12)
def test_undo_and_redo_walk_exactly_over_what_was_done(story: World, what: list[str]) -> None:
    within(story, lambda s, j: drafting.discard(s, j, drafting.state(s, j).seen))
    done, undone = [data_of(now(story).definition)], []
    edits: dict[str, Edit] = {
        "copy": Copy(step="last"), "delete": Delete(step="second"), "move": Move(step="last", where="up"),
        "add": Add(kind="wait", where="start"), "name": Head(values={"name": "Come back"}),
    }  # fmt: skip
    for each in what:
        if each == "undo":
            within(story, lambda s, j: drafting.undo(s, j, drafting.state(s, j).seen, ANA))
            undone += [done.pop()] if len(done) > 1 else []
        elif each == "redo":
            within(story, lambda s, j: drafting.redo(s, j, drafting.state(s, j).seen, ANA))
            done += [undone.pop()] if undone else []
        else:
            made = edit(story, edits[each])
            if isinstance(made, State) and data_of(made.definition) != done[-1]:
                done.append(data_of(made.definition))
                undone = []
        shown = now(story)
        assert data_of(shown.definition) == done[-1]
        assert (shown.can_undo, shown.can_redo) == (len(done) > 1, bool(undone))


def test_the_second_of_two_is_told_what_differs_and_nothing_is_lost(story: World) -> None:
    seen = now(story).seen
    edit(story, wait("after_1_hour", "2h"), seen, ANA)
    late = edit(story, Head(values={"name": "Ben's"}), seen, BEN)
    assert isinstance(late, Conflict)
    assert late.state.moved_by == ANA
    number = late.aside
    assert number is not None
    assert late.before is not None
    assert late.before.name == late.state.definition.name == "Abandoned checkout"
    kept = within(story, lambda s, j: drafting.aside(s, j, number))
    assert kept == (Head(values={"name": "Ben's"}), {})
    again = edit(story, kept[0], by=BEN)
    assert again.definition.name == "Ben's"
    assert data_of(again.definition)["steps"][0]["wait"]["for"] == "2h", "hers is still there"
    within(story, lambda s, j: drafting.drop_aside(s, j, number))
    assert within(story, lambda s, j: drafting.aside(s, j, number)) is None


def test_nobody_publishes_or_discards_what_they_have_not_seen(story: World) -> None:
    edit(story, wait("after_1_hour", "2h"))
    seen = now(story).seen
    edit(story, wait("after_1_hour", "3h"), by=BEN)
    assert isinstance(publish(story, seen=seen), Conflict)
    assert isinstance(within(story, lambda s, j: drafting.discard(s, j, seen)), Conflict)
    assert isinstance(within(story, lambda s, j: drafting.undo(s, j, "rubbish", ANA)), Conflict)
    assert now(story).version == 1


def test_an_edit_after_publishing_by_the_same_page_is_no_conflict(story: World) -> None:
    seen = edit(story, wait("after_1_hour", "2h")).seen
    publish(story)
    assert isinstance(edit(story, Copy(step="last"), seen), State)


def test_an_older_version_comes_back_as_a_new_one(story: World) -> None:
    first = data_of(now(story).definition)
    edit(story, wait("after_1_hour", "2h"))
    publish(story)
    edit(story, Whole(definition=first, number=1))
    assert publish(story).number == 3
    assert data_of(now(story).definition) == first
    made = story.rows("SELECT number, made_by FROM journey_version v JOIN journey j ON j.id = v.journey_id "
                      "WHERE j.key = 'abandoned_checkout' ORDER BY number")  # fmt: skip
    assert [(r.number, r.made_by) for r in made] == [(1, None), (2, ANA), (3, ANA)]


# -- people who wait -------------------------------------------------------------------------------------------------


def waiting(story: World, choice: str, span: str, *, after: float = 0.5) -> Published:
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=after)
    edit(story, wait("after_1_hour", span))
    made = publish(story, choice)
    assert isinstance(made, Published)
    live(story, days=6)
    return made


def test_who_stays_finishes_by_the_version_they_began_with(story: World) -> None:
    made = waiting(story, "stay", "3h")
    assert (made.people.moved, made.people.stayed) == (0, 1)
    assert sent(story)[0] == ("first", "email", 1)


def test_who_keeps_their_time_goes_over_and_is_written_to_when_they_would_have_been(story: World) -> None:
    made = waiting(story, "keep_time", "3h")
    assert (made.people.moved, made.people.stayed) == (1, 0)
    assert sent(story)[0] == ("first", "email", 1)
    assert ("changed", "kept_their_time") in outcomes(story, "after_1_hour")
    assert [r.number for r in story.rows(
        "SELECT v.number FROM enrolment e JOIN journey_version v ON v.id = e.version_id")] == [2]  # fmt: skip


def test_who_is_counted_anew_waits_as_the_new_version_says(story: World) -> None:
    waiting(story, "recompute", "3h")
    assert sent(story)[0] == ("first", "email", 3)
    assert ("changed", "counted_anew") in outcomes(story, "after_1_hour")


def test_who_is_overdue_when_counted_anew_goes_on_at_once(story: World) -> None:
    waiting(story, "recompute", "30m", after=0.75)
    assert sent(story)[0] == ("first", "email", 0.75)


def test_who_stands_at_a_step_that_is_gone_finishes_by_their_version(story: World) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=0.5)
    edit(story, Delete(step="after_1_hour"))
    made = publish(story, "recompute")
    assert (made.people.moved, made.people.stayed) == (0, 1)
    live(story, days=6)
    assert sent(story)[0] == ("first", "email", 1)
    assert ends(story) == [("completed", "completed")]


def test_a_kept_time_ends_with_its_step_and_when_the_clock_starts_again(story: World) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=0.5)
    edit(story, wait("after_1_hour", "3h"))
    publish(story, "keep_time")
    live(story, hours=0.25)
    basket = checkout(story)
    story.deliver("checkouts/update", basket)
    live(story, days=6)
    assert sent(story)[0] == ("first", "email", 3.75), "0.75 when they came back, and three hours of the new version"


def test_nothing_is_changed_for_people_when_publishing_fails_on_the_way(story: World, monkeypatch: Any) -> None:
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=0.5)
    edit(story, wait("after_1_hour", "3h"))

    def breaks(*_: Any) -> Any:
        raise RuntimeError("power cut")

    monkeypatch.setattr(drafting, "switch", breaks)
    with pytest.raises(RuntimeError, match="power cut"):
        publish(story, "recompute")
    assert now(story).version == 1
    assert now(story).differs


# -- journeys of one's own -------------------------------------------------------------------------------------------


def test_a_journey_of_ones_own_runs_beside_the_starter_it_came_from(story: World) -> None:
    def copied(session: Session, journey: Journey) -> str:
        shown = drafting.state(session, journey)
        made = drafting.create(
            session, {**data_of(shown.definition), "name": "Kassen vergessen?"}, shown.templates, ANA
        )
        assert not isinstance(made, list)
        return made.key

    assert within(story, copied) == "own_kassen_vergessen"
    assert within(story, copied) == "own_kassen_vergessen_2"
    assert [r.is_on for r in story.rows("SELECT is_on FROM journey WHERE key LIKE 'own%' ORDER BY id")] == [
        False,
        False,
    ]
    story.turn_on("own_kassen_vergessen")
    story.deliver("checkouts/update", checkout(story))
    live(story, hours=1)
    entered = story.rows("SELECT j.key FROM enrolment e JOIN journey j ON j.id = e.journey_id ORDER BY j.key")
    assert [r.key for r in entered] == [KEY, "own_kassen_vergessen"]
    assert not within(story, drafting.remove, "own_kassen_vergessen"), "it ran"
    assert not within(story, drafting.remove), "it came with the product"
    assert within(story, drafting.remove, "own_kassen_vergessen_2")


def test_only_so_many_revisions_are_kept(story: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(drafting, "KEPT_REVISIONS", 4)
    for number in range(9):
        edit(story, Head(values={"name": f"Name {number}"}))
    assert story.rows("SELECT count(*) AS n FROM journey_revision")[0].n == 4
    for _ in range(9):
        within(story, lambda s, j: drafting.undo(s, j, drafting.state(s, j).seen, ANA))
    assert now(story).definition.name == "Name 5"


def test_texts_an_edit_brings_are_kept_with_it(story: World) -> None:
    def do(session: Session, journey: Journey) -> Any:
        number = service.keep_text(session, "sms", "Hello {{ shop.name }}")
        step = Add(kind="send", where="start", part={"sms": "hello", "useful_for": "1d"})
        return drafting.edit(session, journey, "v1", step, ANA, {"hello": number})

    made = within(story, do)
    assert made.templates["hello"]
    publish(story)
    stored = story.rows("SELECT templates FROM journey_version WHERE number = 2")[0].templates
    with transaction(story.shop_id) as session:
        source = session.scalar(text("SELECT source FROM template WHERE id = :id"), {"id": stored["hello"]})
    assert source == "Hello {{ shop.name }}"
