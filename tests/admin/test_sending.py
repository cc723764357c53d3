"""Settings, Sending: the domain, what readers think, what texts may cost; everything that changes is on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app import registry
from app.brakes import service as brakes
from app.texting import service as texting
from app.transaction import transaction
from tests.admin.conftest import add_customer, add_message, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from config import Settings
    from tests.admin.conftest import Admin

PAGE = "/admin/settings/sending"
RECORDS = '[{"purpose": "spf", "kind": "CNAME", "name": "rg1.shop.example", "value": "u1.wl1.sendgrid.net"}]'
FINDINGS = """{"spf": {"state": "missing", "code": "no_record", "found": "rg1.shop.example"},
    "dkim": {"state": "fine", "code": "dkim", "found": ""},
    "dmarc": {"state": "missing", "code": "no_dmarc", "found": ""}}"""


def settings_of(shop: int) -> Any:
    return rows(shop, "SELECT settings FROM shop WHERE id = :shop")[0].settings


def on_record(shop: int) -> list[str]:
    return [row.action for row in rows(shop, "SELECT action FROM audit_entry WHERE shop_id = :shop ORDER BY id")]


def unverify(shop: int) -> None:
    rows(shop, "UPDATE sending_domain SET state = 'unverified', looked_at = :now, records = CAST(:records AS jsonb), "
         "findings = CAST(:findings AS jsonb) WHERE shop_id = :shop RETURNING 1",
         records=RECORDS, findings=FINDINGS, now=NOON)  # fmt: skip


def complain(shop: int) -> None:
    person = add_customer(shop, 1)
    for number in range(1, 8):
        add_message(shop, person, number, channel="email", state="complained" if number < 6 else "delivered",
                    accepted_at=NOON - timedelta(hours=number))  # fmt: skip
    brakes.look(shop)


def test_a_domain_in_order_is_said_to_be(admin: Admin) -> None:
    page = admin.get(PAGE)
    assert page.status_code == 200
    assert "shop.example" in page.text.replace("<wbr>", "")
    assert "Verified" in page.text
    assert "Send from an unverified domain" not in page.text


def test_what_is_missing_is_named_with_the_record_to_copy(admin: Admin, shop: int) -> None:
    unverify(shop)
    page = admin.get(PAGE).text
    assert "There is no record rg1.shop.example yet." in page
    assert "u1.wl1.sendgrid.net" in page
    assert "_dmarc.shop.example" in page
    home = admin.get("/admin/home/pulse").text
    assert "shop.example is not verified." in home
    assert PAGE in home


def test_looking_again_makes_it_due_and_shows_it(admin: Admin, shop: int) -> None:
    unverify(shop)
    page = admin.post(f"{PAGE}/look")
    assert "Looking…" in page.text
    due = rows(shop, "SELECT due_at FROM sending_domain WHERE shop_id = :shop")[0].due_at
    assert due == NOON
    assert 'hx-trigger="every 2s"' in admin.get(f"{PAGE}/domain").text
    assert "sending_domain_looked_at" in on_record(shop)


def test_the_merchants_word_for_an_unverified_domain_is_on_record_and_can_be_taken_back(
    admin: Admin, shop: int
) -> None:
    unverify(shop)
    assert admin.post(f"{PAGE}/unverified/allow").status_code == 200
    assert settings_of(shop)["sending"] == {"ramp": True, "unverified": True}
    assert "settings_changed" in on_record(shop)
    admin.post(f"{PAGE}/unverified/forbid")
    assert settings_of(shop)["sending"]["unverified"] is False


def test_a_new_senders_address_is_looked_at_at_once(admin: Admin, shop: int) -> None:
    form = {"name": "Acme", "email": "hi@new.example", "reply_to": ""}
    assert admin.post("/admin/settings/sender", form).status_code == 200
    found = rows(shop, "SELECT state, due_at FROM sending_domain WHERE domain = 'new.example'")[0]
    assert (found.state, found.due_at) == ("waiting", NOON)
    admin.post("/admin/settings/sender", form | {"email": "ceo@shop.example"})
    assert "uses the domain of whoever runs Regulars" in admin.get(PAGE).text


def test_held_marketing_shows_on_home_and_is_let_go_by_the_merchant_on_record(admin: Admin, shop: int) -> None:
    complain(shop)
    assert "71.43 % of last week" in admin.get("/admin/home/pulse").text
    assert "Let marketing go again" in admin.get(PAGE).text
    page = admin.post(f"{PAGE}/lift")
    assert "Let marketing go again" not in page.text
    assert rows(shop, "SELECT state FROM brake")[0].state == "calm"
    assert on_record(shop).count("complaint_stop_lifted") == 1


def test_the_ramp_is_shown_and_can_be_left(admin: Admin, shop: int) -> None:
    assert "mailboxes know you by now" in admin.get(PAGE).text
    rows(shop, "UPDATE shop SET installed_at = :now WHERE id = :shop RETURNING 1", now=NOON)
    assert "Today 0 of 500 marketing emails have gone." in admin.get(PAGE).text
    admin.post(f"{PAGE}/ramp/off")
    assert "as much as you like" in admin.get(PAGE).text
    admin.post(f"{PAGE}/ramp/on")
    assert "of 500" in admin.get(PAGE).text


def test_texts_limits_are_stored_as_people_type_them(admin: Admin, shop: int) -> None:
    form = {"daily_cap": "20", "monthly_cap": "300", "countries": "us ca;gb", "new_numbers_per_hour": "0"}
    assert admin.post(f"{PAGE}/texting", form).status_code == 200
    assert settings_of(shop)["texting"] == {
        "daily_cap": 20, "monthly_cap": 300, "countries": "CA, GB, US", "new_numbers_per_hour": 0,
    }  # fmt: skip
    rows(shop, "INSERT INTO sending_day (shop_id, day, sms_micros) VALUES (:shop, '2026-06-10', 5000000) RETURNING 1")
    assert "$5.00 of $20.00" in admin.get(PAGE).text


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("countries", "Germany", "Use two letters for each country"),
        ("daily_cap", "-1", "Use 0 or more."),
        ("monthly_cap", "much", "Use a whole number."),
    ],
)
def test_what_cannot_be_is_answered_beside_its_field(
    admin: Admin, shop: int, field: str, typed: str, sentence: str
) -> None:
    form = {"daily_cap": "20", "monthly_cap": "300", "countries": "", "new_numbers_per_hour": "7"} | {field: typed}
    page = admin.post(f"{PAGE}/texting", form)
    assert page.status_code == 422
    assert sentence in page.text
    assert 'value="7"' in page.text, "the rest of the form is kept"
    assert settings_of(shop) == {}


def test_another_shops_domain_and_complaints_are_not_ours(other: Admin, shop: int) -> None:
    unverify(shop)
    complain(shop)
    assert "u1.wl1.sendgrid.net" not in other.get(PAGE).text
    assert "Let marketing go again" not in other.get(PAGE).text
    other.post(f"{PAGE}/lift")
    assert rows(shop, "SELECT state FROM brake WHERE shop_id = :shop")[0].state == "stopped"


ACCOUNT = {
    "account_sid": "AC" + "b" * 32, "auth_token": "own-token-0123456789", "messaging_service_sid": "MG" + "a" * 32,
    "signing_key": "",
}  # fmt: skip


def test_a_twilio_account_of_their_own_is_kept_secret_and_on_record(admin: Admin, shop: int) -> None:
    page = admin.post(f"{PAGE}/twilio", ACCOUNT)
    assert page.status_code == 200
    assert ACCOUNT["messaging_service_sid"] in page.text
    assert ACCOUNT["auth_token"] not in page.text
    assert on_record(shop).count("provider_account_changed") == 1
    entry = rows(shop, "SELECT after FROM audit_entry WHERE action = 'provider_account_changed'")[0]
    assert ACCOUNT["auth_token"] not in str(entry)
    assert b"own-token" not in rows(shop, "SELECT credentials FROM provider_account")[0].credentials
    admin.post(f"{PAGE}/twilio", {"remove": "1"})
    assert rows(shop, "SELECT 1 FROM provider_account") == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"account_sid": "XX1"}, "It begins with AC"),
        ({"messaging_service_sid": ""}, "It begins with MG"),
        ({"auth_token": "short"}, "Copy the whole token"),
        ({"messaging_service_sid": "MG" + "0" * 32}, "This service belongs to whoever runs Regulars."),
    ],
)
def test_an_account_that_cannot_be_is_answered_beside_its_field(
    admin: Admin, shop: int, change: dict[str, str], sentence: str
) -> None:
    page = admin.post(f"{PAGE}/twilio", ACCOUNT | change)
    assert page.status_code == 422
    assert sentence in page.text
    assert ACCOUNT["auth_token"] not in page.text
    assert rows(shop, "SELECT 1 FROM provider_account") == []


def test_without_a_free_number_the_merchant_reads_why_texts_wait(admin: Admin, shop: int, settings: Settings) -> None:
    registry.load(replace(settings, twilio=replace(settings.twilio, numbers=("PN" + "1" * 32,))))
    try:
        assert "get a number of their own as soon as a journey that texts is on" in admin.get(PAGE).text
        with transaction(shop) as session:
            texting.want(session)
        rows(shop, "UPDATE hosted_service SET state = 'no_number' WHERE shop_id = :shop RETURNING 1")
        for page in (PAGE, "/admin/journeys/abandoned_checkout/turn-on", "/admin/health"):
            assert "All numbers are taken just now, so your texts wait." in admin.get(page).text, page
        rows(shop, "UPDATE hosted_service SET state = 'ready' WHERE shop_id = :shop RETURNING 1")
        assert "STOP to it opts out of your store alone." in admin.get(PAGE).text
    finally:
        registry.load(settings)
