"""The ledger itself: nobody rewrites it, its sum doesn't depend on the order of arrival, and it says how and where."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings as tries, strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.customers import service as customers
from app.customers.queries import standings
from app.customers.rules import STRICTNESS, Entry, Standing, second_step_missing, standing, state_about
from app.platforms.events import CustomersMerged
from app.transaction import across_shops, as_clerk, transaction
from tests.customers.test_consent import NO, YES, said
from tests.customers.test_identity import ANA, at, hear, record_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.inbox.conftest import House

REFUSED = "InsufficientPrivilege"
ENTRIES = st.lists(
    st.builds(
        lambda state, minute, double: Entry(state, at(minute).at, double and state == "subscribed"),
        st.sampled_from(sorted(STRICTNESS)),
        st.integers(0, 4),
        st.booleans(),
    ),
    max_size=7,
)


def ana(house: House) -> int:
    hear(house, [record_of(0, "501", email=ANA)])
    id_: int = house.rows("SELECT id FROM customer")[0].id
    return id_


def say(session: Session, customer_id: int, entries: list[Entry]) -> None:
    words = [customers.Word(customer_id, "email", e.state, e.effective_at, "page", e.double_opt_in) for e in entries]
    customers.consent(session, words)


@given(ENTRIES, st.randoms())
def test_the_sum_of_all_words_is_the_same_in_whatever_order_they_come(entries: list[Entry], random: object) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert standing(entries) == standing(shuffled)


@tries(max_examples=40)
@given(entries=ENTRIES)
def test_the_database_comes_to_the_same_sum_as_the_rule(house: House, entries: list[Entry]) -> None:
    house.forget()
    who = ana(house)
    with transaction(house.shop_id) as session:
        for entry in entries:
            say(session, who, [entry])
        assert standings(session, house.shop_id, [who]).get((who, "email")) == standing(entries)


def test_a_confirmed_yes_stays_confirmed_until_something_else_than_a_yes_is_said() -> None:
    def sum_of(*entries: tuple[int, str, bool]) -> Standing | None:
        return standing([Entry(state, at(minute).at, double) for minute, state, double in entries])

    assert sum_of((1, "subscribed", False)) == Standing("subscribed", at(1).at, confirmed=False)
    assert sum_of((1, "subscribed", False), (2, "subscribed", True), (3, "subscribed", False)) == Standing(
        "subscribed", at(1).at, confirmed=True
    )
    assert sum_of((1, "subscribed", True), (2, "unsubscribed", False), (3, "subscribed", False)) == Standing(
        "subscribed", at(3).at, confirmed=False
    )
    assert sum_of((1, "subscribed", True), (2, "unsubscribed", False)) == Standing("unsubscribed", at(2).at)


def test_that_the_store_never_asked_ends_a_yes_and_takes_no_refusal_back() -> None:
    def sum_of(*states: str) -> str:
        found = standing([Entry(state, at(minute).at) for minute, state in enumerate(states)])
        assert found is not None
        return found.state

    assert sum_of("unsubscribed", "never_asked") == "unsubscribed"
    assert sum_of("subscribed", "unsubscribed", "never_asked", "never_asked") == "unsubscribed"
    assert sum_of("unsubscribed", "subscribed", "never_asked") == "never_asked"
    assert sum_of("subscribed", "never_asked") == "never_asked"
    assert sum_of("unsubscribed", "never_asked", "subscribed") == "subscribed"


@pytest.mark.parametrize(
    ("channel", "countries", "email_since", "missing"),
    [
        ("sms", ["US"], None, True),
        ("sms", [None, "CA"], None, True),
        ("sms", ["DE", "US"], None, True),
        ("sms", ["DE"], None, False),
        ("email", ["US"], None, False),
        ("email", ["DE"], at(0).at, True),
        ("email", ["DE"], at(2).at, False),
        ("whatsapp", ["US"], at(0).at, False),
    ],
)
def test_where_a_second_step_is_needed(
    channel: str, countries: list[str | None], email_since: object, *, missing: bool
) -> None:
    yes = Standing("subscribed", at(1).at)
    assert second_step_missing(yes, channel, countries, email_since) is missing  # type: ignore[arg-type]
    assert not second_step_missing(Standing("subscribed", at(1).at, confirmed=True), channel, countries, at(0).at)
    assert not second_step_missing(Standing("unsubscribed", at(1).at), channel, countries, at(0).at)


def test_a_plain_yes_to_texts_covers_all_but_those_about_baskets() -> None:
    assert state_about("subscribed", "sms", "order", unconfirmed=True) == "subscribed"
    for kind in ("checkout", "cart"):
        assert state_about("subscribed", "sms", kind, unconfirmed=True) == "unconfirmed"
    assert state_about("subscribed", "email", "order", unconfirmed=True) == "unconfirmed"


def test_a_word_keeps_how_and_where_it_was_given(house: House) -> None:
    who = ana(house)
    with transaction(house.shop_id) as session:
        word = customers.Word(
            who,
            "email",
            "subscribed",
            at(1).at,
            "page",
            collected="form",
            wording="footer-3",
            evidence={"ip": "192.0.2.7"},
        )
        customers.consent(session, [word])
    (row,) = house.rows("SELECT * FROM consent_entry")
    assert (row.collected, row.wording, row.evidence, row.about) == ("form", "footer-3", {"ip": "192.0.2.7"}, "501")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent_entry SET state = 'subscribed'",
        "UPDATE consent_entry SET evidence = '{}'",
        "UPDATE consent_entry SET customer_id = customer_id + 1",
        "DELETE FROM consent_entry",
        "TRUNCATE consent_entry",
        "ALTER TABLE consent_entry DISABLE TRIGGER ALL",
    ],
)
def test_the_app_can_add_to_the_ledger_and_nothing_else(house: House, statement: str) -> None:
    hear(house, [said(1, NO)])
    with pytest.raises(ProgrammingError, match=REFUSED), transaction(house.shop_id) as session:
        session.execute(text(statement))
    assert [row.state for row in house.rows("SELECT state FROM consent_entry")] == ["unsubscribed"]


def test_words_follow_their_person_into_the_one_they_became_and_nowhere_else(house: House) -> None:
    hear(house, [record_of(0, "501", email=ANA), record_of(0, "502", email="bo@x.example"), said(1, NO, "502")])
    bo = house.rows("SELECT id FROM customer WHERE external_id = '502'")[0].id
    other = house.rows("SELECT id FROM customer WHERE external_id = '501'")[0].id
    with pytest.raises(ProgrammingError, match="only ever added to"), transaction(house.shop_id) as session:
        session.execute(
            text("UPDATE consent_entry SET customer_id = :to WHERE customer_id = :of"), {"to": other, "of": bo}
        )
    hear(house, [CustomersMerged("501", "502", at(5))])
    assert [row.customer_id for row in house.rows("SELECT customer_id FROM consent_entry")] == [other]


def test_the_clerk_may_empty_evidence_and_change_nothing_else(house: House) -> None:
    who = ana(house)
    with transaction(house.shop_id) as session:
        customers.consent(
            session, [customers.Word(who, "email", "subscribed", at(1).at, "page", evidence={"ip": "192.0.2.7"})]
        )
    for statement in ("UPDATE consent_entry SET evidence = '{\"ip\": \"1\"}'", "DELETE FROM consent_entry",
                      "UPDATE consent_entry SET state = 'pending'"):  # fmt: skip
        with pytest.raises(ProgrammingError, match=REFUSED), across_shops() as session:
            session.execute(text(statement))
    with transaction(house.shop_id) as session:
        with as_clerk(session):
            session.execute(text("UPDATE consent_entry SET evidence = '{}' WHERE shop_id = :s"), {"s": house.shop_id})
        assert session.scalar(text("SELECT current_user")) == "regulars_app"
    assert house.rows("SELECT evidence FROM consent_entry")[0].evidence == {}


def test_what_a_merge_ends_is_no_word_and_goes_when_a_late_word_takes_its_reason_away(house: House) -> None:
    hear(house, [said(1, NO, "502"), said(2, YES, "501"), CustomersMerged("501", "502", at(5))])
    assert len(house.rows("SELECT 1 FROM consent_hold")) == 1
    assert len(house.rows("SELECT 1 FROM consent_entry")) == 2
    hear(house, [said(3, YES, "502")])
    assert house.rows("SELECT 1 FROM consent_hold") == []
    house.time.at += timedelta(hours=1)
