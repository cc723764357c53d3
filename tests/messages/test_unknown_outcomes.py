"""Nobody knows whether it was taken: evidence first, then one repeat by email, and none by SMS on a guess."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.channels.base import Absent, Accepted, CannotTell, Evidence, Found, Unknown
from app.messages import breaker, claiming, evidence
from tests.messages.conftest import make_message, make_person, run_sql, say_no, state

if TYPE_CHECKING:
    from tests.core.conftest import FakeProvider, World


def silent(world: World, channel: str) -> tuple[int, FakeProvider]:
    """A message whose provider took it, or not, and said nothing."""
    provider = world.email if channel == "email" else world.sms
    message = make_message(world, make_person(world), channel)
    provider.answer = lambda _: Unknown("timeout")
    world.handover.drain()
    assert state(world, message) == ("unknown", "timeout")
    provider.answer = lambda _: Accepted("second")
    return message, provider


def grace_over(world: World, *, receipts_flow: bool = True) -> None:
    """Real time passes: the grace of every unknown message, and with it receipts of others came, or none."""
    run_sql(world, "UPDATE message SET lease_until = clock_timestamp() - interval '1 s' WHERE state = 'unknown'")
    run_sql(world, "UPDATE attempt SET begun_at = begun_at - interval '1 hour'")
    run_sql(world, "UPDATE breaker SET last_receipt_at = NULL")
    if receipts_flow:
        breaker._Heard.noted.clear()
        for provider in ("sendgrid", "twilio"):
            breaker.heard(provider, 0)


def ask(world: World, provider: FakeProvider, word: Evidence) -> int:
    provider.look_up = lambda *_: word  # type: ignore[method-assign]
    # Graces so short that the tests' database has been up for many of them.
    settled = evidence.resolve(replace(world.settings, email_grace_seconds=0.01, sms_grace_seconds=0.01))
    world.handover.drain()
    return settled


both = pytest.mark.parametrize("channel", ["email", "sms"])


@both
def test_within_its_grace_nothing_is_asked_and_nothing_repeated(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    assert ask(world, provider, Absent()) == 0
    assert state(world, message)[0] == "unknown"
    assert len(provider.sent) == 1


@both
def test_a_receipt_settles_it(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    world.receipt(provider.sent[0], "processed")
    assert state(world, message)[0] == "accepted"
    grace_over(world)
    assert ask(world, provider, Absent()) == 0
    assert len(provider.sent) == 1


@both
def test_found_at_the_provider_it_is_accepted(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    grace_over(world)
    assert ask(world, provider, Found("there")) == 1
    assert state(world, message) == ("accepted", "found_at_provider")
    assert len(provider.sent) == 1


@both
def test_surely_absent_it_goes_once_more(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    grace_over(world)
    assert ask(world, provider, Absent()) == 1
    assert state(world, message)[0] == "accepted"
    assert len(provider.sent) == 2


def test_where_nobody_can_tell_a_text_is_parked_and_shown(world: World) -> None:
    message, provider = silent(world, "sms")
    grace_over(world)
    assert ask(world, provider, CannotTell()) == 1
    assert state(world, message) == ("parked", "outcome_unknown")
    assert len(provider.sent) == 1
    assert ("hello", "parked", "outcome_unknown") in world.decisions()


def test_where_nobody_can_tell_an_email_is_repeated_once_and_then_parked(world: World) -> None:
    message, provider = silent(world, "email")
    provider.answer = lambda _: Unknown("timeout")
    for sent, found in ((2, "unknown"), (2, "parked")):
        grace_over(world)
        assert ask(world, provider, CannotTell()) == 1
        assert state(world, message)[0] == found
        assert len(provider.sent) == sent
    grace_over(world)
    assert ask(world, provider, CannotTell()) == 0
    assert len(provider.sent) == 2


@both
def test_while_no_receipts_come_silence_proves_nothing(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    for _ in range(3):
        grace_over(world, receipts_flow=False)
        assert ask(world, provider, CannotTell()) == 0
    assert state(world, message)[0] == "unknown"
    assert len(provider.sent) == 1
    grace_over(world)
    assert ask(world, provider, CannotTell()) == 1


@both
def test_the_providers_own_word_needs_no_receipts_beside_it(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    grace_over(world, receipts_flow=False)
    assert ask(world, provider, Absent()) == 1
    assert state(world, message)[0] == "accepted"
    assert len(provider.sent) == 2


def test_receipts_about_what_was_before_the_hand_over_prove_nothing(world: World) -> None:
    message, provider = silent(world, "email")
    grace_over(world, receipts_flow=False)
    breaker.heard("sendgrid", 3 * 3600)
    assert ask(world, provider, CannotTell()) == 0
    assert state(world, message)[0] == "unknown"


@both
def test_after_the_database_was_away_silence_proves_nothing_for_a_while(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    grace_over(world)
    assert evidence.resolve(world.settings) == 0, "the tests' database has not been up for three graces"
    assert state(world, message)[0] == "unknown"
    assert len(provider.sent) == 1


def test_receipts_that_could_not_be_taken_make_silence_mean_nothing_until_they_were_told_again(world: World) -> None:
    message, provider = silent(world, "email")
    breaker.refused("sendgrid", 60)
    grace_over(world)
    assert ask(world, provider, CannotTell()) == 0
    breaker.refused("sendgrid", -1)
    grace_over(world)
    assert ask(world, provider, CannotTell()) == 1
    assert state(world, message)[0] == "accepted"


@both
def test_what_has_lost_its_use_is_not_repeated(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    world.time.move(days=3)
    grace_over(world, receipts_flow=False)
    assert ask(world, provider, Absent()) == 1
    assert state(world, message) == ("parked", "outcome_unknown")
    assert len(provider.sent) == 1


@both
def test_a_repeat_passes_the_gates_again(world: World, channel: str) -> None:
    message, provider = silent(world, channel)
    say_no(world, channel)
    grace_over(world)
    ask(world, provider, Absent())
    assert state(world, message) == ("skipped", "unsubscribed")
    assert len(provider.sent) == 1


def test_an_open_outcome_counts_as_sent_for_the_window(world: World) -> None:
    message, provider = silent(world, "email")
    person = world.rows("SELECT customer_id FROM message")[0].customer_id
    second = make_message(world, person, step="second")
    world.handover.drain()
    assert state(world, second) == ("deferred", "channel_window")
    assert state(world, message)[0] == "unknown"
    assert len(provider.sent) == 1


def test_a_look_up_that_raises_holds_up_nobody(world: World) -> None:
    first, provider = silent(world, "sms")
    second = make_message(world, make_person(world, 2), "sms", step="second")
    provider.answer = lambda _: Unknown("timeout")
    world.handover.drain()
    grace_over(world)
    asked: list[str] = []

    def fails_once(*_: Any) -> Evidence:
        asked.append("")
        if len(asked) == 1:
            raise OSError
        return Found("there")

    provider.look_up = fails_once  # type: ignore[assignment,method-assign]
    assert evidence.resolve(world.settings) == 1
    assert sorted(state(world, m)[0] for m in (first, second)) == ["accepted", "unknown"]


def test_a_worker_lost_in_the_call_leaves_an_unknown_and_one_lost_before_leaves_it_due(world: World) -> None:
    called, claimed = make_message(world, make_person(world)), make_message(world, make_person(world, 2), step="second")
    claiming.claim(world.time.at, ["email"], 0)
    run_sql(world, "UPDATE message SET state = 'sending' WHERE id = :id", id=called)
    assert claiming.sweep(world.time.at, world.settings) == (1, 1)
    assert state(world, called) == ("unknown", "worker_lost")
    assert state(world, claimed)[0] == "due"
    assert claiming.sweep(world.time.at, world.settings) == (0, 0)


def test_a_lease_that_ran_out_is_not_used_any_more(world: World) -> None:
    from app.messages.intent import intend

    message = make_message(world, make_person(world))
    claim = claiming.claim(world.time.at, ["email"], 0)
    assert intend(world.settings, world.shop_id, [message], claim.token, {}) == ([], [])
    assert state(world, message)[0] == "claimed"


def test_gates_and_rendering_that_take_long_are_no_reason_to_give_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease begins anew after them. On a busy machine a chunk of 250 mails would never have gone out."""
    from app import clock
    from app.messages.intent import _Batch

    make_message(world, make_person(world))
    now, compose = [0.0], _Batch._compose

    def slow(self: _Batch, *arguments: Any) -> Any:
        now[0] += world.settings.lease_seconds / 2
        return compose(self, *arguments)

    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(_Batch, "_compose", slow)
    world.handover.drain(limit=1)
    assert len(world.email.sent) == 1


def test_who_was_held_up_between_intent_and_call_does_not_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import clock

    message = make_message(world, make_person(world))
    ticks = iter(range(0, 10_000, 31))
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(ticks)))
    world.handover.drain(limit=1)
    assert world.email.sent == []
    assert state(world, message) == ("due", "held_up")
    assert world.rows("SELECT failures FROM breaker WHERE failures > 0") == []
    assert world.time.at - timedelta(seconds=1) < world.rows("SELECT due_at FROM message")[0].due_at <= world.time.at
