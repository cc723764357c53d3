"""The link of a double opt-in. A GET only shows a button: scanners fetch GETs, and their fetching is nobody's yes."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy import text
from werkzeug.exceptions import NotFound

from app.customers.queries import consent_states
from app.messages import confirming
from app.security import tokens
from app.storefront.subscription_views import drawn
from app.transaction import transaction

bp = Blueprint("confirming", __name__, template_folder="templates")


@bp.route("/confirm/<token>", methods=["GET", "POST"])
def confirm(token: str) -> Response:
    """Ask once more, and take the yes."""
    named = tokens.read("confirm", token, 3)
    if named is None:
        raise NotFound
    shop_id, customer_id, message_id = named
    with transaction(shop_id) as session:
        channel = session.scalar(
            text("SELECT channel FROM message WHERE shop_id = :shop AND id = :id"), {"shop": shop_id, "id": message_id}
        )
        state = "gone"
        if channel is not None:
            state = "asked"
            if request.method == "POST":
                evidence = {"ip": request.remote_addr} if request.remote_addr else {}
                done = confirming.confirm(session, customer_id, channel, collected="link", evidence=evidence)
                already = consent_states(session, shop_id, [customer_id]).get((customer_id, channel)) == "subscribed"
                state = "done" if done or already else "late"
        return drawn(session, "storefront/confirm.html", customer_id, state=state)
