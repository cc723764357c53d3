"""Unsubscribing and preferences. A GET only shows a page; nothing but a POST acts (RFC 8058): scanners fetch GETs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template, request
from sqlalchemy import text
from werkzeug.exceptions import NotFound

from app import clock
from app.customers import service as customers
from app.customers.queries import consent_states
from app.security import tokens
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

bp = Blueprint("subscription", __name__, template_folder="templates")

CHANNELS = {"email": "Email", "sms": "Text messages"}


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose link this is."""

    shop_id: int
    customer_id: int
    message_id: int
    token: str


def _holder(token: str) -> Holder:
    named = tokens.read("unsubscribe", token, 3)
    if named is None:
        raise NotFound
    shop_id, customer_id, message_id = named
    return Holder(shop_id, customer_id, message_id, token)


@bp.route("/u/<token>", methods=["GET", "POST"])
def unsubscribe(token: str) -> Response:
    """One click in the mail program posts here; a person sees a button first."""
    holder = _holder(token)
    with transaction(holder.shop_id) as session:
        channel = _channel(session, holder)
        if request.method == "POST":
            _say(session, holder, {channel: False}, "unsubscribe_link")
        return _page(
            session, "storefront/unsubscribe.html", holder, done=request.method == "POST", channel=CHANNELS[channel]
        )


@bp.route("/p/<token>", methods=["GET", "POST"])
def preferences(token: str) -> Response:
    """What a person wants to hear, and where."""
    holder = _holder(token)
    with transaction(holder.shop_id) as session:
        if request.method == "POST":
            _say(session, holder, {c: c in request.form for c in _addresses(session, holder)}, "preference_page")
        states = consent_states(session, holder.shop_id, [holder.customer_id])
        choices = [
            {"name": c, "label": CHANNELS[c], "on": states.get((holder.customer_id, c)) == "subscribed"}
            for c in _addresses(session, holder)
        ]
        return _page(session, "storefront/preferences.html", holder, choices=choices, saved=request.method == "POST")


def _channel(session: Session, holder: Holder) -> str:
    """The channel of the message whose link this is; email for links that outlived their message."""
    found = session.scalar(
        text("SELECT channel FROM message WHERE shop_id = :shop AND id = :id"),
        {"shop": holder.shop_id, "id": holder.message_id},
    )
    return str(found or "email")


def _addresses(session: Session, holder: Holder) -> dict[str, str]:
    row = session.execute(
        text("SELECT email, phone FROM customer WHERE shop_id = :shop AND id = :id"),
        {"shop": holder.shop_id, "id": holder.customer_id},
    ).first()
    if row is None:
        return {}
    return {channel: address for channel, address in (("email", row.email), ("sms", row.phone)) if address}


def _say(session: Session, holder: Holder, wishes: dict[str, bool], source: str) -> None:
    """Put wishes on record; works twice, and for a person who is gone it does nothing."""
    addresses = _addresses(session, holder)
    words = [
        customers.Word(holder.customer_id, channel, "subscribed" if on else "unsubscribed", clock.now(), source)
        for channel, on in wishes.items()
        if channel in addresses
    ]
    customers.consent(session, words)
    for channel, on in wishes.items():
        if on and channel in addresses:
            customers.unsuppress(session, channel, addresses[channel], ["unsubscribed", "opted_out"])


def _page(session: Session, template: str, holder: Holder, **words: object) -> Response:
    shop = shops.get(session)
    html = render_template(
        template,
        shop_name=shop.name or shop.domain,
        brand=shop_settings.of(shop).brand,
        home=shop.storefront_url or f"https://{shop.domain}",
        token=holder.token,
        **words,
    )
    return Response(html, headers=PAGE_HEADERS)


PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
