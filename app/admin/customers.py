"""Customers: find one, and see everything that happened with them in one list."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Response, g, request

from app import clock
from app.admin import paging, record, spreadsheets
from app.admin.flow import TOPICS
from app.admin.guard import bp
from app.admin.paging import PAGE, Cursor
from app.admin.queries import customers as queries
from app.admin.record import Action
from app.admin.showing import missing, page
from app.admin.words import _
from app.customers import preferences
from app.customers.queries import CHANNELS, consent_states, profiles, standings
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_QUERY = 120
AT_ONCE = 1_000


@bp.get("/admin/customers", endpoint="customers")
def listed() -> Response:
    """Search, or the newest."""
    query = typed_query()
    before = paging.read(request.args.get("before"))
    with transaction(g.shop_id) as session:
        if query:
            rows, following = queries.first(session, g.shop_id, query), None
        else:
            rows, following = paging.cut(queries.found(session, g.shop_id, "", before), "first_seen_at")
        record.note(session, Action.PEOPLE_LISTED, page="customers")
    return page(
        "customers.html",
        title=_("Customers"),
        customers=rows[:PAGE],
        query=query,
        has_more=bool(query) and len(rows) > PAGE,
        older=following and f"/admin/customers?{urlencode({'before': str(following)})}",
        newer=before and not query and "/admin/customers",
    )


@bp.get("/admin/customers.csv", endpoint="customers_csv")
def as_file() -> Response:
    """Everybody found, for a spreadsheet; that it was taken is on record."""
    query = typed_query()
    with transaction(g.shop_id) as session:
        record.note(session, Action.PEOPLE_LISTED, page="customers_csv")
    head = ("first_name", "last_name", "email", "phone", "country", "tags", "orders", "spent_minor", "last_order_at",
            "first_seen_at", "email_consent", "sms_consent")  # fmt: skip
    return spreadsheets.download("customers", head, _everybody(g.shop_id, query))


def _everybody(shop_id: int, query: str) -> Iterator[tuple[object, ...]]:
    """Row by row, a short transaction for each thousand: a slow download holds nothing up."""
    before: Cursor | None = None
    while True:
        with transaction(shop_id) as session:
            rows, before = paging.cut(
                queries.found(session, shop_id, query, before, AT_ONCE), "first_seen_at", size=AT_ONCE
            )
            consent = consent_states(session, shop_id, [row.id for row in rows])
        for row in rows:
            yield (
                row.first_name, row.last_name, row.email, row.phone, row.country, ", ".join(row.tags),
                row.orders_count, row.spent, row.last_order_at and row.last_order_at.isoformat(),
                row.first_seen_at.isoformat(),
                *(consent.get((row.id, channel), "never_asked") for channel in CHANNELS),
            )  # fmt: skip
        if before is None:
            return


def typed_query() -> str:
    """What was typed into a search for people."""
    return " ".join(request.args.get("q", "").split())[:LONGEST_QUERY]


@bp.get("/admin/customers/<int:customer_id>", endpoint="customer")
def one(customer_id: int, *, toast: str | None = None, flaw: str | None = None) -> Response:
    """One person: facts, consent, and the timeline. `toast` and `flaw`: what came of an action on them."""
    before = paging.read(request.args.get("before"))
    with transaction(g.shop_id) as session:
        customer = queries.one(session, g.shop_id, customer_id)
        if customer is None:
            return missing(_("There is no such customer"))
        record.note(session, Action.PERSON_VIEWED, customer=customer_id)
        person = profiles(session, g.shop_id, [customer_id])[customer_id]
        # Planned messages lie a little ahead of now.
        latest = before.at if before else clock.now() + timedelta(days=1)
        moments = queries.timeline(session, g.shop_id, customer_id, latest)
        enrolments = queries.enrolments(session, g.shop_id, customer_id)
        chosen = preferences.chosen(session, customer_id)
        stands = {channel: found for (_who, channel), found in standings(session, g.shop_id, [customer_id]).items()}
    older = f"?before={Cursor(moments[PAGE - 1].at, 0)}" if len(moments) > PAGE else None
    name = " ".join(part for part in (customer.first_name, customer.last_name) if part)
    return page(
        "customer.html",
        title=name or customer.email or customer.phone or _("Customer"),
        status=422 if flaw else 200,
        toast=toast,
        flaw=flaw,
        address=f"/admin/customers/{customer_id}",
        customer=customer,
        person=person,
        moments=moments[:PAGE],
        enrolments=enrolments,
        chosen=chosen,
        stands=stands,
        topics=TOPICS,
        paused=chosen.choices.paused_until is not None and chosen.choices.paused_until > clock.now(),
        channels=CHANNELS,
        older=older and f"/admin/customers/{customer_id}{older}",
        newer=before and f"/admin/customers/{customer_id}",
    )
