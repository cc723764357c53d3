"""A merchant sees what messages brought back, and takes the figures along."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from app.admin import charts, spreadsheets
from app.reports import service
from tests.admin.conftest import Admin, add_customer
from tests.conftest import NOON
from tests.reports.test_attribution import click, order, send

DAY = timedelta(days=1)


def sold(shop: int) -> None:
    ana = add_customer(shop)
    message = send(shop, ana, opened_at=NOON)
    click(shop, message, NOON - timedelta(hours=1))
    order(shop, ana)
    service.attribute(shop)


def table(page: str) -> list[list[str]]:
    assert page.startswith("\ufeff")
    return list(csv.reader(io.StringIO(page[1:])))


def test_without_messages_there_is_nothing_to_report(admin: Admin) -> None:
    page = admin.get("/admin/reports").text
    assert "Nothing to report yet" in page
    assert "reports.csv" not in page


def test_the_report_shows_revenue_by_journey_and_message(admin: Admin, shop: int) -> None:
    sold(shop)
    page = admin.get("/admin/reports").text
    assert "$45.50" in page
    assert 'aria-label="Revenue brought back by day: $45.50 in all, $0.00 in the period before"' in page
    assert 'href="/admin/messages?journey=abandoned_checkout"' in page
    assert page.count("<svg") == 5, "what never happened has no picture"
    assert "None in this period, nor in the one before." in page


def test_the_period_before_is_beside_it(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    send(shop, ana, 1, accepted_at=NOON - DAY)
    for number in (2, 3):
        send(shop, ana, number, accepted_at=NOON - 8 * DAY)
    page = admin.get("/admin/reports", days="7").text
    assert "-50 % · before: 2" in page
    assert '<polyline class="before"' in page
    assert "before: 0" in admin.get("/admin/reports", days="30").text
    assert admin.get("/admin/reports", days="999").status_code == 200


def test_another_shops_figures_stay_there(admin: Admin, other: Admin, shop: int) -> None:
    sold(shop)
    assert "Nothing to report yet" in other.get("/admin/reports").text
    assert admin.get("/admin/reports").status_code == 200


def test_the_file_holds_the_same_figures(admin: Admin, shop: int) -> None:
    sold(shop)
    answer = admin.get("/admin/reports.csv", days="30")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="regulars-2026-05-12-2026-06-10.csv"'
    rows = table(answer.text)
    assert rows[0][:4] == ["day", "revenue_usd_minor", "orders", "recovered"]
    assert rows[-1][:4] == ["2026-06-10", "4550", "1", "1"]
    assert len(rows) == 31
    by_message = table(admin.get("/admin/reports.csv", by="message").text)
    assert by_message[1][:5] == ["Abandoned checkout", "step 1", "4550", "1", "1"]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"), ("+12125550100", "'+12125550100"), ("-2", "'-2"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"), ("  =1", "'  =1"), ("\uff1d1", "'\uff1d1"), ("Ana", "Ana"), ("a=b", "a=b"), ("", ""),
        (-5, -5), (None, ""),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(cell: object, written: object) -> None:
    assert spreadsheets.safe(cell) == written


def test_a_picture_needs_no_numbers_to_be_drawn() -> None:
    drawn = str(charts.bars([0, 3, 1], [], 'Sent: "3"'))
    assert drawn.count("<rect") == 2
    assert "polyline" not in drawn
    assert 'aria-label="Sent: &#34;3&#34;"' in drawn
    assert "nan" not in str(charts.bars([], [], "x")).lower()
    assert 'width="50.0"' in str(charts.share(1, 2))
    assert 'width="0.0"' in str(charts.share(0, 0))
