"""What merchants see and do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app.admin import words
from app.customers import preferences, service as customers
from app.customers.rules import Choices
from app.security.sealed import seal_bytes
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction
from tests.admin.conftest import Admin, add_customer, add_delivery, add_message, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from app.shops.settings import ShopSettings
    from tests.conftest import Time


def chosen(shop: int) -> ShopSettings:
    with transaction(shop) as session:
        return shop_settings.of(shops.get(session))


# -- home ------------------------------------------------------------------------------------------------------------


def test_home_tells_what_needs_the_merchant(admin: Admin, shop: int) -> None:
    assert "Messages that need you" not in admin.get("/").text
    add_message(shop, add_customer(shop))
    add_delivery(shop)
    page = admin.get("/").text
    assert "Messages that need you: 1" in page
    assert "News we couldn&#39;t use: 1" in page
    assert "Turn on all 6" in page


def test_home_counts_todays_messages_by_the_shops_clock(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    midnight = NOON - timedelta(hours=12)
    add_message(
        shop, ana, 1, state="accepted", reason=None, channel="email", updated_at=midnight + timedelta(minutes=1)
    )
    add_message(shop, ana, 2, state="accepted", reason=None, updated_at=midnight - timedelta(minutes=1))
    add_message(shop, ana, 3, state="skipped", reason="no_consent")
    add_message(shop, ana, 4, state="deferred", reason="quiet_hours", planned_at=NOON - timedelta(days=3))
    page = admin.get("/").text
    figures = re.findall(r"<dt>([^<]+)</dt><dd>(\d+)</dd>", page)
    assert figures == [("Sent", "1"), ("On their way", "1"), ("Held back", "1"), ("Trouble", "0")]
    assert "They haven&#39;t agreed to marketing on this channel" in page
    assert "It is night where they live" in page


def test_the_import_refreshes_itself_until_it_is_done(admin: Admin, shop: int) -> None:
    rows(
        shop,
        "INSERT INTO import (shop_id, kind, span, generation, position, state, lines_read, things, tries, due_at) "
        "VALUES (:shop, 'customers', 'recent', 1, 0, 'reading', 40, 100, 0, now()) RETURNING id",
    )
    part = admin.get("/admin/home/imports").text
    assert 'hx-trigger="every 2s"' in part
    assert '<progress aria-label="Customers of the last 90 days" value="40" max="100">' in part
    rows(shop, "UPDATE import SET state = 'done', lines_read = 100 WHERE shop_id = :shop RETURNING id")
    part = admin.get("/admin/home/imports").text
    assert "hx-trigger" not in part
    assert "<b>100</b> customers" in part


# -- journeys --------------------------------------------------------------------------------------------------------


def test_one_button_turns_every_journey_on(admin: Admin, shop: int) -> None:
    answer = admin.post("/admin/journeys/turn-on-all")
    assert answer.status_code == 200
    assert '"All journeys are on"' in answer.headers["HX-Trigger"]
    assert len(rows(shop, "SELECT 1 FROM journey WHERE shop_id = :shop AND is_on")) == 6


def test_a_journey_is_turned_on_and_off(admin: Admin, shop: int) -> None:
    on = "SELECT 1 FROM journey WHERE shop_id = :shop AND is_on AND key = 'replenishment'"
    assert "Turn this journey off" in admin.post("/admin/journeys/replenishment/on").text
    assert len(rows(shop, on)) == 1
    assert admin.post("/admin/journeys/replenishment/off").status_code == 200
    assert rows(shop, on) == []
    assert admin.post("/admin/journeys/nonsense/on").status_code == 404


def test_a_journey_is_told_in_plain_words(admin: Admin) -> None:
    page = admin.get("/admin/journeys/post_purchase").text
    assert "Somebody places an order" in page
    assert "When we never hear of that: 10 days after it was shipped." in page
    assert "Leaves when we still don&#39;t know after 60 days." in page
    assert (
        "Wait until 80 % of the usual time between purchases has passed"
        in admin.get("/admin/journeys/replenishment").text
    )


def test_every_message_of_every_journey_has_a_preview(admin: Admin) -> None:
    seen = 0
    for key in ("abandoned_cart", "abandoned_checkout", "post_purchase", "replenishment", "review_request"):
        page = admin.get(f"/admin/journeys/{key}").text
        for address in re.findall(rf'href="(/admin/journeys/{key}/preview/[^"]+)"', page):
            preview = admin.get(address)
            assert preview.status_code == 200, address
            assert "The template has a mistake" not in preview.text, address
            assert ("<iframe sandbox srcdoc=" in preview.text) != ('class="bubble"' in preview.text), address
            assert "Your shop has no such case yet" in preview.text
            seen += 1
    assert seen == 17


def test_a_preview_shows_the_newest_real_case(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    rows(
        shop,
        "INSERT INTO checkout (shop_id, token, customer_id, currency, total, subtotal, lines, accepts_email, "
        "accepts_sms, created_at, version_at, version_tie) VALUES (:shop, 't', :ana, 'EUR', 2400, 2400, "
        '\'[{"title": "Oolong", "variant_title": "", "quantity": 1, "price": 2400, "product_id": 7, '
        '"variant_id": 8, "image_url": null, "is_gift_card": false}]\', false, false, now(), now(), \'\') '
        "RETURNING id",
        ana=ana,
    )
    page = admin.get("/admin/journeys/abandoned_checkout/preview/first/email").text
    assert "Ana Lind 1" in page
    assert "Oolong" in page
    assert "€24.00" in page
    assert "/o/" not in page, "looking at a preview opens nothing"
    made_up = admin.get("/admin/journeys/abandoned_checkout/preview/first/email", **{"with": "yen"}).text
    assert "抹茶セット" in made_up


# -- messages --------------------------------------------------------------------------------------------------------


def test_messages_come_in_pages_that_skip_and_repeat_none(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    made = [add_message(shop, ana, n, planned_at=NOON - timedelta(minutes=n // 3)) for n in range(120)]
    seen: list[int] = []
    address, pages = "/admin/messages?state=parked", 0
    while address:
        page = admin.get(address).text
        seen += [int(n) for n in re.findall(r'href="/admin/messages/(\d+)"', page)]
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address, pages = following[1].replace("&amp;", "&") if following else "", pages + 1
        if pages == 1:  # somebody new comes in meanwhile
            add_message(shop, ana, 500, planned_at=NOON)
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(set(seen))
    assert pages == 3


@pytest.mark.parametrize(
    "cursor", ["x", "1", "1-", "-1", "99999999999999999999-1", "999999999999999999-1", "1-1-1", "%00"]
)
def test_a_garbled_cursor_shows_the_first_page(admin: Admin, shop: int, cursor: str) -> None:
    add_message(shop, add_customer(shop))
    assert admin.get("/admin/messages", before=cursor).status_code == 200
    assert admin.get("/admin/customers", before=cursor).status_code == 200
    assert admin.get("/admin/deliveries", before=cursor).status_code == 200


def test_messages_are_filtered(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    parked = add_message(shop, ana, 1)
    sent = add_message(shop, ana, 2, state="delivered", reason=None, channel="email")

    def listed(**query: str) -> set[int]:
        return {int(n) for n in re.findall(r'href="/admin/messages/(\d+)"', admin.get("/admin/messages", **query).text)}

    assert listed() == {parked, sent}
    assert listed(state="sent") == {sent}
    assert listed(channel="sms") == {parked}
    assert listed(reason="outcome_unknown") == {parked}
    assert listed(journey="abandoned_checkout") == set()
    assert listed(state="nonsense") == {parked, sent}


def test_a_parked_message_is_tried_again(admin: Admin, shop: int) -> None:
    message = add_message(shop, add_customer(shop))
    page = admin.get(f"/admin/messages/{message}").text
    assert "another try means that the customer gets it twice" in page
    assert admin.post(f"/admin/messages/{message}/retry").status_code == 200
    row = rows(shop, "SELECT state, reason, due_at FROM message WHERE shop_id = :shop")[0]
    assert (row.state, row.reason, row.due_at) == ("due", "retried_by_merchant", NOON)
    decided = rows(shop, "SELECT outcome, reason FROM decision WHERE shop_id = :shop AND message_id = :id", id=message)
    assert [tuple(d) for d in decided] == [("deferred", "retried_by_merchant")]


def test_a_parked_message_is_dropped_once(admin: Admin, shop: int) -> None:
    message = add_message(shop, add_customer(shop))
    admin.post(f"/admin/messages/{message}/drop")
    again = admin.post(f"/admin/messages/{message}/drop")
    assert "isn't waiting" in again.headers["HX-Trigger"]
    assert [tuple(r) for r in rows(shop, "SELECT state, reason FROM message WHERE shop_id = :shop")] == [
        ("cancelled", "dropped_by_merchant")
    ]
    assert len(rows(shop, "SELECT 1 FROM decision WHERE shop_id = :shop AND message_id = :id", id=message)) == 1


def test_a_message_that_lost_its_use_can_only_be_dropped(admin: Admin, shop: int, time: Time) -> None:
    message = add_message(shop, add_customer(shop))
    time.move(days=2)
    assert "/retry" not in admin.get(f"/admin/messages/{message}").text
    admin.post(f"/admin/messages/{message}/retry")
    assert [r.state for r in rows(shop, "SELECT state FROM message WHERE shop_id = :shop")] == ["parked"]


@pytest.mark.parametrize("state", ["due", "sending", "accepted", "delivered", "unknown", "failed", "cancelled"])
def test_only_parked_messages_can_be_touched(admin: Admin, shop: int, state: str) -> None:
    message = add_message(shop, add_customer(shop), state=state)
    admin.post(f"/admin/messages/{message}/retry")
    admin.post(f"/admin/messages/{message}/drop")
    assert [r.state for r in rows(shop, "SELECT state FROM message WHERE shop_id = :shop")] == [state]


def test_messages_as_json_show_no_more_than_the_end_of_an_address(admin: Admin, shop: int) -> None:
    add_message(shop, add_customer(shop))
    found = admin.get("/admin/messages.json", customer="c1").json
    assert found is not None
    assert found["messages"] == [
        {
            "journey": None,
            "step": "step_1",
            "channel": "sms",
            "state": "parked",
            "reason": "outcome_unknown",
            "due_at": "2026-06-10T16:00:00+00:00",
            "accepted_at": None,
            "address_tail": "550001",
        }
    ]
    assert found["decisions"] == []


# -- customers -------------------------------------------------------------------------------------------------------


def test_a_customers_page_tells_what_they_chose_and_since_when(admin: Admin, shop: int, time: Time) -> None:
    ana = add_customer(shop)
    assert "used their preference page" in admin.get(f"/admin/customers/{ana}").text
    said = []
    for wanted in (
        Choices(frozenset({"news"}), "weekly"),
        Choices(frozenset({"news"}), "less", NOON + timedelta(days=30), "de"),
    ):
        with transaction(shop) as session:
            preferences.choose(session, ana, wanted, "preference_page")
        said.append(time.at.isoformat())
        time.move(days=1)
    with transaction(shop) as session:
        customers.consent(session, [customers.Word(ana, "email", "unsubscribed", time.at, "preference_page")])
    card = admin.get(f"/admin/customers/{ana}").text.split("What they chose")[1].split("</section>")[0]
    facts = re.findall(r'<dt>(.*?)</dt><dd>(.*?) <span.*?<time datetime="([^"]+)"', card)
    assert [fact for fact in facts if fact[0] != "A break"] == [
        ("Email", "Unsubscribed", time.at.isoformat()),
        ("Not about", "News and offers", said[0]),
        ("How often", "At most once a month", said[1]),
        ("Language", "de", said[1]),
    ]
    assert [fact[2] for fact in facts if fact[0] == "A break"] == [said[1]]
    time.move(days=30)
    assert "A break" not in admin.get(f"/admin/customers/{ana}").text


def test_a_customers_timeline_holds_everything_newest_first(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    rows(
        shop,
        "INSERT INTO orders (shop_id, external_id, name, customer_id, currency, total, placed_at, version_at, payment,"
        " channel, is_test, fulfilled, version_tie) VALUES (:shop, 'o1', '#1001', :ana, 'USD', 4550, :at, :at, 'paid',"
        " 'online', false, false, '') RETURNING id",
        ana=ana,
        at=NOON - timedelta(hours=5),
    )
    rows(
        shop,
        "INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, "
        "double_opt_in, recorded_at) VALUES (:shop, :ana, 'email', 'marketing', 'subscribed', :at, 'checkout', false,"
        " :at) RETURNING id",
        ana=ana,
        at=NOON - timedelta(hours=6),
    )
    add_message(shop, ana, 1, state="skipped", reason="no_consent", planned_at=NOON - timedelta(hours=4))
    rows(
        shop,
        "INSERT INTO decision (shop_id, customer_id, step, outcome, reason, at) VALUES (:shop, :ana, 'trigger', "
        "'not_entered', 'cool_down', :at) RETURNING id",
        ana=ana,
        at=NOON - timedelta(hours=3),
    )
    page = admin.get(f"/admin/customers/{ana}").text
    order = [
        page.index(text)
        for text in (
            "Was in this journey less than a week ago",
            "They haven&#39;t agreed",
            "Order #1001",
            "to Email marketing",
        )
    ]
    assert order == sorted(order)
    assert "$45.50" in page


# -- settings --------------------------------------------------------------------------------------------------------


def test_settings_are_saved_part_by_part(admin: Admin, shop: int) -> None:
    admin.post("/admin/settings/sender", {"name": "Acme", "email": "hi@acme.example", "reply_to": ""})
    admin.post("/admin/settings/quiet_hours", {"start": "22:00", "end": "07:30"})
    answer = admin.post(
        "/admin/settings/limits",
        {"email_window_hours": "12", "sms_window_hours": "48", "email_per_week": "3", "sms_per_week": "1"},
    )
    admin.post("/admin/settings/postal_address", {"postal_address": " 1 Main St \r\n Hudson "})
    assert '"Saved"' in answer.headers["HX-Trigger"]
    assert answer.headers["HX-Replace-Url"] == "/admin/settings"
    now = chosen(shop)
    assert (now.sender.name, now.sender.email) == ("Acme", "hi@acme.example")
    assert (now.quiet_hours.enabled, now.quiet_hours.start) == (False, "22:00")
    assert (now.limits.email_per_week, now.limits.sms_window_hours) == (3, 48)
    assert now.postal_address == "1 Main St\nHudson"


@pytest.mark.parametrize(
    ("part", "form", "field", "kept"),
    [
        ("sender", {"name": "Acme <b>", "email": "nope", "reply_to": ""}, "email", "Acme &lt;b&gt;"),
        ("sender", {"name": "x" * 71, "email": "", "reply_to": ""}, "name", "x" * 71),
        ("quiet_hours", {"start": "25:00", "end": "07:30"}, "start", "07:30"),
        (
            "limits",
            {"email_window_hours": "soon", "sms_window_hours": "1", "email_per_week": "2", "sms_per_week": "3"},
            "email_window_hours",
            "soon",
        ),
        (
            "limits",
            {"email_window_hours": "1", "sms_window_hours": "1", "email_per_week": "-1", "sms_per_week": "3"},
            "email_per_week",
            "-1",
        ),
        (
            "brand",
            {
                "logo_url": "javascript:alert(1)",
                "color": "#1f5f4a",
                "text_color": "#1f2421",
                "background": "#f6f4ef",
                "font": "",
                "button_radius": "6",
            },
            "logo_url",
            "javascript:alert(1)",
        ),
        (
            "brand",
            {
                "logo_url": "",
                "color": "red;}",
                "text_color": "#1f2421",
                "background": "#f6f4ef",
                "font": "",
                "button_radius": "6",
            },
            "color",
            "red;}",
        ),
        ("sunset", {"days_silent": "29", "days_without_order": "45"}, "days_silent", 'value="45"'),
        ("sunset", {"days_silent": "60", "days_without_order": "731"}, "days_without_order", 'value="60"'),
        ("postal_address", {"postal_address": "x" * 301}, "postal_address", "x" * 301),
    ],
)
def test_what_cannot_be_is_answered_beside_its_field_and_the_rest_is_kept(
    admin: Admin, shop: int, part: str, form: dict[str, str], field: str, kept: str
) -> None:
    before = chosen(shop)
    answer = admin.post(f"/admin/settings/{part}", form)
    assert answer.status_code == 422
    assert f'<p class="error" id="{part}.{field}.help">' in answer.text
    assert kept in answer.text
    assert chosen(shop) == before


def test_one_switch_stops_all_marketing(admin: Admin, shop: int) -> None:
    assert "All marketing is stopped" in admin.post("/admin/settings/stop").text
    assert chosen(shop).stopped
    assert "All marketing is stopped" in admin.get("/").text
    admin.post("/admin/settings/resume")
    assert not chosen(shop).stopped


def test_settings_that_do_not_exist_are_not_made(admin: Admin, shop: int) -> None:
    assert admin.post("/admin/settings/stopped", {"stopped": "1"}).status_code == 404
    assert not chosen(shop).stopped


# -- deliveries ------------------------------------------------------------------------------------------------------


def test_a_parked_delivery_is_read_again(admin: Admin, shop: int) -> None:
    delivery = add_delivery(shop, body=seal_bytes(b"{}", "delivery.body"))
    gone = add_delivery(shop, 2, body=None)
    page = admin.get("/admin/deliveries").text
    assert f"/admin/deliveries/{delivery}/redrive" in page
    assert f"/admin/deliveries/{gone}/redrive" not in page, "its content was already cleared away"
    assert "It isn&#39;t readable data" in page
    admin.post("/admin/deliveries/redrive-all")
    states = rows(shop, "SELECT id, state FROM delivery WHERE shop_id = :shop ORDER BY id")
    assert [tuple(r) for r in states] == [(delivery, "pending"), (gone, "parked")]


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("bought", "They bought"),
        ("filter:checkout.total", "The journey's filter on checkout total doesn't fit"),
        ("suppressed:complaint", "This address must not be written to (they marked a message as spam)"),
        ("missing_field:token", "The store left out token"),
        ("something_new", "Something new"),
        (None, ""),
        ("21610", "21610"),
    ],
)
def test_reasons_are_sentences(code: str | None, sentence: str) -> None:
    assert words.reason(code) == sentence


def test_the_order_in_which_journeys_write_is_changed_with_buttons(admin: Admin) -> None:
    before = re.findall(r'class="strong" href="/admin/journeys/(\w+)"', admin.get("/admin/journeys").text)
    assert before[-1] == "sunset"
    answer = admin.post("/admin/journeys/sunset/up")
    assert answer.status_code == 200
    after = re.findall(r'class="strong" href="/admin/journeys/(\w+)"', answer.text)
    assert after == [*before[:-2], "sunset", before[-2]]
    assert "Move Sunset down" in answer.text
    assert admin.post("/admin/journeys/unheard_of/down").status_code == 404
