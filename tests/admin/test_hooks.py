"""Subscriptions to events, as a merchant makes and ends them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.hooks import service as hooks
from app.transaction import transaction
from tests.admin.conftest import rows

if TYPE_CHECKING:
    from tests.admin.conftest import Admin

FORM = {"url": "https://erp.example/regulars", "kinds": "message.sent"}
PAGE = "/admin/settings/hooks"


def test_an_address_is_subscribed_tried_and_removed(admin: Admin, shop: int) -> None:
    assert "Nobody is told yet" in admin.get(PAGE).text
    made = admin.post(PAGE, FORM)
    found = re.search(r'value="(whsec_[^"]+)"', made.text)
    assert found is not None
    assert "whsec_" not in admin.get(PAGE).text
    (hook,) = rows(shop, "SELECT * FROM hook WHERE shop_id = :shop")
    assert found[1].encode() not in bytes(hook.secret)
    assert "Waits" in admin.post(f"{PAGE}/{hook.id}/test").text
    assert "Turn on" in admin.post(f"{PAGE}/{hook.id}/off").text
    admin.post(f"{PAGE}/{hook.id}/on")
    assert found[1] not in admin.post(f"{PAGE}/{hook.id}/secret").text
    (delivery,) = rows(shop, "SELECT id FROM hook_delivery WHERE shop_id = :shop")
    assert admin.post(f"{PAGE}/deliveries/{delivery.id}/again").status_code == 200
    assert admin.post(f"{PAGE}/{hook.id}/nonsense").status_code == 404
    assert "Nobody is told yet" in admin.post(f"{PAGE}/{hook.id}/remove").text
    told = rows(shop, "SELECT action, after FROM audit_entry WHERE shop_id = :shop ORDER BY id")
    assert [row.action for row in told if "hook" in row.action or row.action in ("test_sent", "event_sent_again")] == [
        "hook_made", "test_sent", "hook_changed", "hook_changed", "hook_secret_changed", "event_sent_again",
        "hook_removed",
    ]  # fmt: skip
    assert "whsec_" not in str(told)


def test_what_is_wrong_is_said_beside_it_and_the_rest_is_kept(admin: Admin, shop: int) -> None:
    for url, sentence in {
        "http://erp.example/x": "begins with https://",
        "nonsense": "This isn&#39;t an address",
        "https://me:pass@erp.example": "Leave the name and password out",
        "https://erp.example:25/": "Use the usual port",
    }.items():
        answer = admin.post(PAGE, FORM | {"url": url})
        assert answer.status_code == 422, url
        assert sentence in answer.text
        assert 'value="message.sent" checked' in answer.text
    assert "Choose at least one" in admin.post(PAGE, FORM | {"kinds": "everything"}).text
    assert rows(shop, "SELECT 1 FROM hook WHERE shop_id = :shop") == []


def test_a_shop_has_no_more_than_twenty(admin: Admin, shop: int) -> None:
    with transaction(shop) as session:
        for _ in range(hooks.MOST):
            hooks.make(session, FORM["url"], ["message.sent"], "user:42")
    assert "which is the most" in admin.post(PAGE, FORM).text


def test_home_says_when_one_was_stopped(admin: Admin, shop: int) -> None:
    admin.post(PAGE, FORM)
    assert "isn&#39;t told any more" not in admin.get("/").text
    rows(shop, "UPDATE hook SET state = 'stopped', failing_since = now() WHERE shop_id = :shop RETURNING id")
    assert "isn&#39;t told any more" in admin.get("/").text
    assert "Mend it, then turn it on" in admin.get(PAGE).text
