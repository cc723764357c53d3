"""The ledger of consent: the last word by when it was said, the stricter of two, and what a merge makes of it."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

from app import transaction
from app.customers import service as customers
from app.customers.queries import consent_states, profiles
from app.customers.rules import STRICTNESS, Entry, present_state
from app.platforms.events import Channel, ConsentChanged, ConsentState, CustomersMerged, Fact, Person
from tests.customers.test_identity import ANA, PHONE, at, checkout, hear, in_every_order, record_of

if TYPE_CHECKING:
    from tests.inbox.conftest import House

YES, NO, ASKED = ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED, ConsentState.PENDING


def said(
    minute: int, state: ConsentState, customer_id: str = "501", channel: Channel = Channel.EMAIL
) -> ConsentChanged:
    return ConsentChanged(Person(customer_id), channel, state, at(minute).at, "shopify")


def states(house: House) -> dict[str, str]:
    """By the store's customer: the present state for email."""
    rows = house.rows("SELECT id, COALESCE(external_id, email) AS who FROM customer WHERE merged_into_id IS NULL")
    with transaction.transaction(house.shop_id) as session:
        found = consent_states(session, house.shop_id, [row.id for row in rows])
    return {row.who: found[row.id, "email"] for row in rows if (row.id, "email") in found}


def test_the_last_word_counts_by_when_it_was_said_not_by_when_we_heard(house: House) -> None:
    in_every_order(house, [said(1, YES), said(3, NO), said(2, ASKED)])
    assert states(house) == {"501": "unsubscribed"}
    hear(house, [said(4, YES)], [said(2, NO)])
    assert states(house) == {"501": "subscribed"}


def test_of_two_words_of_one_instant_the_stricter_counts(house: House) -> None:
    for pair in itertools.combinations(STRICTNESS, 2):
        house.forget()
        in_every_order(house, [said(1, ConsentState(state)) for state in pair])
        stricter = max(pair, key=lambda state: STRICTNESS[state])
        assert states(house) == {"501": stricter}
        assert present_state([Entry(state, at(1).at) for state in pair]) == Entry(stricter, at(1).at)


def test_channels_are_apart(house: House) -> None:
    hear(house, [record_of(0, "501", email=ANA, phone=PHONE), said(1, NO), said(1, YES, channel=Channel.SMS)])
    [row] = house.rows("SELECT id FROM customer")
    with transaction.transaction(house.shop_id) as session:
        found = profiles(session, house.shop_id, [row.id])[row.id]
    assert found.consent == {"email": "unsubscribed", "sms": "subscribed"}


def test_a_ticked_box_is_a_yes_of_when_the_checkout_began_and_an_empty_box_says_nothing(house: House) -> None:
    ana = Person(email=ANA)
    in_every_order(house, [checkout(1, "t1", ana, accepts_email=True), checkout(2, "t2", ana, accepts_email=False)])
    assert states(house) == {ANA: "subscribed"}
    assert len(house.rows("SELECT 1 FROM consent_entry")) == 1


def test_a_guests_yes_does_not_overrule_the_no_they_said_later_as_a_customer(house: House) -> None:
    facts: list[Fact] = [
        checkout(1, "t1", Person(email=ANA), accepts_email=True),
        record_of(2, "501", email=ANA),
        said(3, NO),
    ]
    in_every_order(house, facts)
    assert states(house) == {"501": "unsubscribed"}


def test_a_merge_keeps_the_stricter_word_whichever_came_first_and_a_later_yes_opens_again(house: House) -> None:
    merge = CustomersMerged("501", "502", at(5))
    in_every_order(house, [said(1, NO, "502"), said(2, YES, "501"), merge])
    assert states(house) == {"501": "unsubscribed"}
    house.forget()
    in_every_order(house, [said(1, NO, "501"), said(2, YES, "502"), merge])
    assert states(house) == {"501": "unsubscribed"}
    house.forget()
    in_every_order(house, [said(1, NO, "502"), said(2, YES, "501"), merge, said(6, YES, "501")])
    assert states(house) == {"501": "subscribed"}
    house.forget()
    in_every_order(house, [said(1, NO, "502"), said(2, YES, "502"), said(2, YES, "501"), merge])
    assert states(house) == {"501": "subscribed"}


def test_an_unsubscribe_by_the_link_of_an_old_mail_counts_for_the_person_they_became(house: House) -> None:
    hear(house, [record_of(1, "502", email="old@x.example"), said(1, YES, "502"), record_of(1, "501", email=ANA)])
    [old] = house.rows("SELECT id FROM customer WHERE external_id = '502'")
    hear(house, [CustomersMerged("501", "502", at(5)), said(6, YES, "501")])
    with transaction.transaction(house.shop_id) as session:
        word = customers.Word(old.id, "email", "unsubscribed", at(7).at, "unsubscribe_link")
        customers.consent(session, [word, word])
    assert states(house) == {"501": "unsubscribed"}


def test_a_word_for_nobody_is_no_error(house: House) -> None:
    with transaction.transaction(house.shop_id) as session:
        customers.consent(session, [customers.Word(10**9, "email", "unsubscribed", at(1).at, "link")])
        customers.consent(session, [])
    assert house.rows("SELECT 1 FROM consent_entry") == []


def test_a_suppressed_address_stays_so_for_whoever_has_it_next(house: House) -> None:
    with transaction.transaction(house.shop_id) as session:
        customers.suppress(session, "email", ANA, "complained", "test")
        customers.suppress(session, "email", ANA, "bounced", "test")
    hear(house, [record_of(1, "501", email=ANA), said(1, YES)])
    [row] = house.rows("SELECT id FROM customer")
    with transaction.transaction(house.shop_id) as session:
        assert profiles(session, house.shop_id, [row.id])[row.id].unreachable["email"] == "suppressed:complained"
        customers.unsuppress(session, "email", ANA, ["bounced"])
        assert "email" in profiles(session, house.shop_id, [row.id])[row.id].unreachable
        customers.unsuppress(session, "email", ANA, ["complained"])
        assert "email" not in profiles(session, house.shop_id, [row.id])[row.id].unreachable


def test_hearing_all_again_adds_nothing(house: House) -> None:
    facts: list[Fact] = [
        said(1, NO, "502"),
        said(2, YES, "501"),
        CustomersMerged("501", "502", at(5)),
        said(6, ASKED, "502"),
    ]
    hear(house, facts)
    before = house.rows("SELECT * FROM consent_entry ORDER BY id")
    house.time.at += timedelta(hours=1)
    hear(house, facts, *[[fact] for fact in facts])
    assert house.rows("SELECT * FROM consent_entry ORDER BY id") == before
