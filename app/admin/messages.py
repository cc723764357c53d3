"""Messages: what went, what waits, what didn't go and why; each as its reader saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from flask import Response, g, request

from app import clock
from app.admin import paging, parked
from app.admin.guard import bp, settings
from app.admin.queries import messages as queries
from app.admin.showing import missing, page
from app.admin.words import CHANNELS, _
from app.channels.base import OutboundEmail
from app.content.segments import segments
from app.messages.stored import stored
from app.transaction import transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

GROUP_WORDS = {
    "sent": _("Sent"),
    "waiting": _("Waiting"),
    "held": _("Not sent"),
    "parked": _("Needs you"),
    "failed": _("Failed or bounced"),
}


@bp.get("/admin/messages", endpoint="messages")
def listed() -> Response:
    """The log, newest first."""
    group = request.args.get("state") or None
    channel = request.args.get("channel") or None
    wanted = queries.Filter(
        group if group in queries.GROUPS else None,
        request.args.get("journey") or None,
        channel if channel in CHANNELS else None,
        request.args.get("reason") or None,
    )
    before = paging.read(request.args.get("before"))
    with transaction(g.shop_id) as session:
        rows, following = paging.cut(queries.listed(session, g.shop_id, wanted, before), "planned_at")
        journeys = queries.journeys(session, g.shop_id)
    kept = {
        name: value
        for name, value in (
            ("state", wanted.group),
            ("journey", wanted.journey),
            ("channel", wanted.channel),
            ("reason", wanted.reason),
        )
        if value
    }
    return page(
        "messages.html",
        title=_("Messages"),
        messages=rows,
        wanted=wanted,
        journeys=journeys,
        groups=GROUP_WORDS,
        older=following and f"/admin/messages?{urlencode({**kept, 'before': str(following)})}",
        newer=before and f"/admin/messages?{urlencode(kept)}",
        without_reason=f"/admin/messages?{urlencode({k: v for k, v in kept.items() if k != 'reason'})}",
    )


@bp.get("/admin/messages/<int:message_id>", endpoint="message")
def one(message_id: int) -> Response:
    """One message with everything that is known about it."""
    return _show(message_id)


@bp.post("/admin/messages/<int:message_id>/retry", endpoint="message_retry")
def retry(message_id: int) -> Response:
    """Try a parked message again."""
    with transaction(g.shop_id) as session:
        done = parked.retry(session, g.shop_id, message_id)
    return _show(message_id, toast=_("It goes again now") if done else _("It can't be tried again"))


@bp.post("/admin/messages/<int:message_id>/drop", endpoint="message_drop")
def drop(message_id: int) -> Response:
    """Give a parked message up."""
    with transaction(g.shop_id) as session:
        done = parked.drop(session, g.shop_id, message_id)
    return _show(message_id, toast=_("Dropped") if done else _("It isn't waiting for you any more"))


@bp.get("/admin/messages.json", endpoint="messages_json")
def as_json() -> Response:
    """A customer's messages and decisions, by the store's id of them."""
    with transaction(g.shop_id) as session:
        messages, decisions = queries.of_customer(session, g.shop_id, request.args.get("customer", ""))
    found = {"messages": [m._asdict() for m in messages], "decisions": [d._asdict() for d in decisions]}
    return Response(orjson.dumps(found), mimetype="application/json")


def _show(message_id: int, toast: str | None = None) -> Response:
    with transaction(g.shop_id) as session:
        message = queries.one(session, g.shop_id, message_id)
        if message is None:
            return missing(_("There is no such message"))
        values: dict[str, Any] = {
            "decisions": queries.decisions(session, g.shop_id, message),
            "attempts": queries.attempts(session, g.shop_id, message_id),
            "receipts": queries.receipts(session, g.shop_id, message_id),
            "content": _content(session, message_id),
        }
    return page(
        "message.html",
        title=_("Message"),
        toast=toast,
        message=message,
        address=f"/admin/messages/{message_id}" if request.method == "POST" else None,
        still_useful=message.useful_until > clock.now(),
        **values,
    )


def _content(session: Session, message_id: int) -> dict[str, Any] | None:
    """The message as it went out, without the pixel that would count our looking as an opening."""
    found = stored(session, settings(), message_id)
    if found is None:
        return None
    if isinstance(found.outbound, OutboundEmail):
        pixel = str(found.context.get("open_pixel_url") or "")
        html = found.outbound.html.replace(pixel, "data:,") if pixel else found.outbound.html
        return {"subject": found.outbound.subject, "html": html, "text": found.outbound.text, "segments": None}
    return {"subject": "", "html": "", "text": found.outbound.text, "segments": segments(found.outbound.text)}
