"""Sunset: who reads nothing for months is asked, told goodbye, and left alone until they come back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.customers import service as customers
from app.journeys import sunset
from app.messages import engagement
from app.messages.engagement import Visit
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person, run_sql, state

if TYPE_CHECKING:
    from tests.core.conftest import World

BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
SCANNER = "Mozilla/5.0 (compatible; BarracudaCentral/1.0)"


def quiet_person(world: World, number: int = 1, *, first: int = 150, latest: int = 20, consent: bool = True) -> int:
    """Somebody with two mails, the first and the latest so many days ago, who never stirred."""
    person = make_person(world, number, consent=consent)
    long_ago = world.time.at - timedelta(days=400)
    run_sql(world, "UPDATE customer SET first_seen_at = :at WHERE id = :id", id=person, at=long_ago)
    for days in (first, latest):
        at = world.time.at - timedelta(days=days)
        make_message(world, person, step=f"mail_{days}", state="delivered", accepted_at=at)
    return person


def look(world: World) -> None:
    after: int | None = 0
    while after is not None:
        with transaction(world.shop_id) as session:
            after = sunset.look(session, after, world.time.at, size=2)


def days_pass(world: World, days: int) -> None:
    """At noon of each, with everything due done."""
    world.settle()
    for _ in range(days):
        world.time.move(days=1)
        world.settle()


def stir(world: World, person: int, *, agent: str = BROWSER, days_ago: int = 0) -> None:
    now = world.time.at
    world.time.at = now - timedelta(days=days_ago)
    message = world.rows("SELECT id FROM message WHERE customer_id = :id ORDER BY id LIMIT 1", id=person)[0].id
    with transaction(world.shop_id) as session:
        engagement.seen(session, message, "click", 0, Visit(agent))
    world.time.at = now


def order(world: World, person: int, days_ago: int = 0) -> None:
    at = world.time.at - timedelta(days=days_ago)
    run_sql(world, "UPDATE customer SET last_order_at = :at WHERE id = :id", id=person, at=at)


def entered(world: World) -> list[int]:
    return [row.customer_id for row in world.rows("SELECT customer_id FROM enrolment ORDER BY customer_id")]


def barred(world: World) -> list[tuple[str, str]]:
    return [(r.channel, r.reason) for r in world.rows("SELECT channel, reason FROM suppression ORDER BY channel")]


def later_mail(world: World, person: int, **more: Any) -> tuple[str, str | None]:
    message = make_message(world, person, step=f"later_{len(world.messages())}", **more)
    world.handover.drain()
    return state(world, message)


@pytest.fixture
def sun(world: World) -> World:
    world.turn_on("sunset")
    return world


def test_the_silent_are_asked_once_however_often_we_look(sun: World) -> None:
    people = [quiet_person(sun, n) for n in range(1, 6)]
    look(sun)
    look(sun)
    sun.time.move(days=1)
    look(sun)
    assert entered(sun) == people


@pytest.mark.parametrize("what", ["clicked", "bought", "new", "unmailed", "unsubscribed", "erased", "off"])
def test_nobody_else_is(world: World, what: str) -> None:
    if what != "off":
        world.turn_on("sunset")
    first, latest = (100 if what == "new" else 150), (130 if what == "unmailed" else 20)
    person = quiet_person(world, consent=what != "unsubscribed", first=first, latest=latest)
    if what == "clicked":
        stir(world, person, days_ago=119)
    if what == "bought":
        order(world, person, days_ago=89)
    if what == "erased":
        run_sql(world, "UPDATE customer SET erased_at = :now", now=world.time.at)
    look(world)
    assert entered(world) == []


def test_days_count_exactly_and_machines_do_not(sun: World) -> None:
    person = quiet_person(sun)
    stir(sun, person, days_ago=121)
    stir(sun, person, agent=SCANNER, days_ago=1)
    order(sun, person, days_ago=91)
    look(sun)
    assert entered(sun) == [person]


def test_how_long_silence_lasts_is_the_shops_own_choice(sun: World) -> None:
    person = quiet_person(sun, first=80)
    order(sun, person, days_ago=31)
    look(sun)
    assert entered(sun) == [], "the days as they come are 120 and 90"
    for bought, found in ((32, []), (31, [person])):
        chosen = f'{{"sunset": {{"days_silent": 60, "days_without_order": {bought}}}}}'
        run_sql(sun, "UPDATE shop SET settings = CAST(:chosen AS jsonb) WHERE id > 0", chosen=chosen)
        look(sun)
        assert entered(sun) == found


def test_two_mails_then_silence_from_us_too(sun: World) -> None:
    person = quiet_person(sun)
    look(sun)
    days_pass(sun, 22)
    assert [getattr(m, "subject", "") for m in sun.email.sent] == [
        "Shall we go on writing to you?",
        "This is our last email",
    ]
    assert sun.sms.sent == []
    assert barred(sun) == [("email", "sunset"), ("sms", "sunset")]
    assert ("let_go", "suppressed", "sunset") in sun.decisions()
    sun.time.move(days=1)
    assert later_mail(sun, person) == ("skipped", "suppressed:sunset")
    assert later_mail(sun, person, purpose="transactional")[0] == "accepted", "news of an order still comes"


@pytest.mark.parametrize("how", ["click", "order"])
def test_who_comes_back_in_time_leaves_it(sun: World, how: str) -> None:
    person = quiet_person(sun)
    look(sun)
    days_pass(sun, 1)
    if how == "click":
        stir(sun, person)
    else:
        order(sun, person)
    days_pass(sun, 22)
    assert len(sun.email.sent) == 1
    assert barred(sun) == []


def test_without_the_goodbye_nobody_is_let_go(sun: World) -> None:
    quiet_person(sun)
    look(sun)
    days_pass(sun, 1)
    run_sql(sun, """UPDATE shop SET settings = '{"stopped": true}'""")
    days_pass(sun, 22)
    assert barred(sun) == []


@pytest.mark.parametrize("how", ["a click", "an order", "a new yes"])
def test_a_word_of_theirs_ends_it(sun: World, how: str) -> None:
    person = quiet_person(sun)
    with transaction(sun.shop_id) as session:
        customers.suppress(session, "email", "p1@shopper.example", "sunset", "journey")
    sun.time.move(days=3)
    if how == "a click":
        stir(sun, person, agent=SCANNER)
        assert later_mail(sun, person) == ("skipped", "suppressed:sunset"), "a machine's click is nobody's word"
        stir(sun, person)
    elif how == "an order":
        order(sun, person)
    else:
        with transaction(sun.shop_id) as session:
            customers.consent(session, [customers.Word(person, "email", "subscribed", sun.time.at, "form")])
    sun.time.move(minutes=1)
    assert later_mail(sun, person)[0] == "accepted"


def test_a_word_of_theirs_lifts_no_other_suppression(sun: World) -> None:
    person = quiet_person(sun)
    with transaction(sun.shop_id) as session:
        customers.suppress(session, "email", "p1@shopper.example", "complaint", "receipt")
    sun.time.move(days=1)
    order(sun, person)
    stir(sun, person)
    assert later_mail(sun, person) == ("skipped", "suppressed:complaint")
