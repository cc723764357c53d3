"""The preference page: what is chosen there is on record, and the gates obey it with their reasons."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.customers import wordings
from app.customers.rules import Choices
from app.messages.rules import Defer, Go, Skip, gate
from app.security import tokens
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person, run_sql, state
from tests.messages.test_gates import NOW, OPEN

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.core.conftest import World

ALL = {"email": "on", "sms": "on", "frequency": "all", "language": "", "topic.news": "on"}


class Page:
    """One person's page."""

    def __init__(self, client: FlaskClient, world: World) -> None:
        self.client, self.world = client, world
        self.person = make_person(world)
        self.message = make_message(world, self.person, step="first", state="delivered")
        self.address = f"/p/{tokens.make('unsubscribe', world.shop_id, self.person, self.message)}"

    def save(self, *without: str, **more: str) -> TestResponse:
        form = {name: value for name, value in (ALL | more).items() if name not in without}
        return self.client.post(self.address, data=form)

    def choices(self) -> list[Any]:
        return self.world.rows("SELECT * FROM preference ORDER BY id")

    def words(self) -> list[tuple[str, str, str]]:
        rows = self.world.rows("SELECT channel, state, source FROM consent_entry WHERE source <> 'test' ORDER BY id")
        return [tuple(row) for row in rows]

    def later(self, **more: Any) -> int:
        return make_message(self.world, self.person, step=f"s{len(self.world.messages())}", **more)


@pytest.fixture
def page(client: FlaskClient, world: World) -> Page:
    return Page(client, world)


def test_it_opens_without_login_and_shows_what_is_chosen(page: Page) -> None:
    shown = page.client.get(page.address)
    assert shown.status_code == 200
    html = shown.get_data(as_text=True)
    assert 'name="email" checked' in html
    assert 'value="all" checked' in html
    assert "<script" not in html
    assert page.choices() == []
    assert page.words() == []


def test_a_channel_switched_off_is_a_word_on_consent(page: Page) -> None:
    assert page.save("sms").status_code == 200
    assert page.words() == [("sms", "unsubscribed", "preference_page")]
    message = page.later(channel="sms")
    page.world.handover.drain()
    assert state(page.world, message) == ("skipped", "unsubscribed")
    page.save()
    assert page.words()[1:] == [("sms", "subscribed", "preference_page")]


def test_a_yes_is_on_record_with_the_sentence_that_stood_beside_its_box(page: Page) -> None:
    page.save("sms", "email")
    with transaction(page.world.shop_id) as session:
        wordings.replace(session, {"sms": "Texts & more."}, "user:1")
    html = page.client.get(page.address).get_data(as_text=True)
    assert "Texts &amp; more." in html
    shown = dict(re.findall(r'name="(wording\.\w+)" value="([\w-]+)"', html))
    assert shown == {"wording.email": "email-standard-1", "wording.sms": "sms-1"}
    with transaction(page.world.shop_id) as session:
        wordings.replace(session, {"sms": "While they looked at the page."}, "user:1")
    page.world.time.move(minutes=1)
    page.save(**shown)
    page.world.time.move(minutes=1)
    page.save("sms", **{"wording.sms": "sms-99"})
    rows = page.world.rows("SELECT * FROM consent_entry WHERE source = 'preference_page' ORDER BY id")
    assert [(r.channel, r.state, r.wording) for r in rows[2:]] == [
        ("email", "subscribed", "email-standard-1"), ("sms", "subscribed", "sms-1"), ("sms", "unsubscribed", ""),
    ]  # fmt: skip
    assert {(r.collected, r.evidence["ip"]) for r in rows} == {("page", "127.0.0.1")}


def test_saving_without_a_change_puts_nothing_on_record(page: Page) -> None:
    assert "Saved" in page.save().get_data(as_text=True)
    page.save()
    assert page.words() == []
    assert page.choices() == []


def test_every_change_stays_on_record(page: Page) -> None:
    page.save(frequency="weekly")
    page.save(frequency="weekly")
    page.save(frequency="less", language="de")
    assert [(r.frequency, r.locale, r.source) for r in page.choices()] == [
        ("weekly", None, "preference_page"),
        ("less", "de", "preference_page"),
    ]


def test_a_topic_that_is_off_is_not_written_about(page: Page) -> None:
    page.save("topic.news")
    news = page.later(conditions={"topic": "news"})
    basket = page.later(conditions={"topic": "baskets"})
    page.world.handover.drain()
    assert state(page.world, news) == ("skipped", "topic_off")
    assert state(page.world, basket)[0] == "accepted"


def test_a_topic_that_was_not_on_the_page_stays_as_it_was(page: Page) -> None:
    run_sql(page.world, "INSERT INTO preference (shop_id, customer_id, topics_off, source, recorded_at) VALUES "
            "(:shop, :id, ARRAY['baskets'], 'test', :now)",
            shop=page.world.shop_id, id=page.person, now=page.world.time.at)  # fmt: skip
    assert 'name="topic.baskets"' in page.client.get(page.address).get_data(as_text=True)
    page.save(frequency="weekly")
    assert page.choices()[-1].topics_off == ["baskets"]


def test_a_pause_holds_everything_for_thirty_days_and_can_be_ended(page: Page) -> None:
    page.save(pause="on")
    until = page.world.time.at + timedelta(days=30)
    held = page.later(useful_until=page.world.time.at + timedelta(days=40))
    brief = page.later(useful_until=page.world.time.at + timedelta(days=2))
    page.world.handover.drain()
    assert state(page.world, held) == ("deferred", "paused")
    assert state(page.world, brief) == ("expired", "paused")
    page.world.time.move(days=3)
    page.save(pause="on")
    assert [row.paused_until for row in page.choices()] == [until], "saving again doesn't make it longer"
    page.save()
    assert page.choices()[-1].paused_until is None


def test_once_a_week_counts_all_channels(page: Page) -> None:
    page.save(frequency="weekly")
    first = page.later()
    page.world.handover.drain()
    page.world.time.move(days=3)
    second = page.later(channel="sms", useful_until=page.world.time.at + timedelta(days=30))
    page.world.handover.drain()
    assert state(page.world, first)[0] == "accepted"
    assert state(page.world, second) == ("deferred", "frequency")
    page.world.time.move(days=4)
    page.world.handover.drain()
    assert state(page.world, second)[0] == "accepted"


def test_once_a_month_looks_back_a_month(page: Page) -> None:
    page.save(frequency="less")
    page.later()
    page.world.handover.drain()
    page.world.time.move(days=29)
    second = page.later(useful_until=page.world.time.at + timedelta(days=30))
    page.world.handover.drain()
    assert state(page.world, second) == ("deferred", "frequency")


def test_the_language_chosen_is_the_one_it_is_written_in(page: Page) -> None:
    page.save(language="de")
    source = "{{ customer.language }}: {{ 123456 | money }}. Reply STOP to opt out"
    page.later(channel="sms", source=source)
    page.world.handover.drain()
    (text,) = page.world.sms.sent
    assert text.text.startswith("de: 1.234,56")


@pytest.mark.parametrize(("field", "value"), [("frequency", "hourly"), ("frequency", ""), ("language", "tlh")])
def test_bad_input_is_answered_beside_its_field_and_the_rest_is_kept(page: Page, field: str, value: str) -> None:
    answer = page.save("sms", "topic.news", **{field: value})
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert f'id="{field}.error"' in html
    assert 'name="email" checked' in html
    assert 'name="sms" checked' not in html
    assert 'name="topic.news" checked' not in html
    assert page.words() == []
    assert page.choices() == []


def test_after_erasure_there_is_nothing_to_choose_and_nothing_breaks(page: Page) -> None:
    run_sql(page.world, "UPDATE customer SET email = NULL, phone = NULL, erased_at = :now", now=page.world.time.at)
    assert "nothing to change" in page.client.get(page.address).get_data(as_text=True)
    assert page.save(frequency="weekly").status_code == 200
    assert page.choices() == []


def test_a_link_of_a_person_merged_into_another_acts_for_that_other(page: Page) -> None:
    kept = make_person(page.world, 2)
    from app.customers import merging

    with transaction(page.world.shop_id) as session:
        merging.move(session, [(page.person, kept)])
    run_sql(page.world, "UPDATE customer SET merged_into_id = :kept, email = NULL WHERE id = :id", kept=kept,
            id=page.person)  # fmt: skip
    page.save("sms", frequency="weekly")
    assert [(row.customer_id, row.frequency) for row in page.choices()] == [(kept, "weekly")]
    assert page.world.rows("SELECT state FROM consent_entry WHERE customer_id = :id AND channel = 'sms' "
                           "ORDER BY effective_at DESC LIMIT 1", id=kept)[0].state == "unsubscribed"  # fmt: skip


def test_only_marketing_is_held() -> None:
    chosen = Choices(frozenset({"news"}), "less", NOW + timedelta(days=3))
    assert gate(replace(OPEN, choices=chosen, purpose="transactional", any_sent_at=NOW), NOW) == Go()
    assert gate(replace(OPEN, choices=chosen), NOW) == Skip("topic_off")
    assert gate(replace(OPEN, choices=chosen, topic="orders"), NOW) == Defer(NOW + timedelta(days=3), "paused")
