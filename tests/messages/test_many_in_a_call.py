"""Mails of one template leave many in a call; each has its own gates, intent, attempt, outcome and evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from app import registry, transaction as database
from app.channels.base import Accepted, Answer, Outbound, Parcel, Rejected, Unknown
from app.messages.calls import AT_ONCE, TOGETHER_FROM
from app.messages.handover import TOGETHER
from tests.core.conftest import FakeProvider
from tests.messages.conftest import make_message, make_person, run_sql, state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.channels.base import Account
    from tests.core.conftest import World


@dataclass
class FakePacker(FakeProvider):
    """Also takes many in a call, if `fits` says so; answers each as it would answer it alone."""

    calls: list[int] = field(default_factory=list)
    fits: Callable[[Outbound], bool] = lambda _: True

    def send(self, outbound: Outbound, account: Account) -> Answer:
        self.calls.append(1)
        return super().send(outbound, account)

    def pack(self, outbounds: Sequence[Outbound]) -> list[Parcel]:
        places = tuple(n for n, outbound in enumerate(outbounds) if self.fits(outbound))
        return [Parcel(places, [outbounds[n] for n in places])] if places else []

    def send_parcel(self, parcel: Parcel, account: Account, may_go: Callable[[], bool]) -> list[Answer]:
        del account, may_go
        self.calls.append(len(parcel.places))
        self.sent += parcel.content
        return [self.answer(outbound) for outbound in parcel.content]


@pytest.fixture
def packer(world: World, monkeypatch: pytest.MonkeyPatch) -> FakePacker:
    made = FakePacker("sendgrid", "email")
    monkeypatch.setattr(registry._Found, "providers", {"sendgrid": made, "twilio": world.sms})
    return made


def mails(world: World, count: int, **more: Any) -> list[int]:
    return [make_message(world, make_person(world, n), "email", **more) for n in range(1, count + 1)]


def states(world: World) -> dict[str, int]:
    return {row.state: row.n for row in world.rows("SELECT state, count(*) AS n FROM message GROUP BY state")}


def test_many_due_mails_of_a_template_leave_in_one_call_each_with_its_own_attempt(
    world: World, packer: FakePacker
) -> None:
    mails(world, 90)
    world.handover.drain()
    assert packer.calls == [90]
    assert states(world) == {"accepted": 90}
    assert len({outbound.reference for outbound in packer.sent}) == 90
    assert world.rows("SELECT count(*), count(DISTINCT message_id) FROM attempt WHERE outcome = 'accepted'") == [
        (90, 90)
    ]


def test_a_few_go_one_by_one(world: World, packer: FakePacker) -> None:
    mails(world, TOGETHER_FROM - 1)
    world.handover.drain()
    assert packer.calls == [1] * (TOGETHER_FROM - 1)


def test_no_call_takes_more_than_a_death_may_leave_unknown(world: World, packer: FakePacker) -> None:
    mails(world, TOGETHER + 30)
    world.handover.drain()
    assert max(packer.calls) <= TOGETHER
    assert states(world) == {"accepted": TOGETHER + 30}


def test_gates_run_for_each(world: World, packer: FakePacker) -> None:
    messages = mails(world, 69)
    messages.append(make_message(world, make_person(world, 70, consent=False), "email"))
    world.handover.drain()
    assert packer.calls == [69]
    assert state(world, messages[-1])[0] == "skipped"


def test_an_unknown_outcome_is_each_ones_own_and_each_is_found_by_its_own_receipt(
    world: World, packer: FakePacker
) -> None:
    messages = mails(world, 70)
    packer.answer = lambda _: Unknown("timeout")
    world.handover.drain()
    assert states(world) == {"unknown": 70}
    world.receipt(packer.sent[5], "delivered")
    assert states(world) == {"unknown": 69, "delivered": 1}
    assert sum(state(world, m)[0] == "delivered" for m in messages) == 1


def test_what_had_an_unknown_outcome_is_repeated_alone(world: World, packer: FakePacker) -> None:
    messages = mails(world, 70)
    run_sql(world, "UPDATE message SET repeats = 1 WHERE id = ANY(:ids)", ids=messages[:5])
    world.handover.drain()
    assert sorted(packer.calls) == [1] * 5 + [65]


def test_one_refusal_in_a_call_is_that_ones_own(world: World, packer: FakePacker) -> None:
    messages = mails(world, 70)
    packer.answer = lambda outbound: (
        Rejected("400", suppress="invalid_address") if outbound.to == "p7@shopper.example" else Accepted("x")
    )
    world.handover.drain()
    assert state(world, messages[6]) == ("failed", "rejected:400")
    assert states(world) == {"accepted": 69, "failed": 1}


def test_what_fits_no_call_goes_alone_and_nothing_is_promised_before_it_can_go(
    world: World, packer: FakePacker
) -> None:
    mails(world, 200)
    packer.fits = lambda outbound: outbound.to.startswith("p1")
    promised: list[int] = []

    def looks(outbound: Outbound) -> Answer:
        del outbound
        promised.append(world.rows("SELECT count(*) AS n FROM message WHERE state = 'sending'")[0].n)
        return Accepted("x")

    packer.answer = looks
    world.handover.drain()
    assert states(world) == {"accepted": 200}
    together = sum(1 for outbound in packer.sent if outbound.to.startswith("p1"))
    assert max(packer.calls) == together
    # Of both lanes: what goes in parcels, and as many calls as each can make at once.
    assert max(promised) <= together + 2 * AT_ONCE


def test_a_failing_call_counts_once_however_many_it_was_for(world: World, packer: FakePacker) -> None:
    mails(world, 90)
    packer.answer = lambda _: Unknown("http_500")
    world.handover.drain()
    assert packer.calls == [90]
    with database.across_shops() as session:
        assert session.connection().exec_driver_sql("SELECT failures FROM breaker").scalar_one() == 1


def test_texts_and_several_messages_of_a_person_go_as_ever(world: World, packer: FakePacker) -> None:
    people = [make_person(world, n) for n in range(1, 26)]
    for person in people:
        make_message(world, person, "email", purpose="transactional")
        make_message(world, person, "sms", step="text", purpose="transactional")
    world.handover.drain()
    assert len(world.sms.sent) + len(packer.sent) == len({o.to for o in (*world.sms.sent, *packer.sent)}) == 50
