"""Unsubscribing. A GET only shows a page; nothing but a POST acts (RFC 8058): scanners fetch GETs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template, request
from sqlalchemy import text
from werkzeug.exceptions import NotFound

from app import clock
from app.content import localise
from app.customers import preferences, service as customers
from app.security import tokens
from app.shops import service as shops, settings as shop_settings
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

bp = Blueprint("subscription", __name__, template_folder="templates")

CHANNELS = {"email": "Email", "sms": "Text messages"}
LIFTED_BY_A_YES = ["unsubscribed", "opted_out", "sunset"]


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose link this is."""

    shop_id: int
    customer_id: int
    message_id: int
    token: str


def holder_of(token: str) -> Holder:
    """Whose link it is; 404 for anything but a genuine token."""
    named = tokens.read("unsubscribe", token, 3)
    if named is None:
        raise NotFound
    shop_id, customer_id, message_id = named
    return Holder(shop_id, customer_id, message_id, token)


@bp.route("/u/<token>", methods=["GET", "POST"])
def unsubscribe(token: str) -> Response:
    """One click in the mail program posts here; a person sees a button first.

    An opt-out by mail is an opt-out of texts too (47 CFR 64.1200(a)(10): by any reasonable means); the page says so,
    and where to take up one of them again.
    """
    holder = holder_of(token)
    with transaction(holder.shop_id) as session:
        holder = present(session, holder)
        if request.method == "POST":
            say(session, holder, dict.fromkeys(CHANNELS, False), "unsubscribe_link", collected="link")
        return page(session, "storefront/unsubscribe.html", holder, done=request.method == "POST")


def present(session: Session, holder: Holder) -> Holder:
    """The same link for whoever its person became, when the store made two of its customers one."""
    kept = session.scalar(
        text("SELECT COALESCE(merged_into_id, id) FROM customer WHERE shop_id = :shop AND id = :id"),
        {"shop": holder.shop_id, "id": holder.customer_id},
    )
    return replace(holder, customer_id=kept or holder.customer_id)


def addresses(session: Session, holder: Holder) -> dict[str, str]:
    """Channel -> address, of those the person has."""
    row = session.execute(
        text("SELECT email, phone FROM customer WHERE shop_id = :shop AND id = :id"),
        {"shop": holder.shop_id, "id": holder.customer_id},
    ).first()
    if row is None:
        return {}
    return {channel: address for channel, address in (("email", row.email), ("sms", row.phone)) if address}


def say(
    session: Session,
    holder: Holder,
    wishes: dict[str, bool],
    source: str,
    *,
    collected: str,
    shown: Mapping[str, str] | None = None,
) -> None:
    """Put wishes on record, channel -> wanted; works twice, and for a person who is gone it does nothing.

    `shown`: channel -> the label of the sentence that stood beside the box.
    """
    known = addresses(session, holder)
    words = [
        customers.Word(
            holder.customer_id,
            channel,
            "subscribed" if on else "unsubscribed",
            clock.now(),
            source,
            collected=collected,
            wording=(shown or {}).get(channel, ""),
            evidence={"ip": request.remote_addr} if request.remote_addr else {},
        )
        for channel, on in wishes.items()
        if channel in known
    ]
    customers.consent(session, words)
    for channel, on in wishes.items():
        if on and channel in known:
            customers.unsuppress(session, channel, known[channel], LIFTED_BY_A_YES)


def page(session: Session, template: str, holder: Holder, *, status: int = 200, **words: object) -> Response:
    """One of the shopper's own pages."""
    return drawn(session, template, holder.customer_id, status=status, token=holder.token, **words)


def drawn(session: Session, template: str, customer_id: int, *, status: int = 200, **words: object) -> Response:
    """A page in the shop's brand and the person's language. In templates `_` says a sentence in it."""
    shop, language = shops.get(session), localise.chosen(preferences.locale_of(session, customer_id))
    html = render_template(
        template,
        shop_name=shop.name or shop.domain,
        brand=shop_settings.of(shop).brand,
        home=shop.home,
        lang=language,
        _=partial(localise.said, language),
        **words,
    )
    return Response(html, status, headers=PAGE_HEADERS)


PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
