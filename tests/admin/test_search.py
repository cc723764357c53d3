"""Customers are found by how their email, phone or name begins, whatever the shop's size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from app.admin.queries import customers
from app.transaction import transaction
from tests.admin.conftest import add_customer, questions, rows

if TYPE_CHECKING:
    from tests.admin.conftest import Admin


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ("", {"Lind 1", "Lind 2", "O'Brien"}),
        ("ana", {"Lind 1", "Lind 2"}),
        ("ana2@", {"Lind 2"}),
        ("ANA lind 1", {"Lind 1"}),
        ("lind", {"Lind 1", "Lind 2"}),
        ("+1 212 555-0002", {"Lind 2"}),
        ("12125550001", {"Lind 1"}),
        ("o'b", {"O'Brien"}),
        ("%", set()),
        ("_na", set()),
        ("\\", set()),
        ("nobody", set()),
    ],
)
def test_customers_are_found_by_how_their_email_phone_or_name_begins(
    admin: Admin, shop: int, query: str, finds: set[str]
) -> None:
    add_customer(shop, 1)
    add_customer(shop, 2)
    add_customer(shop, 3, first_name="Pat", last_name="O'Brien", email="pat@x.example")
    page = admin.get("/admin/customers", q=query).text.replace("&#39;", "'")
    assert {name for name in ("Lind 1", "Lind 2", "O'Brien") if name in page} == finds


def test_a_person_is_found_by_the_name_of_today(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    rows(shop, "UPDATE customer SET last_name = 'Ottilie' WHERE shop_id = :shop AND id = :ana RETURNING id", ana=ana)
    for query, found in (("ana OTT", True), ("ottilie", True), ("lind", False)):
        assert ("Ana Ottilie" in admin.get("/admin/customers", q=query).text) == found, query


def test_a_name_in_lower_case_says_nothing_else_than_the_name(shop: int) -> None:
    ana = add_customer(shop)
    rows(
        shop,
        "UPDATE customer SET first_name_lower = 'bo', last_name_lower = '' WHERE shop_id = :shop AND id = :ana "
        "RETURNING id",
        ana=ana,
    )
    found = rows(shop, "SELECT first_name_lower, last_name_lower FROM customer WHERE shop_id = :shop")
    assert [tuple(row) for row in found] == [("ana", "lind 1")]


def test_a_search_looks_people_up_also_behind_the_wall_between_shops(shop: int) -> None:
    with transaction(shop) as session:
        with questions() as asked:
            customers.first(session, shop, "12 34")
        # Without a choice PostgreSQL takes whatever index it may use; in a shop of one it would read the table.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plans = []
        for statement, parameters in asked:
            rows = session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(row[0] for row in rows))
    (plan,) = plans
    looked_up = [line for line in plan.splitlines() if "Index Cond" in line]
    for column in ("email", "phone", "first_name_lower", "last_name_lower"):
        assert any(f"({column} ~>=~" in line for line in looked_up), plan
