"""The life of a message: what may follow what, and receipts that come twice, late, out of order or for nobody."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import pairwise, permutations, product
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.channels.base import Accepted, Receipt, RetryLater, Unknown
from app.messages import receipts
from app.messages.states import OPEN_STATES, STATES, TRANSITIONS, may_become
from app.security import tokens
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person, run_sql, state

if TYPE_CHECKING:
    from tests.core.conftest import World

ALLOWED = """
planned: due cancelled
due: claimed cancelled accepted delivered bounced failed complained
deferred: claimed cancelled accepted delivered bounced failed complained
claimed: due deferred sending skipped expired cancelled parked accepted delivered bounced failed complained
sending: due unknown accepted delivered bounced failed complained
unknown: due parked accepted delivered bounced failed complained
parked: due cancelled accepted delivered bounced failed complained
accepted: delivered bounced failed complained
delivered: bounced complained
bounced: delivered complained
failed: delivered
skipped: accepted delivered bounced complained
expired: accepted delivered bounced complained
cancelled: accepted delivered bounced complained
complained:
"""
TABLE = {line.split(":")[0]: set(line.split(":")[1].split()) for line in ALLOWED.strip().splitlines()}
KINDS = {"processed": "accepted", "delivered": "delivered", "bounced": "bounced", "dropped": "failed",
         "complained": "complained"}  # fmt: skip


def test_the_table_is_what_is_written_here_and_nothing_else() -> None:
    assert set(STATES) == set(TABLE)
    for one, other in product(STATES, STATES):
        assert may_become(one, other) == (other in TABLE[one]), (one, other)


def test_nothing_goes_back_to_itself_and_every_open_state_has_a_way_out() -> None:
    assert not any(may_become(one, one) for one in STATES)
    assert all(TRANSITIONS[one] for one in OPEN_STATES)


def handed_over(world: World, **more: Any) -> int:
    message = make_message(world, make_person(world), **more)
    world.handover.drain()
    return message


def report(world: World, message: int, kind: str, *, attempt: int | None = None, event: str = "", **more: Any) -> int:
    row = world.rows("SELECT attempt_id FROM message WHERE id = :id", id=message)[0]
    reference = tokens.make("reference", world.shop_id, message, row.attempt_id if attempt is None else attempt)
    return receipts.apply("sendgrid", [Receipt(event or str(uuid.uuid4()), kind, world.time.at, reference, **more)])


def test_a_receipt_moves_a_message_by_the_table_only(world: World) -> None:
    ways = list(product(STATES, KINDS))
    messages = [make_message(world, make_person(world, n), step=f"s{n}") for n in range(1, len(ways) + 1)]
    world.handover.drain()
    for (before, kind), message in zip(ways, messages, strict=True):
        run_sql(world, "UPDATE message SET state = :state WHERE id = :id", state=before, id=message)
        assert report(world, message, kind) == 1
        expected = KINDS[kind] if KINDS[kind] in TABLE[before] else before
        assert state(world, message)[0] == expected, (before, kind)


def test_a_receipt_counts_once_however_often_it_comes(world: World) -> None:
    message = handed_over(world)
    assert [report(world, message, "delivered", event="e-1") for _ in range(46)] == [1] + [0] * 45
    assert state(world, message)[0] == "delivered"
    assert [r.n for r in world.rows("SELECT count(*) AS n FROM receipt")] == [1]


def test_in_whatever_order_they_come_the_end_is_the_same(world: World) -> None:
    kinds = ("processed", "delivered", "complained")
    for number, order in enumerate(permutations(kinds)):
        message = make_message(world, make_person(world, number + 1), step=f"s{number}")
        world.handover.drain()
        for kind in order:
            report(world, message, kind)
        assert state(world, message)[0] == "complained", order


def test_a_batch_in_reverse_is_applied_in_the_order_of_its_times(world: World) -> None:
    message = handed_over(world)
    reference = world.email.sent[0].reference
    batch = [
        Receipt(f"e{n}", kind, world.time.at + timedelta(seconds=n), reference)
        for n, kind in enumerate(["processed", "delivered", "bounced", "delivered"])
    ]
    assert receipts.apply("sendgrid", batch[::-1]) == 4
    assert state(world, message)[0] == "delivered"


def test_reports_on_nobody_are_counted_and_harm_nobody(world: World) -> None:
    message = handed_over(world)
    strangers = [None, "", "nonsense", tokens.make("reference", world.shop_id, message + 999, 1),
                 tokens.make("reference", world.shop_id + 999, message, 1), tokens.make("click", 1, 2, 3)]  # fmt: skip
    before = _unknown()
    batch = [Receipt(f"e{n}", "bounced", world.time.at, r) for n, r in enumerate(strangers * 200)]
    assert receipts.apply("sendgrid", batch) == 0
    assert _unknown() - before == len(batch)
    assert state(world, message)[0] == "accepted"


def _unknown() -> float:
    value: float = receipts.UNKNOWN.labels("sendgrid")._value.get()
    return value


def test_a_thousand_receipts_at_once_are_each_applied(world: World) -> None:
    message = handed_over(world)
    reference = world.email.sent[0].reference
    batch = [Receipt(f"e{n}", "opened", world.time.at, reference, user_agent="Mail") for n in range(1_000)]
    assert receipts.apply("sendgrid", [*batch, *batch]) == 1_000
    assert state(world, message)[0] == "accepted"


def test_a_receipt_faster_than_our_own_settling_stands(world: World) -> None:
    message = make_message(world, make_person(world))

    def receipt_first(outbound: Any) -> Accepted:
        world.receipt(outbound, "delivered", provider_ref="from-receipt")
        return Accepted("from-answer")

    world.email.answer = receipt_first
    world.handover.drain()
    row = world.rows("SELECT state, provider_ref, accepted_at FROM message WHERE id = :id", id=message)[0]
    assert (row.state, row.provider_ref) == ("delivered", "from-receipt")
    assert row.accepted_at is not None
    told = world.rows("SELECT reason, detail FROM decision WHERE message_id = :id AND outcome = 'sent'", id=message)
    assert [(r.reason, r.detail) for r in told] == [("receipt_arrived", {"channel": "email", "provider": "sendgrid"})]


def test_however_receipts_and_settling_meet_a_message_is_said_to_be_sent_once(world: World) -> None:
    for number, (before, after) in enumerate((((), ()), (("processed",), ("delivered",)), ((), ("delivered",)),
                                              (("processed", "delivered"), ()))):  # fmt: skip

        def answered(outbound: Any, kinds: tuple[str, ...] = before) -> Accepted:
            for kind in kinds:
                world.receipt(outbound, kind)
            return Accepted("taken")

        world.email.answer = answered
        message = make_message(world, make_person(world, number + 1), step=f"s{number}")
        world.handover.drain()
        for kind in after:
            report(world, message, kind)
        assert [step for step, outcome, _ in world.decisions() if outcome == "sent"].count(f"s{number}") == 1


def test_a_receipt_faster_than_a_lost_answer_stands_too(world: World) -> None:
    message = make_message(world, make_person(world))

    def receipt_then_silence(outbound: Any) -> Unknown:
        world.receipt(outbound, "processed")
        return Unknown("timeout")

    world.email.answer = receipt_then_silence
    world.handover.drain()
    assert state(world, message)[0] == "accepted"
    assert len(world.email.sent) == 1


def test_an_answer_that_comes_after_we_gave_up_still_counts(world: World) -> None:
    """The worker was paused for so long that its message was about to be repeated."""
    message = make_message(world, make_person(world))

    def meanwhile(outbound: Any) -> Accepted:
        del outbound
        run_sql(
            world, "UPDATE message SET state = 'due', reason = 'repeated_once', repeats = 1 WHERE id = :id", id=message
        )
        return Accepted("late")

    world.email.answer = meanwhile
    world.handover.drain(limit=1)
    world.handover.drain()
    assert state(world, message)[0] == "accepted"
    assert len(world.email.sent) == 1


def test_a_receipt_for_an_earlier_attempt_stops_the_repeat(world: World) -> None:
    world.email.answer = lambda _: Unknown("timeout")
    message = handed_over(world)
    first = world.rows("SELECT attempt_id FROM message")[0].attempt_id
    run_sql(world, "UPDATE message SET state = 'due', repeats = 1, due_at = :later",
            later=world.time.at + timedelta(minutes=5))  # fmt: skip
    report(world, message, "processed", attempt=first)
    world.time.move(hours=1)
    world.handover.drain()
    assert state(world, message)[0] == "accepted"
    assert len(world.email.sent) == 1


def test_a_receipt_for_an_earlier_attempt_counts_while_a_later_one_is_under_way(world: World) -> None:
    message = make_message(world, make_person(world))

    def earlier_one_arrives(outbound: Any) -> RetryLater:
        del outbound
        report(world, message, "delivered", attempt=1)
        return RetryLater("connection_refused")

    world.email.answer = earlier_one_arrives
    world.handover.drain()
    assert state(world, message)[0] == "delivered"


def test_what_is_bounced_for_good_is_suppressed_and_never_written_to_again(world: World) -> None:
    person = make_person(world)
    message = make_message(world, person)
    world.handover.drain()
    report(world, message, "bounced", suppress="bounced", permanent=True, code="5.1.1")
    world.time.move(days=2)
    second = make_message(world, person, step="second")
    world.handover.drain()
    assert state(world, second) == ("skipped", "suppressed:bounced")
    thanks = make_message(world, person, step="third", purpose="transactional")
    world.handover.drain()
    assert state(world, thanks) == ("skipped", "suppressed:bounced")


def test_a_complaint_suppresses_and_ends_consent(world: World) -> None:
    message = handed_over(world)
    report(world, message, "complained", suppress="complaint")
    assert state(world, message)[0] == "complained"
    with transaction(world.shop_id) as session:
        last = session.execute(text("SELECT state FROM consent_entry ORDER BY id DESC LIMIT 1")).scalar_one()
    assert last == "unsubscribed"


def test_every_way_through_hand_over_is_a_way_of_the_table() -> None:
    """The states a message really takes, one by one, each allowed by the table."""
    ways = [
        ("due", "claimed", "sending", "accepted", "delivered"),
        ("due", "claimed", "sending", "unknown", "due", "claimed", "sending", "unknown", "parked"),
        ("due", "claimed", "deferred", "claimed", "skipped"),
        ("due", "claimed", "due", "claimed", "expired"),
    ]
    assert all(may_become(one, other) for way in ways for one, other in pairwise(way))
