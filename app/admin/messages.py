"""Messages: what went, what waits, what didn't go and why; each as its reader saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from flask import Response, g, request

from app import clock
from app.admin import charts, paging, record
from app.admin.guard import bp, settings
from app.admin.queries import messages as queries
from app.admin.record import Action
from app.admin.showing import COUNTED_DAYS, last, missing, page, part
from app.admin.words import CHANNELS, _
from app.channels.base import OutboundEmail
from app.content.segments import segments
from app.messages import parked
from app.messages.stored import stored
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    return _list(_wanted(request.args), request.args.get("before"))


def _wanted(given: Mapping[str, str]) -> parked.Filter:
    group, channel = given.get("state") or None, given.get("channel") or None
    return parked.Filter(
        group if group in queries.GROUPS else None,
        given.get("journey") or None,
        channel if channel in CHANNELS else None,
        given.get("reason") or None,
    )


def _kept(wanted: parked.Filter) -> dict[str, str]:
    """The choice as an address keeps it."""
    named = {"state": wanted.group, "journey": wanted.journey, "channel": wanted.channel, "reason": wanted.reason}
    return {name: value for name, value in named.items() if value}


def _list(wanted: parked.Filter, cursor: str | None, toast: str | None = None) -> Response:
    before = paging.read(cursor)
    with transaction(g.shop_id) as session:
        rows, following = paging.cut(queries.listed(session, g.shop_id, wanted, before), "planned_at")
        journeys = queries.journeys(session, g.shop_id)
        record.note(session, Action.PEOPLE_LISTED, page="messages")
    kept = _kept(wanted)
    return page(
        "messages.html",
        title=_("Messages"),
        toast=toast,
        address=f"/admin/messages?{urlencode(kept)}",
        messages=rows,
        wanted=wanted,
        kept=kept,
        may_double=parked.MAY_DOUBLE,
        journeys=journeys,
        groups=GROUP_WORDS,
        older=following and f"/admin/messages?{urlencode({**kept, 'before': str(following)})}",
        newer=before and f"/admin/messages?{urlencode(kept)}",
        without_reason=f"/admin/messages?{urlencode({k: v for k, v in kept.items() if k != 'reason'})}",
    )


@bp.get("/admin/messages/<int:message_id>", endpoint="message")
def one(message_id: int) -> Response:
    """One message with everything that is known about it."""
    return show(message_id)


@bp.post("/admin/messages/<int:message_id>/retry", endpoint="message_retry")
def retry(message_id: int) -> Response:
    """Try a parked message again."""
    with transaction(g.shop_id) as session:
        done = parked.retry(session, g.shop_id, message_id)
        if done:
            record.note(session, Action.MESSAGE_REPEATED, message=message_id)
    return show(message_id, toast=_("It goes again now") if done else _("It can't be tried again"))


@bp.post("/admin/messages/<int:message_id>/drop", endpoint="message_drop")
def drop(message_id: int) -> Response:
    """Give a parked message up."""
    with transaction(g.shop_id) as session:
        done = parked.drop(session, g.shop_id, message_id)
        if done:
            record.note(session, Action.MESSAGE_CANCELLED, message=message_id)
    return show(message_id, toast=_("Dropped") if done else _("It isn't waiting for you any more"))


@bp.post("/admin/messages/parked/retry", endpoint="parked_retry")
def retry_all() -> Response:
    """Try all parked ones of the present choice again."""
    wanted = _wanted(request.form)
    with transaction(g.shop_id) as session:
        count = parked.retry_all(session, g.shop_id, wanted)
        record.note(session, Action.MESSAGE_REPEATED, chosen=_kept(wanted), after={"messages": count})
    left = _("those that could reach people twice were left out") if wanted.reason != parked.MAY_DOUBLE else ""
    return _list(wanted, None, toast=_("{n} go again now", n=count) + (f"; {left}" if left else ""))


@bp.post("/admin/messages/parked/drop", endpoint="parked_drop")
def drop_all() -> Response:
    """Give all parked ones of the present choice up."""
    wanted = _wanted(request.form)
    with transaction(g.shop_id) as session:
        count = parked.drop_all(session, g.shop_id, wanted)
        record.note(session, Action.MESSAGE_CANCELLED, chosen=_kept(wanted), after={"messages": count})
    return _list(wanted, None, toast=_("{n} dropped", n=count))


@bp.get("/admin/messages/reasons", endpoint="message_reasons")
def reasons() -> Response:
    """Why messages of the last 30 days didn't go, or wait, as a picture."""
    wanted = _wanted(request.args)
    with transaction(g.shop_id) as session:
        found = queries.reasons(session, g.shop_id, wanted, last(COUNTED_DAYS))
    return part("message_reasons.html", reasons=found, most=found[0][1] if found else 0,
                kept=_kept(wanted), share=charts.share)  # fmt: skip


@bp.get("/admin/messages.json", endpoint="messages_json")
def as_json() -> Response:
    """A customer's messages and decisions, by the store's id of them."""
    with transaction(g.shop_id) as session:
        customer = request.args.get("customer", "")
        messages, decisions = queries.of_customer(session, g.shop_id, customer)
        record.note(session, Action.PERSON_VIEWED, store_customer=customer[:40])
    found = {"messages": [m._asdict() for m in messages], "decisions": [d._asdict() for d in decisions]}
    return Response(orjson.dumps(found), mimetype="application/json")


def show(message_id: int, toast: str | None = None) -> Response:
    """One message, as it is now."""
    with transaction(g.shop_id) as session:
        message = queries.one(session, g.shop_id, message_id)
        if message is None:
            return missing(_("There is no such message"))
        record.note(session, Action.MESSAGE_VIEWED, message=message_id)
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
        address=f"/admin/messages/{message_id}",
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
