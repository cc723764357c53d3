"""Plan and usage: what the shop may do and what it did, from the figures that count and the settings that hold."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from app.customers import queries as customers
from app.transaction import transaction
from tests.admin.conftest import add_customer, add_message, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from tests.admin.conftest import Admin
    from tests.conftest import Time

PAGE = "/admin/settings/plan"


def figures(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))


def test_a_new_shop_has_used_nothing(admin: Admin) -> None:
    page = admin.get(PAGE).text
    assert figures(page) == {
        "Emails sent": "0", "SMS sent": "0", "Set aside for SMS": "$0.00", "Sent since you began": "0",
    }  # fmt: skip
    assert "SendGrid, by the account of whoever runs Regulars." in page
    assert "As many as there is reason to send." in page, "its domain has been in order for long"
    assert "$0.00 of $50.00, then they wait." in page


def test_what_was_sent_this_month_is_told_from_what_was_sent_before(admin: Admin, shop: int, time: Time) -> None:
    ana = add_customer(shop)
    sent = [("email", NOON), ("email", NOON), ("sms", NOON), ("sms", NOON - timedelta(days=40))]
    for number, (channel, at) in enumerate(sent):
        add_message(shop, ana, number, channel=channel, state="accepted", reason=None, accepted_at=at)
    add_message(shop, ana, 9, channel="email", state="skipped", reason="weekly_cap")
    rows(
        shop,
        "INSERT INTO sending_day (shop_id, day, sms_micros, marketing_emails) "
        "VALUES (:shop, CAST(:now AS date), 2500000, 1200) RETURNING day",
        now=NOON,
    )
    page = admin.get(PAGE).text
    assert figures(page) == {
        "Emails sent": "2", "SMS sent": "1", "Set aside for SMS": "$2.50", "Sent since you began": "4",
    }  # fmt: skip
    assert "$2.50 of $500.00, then they wait." in page
    time.move(days=30)
    assert figures(admin.get(PAGE).text)["Emails sent"] == "0"


def test_limits_are_those_that_are_set(admin: Admin, shop: int) -> None:
    admin.post(
        "/admin/settings/limits",
        {"email_per_week": "3", "email_window_hours": "20", "sms_per_week": "1", "sms_window_hours": "48"},
    )
    rows(shop, "UPDATE sending_domain SET verified_at = :now WHERE shop_id = :shop RETURNING domain", now=NOON)
    admin.post("/admin/settings/retention", {"message_content_days": "1200"})
    page = admin.get(PAGE).text
    assert "At most 3 a week, 20 hours apart. Messages about orders don&#39;t count." in page
    assert "At most 1 a week, 48 hours apart." in page
    assert "0 of 500 today; twice as many every day" in page
    assert "1,200 days" in page


def test_an_own_account_is_told_from_the_hosts(admin: Admin) -> None:
    account = {"account_sid": f"AC{'a' * 32}", "auth_token": "t" * 32, "messaging_service_sid": f"MG{'b' * 32}"}
    admin.post("/admin/settings/sending/twilio", account)
    assert "Twilio, by your own account: it bills you." in admin.get(PAGE).text


def test_who_said_yes_is_counted_as_the_gates_count_it(admin: Admin, shop: int) -> None:
    said = {
        1: [("email", "subscribed", 3), ("sms", "subscribed", 3)],
        2: [("email", "subscribed", 3), ("email", "unsubscribed", 1)],
        3: [("email", "unsubscribed", 3), ("email", "subscribed", 1), ("sms", "pending", 1)],
        4: [],
        5: [("email", "subscribed", 1), ("email", "unsubscribed", 1)],
    }
    people = {number: add_customer(shop, number) for number in said}
    for number, words in said.items():
        for channel, state, days in words:
            rows(
                shop,
                "INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, source, effective_at, "
                "double_opt_in, recorded_at) VALUES ("
                ":shop, :who, :channel, 'marketing', :state, 'test', :at, false, :at) RETURNING id",
                who=people[number], channel=channel, state=state, at=NOON - timedelta(days=days),
            )  # fmt: skip
    found = figures(admin.get(f"{PAGE}/stored").text)
    with transaction(shop) as session:
        states = list(customers.consent_states(session, shop, people.values()).items())
    yes = {channel: sum(where == channel and state == "subscribed" for (_, where), state in states)
           for channel in ("email", "sms")}  # fmt: skip
    assert yes == {"email": 2, "sms": 1}
    assert found == {
        "Customers": "5", "Said yes to email": "2", "Said yes to SMS": "1", "Orders": "0", "Products on sale": "0",
    }  # fmt: skip
