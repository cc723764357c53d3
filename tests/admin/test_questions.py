"""A page asks the database a bounded number of questions, however much there is to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.admin.conftest import add_customer, add_delivery, add_message, questions

if TYPE_CHECKING:
    from tests.admin.conftest import Admin

MOST = 32
PAGES = (
    "/", "/admin/home/pulse", "/admin/journeys", "/admin/journeys/abandoned_checkout", "/admin/messages",
    "/admin/messages/reasons", "/admin/customers", "/admin/customers?q=ana", "/admin/customers/{customer}",
    "/admin/messages/{message}", "/admin/deliveries", "/admin/reports", "/admin/settings", "/admin/health",
    "/admin/data-check", "/admin/settings/plan", "/admin/settings/plan/stored",
)  # fmt: skip


def test_pages_of_many_rows_ask_no_more_than_pages_of_one(admin: Admin, shop: int) -> None:
    customer = add_customer(shop)
    message = add_message(shop, customer)
    add_delivery(shop)

    def counted() -> dict[str, int]:
        found = {}
        for page in PAGES:
            with questions() as asked:
                answer = admin.get(page.format(customer=customer, message=message))
            assert answer.status_code == 200, page
            found[page] = len(asked)
        return found

    counted()  # what a process asks once
    before = counted()
    for number in range(2, 60):
        add_message(shop, add_customer(shop, number), number, state="skipped", reason=f"reason_{number}")
        add_message(shop, customer, 100 + number)
        add_delivery(shop, number)
    assert counted() == before
    assert max(before.values()) <= MOST, before
