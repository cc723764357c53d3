"""Applying deliveries, each once: payload to facts, facts to rows, rows to journeys, in one transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from app import clock, registry
from app.catalog import service as catalog
from app.customers import service as customers
from app.inbox.models import BODY_PURPOSE
from app.journeys import service as journeys
from app.orders import service as orders
from app.platforms.events import Fact, Ignored, ImportFinished, Unreadable
from app.security.keyring import CannotOpenError
from app.security.sealed import open_bytes
from app.shops import importing
from app.shops import service as shops
from app.shops.models import UNKNOWN_SHOP, Shop
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

BATCH = 500
"""Beyond this, events get slower again: PERFORMANCE, trap 10."""
APPLY_LOCK = 7_261_601
"""One worker at a time applies a shop's deliveries, so that facts are read and written in order (ADR 3)."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A delivery after reading: its facts, or why there are none."""

    id: int
    facts: tuple[Fact, ...]
    state: str = "applied"
    reason: str | None = None


def apply_pending(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Apply what is waiting, fairly between shops, until nothing is left or it is time to stop.

    Returns:
        How many deliveries were settled (applied, ignored or parked).
    """
    settled = 0
    while not should_stop():
        progressed = 0
        for shop_id in waiting_shops():
            progressed += apply_for(shop_id)
        if not progressed:
            break
        settled += progressed
    return settled


def waiting_shops() -> list[int]:
    """Shops with deliveries to apply. Hops from shop to shop along the index instead of reading every row."""
    with across_shops() as session:
        rows = session.execute(
            text("""
                WITH RECURSIVE shops AS (
                    (SELECT shop_id FROM delivery WHERE state = 'pending' ORDER BY shop_id LIMIT 1)
                    UNION ALL
                    SELECT (SELECT d.shop_id FROM delivery d WHERE d.state = 'pending' AND d.shop_id > s.shop_id
                            ORDER BY d.shop_id LIMIT 1)
                    FROM shops s WHERE s.shop_id IS NOT NULL
                )
                SELECT shop_id FROM shops WHERE shop_id IS NOT NULL
            """)
        )
        return [row.shop_id for row in rows]


def apply_for(shop_id: int) -> int:
    """Apply one batch of a shop. A delivery that spoils its batch is found and parked; the others go on."""
    try:
        return _apply_batch(shop_id, BATCH)
    except OperationalError:
        raise  # the database is away: nothing is wrong with the deliveries
    except Exception as error:  # one delivery must not stop the shop: each is tried alone
        log.warning("apply_batch_failed", extra={"shop": shop_id, "error": type(error).__name__}, exc_info=True)
    return _apply_one_by_one(shop_id)


def _apply_batch(shop_id: int, size: int) -> int:
    with transaction(shop_id) as session:
        if not _only_one(session):
            return 0
        rows = _pending(session, size)
        if rows:
            _apply(session, rows)
        return len(rows)


def _apply_one_by_one(shop_id: int) -> int:
    with transaction(shop_id) as session:
        ids = [row.id for row in _pending(session, BATCH)]
    for delivery_id in ids:
        try:
            with transaction(shop_id) as session:
                if not _only_one(session):
                    return 0
                rows = _pending(session, 1, only=delivery_id)
                if rows:
                    _apply(session, rows)
        except OperationalError:
            raise
        except Exception as error:  # the outermost edge for one delivery: it is parked with its reason
            reason = f"error:{_root_name(error)}"
            log.warning("delivery_parked", extra={"shop": shop_id, "delivery": delivery_id, "reason": reason},
                        exc_info=True)
            with transaction(shop_id) as session:
                _settle(session, [_Read(delivery_id, (), "parked", reason)])
    return len(ids)


def _root_name(error: BaseException) -> str:
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return type(error).__name__


def _only_one(session: Session) -> bool:
    return bool(
        session.scalar(
            text("SELECT pg_try_advisory_xact_lock(CAST(:lock AS int), CAST(:shop AS int))"),
            {"lock": APPLY_LOCK, "shop": session.info["shop_id"] % 2**31},
        )
    )


def _pending(session: Session, size: int, only: int | None = None) -> Sequence[Any]:
    return session.execute(
        text("""
            SELECT id, platform, topic, triggered_at, received_at, body FROM delivery
            WHERE shop_id = :shop AND state = 'pending' AND (CAST(:only AS bigint) IS NULL OR id = :only)
            ORDER BY id LIMIT :size FOR UPDATE SKIP LOCKED
        """),
        {"shop": session.info["shop_id"], "size": size, "only": only},
    ).all()


def _apply(session: Session, rows: Sequence[Any]) -> None:
    shop_id = session.info["shop_id"]
    if shop_id == UNKNOWN_SHOP:
        _settle(session, [_Read(row.id, (), "parked", "unknown_shop") for row in rows])
        return
    shop = shops.get(session)
    deliveries = [_read(row, shop) for row in rows]
    record(session, [fact for delivery in deliveries for fact in delivery.facts])
    _settle(session, deliveries)


def record(session: Session, facts: Sequence[Fact], *, react: bool = True) -> None:
    """Record facts and let the journeys react. The one way in, for webhooks, imports and reconciliation alike."""
    if not facts:
        return
    removed = shops.record(session, facts)
    catalog.record(session, facts)
    people = customers.record(session, facts)
    touched = orders.record(session, facts, people)
    for fact in facts:
        if isinstance(fact, ImportFinished):
            importing.wake(session, fact.export_id)
            ring_after_commit(session, "slow")
    if removed:
        journeys.stop_shop(session)
    elif react:
        journeys.react(session, touched)


def _read(row: Any, shop: Shop) -> _Read:
    try:
        body = open_bytes(row.body, BODY_PURPOSE)
    except CannotOpenError:
        return _Read(row.id, (), "parked", "sealed_with_a_lost_key")
    result = registry.platform(row.platform).normalise(
        row.topic, body, row.triggered_at, row.received_at, shop_currency=shop.currency, shop_domain=shop.domain
    )
    if isinstance(result, Unreadable):
        return _Read(row.id, (), "parked", result.reason)
    if isinstance(result, Ignored):
        return _Read(row.id, (), "ignored", result.reason)
    return _Read(row.id, result)


def _settle(session: Session, deliveries: Sequence[_Read]) -> None:
    session.execute(
        text("""
            UPDATE delivery d SET state = r.state, reason = r.reason, applied_at = :now, tries = d.tries + 1
            FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:reasons AS text[]))
                AS r (id, state, reason)
            WHERE d.shop_id = :shop AND d.id = r.id
        """),
        {
            "shop": session.info["shop_id"], "now": clock.now(), "ids": [d.id for d in deliveries],
            "states": [d.state for d in deliveries], "reasons": [d.reason for d in deliveries],
        },
    )
