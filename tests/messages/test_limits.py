"""How much one person, one provider, one shop may get at once."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from app.channels.base import Accepted, OutboundEmail, RetryLater
from app.messages import breaker, claiming
from app.messages.settling import backoff
from app.transaction import transaction
from tests.conftest import make_shop
from tests.messages.conftest import make_message, make_person, make_template, run_sql, state

if TYPE_CHECKING:
    from tests.core.conftest import World


def many(world: World, count: int, channel: str = "email") -> list[int]:
    return [make_message(world, make_person(world, n), channel, step=f"s{n}") for n in range(1, count + 1)]


# One person, several messages


def test_of_two_due_at_once_the_more_important_goes_and_the_other_waits(world: World) -> None:
    person = make_person(world)
    minor = make_message(world, person, step="minor", priority=40)
    major = make_message(world, person, step="major", priority=90)
    world.handover.drain()
    assert state(world, major)[0] == "accepted"
    assert state(world, minor) == ("deferred", "outranked")
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
    assert state(world, minor) == ("deferred", "outranked")


def test_email_and_text_have_windows_of_their_own(world: World) -> None:
    person = make_person(world)
    both = [make_message(world, person, c, step=c) for c in ("email", "sms")]
    world.handover.drain()
    # Not at the same minute, though: the other one follows an hour later.
    assert [state(world, m) for m in both] == [("accepted", None), ("deferred", "outranked")]
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
    assert state(world, held) == ("expired", "outranked")
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
    world.email.answer = lambda _: RetryLater("connection_refused")
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
    world.email.answer = lambda _: Accepted("x")
    run_sql(world, "UPDATE breaker SET paused_until = clock_timestamp()")
    world.time.move(minutes=20)
    world.handover.drain()
    assert {state(world, m)[0] for m in emails} == {"accepted"}


def test_a_rate_limit_pauses_that_provider_and_gives_back_what_was_claimed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.messages.handover.LONGEST_NAP_SECONDS", 0.0)
    messages = many(world, 199)
    world.email.answer = lambda _: RetryLater("rate_limited", 60.0)
    world.handover.drain()
    assert len(world.email.sent) <= 128, "what was claimed beside it is given back"
    assert [state(world, m)[0] for m in messages].count("due") == 199
    gauge = breaker.gauge()
    assert gauge.open == ("sms",)
    assert gauge.reopens_in is not None
    assert 0 < gauge.reopens_in <= 60


@pytest.mark.parametrize(("asked", "pause"), [(None, 2), (1.0, 1), (60.0, 60), (1e9, 120)])
def test_a_provider_is_left_alone_as_long_as_it_asks_within_reason(
    world: World, asked: float | None, pause: int
) -> None:
    def database_now() -> datetime:
        (row,) = world.rows("SELECT clock_timestamp() AS now")
        return row.now  # type: ignore[no-any-return]

    before = database_now()
    breaker.note([("sendgrid", RetryLater("rate_limited", asked))])
    after = database_now()
    (paused,) = world.rows("SELECT paused_until FROM breaker WHERE provider = 'sendgrid'")
    assert before <= paused.paused_until - timedelta(seconds=pause) <= after


def test_a_shops_own_account_in_trouble_is_no_trouble_of_the_hosts(world: World) -> None:
    with transaction(world.shop_id) as session:
        from app.shops.models import ProviderAccount

        session.add(ProviderAccount(shop_id=world.shop_id, channel="email", provider="sendgrid",
                                    credentials={"api_key": "SG.own"}, created_at=world.time.at))  # fmt: skip
    many(world, 30)
    world.email.answer = lambda _: RetryLater("account_credentials")
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
    world.email.answer = lambda _: Accepted("x")
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
