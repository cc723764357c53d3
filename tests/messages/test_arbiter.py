"""Several messages are due for one person: the most important goes, the others wait, count as said, or end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from app.journeys import drafting, service as journeys
from app.journeys.editing import Change
from app.messages.hearing import Heard, by_importance
from app.messages.rules import BETWEEN_CHANNELS, RIVAL_WAIT, Defer, Go, Rival, Skip, Verdict, gate
from app.transaction import transaction
from tests.core.conftest import checkout
from tests.messages.conftest import make_message, make_person, run_sql, state
from tests.messages.test_gates import NOW, OPEN

if TYPE_CHECKING:
    from tests.core.conftest import World

TOPICS = ("baskets", "news")
BASKET = {"topic": "baskets", "outranked": "merge"}

messages = st.builds(
    SimpleNamespace,
    id=st.integers(1, 10**6), priority=st.integers(0, 5), channel=st.sampled_from(("email", "sms")),
    purpose=st.sampled_from(("marketing", "marketing", "marketing", "transactional")),
    since=st.integers(0, 50).map(lambda n: NOW - timedelta(hours=n)),
    consent=st.sampled_from(("subscribed", "subscribed", "unsubscribed")),
    conditions=st.fixed_dictionaries(
        {"topic": st.sampled_from(TOPICS), "outranked": st.sampled_from(("wait", "merge", "end"))}
    ),
    subject_kind=st.just("none"), subject_key=st.just(""),
)  # fmt: skip


def decide(some: list[Any]) -> list[tuple[Any, Verdict]]:
    """What the hand-over does with all messages of one person that are due at once."""
    heard, verdicts = Heard(), []
    for message in sorted(some, key=by_importance):
        asked = replace(
            OPEN, channel=message.channel, purpose=message.purpose, consent=message.consent,
            topic=message.conditions["topic"], outranked=message.conditions["outranked"],
            rival=heard.rival(message.priority), sent_at=heard.marketing.get(message.channel, ()),
            elsewhere_at=heard.elsewhere(message.channel), any_sent_at=heard.latest_marketing(),
        )  # fmt: skip
        verdict = gate(asked, NOW)
        if isinstance(verdict, Go):
            heard.goes(message, NOW)
        verdicts.append((message, verdict))
    return verdicts


@given(st.lists(messages, max_size=8, unique_by=lambda m: m.id))
def test_of_any_that_are_due_together_at_most_one_goes_and_it_is_the_most_important(some: list[Any]) -> None:
    verdicts = decide(some)
    gone = [m for m, v in verdicts if isinstance(v, Go) and m.purpose == "marketing"]
    able = [m for m in some if m.purpose == "marketing" and m.consent == "subscribed"]
    assert len(gone) <= 1
    # What may not go at all outranks nobody. A message about an order on another channel holds marketing for an hour.
    if able and all(m.purpose == "marketing" for m in some):
        assert gone == [min(able, key=by_importance)]
    for message, verdict in verdicts:
        if message.purpose == "transactional":
            assert verdict == Go()
        elif not isinstance(verdict, Go):
            assert verdict.reason in ("unsubscribed", "outranked", "merged", "other_channel")


@given(st.lists(messages, min_size=2, max_size=8, unique_by=lambda m: m.id))
def test_each_of_the_others_waits_or_ends_as_its_journey_says(some: list[Any]) -> None:
    verdicts = decide([m for m in some if m.purpose == "marketing"])
    winner = next((m for m, v in verdicts if isinstance(v, Go)), None)
    for message, verdict in verdicts:
        if winner is None or message is winner or message.consent != "subscribed":
            continue
        same = message.conditions["topic"] == winner.conditions["topic"]
        match message.conditions["outranked"], same:
            case "end", _:
                assert verdict == Skip("outranked")
            case "merge", True:
                assert verdict == Skip("merged")
            case _:
                assert isinstance(verdict, Defer)
                spans = {True: OPEN.limits.window, False: BETWEEN_CHANNELS}
                assert verdict.until == NOW + spans[message.channel == winner.channel]


@given(st.lists(messages, max_size=8, unique_by=lambda m: m.id), st.randoms())
def test_the_order_they_are_read_in_changes_nothing(some: list[Any], random: Any) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)
    assert [(m.id, v) for m, v in decide(some)] == [(m.id, v) for m, v in decide(shuffled)]


def test_one_that_is_due_and_undecided_is_waited_for_a_moment_whatever_the_journey_says() -> None:
    for mode in ("wait", "merge", "end"):
        waiting = replace(OPEN, outranked=mode, topic="news", rival=Rival("email", "news", going=False))
        assert gate(waiting, NOW) == Defer(NOW + RIVAL_WAIT, "outranked")


def test_what_has_lost_its_use_by_then_ends() -> None:
    brief = replace(OPEN, rival=Rival("email", "news"), useful_until=NOW + timedelta(hours=2))
    assert gate(brief, NOW) == Skip("outranked", "expired")


def test_a_reminder_about_a_second_basket_counts_as_said(world: World) -> None:
    person = make_person(world)
    older = make_message(world, person, step="a", conditions=BASKET, since=world.time.at - timedelta(hours=5))
    newer = make_message(world, person, step="b", conditions=BASKET, since=world.time.at - timedelta(hours=1))
    other = make_message(world, person, step="c", conditions={"topic": "news"}, priority=1)
    world.handover.drain()
    assert state(world, newer)[0] == "accepted"
    assert state(world, older) == ("skipped", "merged")
    assert state(world, other) == ("deferred", "outranked")


def test_a_more_important_one_in_other_hands_goes_first(world: World) -> None:
    person = make_person(world)
    minor = make_message(world, person, step="minor", priority=10)
    major = make_message(world, person, step="major", priority=90, state="claimed")
    world.handover.drain()
    assert state(world, minor) == ("deferred", "outranked")
    run_sql(world, "UPDATE message SET state = 'due' WHERE id = :id", id=major)
    world.time.move(minutes=3)
    world.handover.drain()
    assert state(world, major)[0] == "accepted"
    assert state(world, minor) == ("deferred", "outranked")


def test_one_that_is_stuck_holds_nobody_up(world: World) -> None:
    person = make_person(world)
    make_message(world, person, step="major", priority=90, state="claimed",
                 due_at=world.time.at - timedelta(minutes=16))  # fmt: skip
    minor = make_message(world, person, step="minor", priority=10)
    world.handover.drain()
    assert state(world, minor)[0] == "accepted"


def test_the_merchants_order_decides_and_survives_a_new_version(world: World) -> None:
    world.turn_on("abandoned_checkout")
    for _ in range(9):
        journeys.rank(world.shop_id, "abandoned_checkout", 1)
    with transaction(world.shop_id) as session:
        journey = journeys.locked(session, "abandoned_checkout")
        assert journey is not None
        wait = Change(step="after_1_hour", part={"wait": {"for": "2h", "after": "trigger"}})
        edited = drafting.edit(session, journey, "v1", wait, "user:1")
        assert isinstance(edited, drafting.State)
        assert isinstance(drafting.publish(session, journey, edited.seen, "stay", "user:1"), drafting.Published)
    order = world.rows("SELECT key, priority FROM journey ORDER BY priority DESC, id")
    assert order[-1].key == "abandoned_checkout"
    assert len({row.priority for row in order}) == len(order)
    world.deliver("checkouts/update", checkout(world))
    world.pass_time(hours=3)
    assert world.messages()[0].priority == order[-1].priority


@pytest.mark.parametrize(("steps", "place"), [(-1, 0), (1, 1), (99, -1), (-99, 0)])
def test_a_journey_moves_up_and_down_and_no_further_than_the_ends(world: World, steps: int, place: int) -> None:
    first = world.rows("SELECT key FROM journey ORDER BY priority DESC, id")[0].key
    assert journeys.rank(world.shop_id, first, steps)
    assert world.rows("SELECT key FROM journey ORDER BY priority DESC, id")[place].key == first
    assert not journeys.rank(world.shop_id, "unheard_of", 1)
