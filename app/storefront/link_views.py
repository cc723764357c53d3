"""Links in messages. They lead to stored targets only: a token names a message and one of its links."""

from __future__ import annotations

import base64
from typing import Any

from flask import Blueprint, Response, redirect, request
from sqlalchemy import text
from werkzeug.exceptions import NotFound

from app.messages import engagement
from app.messages.engagement import TRAP, Visit, network_of
from app.messages.models import MessageContent
from app.security import tokens
from app.security.keyring import keyring
from app.shops import service as shops
from app.transaction import transaction

bp = Blueprint("links", __name__)

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@bp.get("/c/<token>")
def click(token: str) -> Response:
    """A tracked link."""
    named = tokens.read("click", token, 3)
    if named is None:
        raise NotFound
    shop_id, message_id, link = named
    with transaction(shop_id) as session:
        content = session.get(MessageContent, (shop_id, message_id))
        if content is None or (link >= len(content.links) and link != TRAP):
            raise NotFound
        target = shops.get(session).home if link == TRAP else content.links[link]
        engagement.seen(session, message_id, "click", link, visit())
    return _away(target)


@bp.get("/o/<token>.gif")
def opened(token: str) -> Response:
    """The open pixel. A wrong token gets the pixel too: a mail must never show a broken picture."""
    named = tokens.read("open", token, 2)
    if named is not None:
        shop_id, message_id = named
        with transaction(shop_id) as session:
            engagement.seen(session, message_id, "open", None, visit())
    return Response(PIXEL, mimetype="image/gif", headers={"Cache-Control": "no-store"})


@bp.get("/r/<token>")
def restore(token: str) -> Response:
    """Back to the cart, on any device: the store's own recovery link, else a cart made of the same things."""
    named = tokens.read("restore", token, 2)
    if named is None:
        raise NotFound
    shop_id, message_id = named
    with transaction(shop_id) as session:
        target = _basket_url(session, message_id)
        engagement.seen(session, message_id, "click", None, visit())
    return _away(target)


def _basket_url(session: Any, message_id: int) -> str:
    shop = shops.get(session)
    home = shop.home
    row = session.execute(
        text("""
            SELECT m.subject_kind, m.subject_key, k.recovery_url, COALESCE(k.lines, c.lines) AS lines
            FROM message m
            LEFT JOIN checkout k ON m.subject_kind = 'checkout' AND k.shop_id = m.shop_id
                AND k.id = m.subject_key::bigint
            LEFT JOIN cart c ON m.subject_kind = 'cart' AND c.shop_id = m.shop_id AND c.id = m.subject_key::bigint
            WHERE m.shop_id = :shop AND m.id = :id AND m.subject_kind <> 'variant'
            UNION ALL
            SELECT m.subject_kind, m.subject_key, NULL, NULL FROM message m
            WHERE m.shop_id = :shop AND m.id = :id AND m.subject_kind = 'variant'
        """),
        {"shop": session.info["shop_id"], "id": message_id},
    ).first()
    if row is None:
        raise NotFound
    if row.recovery_url is not None:
        return keyring().open(row.recovery_url, "checkout.recovery_url").decode()
    if row.subject_kind == "variant":
        return f"{home}/cart/{row.subject_key.partition(':')[2]}:1"
    lines = [f"{line['variant_id']}:{line['quantity']}" for line in row.lines or () if line["variant_id"]]
    return f"{home}/cart/{','.join(lines)}" if lines else home


def visit() -> Visit:
    """The present request, as far as it tells who made it."""
    headers = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    return Visit(
        request.user_agent.string[:300],
        request.method,
        network_of(request.remote_addr),
        any("prefetch" in request.headers.get(name, "") for name in headers),
    )


def _away(target: str) -> Response:
    response = redirect(target, 302)
    response.headers["Referrer-Policy"] = "no-referrer-when-downgrade"
    response.headers["Cache-Control"] = "no-store"
    assert isinstance(response, Response)  # noqa: S101 Flask's own response class
    return response
