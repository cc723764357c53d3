"""What a merchant does with many at once, takes along, and tries on themselves."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING

from app.admin import customers, showing
from app.channels.base import OutboundEmail, OutboundText
from tests.admin.conftest import HERS, Admin, add_customer, add_message, let_in, rows
from tests.admin.test_preview_as import leave_checkout, say_yes
from tests.conftest import NOON
from tests.core.conftest import world  # noqa: F401 a fixture

if TYPE_CHECKING:
    import pytest
    from flask.testing import FlaskClient

    from tests.conftest import Time
    from tests.core.conftest import World


def states(shop: int) -> dict[int, tuple[str, str]]:
    return {
        r.id: (r.state, r.reason) for r in rows(shop, "SELECT id, state, reason FROM message WHERE shop_id = :shop")
    }


# -- parked ones, all at once ----------------------------------------------------------------------------------------


def test_all_parked_ones_are_tried_again_but_those_that_could_double(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    mended, open_ = add_message(shop, ana, 1, reason="template_error"), add_message(shop, ana, 2)
    late = add_message(shop, ana, 3, reason="no_provider", useful_until=NOON - timedelta(hours=1))
    sent = add_message(shop, ana, 4, state="accepted", reason=None)
    answer = admin.post("/admin/messages/parked/retry", {"state": "parked"})
    assert "1 go again now; those that could reach people twice were left out" in answer.headers["HX-Trigger"]
    assert answer.headers["HX-Replace-Url"] == "/admin/messages?state=parked"
    assert states(shop) == {
        mended: ("due", "retried_by_merchant"),
        open_: ("parked", "outcome_unknown"),
        late: ("parked", "no_provider"),
        sent: ("accepted", None),
    }
    decided = rows(shop, "SELECT message_id, outcome, reason FROM decision WHERE shop_id = :shop")
    assert [tuple(d) for d in decided] == [(mended, "deferred", "retried_by_merchant")]


def test_those_that_could_double_go_when_they_alone_were_chosen(admin: Admin, shop: int) -> None:
    message = add_message(shop, add_customer(shop))
    page = admin.get("/admin/messages", state="parked", reason="outcome_unknown").text
    assert "another try could reach people twice" in page
    assert page.count('<input type="hidden" name="reason" value="outcome_unknown">') == 3, "the choice goes along"
    admin.post("/admin/messages/parked/retry", {"state": "parked", "reason": "outcome_unknown"})
    assert states(shop)[message] == ("due", "retried_by_merchant")


def test_only_the_chosen_ones_are_dropped(admin: Admin, other: Admin, shop: int) -> None:
    ana = add_customer(shop)
    text, mail = add_message(shop, ana, 1), add_message(shop, ana, 2, channel="email")
    other.post("/admin/messages/parked/drop", {"state": "parked"})
    assert {state for state, _ in states(shop).values()} == {"parked"}
    admin.post("/admin/messages/parked/drop", {"state": "parked", "channel": "email"})
    assert states(shop) == {text: ("parked", "outcome_unknown"), mail: ("cancelled", "dropped_by_merchant")}
    admin.post("/admin/messages/parked/drop", {"state": "parked", "journey": "abandoned_checkout"})
    assert states(shop)[text] == ("parked", "outcome_unknown")


def test_reasons_are_a_picture_with_numbers(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    for number in range(3):
        add_message(shop, ana, number, state="skipped", reason="no_consent")
    add_message(shop, ana, 4, state="deferred", reason="quiet_hours", channel="email")
    add_message(shop, ana, 5, state="skipped", reason="bought", updated_at=NOON - timedelta(days=31))
    part = admin.get("/admin/messages/reasons").text
    assert part.index("no_consent") < part.index("quiet_hours")
    assert 'width="100.0"' in part
    assert 'width="33.3"' in part
    assert "reason=bought" not in part
    assert "no_consent" not in admin.get("/admin/messages/reasons", channel="email").text
    assert "everything that was planned went" in admin.get("/admin/messages/reasons", journey="replenishment").text


def test_long_addresses_break_before_their_signs() -> None:
    assert str(showing.address("a.b@<x>.example")) == "a<wbr>.b<wbr>@&lt;x&gt;<wbr>.example"
    assert str(showing.address(None)) == ""


# -- customers as a file ---------------------------------------------------------------------------------------------


def test_customers_are_taken_along_and_no_cell_is_a_formula(
    admin: Admin, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "AT_ONCE", 2)
    ana = add_customer(shop, 1, first_name="=HYPERLINK(1)")
    say_yes(shop, ana, "email")
    for number in range(2, 6):
        add_customer(shop, number)
    answer = admin.get("/admin/customers.csv")
    assert answer.mimetype == "text/csv"
    table = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert [row["last_name"] for row in table] == [f"Lind {n}" for n in range(1, 6)]
    assert table[0]["first_name"] == "'=HYPERLINK(1)"
    assert table[0]["phone"] == "'+12125550001"
    assert (table[0]["email_consent"], table[0]["sms_consent"]) == ("subscribed", "never_asked")
    only = admin.get("/admin/customers.csv", q="ana3@").text
    assert only.count("\n") == 2
    assert rows(shop, "SELECT actor FROM audit_entry WHERE shop_id = :shop AND action = 'people_listed'")[0].actor


def test_another_shops_customers_are_not_in_the_file(admin: Admin, other: Admin, shop: int) -> None:
    add_customer(shop)
    assert admin.get("/admin/customers.csv").text.count("\n") == 2
    assert other.get("/admin/customers.csv").text.count("\n") == 1


# -- a test to oneself -----------------------------------------------------------------------------------------------

TEST = "/admin/journeys/abandoned_checkout/preview/first/email/test"


SMS_TEST = TEST.replace("/email/", "/sms/")


def test_a_test_goes_by_the_real_way_to_the_merchant_alone(
    world: World,  # noqa: F811 the fixture
    client: FlaskClient,
    time: Time,
) -> None:
    shop = world.shop_id
    let_in(shop)
    admin = Admin(client, HERS)
    leave_checkout(shop, add_customer(shop))
    admin.post("/admin/settings/sender", {"name": "", "email": "", "reply_to": "Owner@acme.example"})
    time.at = NOON + timedelta(hours=12)  # at midnight, to somebody who never agreed to anything
    answer = admin.post(TEST)
    assert "The test is on its way" in answer.headers["HX-Trigger"]
    world.settle()
    (sent,) = world.email.sent
    assert isinstance(sent, OutboundEmail)
    assert sent.to == "owner@acme.example"
    assert sent.subject.startswith("[Test] ")
    assert "Oolong" in sent.html
    kept = rows(shop, "SELECT purpose, journey_id, state FROM message WHERE shop_id = :shop")
    assert [tuple(m) for m in kept] == [("transactional", None, "accepted")]
    admin.post(TEST)
    assert len(rows(shop, "SELECT 1 FROM customer WHERE email = 'owner@acme.example' AND shop_id = :shop")) == 1


def test_without_an_address_or_a_case_it_is_said_what_is_missing(admin: Admin, shop: int) -> None:
    assert "Say in the settings" in admin.post(TEST).headers["HX-Trigger"]
    admin.post("/admin/settings/sender", {"name": "", "email": "", "reply_to": "owner@acme.example"})
    assert "A test needs a real case" in admin.post(TEST).headers["HX-Trigger"]
    assert "A test needs a real case" in admin.post(SMS_TEST, {"phone": "+12125550100"}).headers["HX-Trigger"]
    assert rows(shop, "SELECT 1 FROM message WHERE shop_id = :shop") == []


def test_a_text_goes_to_the_phone_that_was_typed(
    world: World,  # noqa: F811 the fixture
    client: FlaskClient,
) -> None:
    shop = world.shop_id
    let_in(shop)
    admin = Admin(client, HERS)
    leave_checkout(shop, add_customer(shop))
    answer = admin.post(SMS_TEST, {"phone": "(212) 555-0199"})
    assert "The test is on its way" in answer.headers["HX-Trigger"]
    world.settle()
    (sent,) = world.sms.sent
    assert isinstance(sent, OutboundText)
    assert sent.to == "+12125550199"
    assert sent.text.startswith("[Test] ")


def test_a_number_that_cannot_be_is_answered_beside_its_field(admin: Admin, shop: int) -> None:
    for typed in ("", "soon", "12", "<b>"):
        answer = admin.post(SMS_TEST, {"phone": typed})
        assert answer.status_code == 422
        assert 'id="phone.error"' in answer.text
        assert f'value="{typed.replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text
    assert rows(shop, "SELECT 1 FROM message WHERE shop_id = :shop") == []
