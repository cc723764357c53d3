"""Brakes at work: what is held, with what reason, and how it goes on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.brakes import service as brakes
from app.channels.base import Rejected, RetryLater, Unknown
from app.channels.sms import prices
from app.messages.claiming import claim
from app.messages.intent import intend
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person, run_sql, state

if TYPE_CHECKING:
    from tests.core.conftest import World

TEXT_COST = prices.PER_SEGMENT["US"]


def choose(world: World, part: str, **values: Any) -> None:
    with transaction(world.shop_id) as session:
        shop = shops.get(session)
        shop.settings = shop_settings.changed(shop, part, values)


def texts(world: World, count: int, first: int = 1, **more: Any) -> list[int]:
    return [make_message(world, make_person(world, n), "sms", **more) for n in range(first, first + count)]


def old_mails(world: World, count: int, complained: int) -> None:
    """So many marketing mails of the last days, some of them marked as spam."""
    person = make_person(world, 900)
    sent = make_message(world, person, state="delivered", accepted_at=world.time.at - timedelta(days=2))
    run_sql(
        world,
        "INSERT INTO message (shop_id, customer_id, step, template_id, channel, purpose, audience, subject_kind, "
        "subject_key, since, state, planned_at, due_at, useful_until, updated_at, accepted_at) SELECT shop_id, "
        "customer_id, 's' || n, template_id, channel, purpose, audience, subject_kind, subject_key, since, CASE WHEN "
        "n <= :complained THEN 'complained' ELSE 'delivered' END, planned_at, due_at, useful_until, updated_at, "
        "accepted_at FROM message, generate_series(1, :count) AS s (n) WHERE id = :id",
        count=count - 1, complained=complained, id=sent,
    )  # fmt: skip


def spent(world: World) -> int:
    return sum(row.sms_micros for row in world.rows("SELECT sms_micros FROM sending_day"))


# Complaints


def test_too_many_complaints_hold_marketing_until_the_share_falls(world: World) -> None:
    old_mails(world, 1_000, 5)
    brakes.look(world.shop_id)
    waiting = make_message(world, make_person(world))
    order = make_message(world, make_person(world, 2), purpose="transactional", audience="anyone")
    world.handover.drain()
    assert state(world, waiting) == ("deferred", "complaint_rate")
    assert state(world, order) == ("accepted", None)
    world.time.move(days=6)  # the mails complained about have left the window
    brakes.run()
    assert world.rows("SELECT state, sent, complained FROM brake")[0] == ("calm", 0, 0)
    assert world.rows("SELECT due_at FROM message WHERE id = :id", id=waiting)[0].due_at <= world.time.at


def test_the_merchant_lifts_it_and_only_later_complaints_count(world: World) -> None:
    old_mails(world, 1_000, 5)
    brakes.look(world.shop_id)
    waiting = make_message(world, make_person(world))
    world.handover.drain()
    with transaction(world.shop_id) as session:
        assert brakes.lift(session)
        assert not brakes.lift(session), "it isn't held any more"
    world.handover.drain()
    assert state(world, waiting)[0] == "accepted"
    brakes.look(world.shop_id)
    assert world.rows("SELECT state FROM brake")[0].state == "calm"


def test_a_complaint_makes_the_share_counted_anew(world: World) -> None:
    brakes.look(world.shop_id)
    message = make_message(world, make_person(world))
    world.handover.drain()
    assert world.rows("SELECT due_at FROM brake")[0].due_at > world.time.at
    world.receipt(world.email.sent[0], "complained", suppress="complaint")
    assert world.rows("SELECT due_at FROM brake")[0].due_at <= world.time.at
    assert brakes.run() == 1
    assert world.rows("SELECT complained, sent FROM brake")[0] == (1, 1)
    assert state(world, message)[0] == "complained"


# The sending domain


def test_marketing_from_a_domain_that_is_not_verified_waits_and_messages_about_orders_go(world: World) -> None:
    run_sql(world, "UPDATE sending_domain SET state = 'unverified'")
    waiting = make_message(world, make_person(world))
    order = make_message(world, make_person(world, 2), purpose="transactional", audience="anyone")
    text_ = make_message(world, make_person(world, 3), "sms")
    world.handover.drain()
    assert state(world, waiting) == ("deferred", "domain_unverified")
    assert state(world, order)[0] == state(world, text_)[0] == "accepted"
    choose(world, "sending", unverified=True)
    world.time.move(hours=1)
    world.handover.drain()
    assert state(world, waiting)[0] == "accepted"


def test_no_word_of_the_merchant_lets_mail_go_from_another_shops_domain(world: World) -> None:
    run_sql(world, "UPDATE sending_domain SET state = 'unverified', taken = true")
    choose(world, "sending", unverified=True)
    waiting = make_message(world, make_person(world))
    world.handover.drain()
    assert state(world, waiting) == ("deferred", "domain_taken")


def test_not_even_messages_about_orders_go_from_another_shops_domain(world: World) -> None:
    run_sql(world, "UPDATE sending_domain SET state = 'unverified', taken = true")
    order = make_message(world, make_person(world), purpose="transactional", audience="anyone")
    text_ = make_message(world, make_person(world, 2), "sms", purpose="transactional", audience="anyone")
    world.handover.drain()
    assert state(world, order) == ("deferred", "domain_taken")
    assert state(world, text_)[0] == "accepted"
    decided = world.rows("SELECT outcome, reason FROM decision WHERE message_id = :id", id=order)
    assert [tuple(row) for row in decided] == [("deferred", "domain_taken")]
    run_sql(world, "UPDATE sending_domain SET state = 'verified', taken = false")
    world.time.move(hours=1)
    world.handover.drain()
    assert state(world, order)[0] == "accepted"


@pytest.mark.parametrize("address", ["ceo@shop.example", "hello@other.example"])
def test_a_verified_domain_of_the_host_vouches_for_the_hosts_own_address_only(world: World, address: str) -> None:
    choose(world, "sender", email=address)
    waiting = make_message(world, make_person(world))
    world.handover.drain()
    assert state(world, waiting) == ("deferred", "domain_unverified")


# The ramp


def test_a_new_shop_begins_slowly_and_goes_on_the_next_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.brakes.rules.RAMP_FIRST_DAY", 3)
    run_sql(world, "UPDATE shop SET installed_at = :now", now=world.time.at)
    mails = [make_message(world, make_person(world, n)) for n in range(1, 6)]
    for _ in range(2):  # what was sent before counts in the next chunk too
        world.handover.drain()
    found = [state(world, m) for m in mails]
    assert found.count(("accepted", None)) == 3
    assert found.count(("expired", "ramp")) + found.count(("deferred", "ramp")) == 2
    row = world.rows("SELECT marketing_emails, ramp_full_at FROM sending_day")[0]
    assert row == (3, world.time.at)
    choose(world, "sending", ramp=False)
    later = make_message(world, make_person(world, 9))
    world.handover.drain()
    assert state(world, later)[0] == "accepted", "the merchant knows better"


# Money


def test_texts_stop_at_the_day_s_cap_and_go_on_tomorrow(world: World) -> None:
    choose(world, "texting", daily_cap=0, monthly_cap=500)
    waiting = texts(world, 1, useful_until=world.time.at + timedelta(days=3))[0]
    world.handover.drain()
    assert state(world, waiting) == ("deferred", "sms_day_cap")
    assert world.sms.sent == []
    assert world.rows("SELECT sms_capped_at FROM sending_day")[0].sms_capped_at == world.time.at
    choose(world, "texting", daily_cap=1, monthly_cap=500)
    world.time.move(days=1)
    world.handover.drain()
    assert state(world, waiting)[0] == "accepted"
    assert spent(world) == TEXT_COST


def test_the_cap_holds_texts_about_orders_too(world: World) -> None:
    choose(world, "texting", daily_cap=50, monthly_cap=0)
    waiting = texts(world, 1, purpose="transactional", audience="anyone")[0]
    world.handover.drain()
    assert state(world, waiting) == ("expired", "sms_month_cap"), "the month is longer than it is of use"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [(Rejected("21211"), 0), (RetryLater("20429"), 0), (Unknown("timeout"), TEXT_COST)],
    ids=["refused", "later", "nobody knows"],
)
def test_only_what_was_surely_not_taken_is_given_back(world: World, answer: Any, kept: int) -> None:
    world.sms.answer = lambda _: answer
    texts(world, 1)
    world.handover.drain()
    assert spent(world) == kept


def test_many_workers_cannot_overrun_the_cap(world: World) -> None:
    choose(world, "texting", daily_cap=1, monthly_cap=500, new_numbers_per_hour=0)
    allowed = prices.MICROS_PER_DOLLAR // TEXT_COST
    texts(world, allowed + 20)

    def one_worker(_: int) -> int:
        claimed = claim(world.time.at, ["sms"], 60, size=16)
        return sum(
            len(call.intents)
            for _, ids in claimed.chunks(8)
            for call in intend(world.settings, world.shop_id, ids, claimed.token, {})[0]
        )

    with ThreadPoolExecutor(6) as pool:
        intents = sum(pool.map(one_worker, range(12)))
    assert intents == allowed
    assert spent(world) == allowed * TEXT_COST <= prices.MICROS_PER_DOLLAR


def test_a_text_costs_what_its_segments_cost(world: World) -> None:
    make_message(world, make_person(world), "sms", source="x" * 161 + " {{ customer.first_name }}")
    world.handover.drain()
    assert spent(world) == 2 * TEXT_COST


# Countries and new numbers


def test_texts_go_only_where_the_shop_sells(world: World) -> None:
    abroad = make_person(world)
    run_sql(world, "UPDATE customer SET phone = '+447400123456' WHERE id = :id", id=abroad)
    refused = make_message(world, abroad, "sms")
    world.handover.drain()
    assert state(world, refused) == ("skipped", "sms_country")
    run_sql(world, "UPDATE customer SET country = 'GB', orders_count = 1")
    for number in (2, 3):
        make_person(world, number)
    run_sql(world, "UPDATE customer SET country = 'GB', orders_count = 1")
    brakes.look(world.shop_id)
    assert world.rows("SELECT sells_to FROM brake")[0].sells_to == ["GB"]
    allowed = make_message(world, abroad, "sms", step="again")
    world.handover.drain()
    assert state(world, allowed)[0] == "accepted"


def test_many_new_numbers_of_one_block_are_held_for_an_hour(world: World) -> None:
    choose(world, "texting", new_numbers_per_hour=2)
    found = texts(world, 4)
    old = make_person(world, 8)
    run_sql(world, "UPDATE customer SET orders_count = 1 WHERE id = :id", id=old)
    buyer = make_message(world, old, "sms")
    world.handover.drain()
    states = [state(world, m) for m in found]
    assert states.count(("accepted", None)) == 2
    assert states.count(("deferred", "sms_new_numbers")) == 2
    assert state(world, buyer)[0] == "accepted", "nobody pumps by buying"
    assert world.rows("SELECT block, firsts, held_at FROM number_block")[0] == ("+121255", 2, world.time.at)
    world.time.move(hours=1, minutes=1)
    world.handover.drain()
    assert [state(world, m)[0] for m in found] == ["accepted"] * 4


# Bounces in a row


def bounce(world: World, times: int, first: int = 0) -> None:
    for number in range(first, first + times):
        make_message(world, world.person, step=f"mail-{number}")  # type: ignore[attr-defined]
        world.time.move(days=2)
        run_sql(world, "UPDATE message SET due_at = :now, useful_until = :end WHERE state = 'due'", now=world.time.at,
                end=world.time.at + timedelta(days=1))  # fmt: skip
        world.handover.drain()
        world.receipt(world.email.sent[-1], "bounced", code="blocked 4.2.2")


def suppressions(world: World) -> list[str]:
    return [row.reason for row in world.rows("SELECT reason FROM suppression")]


@pytest.fixture
def mailbox(world: World) -> World:
    world.person = make_person(world)  # type: ignore[attr-defined]
    return world


def test_the_fifth_soft_bounce_in_a_row_suppresses(mailbox: World) -> None:
    bounce(mailbox, 4)
    assert suppressions(mailbox) == []
    bounce(mailbox, 1, first=4)
    assert suppressions(mailbox) == ["soft_bounces"]
    assert mailbox.rows("SELECT channel FROM suppression")[0].channel == "email"


def test_a_delivery_begins_the_row_anew(mailbox: World) -> None:
    bounce(mailbox, 4)
    mailbox.receipt(mailbox.email.sent[-1], "delivered")
    bounce(mailbox, 4, first=4)
    assert suppressions(mailbox) == []


def test_a_new_address_begins_the_row_anew(mailbox: World) -> None:
    bounce(mailbox, 4)
    run_sql(mailbox, "UPDATE customer SET email = 'new@shopper.example'")
    bounce(mailbox, 4, first=4)
    assert suppressions(mailbox) == []


def test_the_same_report_twice_counts_once(mailbox: World) -> None:
    bounce(mailbox, 3)
    for _ in range(3):
        mailbox.receipt(mailbox.email.sent[-1], "bounced", code="blocked 4.2.2")
    assert mailbox.rows("SELECT in_a_row FROM soft_bounce")[0].in_a_row == 3


def test_the_switch_that_stops_everything_is_asked_at_hand_over(world: World) -> None:
    with transaction(world.shop_id) as session:
        shop = session.execute(text("SELECT settings FROM shop WHERE id = :id"), {"id": world.shop_id}).scalar_one()
        session.execute(text("UPDATE shop SET settings = '{\"stopped\": true}'"))
    assert shop == {}
    mail, text_ = make_message(world, make_person(world)), make_message(world, make_person(world, 2), "sms")
    order = make_message(world, make_person(world, 3), purpose="transactional", audience="anyone")
    world.handover.drain()
    assert state(world, mail) == state(world, text_) == ("skipped", "all_marketing_stopped")
    assert state(world, order)[0] == "accepted"
