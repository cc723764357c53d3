"""What a merchant can do about one customer: stop writing to them, take them out of journeys, erase them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, g, request

from app.admin import customers as shown, record
from app.admin.guard import bp
from app.admin.queries import customers as queries
from app.admin.record import Action
from app.admin.showing import missing
from app.admin.words import _
from app.customers import service as customers
from app.customers.queries import profiles
from app.journeys import service as journeys
from app.privacy import service as privacy
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session


@bp.post("/admin/customers/<int:customer_id>/suppress", endpoint="customer_suppress")
def suppress(customer_id: int) -> Response:
    """Never write to this person's addresses again, whoever they belong to later. Order messages stop as well."""

    def act(session: Session) -> str:
        addresses = profiles(session, g.shop_id, [customer_id])[customer_id].addresses
        after = {"channels": customers.suppress_person(session, addresses, sorted(addresses), "admin")}
        record.note(session, Action.SUPPRESSION_ADDED, customer=customer_id, after=after)
        return _("Nothing more is sent to them")

    return _done(customer_id, act)


@bp.post("/admin/customers/<int:customer_id>/exclude", endpoint="customer_exclude")
def exclude(customer_id: int) -> Response:
    """Take this person out of every journey they are under way in. They may enter again by a new occasion."""

    def act(session: Session) -> str:
        ended, cancelled = journeys.exclude(session, customer_id)
        after = {"journeys": ended, "messages": cancelled}
        record.note(session, Action.CUSTOMER_EXCLUDED, customer=customer_id, after=after)
        return _("Taken out of {n} journeys", n=ended) if ended != 1 else _("Taken out of one journey")

    return _done(customer_id, act)


@bp.post("/admin/customers/<int:customer_id>/erase", endpoint="customer_erase")
def erase(customer_id: int) -> Response:
    """Erase everything personal about this person, here and at the providers; it has to be meant."""
    if request.form.get("sure") != "yes":
        return shown.one(customer_id, flaw=_("Say that you mean it: there is no way back."))

    def act(session: Session) -> str:
        row = queries.one(session, g.shop_id, customer_id)
        assert row is not None  # noqa: S101 _done has found them
        listed = privacy.list_erasure(
            session, email=row.email, phone=row.phone, customer_id=row.external_id, actor=f"user:{g.user_id}"
        )
        record.note(session, Action.ERASURE_ASKED, customer=customer_id, request=listed)
        return _("They are being erased; it takes a minute")

    return _done(customer_id, act)


def _done(customer_id: int, act: Callable[[Session], str]) -> Response:
    with transaction(g.shop_id) as session:
        row = queries.one(session, g.shop_id, customer_id)
        if row is None or row.erased_at is not None:
            return missing(_("There is no such customer"))
        said = act(session)
    return shown.one(customer_id, toast=said)
