"""What a merchant does about one customer, from their page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.messages.models import Message
from app.privacy import requests
from app.transaction import transaction
from tests.admin.conftest import add_customer, add_message, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from tests.admin.conftest import Admin


def test_somebody_taken_out_of_journeys_gets_nothing_that_waits(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    journey = rows(shop, "SELECT id FROM journey WHERE shop_id = :shop ORDER BY id LIMIT 1")[0].id
    waiting = add_message(shop, ana, journey_id=journey, state="due", due_at=NOON + timedelta(hours=1))
    answer = admin.post(f"/admin/customers/{ana}/exclude")
    assert answer.status_code == 200
    assert "Taken out of 0 journeys" in answer.headers["HX-Trigger"]
    with transaction(shop) as session:
        assert session.get_one(Message, (shop, waiting)).state == "cancelled"


def test_nobody_writes_to_somebody_who_was_suppressed(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    assert admin.post(f"/admin/customers/{ana}/suppress").status_code == 200
    assert {row.reason for row in rows(shop, "SELECT reason FROM suppression WHERE shop_id = :shop")} == {"merchant"}
    assert "must not be written to" in admin.get(f"/admin/customers/{ana}").text


def test_erasing_has_to_be_meant_and_leaves_nothing(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    hesitant = admin.post(f"/admin/customers/{ana}/erase")
    assert hesitant.status_code == 422
    assert "there is no way back" in hesitant.text
    assert rows(shop, "SELECT 1 FROM privacy_request WHERE shop_id = :shop") == []
    assert admin.post(f"/admin/customers/{ana}/erase", {"sure": "yes"}).status_code == 200
    requests.run(lambda: False)
    assert rows(shop, "SELECT email FROM customer WHERE shop_id = :shop AND erased_at IS NOT NULL") == [(None,)]
    assert admin.post(f"/admin/customers/{ana}/exclude").status_code == 404, "there is nobody there any more"
    assert "What you can do" not in admin.get(f"/admin/customers/{ana}").text
