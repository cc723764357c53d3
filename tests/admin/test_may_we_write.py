"""The page that answers whether somebody may be written to, and the proof that goes with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from app.customers import service as customers
from app.privacy import proof
from app.transaction import transaction
from tests.admin.conftest import add_customer, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from tests.admin.conftest import Admin


def say(shop: int, who: int, state: str, **more: object) -> None:
    with transaction(shop) as session:
        customers.consent(session, [customers.Word(who, "email", state, NOON, "preference_page", **more)])  # type: ignore[arg-type]


def test_the_page_answers_for_each_channel_and_purpose(admin: Admin, shop: int) -> None:
    who = add_customer(shop)
    page = admin.get(f"/admin/customers/{who}/may-we-write").text
    assert page.count(">No<") == 5, "marketing and baskets on both channels, and WhatsApp"
    assert page.count(">Yes<") == 2
    assert "They have never said anything about marketing" in page
    say(shop, who, "subscribed", collected="page", wording="footer-3", evidence={"ip": "192.0.2.7"})
    page = admin.get(f"/admin/customers/{who}/may-we-write").text
    assert page.count(">Yes<") == 4
    for evidence in ("Their own choice on the preference page", "a page", "wording footer-3", "192.0.2.7"):
        assert evidence in page
    assert f'href="/admin/customers/{who}/may-we-write"' in admin.get(f"/admin/customers/{who}").text
    assert rows(shop, "SELECT 1 FROM audit_entry WHERE shop_id = :shop AND action = 'person_viewed'")


def test_whoever_is_found_alone_is_answered_at_once(admin: Admin, other: Admin, shop: int) -> None:
    who = add_customer(shop, 1)
    add_customer(shop, 2)
    assert "Whom do you want to know about?" in admin.get("/admin/may-we-write").text
    assert "On what evidence" in admin.get("/admin/may-we-write", q="ana1@").text
    both = admin.get("/admin/may-we-write", q="ana").text
    assert "Whom do you mean?" in both
    assert f"/admin/customers/{who}/may-we-write" in both
    assert "Nobody found" in admin.get("/admin/may-we-write", q="zoe <b>").text
    for path in ("may-we-write", "consent.json", "consent.csv"):
        assert other.get(f"/admin/customers/{who}/{path}").status_code == 404


def test_the_proof_is_downloaded_signed_and_on_record(admin: Admin, shop: int) -> None:
    who = add_customer(shop)
    say(shop, who, "subscribed")
    for path in (f"/admin/customers/{who}/consent", "/admin/consent"):
        for kind in ("json", "csv"):
            answer = admin.get(f"{path}.{kind}")
            assert answer.status_code == 200
            assert "attachment" in answer.headers["Content-Disposition"]
            found = proof.verify(answer.data.splitlines(keepends=True))
            assert isinstance(found, proof.Unchanged)
            assert found.entries == 1
    assert json.loads(admin.get("/admin/consent.json").data)["entries"][0]["email"] == "ana1@shopper.example"
    taken = rows(shop, "SELECT 1 FROM audit_entry WHERE shop_id = :shop AND action = 'consent_exported'")
    assert len(taken) == 5
