"""May we write to this person? Yes or no for each channel and purpose, on what evidence, and what was refused."""

from __future__ import annotations

from flask import Response, g

from app.admin import record, spreadsheets
from app.admin.customers import typed_query
from app.admin.guard import bp
from app.admin.queries import customers as queries
from app.admin.record import Action
from app.admin.showing import missing, page
from app.admin.words import _
from app.customers import wordings
from app.messages import permission
from app.privacy import proof
from app.transaction import transaction

MOST_FOUND = 8


@bp.get("/admin/may-we-write", endpoint="may_we_write")
def search() -> Response:
    """Whose answer? One who is found alone is answered at once."""
    query = typed_query()
    with transaction(g.shop_id) as session:
        found = queries.first(session, g.shop_id, query)[:MOST_FOUND] if query else []
        if found:
            record.note(session, Action.PEOPLE_LISTED, page="may_we_write")
    if len(found) == 1:
        return _answered(found[0].id, query)
    return page("may_we_write.html", title=_("May we write to this person?"), query=query, found=found, answer=None)


@bp.get("/admin/customers/<int:customer_id>/may-we-write", endpoint="customer_may_we_write")
def of_customer(customer_id: int) -> Response:
    """The answer about one."""
    return _answered(customer_id, "")


def _answered(customer_id: int, query: str) -> Response:
    with transaction(g.shop_id) as session:
        customer = queries.one(session, g.shop_id, customer_id)
        answer = permission.of_person(session, customer_id) if customer is not None else None
        if answer is None:
            return missing(_("There is no such customer"))
        record.note(session, Action.PERSON_VIEWED, customer=customer_id)
    name = " ".join(part for part in (customer.first_name, customer.last_name) if part)
    return page(
        "may_we_write.html",
        title=_("May we write to this person?"),
        query=query,
        found=[],
        answer=answer,
        customer=customer,
        who=name or customer.email or customer.phone or _("Unnamed"),
    )


@bp.get("/admin/consent.json", endpoint="consent_json")
def all_as_json() -> Response:
    """The whole ledger, signed."""
    return _proof("json", None)


@bp.get("/admin/consent.csv", endpoint="consent_csv")
def all_as_csv() -> Response:
    """The same as a table."""
    return _proof("csv", None)


@bp.get("/admin/customers/<int:customer_id>/consent.json", endpoint="customer_consent_json")
def one_as_json(customer_id: int) -> Response:
    """One person's part of the ledger, signed."""
    return _proof("json", customer_id)


@bp.get("/admin/customers/<int:customer_id>/consent.csv", endpoint="customer_consent_csv")
def one_as_csv(customer_id: int) -> Response:
    """The same as a table."""
    return _proof("csv", customer_id)


def _proof(kind: str, customer_id: int | None) -> Response:
    with transaction(g.shop_id) as session:
        if customer_id is not None and queries.one(session, g.shop_id, customer_id) is None:
            return missing(_("There is no such customer"))
        targets = {"customer": customer_id} if customer_id is not None else {"everybody": "consent"}
        record.note(session, Action.CONSENT_EXPORTED, **targets)
        sentences = {w.label: w.words for each in wordings.all_of(session).values() for w in each}
    rows = proof.entries(g.shop_id, customer_id)
    head = proof.Head(g.shop.domain, "everybody" if customer_id is None else f"customer {customer_id}", sentences)
    lines = proof.as_json(head, rows) if kind == "json" else proof.as_csv(rows, spreadsheets.safe)
    response = Response(lines, mimetype="application/json" if kind == "json" else "text/csv")
    name = "consent" if customer_id is None else f"consent-{customer_id}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response
