"""Hand-over: what goes wrong with one message or one provider stays with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from app import transaction as database
from app.channels.base import Accepted, Answer, Rejected, RetryLater, Unknown
from app.messages import intent
from tests.messages.conftest import make_message, make_person, state

if TYPE_CHECKING:
    from tests.core.conftest import World

BROKEN = """<mjml><mj-head><mj-title>Hi</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>Hello</mj-text>
<mj-text>{{ customer.first_name | no_such_filter }}</mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def many(world: World, count: int, channel: str = "email") -> list[int]:
    return [make_message(world, make_person(world, n), channel, step=f"s{n}") for n in range(1, count + 1)]


def test_a_template_error_parks_that_one_message_with_its_line(world: World) -> None:
    messages = many(world, 99)
    broken = make_message(world, make_person(world, 500), source=BROKEN)
    world.handover.drain()
    assert {state(world, m)[0] for m in messages} == {"accepted"}
    assert len(world.email.sent) == 99
    assert state(world, broken) == ("parked", "template_error")
    detail = world.rows("SELECT detail FROM decision WHERE message_id = :id", id=broken)[0].detail
    assert detail["line"] == 3
    assert "no_such_filter" in detail["message"]


def test_a_message_whose_data_breaks_our_rules_is_parked_and_the_other_99_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = many(world, 100)
    real = intent._Batch._compose

    def poisoned(self: Any, message: Any, *more: Any) -> Any:
        if message.id == messages[50]:
            raise KeyError("poison")
        return real(self, message, *more)

    monkeypatch.setattr(intent._Batch, "_compose", poisoned)
    world.handover.drain()
    assert state(world, messages[50]) == ("parked", "error:KeyError")
    assert sum(state(world, m)[0] == "accepted" for m in messages) == len(world.email.sent) == 99


def test_a_message_the_database_refuses_is_parked_and_the_others_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = many(world, 20)
    real = intent._Batch._compose

    def unstorable(self: Any, message: Any, *more: Any) -> Any:
        if message.id == messages[7]:
            return intent.Faulty("body", 1, "a NUL \0 that jsonb refuses")
        return real(self, message, *more)

    monkeypatch.setattr(intent._Batch, "_compose", unstorable)
    world.handover.drain()
    assert state(world, messages[7]) == ("parked", "error:UntranslatableCharacter")
    assert sum(state(world, m)[0] == "accepted" for m in messages) == len(world.email.sent) == 19


def test_a_provider_that_raises_leaves_that_outcome_unknown_and_no_other(world: World) -> None:
    messages = many(world, 10)

    def raises_for_the_third(outbound: Any) -> Answer:
        if outbound.to == "p3@shopper.example":
            raise RuntimeError
        return Accepted("x")

    world.email.answer = raises_for_the_third
    world.handover.drain()
    assert state(world, messages[2]) == ("unknown", "error:RuntimeError")
    assert [state(world, m)[0] for m in messages].count("accepted") == 9
    assert len(world.email.sent) == 10


def test_no_database_connection_is_held_while_a_provider_is_called(world: World) -> None:
    many(world, 30)
    held: list[int] = []

    def look(outbound: Any) -> Answer:
        del outbound
        held.append(database.engine().pool.checkedout())  # type: ignore[attr-defined]
        return Accepted("x")

    world.email.answer = look
    world.handover.drain()
    assert held == [0] * 30


def test_a_slow_provider_is_called_many_times_at_once_and_never_twice_for_one(world: World) -> None:
    many(world, 64)
    together = threading.Barrier(64, timeout=60)

    def waits_for_all(outbound: Any) -> Answer:
        del outbound
        together.wait()
        return Accepted("x")

    world.email.answer = waits_for_all
    world.handover.drain()
    assert len({o.to for o in world.email.sent}) == len(world.email.sent) == 64


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Accepted("x"), ("accepted", None)),
        (Rejected("400"), ("failed", "rejected:400")),
        (Unknown("timeout"), ("unknown", "timeout")),
        (RetryLater("connection_refused"), ("due", "connection_refused")),
    ],
)
def test_each_answer_has_its_state(world: World, answer: Answer, found: tuple[str, str | None]) -> None:
    world.email.answer = lambda _: answer
    (message,) = many(world, 1)
    world.handover.drain(limit=1)
    assert state(world, message) == found
    assert len(world.email.sent) == 1


def test_a_refusal_of_the_address_itself_suppresses_it(world: World) -> None:
    world.sms.answer = lambda _: Rejected("21610", suppress="opted_out")
    person = make_person(world)
    make_message(world, person, "sms")
    world.handover.drain()
    world.time.move(days=2)
    again = make_message(world, person, "sms", step="again")
    world.handover.drain()
    assert state(world, again) == ("skipped", "suppressed:opted_out")
