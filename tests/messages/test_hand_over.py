"""Hand-over: what goes wrong with one message or one provider stays with it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app import transaction as database
from app.channels.base import Accepted, Answer, OutboundEmail, Rejected, RetryLater, Unknown
from app.messages import breaker, claiming, intent
from app.messages.settling import backoff
from app.transaction import transaction
from tests.conftest import make_shop
from tests.messages.conftest import make_message, make_person, make_template, run_sql, state

if TYPE_CHECKING:
    from collections.abc import Callable

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
    together = threading.Barrier(64, timeout=20)

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
    world.email.answer = lambda outbound: answer
    (message,) = many(world, 1)
    world.handover.drain(limit=1)
    assert state(world, message) == found
    assert len(world.email.sent) == 1


def test_a_refusal_of_the_address_itself_suppresses_it(world: World) -> None:
    world.sms.answer = lambda outbound: Rejected("21610", suppress="opted_out")
    person = make_person(world)
    make_message(world, person, "sms")
    world.handover.drain()
    world.time.move(days=2)
    again = make_message(world, person, "sms", step="again")
    world.handover.drain()
    assert state(world, again) == ("skipped", "suppressed:opted_out")


# Between claim and hand-over


def bought(world: World) -> None:
    run_sql(world, "INSERT INTO orders (shop_id, external_id, name, customer_id, currency, total, payment, channel, is_test, "
                   "fulfilled, placed_at, version_tie) SELECT shop_id, 'o' || id, '', id, 'USD', 1, 'paid', 'online', "
                   "false, false, :now, '' FROM customer", now=world.time.at)  # fmt: skip


def said_stop(world: World) -> None:
    from app.channels.base import InboundText
    from app.messages.inbound import receive

    for row in world.rows("SELECT phone FROM customer"):
        receive(InboundText(f"e{row.phone}", row.phone, "+18885550188", "STOP"))


def unsubscribed(world: World) -> None:
    run_sql(world, "INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, "
                   "double_opt_in, evidence, recorded_at) SELECT shop_id, id, 'email', 'marketing', 'unsubscribed', :now, "
                   "'link', false, '{}', :now FROM customer", now=world.time.at)  # fmt: skip


def erased(world: World) -> None:
    run_sql(world, "UPDATE customer SET erased_at = :now, email = NULL, phone = NULL", now=world.time.at)


def uninstalled(world: World) -> None:
    from app.journeys.service import stop_shop
    from app.shops import service as shops

    with transaction(world.shop_id) as session:
        shops.uninstall(session, shops.get(session), world.time.at)
        stop_shop(session)


@pytest.mark.parametrize(
    ("happens", "channel", "reason"),
    [
        (unsubscribed, "email", ("skipped", "unsubscribed")),
        (said_stop, "sms", ("skipped", "suppressed:opted_out")),
        (bought, "email", ("cancelled", "bought")),
        (erased, "email", ("skipped", "erased")),
        (uninstalled, "email", ("cancelled", "uninstalled")),
    ],
)
def test_what_is_committed_between_claim_and_hand_over_stops_all_twenty(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[World], None],
    channel: str,
    reason: tuple[str, str],
) -> None:
    now = world.time.at
    run_sql(world, "INSERT INTO checkout (shop_id, token, currency, total, subtotal, lines, accepts_email, accepts_sms, "
                   "created_at, version_at, version_tie) VALUES (:shop, 't', 'USD', 1, 1, CAST('[{}]' AS jsonb), false, "
                   "false, :now, :now, '')", shop=world.shop_id, now=now)  # fmt: skip
    exits = {"exits": [{"if": [{"field": "customer.orders_count", "is": "at_least", "value": 1}], "reason": "bought"}]}
    messages = [
        make_message(world, make_person(world, n), channel, step=f"s{n}", conditions=exits) for n in range(1, 21)
    ]
    real = claiming.claim
    done: list[str] = []

    def claim_then(*args: Any, **more: Any) -> Any:
        claimed = real(*args, **more)
        if claimed.by_shop and not done:
            done.append("")
            happens(world)
            if happens is bought:
                run_sql(world, "UPDATE customer SET orders_count = 1")
        return claimed

    monkeypatch.setattr("app.messages.handover.claim", claim_then)
    world.handover.drain()
    assert done == [""]
    assert world.email.sent == world.sms.sent == []
    assert {state(world, m) for m in messages} == {reason}


# One person, several messages


def test_of_two_due_at_once_the_more_important_goes_and_the_other_waits(world: World) -> None:
    person = make_person(world)
    minor = make_message(world, person, step="minor", priority=40)
    major = make_message(world, person, step="major", priority=90)
    world.handover.drain()
    assert state(world, major)[0] == "accepted"
    assert state(world, minor) == ("deferred", "channel_window")
    world.time.move(hours=20)  # eight in the morning in New York
    world.handover.drain()
    assert state(world, minor)[0] == "accepted"


def test_the_more_important_goes_first_also_when_they_are_in_different_chunks(world: World) -> None:
    person = make_person(world)
    minor = make_message(world, person, step="minor", priority=40)
    for n in range(2, 120):
        make_message(world, make_person(world, n), step=f"s{n}", priority=60)
    major = make_message(world, person, step="major", priority=90)
    world.handover.drain()
    assert state(world, major)[0] == "accepted"
    assert state(world, minor) == ("deferred", "channel_window")


def test_email_and_text_have_windows_of_their_own(world: World) -> None:
    person = make_person(world)
    both = [make_message(world, person, c, step=c) for c in ("email", "sms")]
    world.handover.drain()
    # Not at the same minute, though: the other one follows an hour later.
    assert [state(world, m) for m in both] == [("accepted", None), ("deferred", "other_channel")]
    world.time.move(hours=1)
    world.handover.drain()
    assert [state(world, m)[0] for m in both] == ["accepted", "accepted"]


def test_the_weekly_cap_counts_all_journeys(world: World) -> None:
    person = make_person(world)
    week = world.time.at + timedelta(days=20)
    messages = [make_message(world, person, step=f"s{n}", useful_until=week, due_at=world.time.at + timedelta(days=n),
                             priority=50 - n) for n in range(5)]  # fmt: skip
    for _ in range(5):
        world.handover.drain()
        world.time.move(days=1)
    assert [state(world, m) for m in messages] == [("accepted", None)] * 4 + [("deferred", "weekly_cap")]
    world.time.move(days=2)
    world.handover.drain()
    assert state(world, messages[4])[0] == "accepted"


def test_a_held_message_is_asked_about_again_until_it_has_lost_its_use(world: World) -> None:
    person = make_person(world)
    make_message(world, person, step="first")
    held = make_message(world, person, step="held", priority=1, useful_until=world.time.at + timedelta(hours=30))
    world.handover.drain()
    world.time.move(hours=20)
    other = make_message(world, person, step="other", priority=99)
    world.handover.drain()
    assert state(world, other)[0] == "accepted"
    assert state(world, held) == ("expired", "channel_window")
    assert len(world.email.sent) == 2


def test_thanks_go_at_once_whatever_went_before(world: World) -> None:
    person = make_person(world, consent=False)
    world.time.move(hours=12)  # midnight
    messages = [make_message(world, person, step=f"s{n}", purpose="transactional") for n in range(6)]
    world.handover.drain()
    assert {state(world, m)[0] for m in messages} == {"accepted"}


# Providers in trouble


def test_after_twenty_failures_a_dead_provider_gets_one_message_in_ten_seconds(world: World) -> None:
    emails = many(world, 190)
    world.email.answer = lambda outbound: RetryLater("connection_refused")
    world.handover.drain()
    tried = len(world.email.sent)
    assert tried <= 128
    for probes in range(1, 4):
        run_sql(world, "UPDATE breaker SET paused_until = clock_timestamp()")  # ten seconds later
        for _ in range(3):
            world.time.move(minutes=20)
            world.handover.drain()
        assert len(world.email.sent) == tried + probes, "one probe, and no more within ten seconds"
    text_message = make_message(world, make_person(world, 900), "sms", step="sms")
    world.handover.drain()
    assert state(world, text_message)[0] == "accepted"
    world.email.answer = lambda outbound: Accepted("x")
    run_sql(world, "UPDATE breaker SET paused_until = clock_timestamp()")
    world.time.move(minutes=20)
    world.handover.drain()
    assert {state(world, m)[0] for m in emails} == {"accepted"}


@pytest.mark.parametrize(("asked", "least", "most"), [(None, 1, 3), (1.0, 0, 2), (60.0, 55, 61), (1e9, 100, 121)])
def test_a_rate_limit_pauses_that_provider_as_long_as_it_asks_within_reason(
    world: World, asked: float | None, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.messages.handover.LONGEST_NAP_SECONDS", 0.0)
    messages = many(world, 199)
    world.email.answer = lambda outbound: RetryLater("rate_limited", asked)
    world.handover.drain()
    assert len(world.email.sent) <= 128, "what was claimed beside it is given back"
    assert [state(world, m)[0] for m in messages].count("due") == 199
    gauge = breaker.gauge()
    assert gauge.open == ("sms",)
    assert gauge.reopens_in is not None
    assert least <= gauge.reopens_in <= most


def test_a_shops_own_account_in_trouble_is_no_trouble_of_the_hosts(world: World) -> None:
    with transaction(world.shop_id) as session:
        from app.shops.models import ProviderAccount

        session.add(ProviderAccount(shop_id=world.shop_id, channel="email", provider="sendgrid",
                                    credentials={"api_key": "SG.own"}, created_at=world.time.at))  # fmt: skip
    many(world, 30)
    world.email.answer = lambda outbound: RetryLater("account_credentials")
    world.handover.drain()
    assert "email" in breaker.gauge().open
    assert world.rows("SELECT 1 FROM breaker WHERE failures > 0") == []


def test_the_wait_doubles_and_obeys_the_provider_within_reason() -> None:
    waits = [backoff(n, None).total_seconds() for n in range(1, 12)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]
    assert backoff(1, 7).total_seconds() == 7
    assert backoff(1, 1).total_seconds() == 5
    assert backoff(1, 3600).total_seconds() == 10


# Shops side by side


def test_a_shop_with_many_does_not_hold_up_shops_with_few(world: World) -> None:
    from dataclasses import replace

    for n in range(1, 401):
        make_message(world, make_person(world, n), step=f"s{n}")
    others = [replace(world, shop_id=make_shop(f"shop-{n}.myshopify.com")) for n in range(10)]
    small = [make_message(o, make_person(o, k), step=f"s{k}") for o in others for k in range(1, 11)]
    order: list[int] = []
    world.email.answer = lambda outbound: order.append(1) or Accepted("x")
    world.handover.drain(limit=1)
    claims = [m for o in others for m in o.messages() if m.state == "accepted"]
    assert len(claims) == len(small) == 100, "all of the small shops' messages are in the first batch"
    world.handover.drain()
    assert len(world.email.sent) == 500


def test_messages_of_tomorrow_take_no_share_of_today(world: World) -> None:
    from dataclasses import replace

    for n in range(60):
        other = replace(world, shop_id=make_shop(f"later-{n}.myshopify.com"))
        make_message(other, make_person(other), due_at=world.time.at + timedelta(days=1))
    many(world, 150)
    claim = claiming.claim(world.time.at, ["email"], 60)
    assert len(claim) == 150
    claiming.release(claim.token)


def test_two_workers_share_what_is_due_and_nobody_gets_it_twice(world: World) -> None:
    many(world, 200)
    claims: list[claiming.Claim] = []
    threads = [
        threading.Thread(target=lambda: claims.append(claiming.claim(world.time.at, ["email"], 60, 60)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [id_ for c in claims for _, some in c.chunks(64) for id_ in some]
    assert len(ids) == len(set(ids)) == 180


def test_the_provider_gets_what_the_person_may_see(world: World) -> None:
    make_template(world, "email")
    many(world, 1)
    world.handover.drain()
    (mail,) = world.email.sent
    assert isinstance(mail, OutboundEmail)
    assert (mail.to, mail.subject, mail.sender, mail.sender_name) == (
        "p1@shopper.example", "Hello P1", "hello@shop.example", "Acme",
    )  # fmt: skip
    with transaction(world.shop_id) as session:
        assert session.execute(text("SELECT count(*) FROM message_content")).scalar_one() == 1
