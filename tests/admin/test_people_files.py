"""Bringing people in by file, as the merchant does it."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.customers import files, wordings
from app.shops import settings as shop_settings
from app.transaction import transaction
from tests.admin.conftest import rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from app.shops.settings import Consent
    from tests.admin.conftest import Admin
    from tests.conftest import Time

PATH = "/admin/people-files"
FILE = "E-Mail;Vorname;Newsletter;Datum\nana@x.example;=1+1;ja;04.03.2025\nnobody;Bo;ja;04.03.2025\n"


def upload(admin: Admin, content: bytes = FILE.encode("utf-8-sig"), name: str = "people.csv") -> TestResponse:
    return admin.client.post(PATH, data={"file": (io.BytesIO(content), name)}, headers=admin.headers())


def number_of(answer: TestResponse) -> str:
    found = re.search(r"/people-files/(\d+)", answer.headers["HX-Replace-Url"])
    assert found is not None
    return found[1]


CHOSEN = {"column_0": "email", "column_1": "first_name", "column_2": "email_consent", "column_3": "agreed_at"}


def test_a_file_is_looked_at_mapped_taken_in_and_judged_line_by_line(admin: Admin, shop: int) -> None:
    assert "Nothing yet" in admin.get(PATH).text
    answer = upload(admin)
    number = number_of(answer)
    page = answer.text
    for guessed in ("email", "first_name", "email_consent", "agreed_at"):
        assert f'<option value="{guessed}" selected>' in page
    assert "Email: Subscribed" in page
    assert "This isn&#39;t an email address" in page
    again = admin.post(f"{PATH}/{number}", CHOSEN | {"look": "1", "wording": "Fair in May"}).text
    assert 'value="Fair in May"' in again
    page = admin.post(f"{PATH}/{number}", CHOSEN | {"wording": "Fair in May"}).text
    assert "Reading the file" in page
    assert "0 of 2 lines" in admin.get(f"{PATH}/{number}/progress").text
    files.run()
    assert admin.get(f"{PATH}/{number}/progress").headers["HX-Refresh"] == "true"
    page = admin.get(f"{PATH}/{number}").text
    assert "Lines that went in: 1 of 2." in page
    assert "This isn&#39;t an email address" in page
    table = admin.get(f"{PATH}/{number}/refused.csv").text.splitlines()
    assert table[1:] == ["3,Email,This isn't an email address"]
    (row,) = rows(shop, "SELECT state, wording, source FROM consent_entry WHERE shop_id = :shop")
    assert row[:] == ("subscribed", "Fair in May", "import")
    steps = rows(shop, "SELECT after FROM audit_entry WHERE shop_id = :shop AND action = 'people_file' ORDER BY id")
    assert [entry.after["step"] for entry in steps] == ["uploaded", "begun"]


def test_what_is_missing_is_said_beside_it_and_the_rest_is_kept(admin: Admin) -> None:
    number = number_of(upload(admin))
    answer = admin.post(f"{PATH}/{number}", {"column_1": "first_name", "wording": "Fair"})
    assert answer.status_code == 422
    assert "Say which column holds the email address" in answer.text
    assert "Nothing in this file says who agreed" in answer.text
    assert 'value="Fair"' in answer.text
    answer = admin.post(f"{PATH}/{number}", {"column_0": "email", "column_1": "email", "everyone_email": "1"})
    assert "both be" in answer.text
    assert "a yes without a date proves nothing" in answer.text
    for typed, said in (("2999-01-01", "still to come"), ("soon", "Use a date such as")):
        form = {"column_0": "email", "everyone_email": "1", "agreed_on": typed}
        assert said in admin.post(f"{PATH}/{number}", form).text
    long = admin.post(f"{PATH}/{number}", CHOSEN | {"wording": "x" * 121})
    assert "Use at most 120 characters" in long.text


def test_files_that_are_no_tables_are_refused_with_what_to_do(admin: Admin, shop: int) -> None:
    for content, said in ((b"PK\x03\x04", "Save it as CSV"), (b"", "no lines"), (b"Email\n", "no lines")):
        answer = upload(admin, content)
        assert answer.status_code == 422
        assert said in answer.text
    assert "Choose a file first" in admin.post(PATH).text
    assert rows(shop, "SELECT 1 FROM people_file WHERE shop_id = :shop") == []


def test_a_file_can_be_thrown_away_and_is_nobody_elses(admin: Admin, other: Admin, shop: int) -> None:
    number = number_of(upload(admin, name="<b>people</b>.csv"))
    for path in ("", "/progress", "/refused.csv"):
        assert other.get(f"{PATH}/{number}{path}").status_code == 404
    for path in ("", "/drop"):
        assert other.post(f"{PATH}/{number}{path}").status_code == 404
    assert "&lt;b&gt;people&lt;/b&gt;.csv" in admin.get(PATH).text
    admin.post(f"{PATH}/{number}/drop")
    assert rows(shop, "SELECT 1 FROM people_part WHERE shop_id = :shop") == []
    assert "thrown away" in admin.get(f"{PATH}/{number}").text
    assert "thrown away" in admin.post(f"{PATH}/{number}", CHOSEN).text, "it can't be begun any more"


def test_what_people_agree_to_is_the_merchants_and_every_sentence_stays(admin: Admin, shop: int) -> None:
    def stored() -> list[tuple[str, int, str]]:
        found = rows(shop, "SELECT channel, version, sentence FROM consent_wording WHERE shop_id = :shop ORDER BY id")
        return [(r.channel, r.version, r.sentence) for r in found]

    page = admin.get("/admin/settings").text
    assert "What people agree to" in page
    ours = wordings.STANDARD["sms"][0]
    for typed in ({"email": "x" * 301, "sms": "kept"}, {"email": "Hi {{ name }}", "sms": "kept"}):
        answer = admin.post("/admin/settings/wording", typed)
        assert answer.status_code == 422
        assert 'id="wording.email.help"' in answer.text
        assert "kept" in answer.text
    assert stored() == []
    admin.post("/admin/settings/wording", {"email": "  Mails,\nonce a week. ", "sms": ours})
    admin.post("/admin/settings/wording", {"email": "Mails, once a week.", "sms": ""})
    page = admin.post("/admin/settings/wording", {"email": "", "sms": ""}).text
    assert stored() == [("email", 1, "Mails, once a week."), ("email", 2, wordings.STANDARD["email"][0])]
    for label in ("email-standard-1", "email-1", "email-2", "sms-standard-1"):
        assert label in page
    entries = rows(shop, "SELECT before, after FROM audit_entry WHERE shop_id = :shop AND action = 'settings_changed' "
                         "ORDER BY id")  # fmt: skip
    assert [e.after for e in entries] == [{f"email-{version}": sentence} for _, version, sentence in stored()]
    with pytest.raises(ProgrammingError, match="permission denied"), transaction(shop) as session:
        session.execute(text("UPDATE consent_wording SET sentence = 'other'"))
    assert json.loads(admin.get("/admin/consent.json").text)["wordings"]["email-1"] == "Mails, once a week."


def test_double_opt_in_for_emails_counts_from_when_it_is_turned_on(admin: Admin, shop: int, time: Time) -> None:
    def chosen() -> Consent:
        with transaction(shop) as session:
            return shop_settings.read(session).consent

    assert chosen().since is None
    assert "Double opt-in" in admin.get("/admin/settings").text
    admin.post("/admin/settings/consent", {"email_double_opt_in": "1"})
    assert chosen().since == NOON
    time.move(days=1)
    admin.post("/admin/settings/consent", {"email_double_opt_in": "1"})
    assert chosen().since == NOON, "saved again it doesn't begin anew"
    admin.post("/admin/settings/consent")
    assert chosen().since is None
