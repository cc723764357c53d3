"""Settings, Privacy: requests and their files; and how long messages are kept."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app import clock
from app.privacy.models import DataFile
from app.shops.models import PrivacyRequest
from app.transaction import transaction
from tests.admin.conftest import Admin, rows
from tests.admin.test_pages import chosen
from tests.conftest import NOON

if TYPE_CHECKING:
    from tests.conftest import Time


def add_request(shop: int, number: int = 1, *, file: dict[str, Any] | None = None, **more: Any) -> int | None:
    """A request; returns the number of its file."""
    values = {
        "kind": "data_request", "reference": f"r{number}", "details": {}, "due_at": NOON + timedelta(days=30),
        "received_at": NOON - timedelta(minutes=number), "done_at": clock.now(), **more,
    }  # fmt: skip
    with transaction(shop) as session:
        request = PrivacyRequest(shop_id=shop, **values)
        session.add(request)
        session.flush()
        if file is None:
            return None
        made = DataFile(
            shop_id=shop, request_id=request.id, customer_id=None, content=file, made_at=clock.now(),
            expires_at=clock.now() + timedelta(days=30),
        )  # fmt: skip
        session.add(made)
        session.flush()
        return made.id


def test_requests_are_listed_with_their_files(admin: Admin, shop: int) -> None:
    assert "Nobody has asked yet" in admin.get("/admin/settings/privacy").text
    file = add_request(shop, 1, file={"Store": "Acme"})
    add_request(shop, 2, kind="customer_redact", done_at=None)
    page = admin.get("/admin/settings/privacy").text
    assert page.index("Wants to see their data") < page.index("Wants their data erased")
    assert f'href="/admin/settings/privacy/{file}.json" data-download' in page
    assert "Under way" in page


def test_a_file_is_taken_along_and_that_goes_on_record(admin: Admin, shop: int) -> None:
    file = add_request(shop, file={"Store": "Acme", "Person": [{"First name": "Zoë"}]})
    answer = admin.get(f"/admin/settings/privacy/{file}.json")
    assert answer.json == {"Store": "Acme", "Person": [{"First name": "Zoë"}]}
    assert answer.headers["Content-Disposition"] == f'attachment; filename="personal-data-{file}.json"'
    taken = rows(shop, "SELECT actor FROM audit_entry WHERE shop_id = :shop AND action = 'data_file_downloaded'")
    assert [row.actor for row in taken] == ["user:42"]


def test_a_file_that_is_old_or_anothers_is_not_there(admin: Admin, other: Admin, shop: int, time: Time) -> None:
    file = add_request(shop, file={"Store": "Acme"})
    assert other.get(f"/admin/settings/privacy/{file}.json").status_code == 404
    time.move(days=31)
    assert admin.get(f"/admin/settings/privacy/{file}.json").status_code == 404
    assert "kept long enough" in admin.get("/admin/settings/privacy").text


def test_many_requests_come_in_pages(admin: Admin, shop: int) -> None:
    for number in range(60):
        add_request(shop, number)
    first = admin.get("/admin/settings/privacy").text
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older
    rest = admin.get(older[1].replace("&amp;", "&")).text
    seen = re.findall(r"Number (\d+)", first) + re.findall(r"Number (\d+)", rest)
    assert len(seen) == len(set(seen)) == 60


def test_how_long_messages_are_kept_is_the_merchants_to_say(admin: Admin, shop: int) -> None:
    assert "Saved" in admin.post("/admin/settings/retention", {"message_content_days": "90"}).headers["HX-Trigger"]
    assert chosen(shop).retention.message_content_days == 90
    for typed, word in (("0", "Use 1 or more."), ("9999", "Use 3650 or less."), ("soon", "Use a whole number.")):
        answer = admin.post("/admin/settings/retention", {"message_content_days": typed})
        assert answer.status_code == 422
        assert word in answer.text
        assert f'value="{typed}"' in answer.text
    assert chosen(shop).retention.message_content_days == 90
