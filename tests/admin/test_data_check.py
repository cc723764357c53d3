"""Before anything is sent, a merchant sees what would keep it from arriving."""

from __future__ import annotations

import re

import pytest

from tests.admin.conftest import Admin, add_customer, rows
from tests.admin.test_preview_as import say_yes
from tests.conftest import NOON


def found(page: str) -> dict[str, str]:
    """Title -> how many, of what was found."""
    return dict(re.findall(r'<h2>([^<]+)</h2><span class="count">([^<]+)</span>', page.replace("&#39;", "'")))


def test_an_empty_store_has_nothing_to_check(admin: Admin) -> None:
    page = admin.get("/admin/data-check").text
    assert "Nothing to check yet" in page
    assert found(page) == {}


def test_each_hole_is_counted_with_examples(admin: Admin, shop: int) -> None:
    fine = add_customer(shop, 1)
    say_yes(shop, fine, "email")
    add_customer(shop, 2, email=None, phone=None, first_name="", last_name="", external_id="c2")
    twin = add_customer(shop, 3, phone="+12125550001")
    say_yes(shop, twin, "email")
    add_customer(shop, 4, email=None, phone=None, deleted_at=NOON)
    add_customer(shop, 5)
    rows(
        shop,
        "INSERT INTO orders (shop_id, external_id, name, currency, total, placed_at, version_at, payment, channel, "
        "is_test, fulfilled, version_tie) VALUES (:shop, 'o1', '#1001', 'USD', 4550, :at, :at, 'paid', 'pos', false, "
        "false, '') RETURNING id",
        at=NOON,
    )
    page = admin.get("/admin/data-check").text
    assert found(page) == {
        "Customers without email and phone": "1 of 4",
        "Customers with the same phone number": "1 of 4",
        "Customers who were never asked about marketing": "1 of 4",
        "Orders without a customer": "1 of 1",
    }
    assert "Ana Lind 1 · Ana Lind 3" in page
    assert "#1001" in page
    assert "Products without a picture" in page.split("All right")[1]


def test_another_shops_customers_are_not_counted(admin: Admin, other: Admin, shop: int) -> None:
    add_customer(shop, 2, email=None, phone=None)
    assert "Nothing to check yet" in other.get("/admin/data-check").text
    assert found(admin.get("/admin/data-check").text) == {"Customers without email and phone": "1 of 1"}


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ("UPDATE shop SET address = '' WHERE id = :shop RETURNING id", "No postal address"),
        (
            'UPDATE shop SET settings = \'{"quiet_hours": {"enabled": false}}\' WHERE id = :shop RETURNING id',
            "Quiet hours are off",
        ),
    ],
)
def test_settings_that_would_hurt_are_named(admin: Admin, shop: int, change: str, title: str) -> None:
    assert title not in admin.get("/admin/data-check").text
    rows(shop, change)
    assert title in admin.get("/admin/data-check").text
