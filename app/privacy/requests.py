"""Privacy requests, taken from their rows and carried out: a request stays open until all of it is done.

A request goes through several short transactions, and its details (sealed) hold how far it is: a process that is killed
leaves the rest to the next one. When it is done its details are emptied.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from app import clock
from app.platforms.events import PrivacyKind
from app.privacy import audit, exporting, processors, shop_erasing
from app.privacy.erasing import Asked, erase_person, matching, still_there, traces_of
from app.privacy.models import DataFile
from app.privacy.searching import Search, Traces, drop, find
from app.shops import service as shops
from app.shops.models import UNKNOWN_SHOP, PrivacyRequest
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)

FILE_DAYS = 30
AS_ASKED = ("customer_id", "email", "phone", "order_ids", "triggered_at", "actor")
"""What details hold when a request comes in; the rest is how far it is."""


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Carry out what is open, until nothing is left or it is time to stop; returns how many requests moved on."""
    moved = 0
    for shop_id, request_id, kind in _open():
        if should_stop():
            break
        try:
            moved += _carry_out(shop_id, request_id, PrivacyKind(kind), should_stop)
        except OperationalError:
            raise
        except Exception:  # one request's oddity must not hold up the others; it is tried again
            logger.exception("privacy_request_failed", extra={"shop": shop_id, "request": request_id})
    return moved


def _open() -> list[tuple[int, int, str]]:
    """Requests with something to do here; those that only wait for a provider are not."""
    with across_shops() as session:
        rows = session.execute(
            text("""
                SELECT r.shop_id, r.id, r.kind FROM privacy_request r WHERE r.done_at IS NULL
                    AND NOT EXISTS (SELECT 1 FROM processor_erasure e
                        WHERE e.shop_id = r.shop_id AND e.request_id = r.id AND e.done_at IS NULL)
                ORDER BY r.id
            """)
        ).all()
    return [(row.shop_id, row.id, row.kind) for row in rows]


def _carry_out(shop_id: int, request_id: int, kind: PrivacyKind, should_stop: Callable[[], bool]) -> bool:
    if kind is PrivacyKind.SHOP_REDACT:
        return shop_erasing.erase(shop_id, request_id, should_stop)
    if kind is PrivacyKind.DATA_REQUEST:
        return _answer(shop_id, request_id, should_stop)
    return _erase(shop_id, request_id, should_stop)


def _erase(shop_id: int, request_id: int, should_stop: Callable[[], bool]) -> bool:
    with transaction(shop_id) as session:
        request = _take(session, request_id)
        if request is None:
            return False
        if "traces" not in request.details:
            erased = erase_person(session, Asked.of(request.details), actor=request.details.get("actor", "store"))
            request.details = {
                **request.details,
                "traces": erased.traces.as_json(),
                "written_by": list(erased.written_by),
                "texts": processors.texts_of(session, erased.people),
            }
    if not _search(shop_id, request_id, should_stop, empty=True):
        return True
    with transaction(shop_id) as session:
        request = _take(session, request_id)
        if request is None:
            return False
        if still_there(session, Asked.of(request.details)):
            # A webhook that was being applied meanwhile has brought them back: once more from the start.
            request.details = {k: v for k, v in request.details.items() if k in AS_ASKED}
            return True
        traces = Traces.from_json(request.details["traces"])
        _close_others(session, request, traces)
        asked = processors.ask(session, request.id, traces.emails, request.details["written_by"])
        asked = processors.ask_twilio(session, request.id, request.details.get("texts", ())) or asked
        request.details = {}
        if not asked:
            request.done_at = clock.now()
    return True


def _search(shop_id: int, request_id: int, should_stop: Callable[[], bool], *, empty: bool) -> bool:
    """Go through the shop's webhooks, and those that came before the shop was known; True when that is finished.

    Those that speak of the person are emptied, or else noted in the request.
    """
    with transaction(shop_id) as session:
        domain = shops.get(session).domain
    for place in (shop_id, UNKNOWN_SHOP):
        key = f"searched_{place}"
        while True:
            with transaction(shop_id) as session:
                request = _take(session, request_id)
                if request is None:
                    return False
                search = Search(Traces.from_json(request.details["traces"]))
                after: int | None = request.details.get(key, 0)
            if after is None:
                break
            if should_stop():
                return False
            with transaction(place) as session:
                found, following = find(session, search, domain, after)
                if empty:
                    drop(session, found)
            with transaction(shop_id) as session:
                request = session.get_one(PrivacyRequest, (shop_id, request_id), with_for_update=True)
                progress: dict[str, Any] = {key: following}
                if not empty and place == shop_id:
                    progress["webhooks"] = [*request.details.get("webhooks", ()), *found]
                request.details = {**request.details, **progress}
    return True


def _take(session: Session, request_id: int) -> PrivacyRequest | None:
    """The request, unless it is done or another process has it in hand."""
    return session.execute(
        select(PrivacyRequest)
        .where(
            PrivacyRequest.shop_id == session.info["shop_id"],
            PrivacyRequest.id == request_id,
            PrivacyRequest.done_at.is_(None),
        )
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()


def _close_others(session: Session, request: PrivacyRequest, traces: Traces) -> None:
    """What else the same person asked for is settled by their erasure, and would keep their address here."""
    others = session.scalars(
        select(PrivacyRequest)
        .where(
            PrivacyRequest.shop_id == request.shop_id,
            PrivacyRequest.id != request.id,
            PrivacyRequest.done_at.is_(None),
            PrivacyRequest.kind != PrivacyKind.SHOP_REDACT,
        )
        .with_for_update(skip_locked=True)
    )
    for other in others:
        asked = Asked.of(other.details)
        if (
            asked.customer_id in traces.customer_ids
            or asked.email in traces.emails
            or (asked.phone in traces.phones and not asked.email and not asked.customer_id)
        ):
            other.details, other.done_at = {}, clock.now()


def _answer(shop_id: int, request_id: int, should_stop: Callable[[], bool]) -> bool:
    """Make the file that a person's request for their data asks for."""
    with transaction(shop_id) as session:
        request = _take(session, request_id)
        if request is None:
            return False
        asked = Asked.of(request.details)
        if "traces" not in request.details:
            traces = traces_of(session, matching(session, asked), asked)
            request.details = {**request.details, "traces": traces.as_json()}
    if not _search(shop_id, request_id, should_stop, empty=False):
        return True
    with transaction(shop_id) as session:
        request = _take(session, request_id)
        if request is None:
            return False
        people = matching(session, asked)
        webhooks = request.details.get("webhooks", ())
        _keep_file(session, request, people, exporting.about(session, people, asked.order_ids, webhooks))
        request.details, request.done_at = {}, clock.now()
    return True


def _keep_file(session: Session, request: PrivacyRequest, people: list[int], content: Mapping[str, Any]) -> None:
    now = clock.now()
    present = session.scalar(
        text("SELECT min(id) FROM customer WHERE shop_id = :shop AND id = ANY(:people) AND merged_into_id IS NULL"),
        {"shop": request.shop_id, "people": people},
    )
    session.add(
        DataFile(
            shop_id=request.shop_id,
            request_id=request.id,
            customer_id=present,
            content=dict(content),
            made_at=now,
            expires_at=now + clock.days(FILE_DAYS),
        )
    )
    audit.note(
        session,
        "store",
        audit.Action.DATA_FILE_MADE,
        targets={"request": request.id, "customers": people},
    )
