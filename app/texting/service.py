"""A Messaging Service for each shop, in the host's account: wanted, made step by step, and given back.

Each step is one call, made without a transaction between two short ones: what was found out is written down before the
next begins. A process that is killed leaves a row whose time comes again, and every call may be made twice.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from app import clock, faults, registry
from app.brakes import service as brakes
from app.channels.base import Divided
from app.channels.http import AskLater
from app.channels.sms.services import LONGEST_NAME, Elsewhere, Services
from app.security.keyring import keyring
from app.shops import accounts, service as shops
from app.shops.models import UNKNOWN_SHOP
from app.texting.models import HostedService
from app.transaction import across_shops, as_clerk, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from config import Settings

logger = logging.getLogger(__name__)

POOL_LOCK = 7_261_603
"""Numbers are taken from the pool by one process at a time."""
LEASE_SECONDS = 60.0
"""How long the one that calls has the row to itself: longer than its calls may take."""
FIRST_RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 3600.0
NUMBER_AGAIN = timedelta(minutes=10)
"""How soon a shop without a number asks the pool again, and its texts ask whether it has one."""
REST = timedelta(hours=24)
"""How long a service stays after its shop has left. Twilio may keep trying a text for ten hours, and answers come after
that: STOP still reaches the shop it was said to, not the next one that gets the number."""
NO_NUMBER = "no_number"
"""Why a text waits, as its decision says."""


def is_divided() -> bool:
    """Whether shops on the host's account get a service each."""
    provider: object = registry.default_provider("sms")
    return isinstance(provider, Divided) and provider.divided


def of(session: Session) -> HostedService | None:
    """The shop's own, in whatever state."""
    return session.execute(
        select(HostedService).where(HostedService.shop_id == session.info["shop_id"])
    ).scalar_one_or_none()


def service_of(session: Session) -> str | None:
    """By which service its texts go; None while there is none to go by."""
    row = of(session)
    return row.service if row is not None and row.state == "ready" else None


def shops_of(service: str, number: str = "") -> list[int]:
    """Whose a text is that came to this service, or to this number when no service is named."""
    with across_shops() as session:
        rows = session.scalars(
            text(
                "SELECT shop_id FROM hosted_service WHERE shop_id <> 0 "
                "AND (service = :service OR :service = '' AND number = :number)"
            ),
            {"service": service, "number": number},
        )
        return sorted(rows)


def want(session: Session) -> bool:
    """The shop is about to text: see to it that it gets its service. False when it needs none of the host's."""
    if not is_divided() or accounts.own(session, "sms") is not None:
        return False
    shop_id, now = session.info["shop_id"], clock.now()
    session.execute(
        text("""
            INSERT INTO hosted_service AS h (shop_id, name, state, due_at, created_at)
            VALUES (:shop, :name, 'wanted', :now, :now)
            ON CONFLICT (shop_id) WHERE shop_id <> 0 DO UPDATE SET tries = 0,
                state = CASE WHEN h.ready_at IS NULL THEN 'wanted' ELSE 'ready' END,
                due_at = CASE WHEN h.ready_at IS NULL THEN h.due_at END
            WHERE h.state = 'leaving'
        """),
        {"shop": shop_id, "name": _name(session), "now": now},
    )
    ring_after_commit(session, "slow")
    return True


def leave(session: Session) -> None:
    """The shop texts no more, or by an account of its own: its service goes back after a rest.

    A call under way for it is waited for: what it makes must not be left behind.
    """
    session.execute(
        text(
            "UPDATE hosted_service SET state = 'leaving', tries = 0, "
            "due_at = CASE WHEN ready_at IS NULL THEN GREATEST(due_at, :now) ELSE :rested END "
            "WHERE shop_id = :shop AND state IN ('wanted', 'no_number', 'ready')"
        ),
        {"shop": session.info["shop_id"], "now": clock.now(), "rested": clock.now() + REST},
    )
    ring_after_commit(session, "slow")


def outlive(shop_id: int) -> None:
    """The shop is about to be erased: its service is given back all the same. May be said again."""
    with transaction(shop_id) as session:
        row = of(session)
    if row is None:
        return
    with transaction(UNKNOWN_SHOP) as session:
        session.execute(
            text("""
                INSERT INTO hosted_service (shop_id, name, state, service, number_sid, due_at, created_at)
                SELECT :shop, :name, 'leaving', :service, :number, :now, :now
                WHERE NOT EXISTS (SELECT 1 FROM hosted_service WHERE shop_id = :shop AND name = :name)
            """),
            {
                "shop": UNKNOWN_SHOP,
                "name": row.name,
                "service": row.service,
                "number": row.number_sid,
                "now": clock.now(),
            },
        )
        ring_after_commit(session, "slow")


def run(settings: Settings, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Take those that are due further; returns how many steps were made."""
    with across_shops() as session:
        rows = session.execute(
            text("SELECT shop_id, id FROM hosted_service WHERE due_at <= :now ORDER BY due_at, id"),
            {"now": clock.now()},
        ).all()
    steps = 0
    for row in rows:
        while not should_stop() and _step(settings, row.shop_id, row.id):
            steps += 1
    return steps


@dataclass(frozen=True, slots=True)
class _Job:
    """What is known before a step's call."""

    name: str
    leaves: bool
    service: str | None
    number_sid: str | None
    tries: int


def _step(settings: Settings, shop_id: int, id_: int) -> bool:
    job = _begin(settings, shop_id, id_)
    if job is None:
        return False
    found = _ask(settings, job)
    faults.point("after_service_call")
    with transaction(shop_id) as session:
        row = session.get(HostedService, (shop_id, id_), with_for_update=True)
        if row is not None:
            _write(session, row, job, found)
    return True


def _begin(settings: Settings, shop_id: int, id_: int) -> _Job | None:
    """Lease the row and, first of all, take a number from the pool; None when there is nothing to ask Twilio."""
    with transaction(shop_id) as session:
        row = session.execute(
            select(HostedService)
            .where(HostedService.shop_id == shop_id, HostedService.id == id_, HostedService.due_at <= clock.now())
            .with_for_update(skip_locked=True)
        ).scalar_one_or_none()
        if row is None:
            return None
        if row.state == "leaving":
            row.state = "removing"  # from here on it isn't the shop's any more, even if that comes back
        elif row.state != "removing" and row.number_sid is None and not _take_number(session, row, settings):
            row.state, row.refused, row.due_at = NO_NUMBER, [], clock.now() + NUMBER_AGAIN
            logger.warning("no_number_left", extra={"shop": shop_id})
            return None
        row.due_at = clock.now() + _span(LEASE_SECONDS)
        row.tries += 1
        return _Job(row.name, row.state == "removing", row.service, row.number_sid, row.tries)


def _take_number(session: Session, row: HostedService, settings: Settings) -> bool:
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": POOL_LOCK})
    with as_clerk(session):
        taken = set(session.scalars(text("SELECT number_sid FROM hosted_service WHERE number_sid IS NOT NULL")))
    free = [sid for sid in settings.twilio.numbers if sid not in taken and sid not in row.refused]
    if free:
        row.state, row.number_sid = "wanted", free[0]
    return bool(free)


_Found = str | Elsewhere | AskLater | None
"""A service's SID or a number, that the number is elsewhere, that the call came to no end; None: removed."""


def _ask(settings: Settings, job: _Job) -> _Found:
    twilio = settings.twilio
    services = Services(twilio.messaging_base, twilio.account_sid, twilio.auth_token)
    try:
        if job.leaves:
            service = job.service or services.find(job.name)  # its making may have been interrupted
            if service is None or isinstance(service, AskLater):
                return service
            return services.remove(service, job.number_sid)
        if job.service is None:
            receipts = f"{settings.public_url}/receipts/twilio"
            return services.find_or_create(job.name, f"{receipts}/inbound", f"{receipts}/status")
        assert job.number_sid is not None  # noqa: S101 taken before anything is asked
        return services.add(job.service, job.number_sid)
    finally:
        services.close()


def _write(session: Session, row: HostedService, job: _Job, found: _Found) -> None:
    """What a call brought. A shop that left meanwhile keeps what was made for it until that is removed."""
    now = clock.now()
    if isinstance(found, AskLater):
        row.error = found.code
        wait = max(_backoff(job.tries), found.after_seconds or 0.0)
        row.due_at = row.due_at if row.state == "leaving" else now + _span(wait)
        logger.warning("texting_service_later", extra={"shop": row.shop_id, "code": found.code, "tries": job.tries})
        return
    row.error, row.tries = None, 0
    if job.leaves:
        session.delete(row)
        return
    if job.service is None:
        row.service = str(found)
    elif isinstance(found, Elsewhere):
        row.refused, row.number_sid = [*row.refused, str(job.number_sid)], None
    else:
        row.number, row.ready_at = found, now
    if row.state == "wanted":
        row.due_at = now
        if row.ready_at is not None:
            row.state, row.due_at = "ready", None
            brakes.release(session, NO_NUMBER)


def _name(session: Session) -> str:
    """Readable in Twilio's console, and another for each installation that shares an account."""
    shop_id = session.info["shop_id"]
    mark = keyring().fingerprint(str(shop_id), "hosted_service").hex()[:12]
    return f"{shops.get(session).domain.partition('.')[0][: LONGEST_NAME - 30]} (Regulars {mark})"


def _backoff(tries: int) -> float:
    return min(FIRST_RETRY_SECONDS * float(2 ** min(tries - 1, 10)), LONGEST_RETRY_SECONDS)


def _span(real_seconds: float) -> timedelta:
    return timedelta(seconds=real_seconds * clock.speed())
