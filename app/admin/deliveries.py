"""Deliveries: news from the store, and those that could not be used."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, g, request

from app.admin import paging, record
from app.admin.guard import bp
from app.admin.queries import deliveries as queries
from app.admin.record import Action
from app.admin.showing import missing, page
from app.admin.words import DELIVERY_STATES, _
from app.inbox import replaying
from app.transaction import transaction

ALL = "all"


@bp.get("/admin/deliveries", endpoint="deliveries")
def listed() -> Response:
    """Those that need the merchant, or all."""
    return _show(request.args.get("state"), request.args.get("before"))


@bp.post("/admin/deliveries/<int:delivery_id>/redrive", endpoint="redrive")
def redrive(delivery_id: int) -> Response:
    """Read one again."""
    with transaction(g.shop_id) as session:
        if not queries.is_there(session, g.shop_id, delivery_id):
            return missing(_("There is no such delivery"))
        done = replaying.redrive(session, g.shop_id, delivery_id)
        if done:
            record.note(session, Action.DELIVERIES_REPLAYED, delivery=delivery_id)
    return _show(toast=_("It is read again now") if done else _("It can't be read again"))


@bp.post("/admin/deliveries/redrive-all", endpoint="redrive_all")
def redrive_all() -> Response:
    """Read all of them again."""
    with transaction(g.shop_id) as session:
        count = replaying.redrive(session, g.shop_id)
        record.note(session, Action.DELIVERIES_REPLAYED, after={"deliveries": count})
    return _show(toast=_("{n} are read again now", n=count))


def _show(state: str | None = None, before: str | None = None, toast: str | None = None) -> Response:
    chosen = state if state == ALL or state in DELIVERY_STATES else "parked"
    cursor = paging.read(before)
    with transaction(g.shop_id) as session:
        rows = queries.listed(session, g.shop_id, None if chosen == ALL else chosen, cursor)
    shown, following = paging.cut(rows, "received_at")
    return page(
        "deliveries.html",
        title=_("Deliveries"),
        deliveries=shown,
        chosen=chosen,
        toast=toast,
        address="/admin/deliveries",
        older=following and f"/admin/deliveries?{urlencode({'state': chosen, 'before': str(following)})}",
        newer=cursor and f"/admin/deliveries?{urlencode({'state': chosen})}",
    )
