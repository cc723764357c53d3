"""Applying deliveries, each once: payload to facts, facts to rows, rows to journeys, in one transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Counter
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from app import clock, faults, registry
from app.catalog import service as catalog
from app.customers import service as customers
from app.inbox.models import BODY_PURPOSE
from app.journeys import service as journeys
from app.orders import service as orders
from app.platforms.base import Ignored, Unreadable
from app.platforms.events import Fact, ImportFinished
from app.security.keyring import CannotOpenError
from app.security.sealed import open_bytes
from app.shops import importing, service as shops
from app.shops.models import UNKNOWN_SHOP, Shop
from app.texting import service as texting
from app.transaction import RECORD_LOCK, across_shops, record_alone, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

BATCH = 500
"""Beyond this, events get slower again: PERFORMANCE, trap 10."""
BATCH_BYTES = 16 * 1024 * 1024
"""Sealed; one delivery is always taken. A payload may have 5 MB, and 500 of those would not fit into a worker."""
BUSY_SECONDS = 2
"""How long a worker with nothing else to do waits for a shop that another one is recording facts of."""

PARKED = Counter("regulars_deliveries_parked_total", "Deliveries that could not be applied", ["reason"])
BY_INDEX = text("SELECT set_config('enable_seqscan', 'off', true)")
"""Every statement here finds its rows by an index. While a shop has just begun to grow, the statistics still call its
tables empty, and the planner would rather read them whole for each row of a batch: measured, 5 times slower."""
FOREIGN_SHOP = "foreign_shop"


@dataclass(frozen=True, slots=True)
class _Read:
    """A delivery after reading: its facts, or why there are none."""

    id: int
    facts: tuple[Fact, ...]
    state: str = "applied"
    reason: str | None = None


def apply_pending(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Apply what is waiting, fairly between shops, until nothing is left or it is time to stop.

    A shop whose turn fails (a deadlock, a statement that takes too long) doesn't cost the others theirs.

    Returns:
        How many deliveries were settled (applied, ignored or parked).

    Raises:
        OperationalError: the database failed for every shop that was left.
    """
    settled, patience = 0, 0
    while not should_stop() and (waiting := waiting_shops()):
        progress, failure = _one_round(waiting, should_stop, patience)
        settled += progress
        if not progress and failure is not None:
            raise failure
        if not progress and patience:
            break
        # No progress: others are at it. Stand in line for what they leave, once.
        patience = 0 if progress else BUSY_SECONDS
    return settled


def _one_round(
    waiting: Sequence[int], should_stop: Callable[[], bool], patience: int
) -> tuple[int, OperationalError | None]:
    progress, failure = 0, None
    for shop_id in waiting:
        if should_stop():
            break
        try:
            progress += apply_for(shop_id, patience)
        except OperationalError as error:
            log.warning("apply_failed", extra={"shop": shop_id, "error": _root_name(error)})
            failure = error
    return progress, failure


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


def apply_for(shop_id: int, patience: int = 0) -> int:
    """Apply one batch of a shop; returns how many deliveries were settled, 0 when another process is at it.

    A delivery that spoils its batch is found and parked with its reason; the others go on. Waits at most `patience`
    seconds for another process.
    """
    with transaction(shop_id) as session:
        ids = _waiting(session)
    return _apply_ids(shop_id, ids, patience) if ids else 0


def _apply_ids(shop_id: int, ids: Sequence[int], patience: int) -> int:
    """Apply these; when they can't be applied together, each half for itself, until the one at fault is alone."""
    try:
        with transaction(shop_id) as session:
            if not _lock(session, patience):
                return 0
            rows = _claim(session, ids)
            if rows:
                _apply(session, rows)
                faults.point("before_apply_commit")
        faults.point("after_apply_commit")
        return len(rows)
    except Exception as error:  # one delivery must not stop the shop
        if isinstance(error, OperationalError) and not _too_slow(error):
            raise  # the database is away: nothing is wrong with the deliveries
        if len(ids) == 1:
            return _park(shop_id, ids[0], error)
        log.warning("apply_batch_failed", extra={"shop": shop_id, "deliveries": len(ids), "error": _root_name(error)})
    half = len(ids) // 2
    return _apply_ids(shop_id, ids[:half], BUSY_SECONDS) + _apply_ids(shop_id, ids[half:], BUSY_SECONDS)


def _park(shop_id: int, delivery_id: int, error: Exception) -> int:
    """The outermost edge for one delivery: it is parked with its reason."""
    reason = f"error:{_root_name(error)}"
    log.error("delivery_parked", extra={"shop": shop_id, "delivery": delivery_id, "reason": reason}, exc_info=error)
    with transaction(shop_id) as session:
        rows = _claim(session, [delivery_id])
        _settle(session, [_Read(row.id, (), "parked", reason) for row in rows])
        return len(rows)


def _too_slow(error: OperationalError) -> bool:
    """The statement ran into its time limit: that may well be the delivery's own doing."""
    return isinstance(error.orig, errors.QueryCanceled) and not isinstance(error.orig, errors.AdminShutdown)


def _root_name(error: BaseException) -> str:
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return type(error).__name__


def _lock(session: Session, patience: int) -> bool:
    """Be the only one to record this shop's facts until the transaction ends."""
    parameters = {"lock": RECORD_LOCK, "shop": session.info["shop_id"] % 2**31, "patience": f"{patience}s"}
    if session.scalar(text("SELECT pg_try_advisory_xact_lock(CAST(:lock AS int), CAST(:shop AS int))"), parameters):
        return True
    if not patience:
        return False
    session.execute(text("SELECT set_config('lock_timeout', :patience, true)"), parameters)
    try:
        with session.begin_nested():
            session.execute(text("SELECT pg_advisory_xact_lock(CAST(:lock AS int), CAST(:shop AS int))"), parameters)
    except OperationalError as error:
        if isinstance(error.orig, errors.LockNotAvailable):
            return False
        raise
    session.execute(text("SELECT set_config('lock_timeout', '0', true)"))
    return True


def _waiting(session: Session) -> list[int]:
    """The ids of the next batch, oldest first, as many as fit into memory."""
    rows = session.execute(
        text("""
            SELECT id, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before FROM (
                SELECT id, body FROM delivery WHERE shop_id = :shop AND state = 'pending' ORDER BY id LIMIT :size
            ) d ORDER BY id
        """),
        {"shop": session.info["shop_id"], "size": BATCH},
    ).all()
    return [row.id for row in rows if not row.before or row.before < BATCH_BYTES]


def _claim(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    """Those of the deliveries that are still pending, for this transaction alone."""
    return session.execute(
        text("""
            SELECT id, platform, topic, triggered_at, received_at, body FROM delivery
            WHERE shop_id = :shop AND state = 'pending' AND id = ANY(:ids) ORDER BY id FOR UPDATE SKIP LOCKED
        """),
        {"shop": session.info["shop_id"], "ids": list(ids)},
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
    """Record facts and let the journeys react. The one way in, for webhooks, imports and reconciliation alike.

    Waits until nobody else records facts about this shop, and keeps others waiting until the transaction ends.
    """
    if not facts:
        return
    record_alone(session)
    session.execute(BY_INDEX)
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
        texting.leave(session)
    elif react and shops.get(session).active:
        journeys.react(session, touched)


def record_all(
    shop_id: int, things: Sequence[Sequence[Fact]], *, react: bool, along: Callable[[Session], None]
) -> None:
    """Record what a store answered, together with `along` (how far we have come), in one commit.

    A thing that can't be recorded is left out and logged, so that it doesn't hold up the others for ever. Then facts
    and position are several commits; a kill between them repeats facts, which changes nothing.
    """
    try:
        with transaction(shop_id) as session:
            record(session, [fact for facts in things for fact in facts], react=react)
            along(session)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - one thing must not stop the shop
        log.warning("record_failed", extra={"shop": shop_id, "things": len(things), "error": _root_name(error)})
    else:
        return
    for facts in things:
        try:
            with transaction(shop_id) as session:
                record(session, facts, react=react)
        except OperationalError:
            raise
        except Exception as error:  # the outermost edge for one thing
            log.exception("thing_left_out", extra={"shop": shop_id, "error": _root_name(error)})
    with transaction(shop_id) as session:
        along(session)


def _read(row: Any, shop: Shop) -> _Read:
    try:
        body = open_bytes(row.body, BODY_PURPOSE, shop.domain)
    except CannotOpenError:
        return _Read(row.id, (), "parked", "sealed_with_a_lost_key")
    result = registry.platform(row.platform).normalise(
        row.topic, body, row.triggered_at, row.received_at, shop_currency=shop.currency, shop_domain=shop.domain
    )
    if isinstance(result, Unreadable):
        if result.reason == FOREIGN_SHOP:
            log.error("delivery_of_another_shop", extra={"shop": shop.id, "delivery": row.id})
        return _Read(row.id, (), "parked", result.reason)
    if isinstance(result, Ignored):
        return _Read(row.id, (), "ignored", result.reason)
    return _Read(row.id, result)


def _settle(session: Session, deliveries: Sequence[_Read]) -> None:
    for parked in deliveries:
        if parked.state == "parked" and parked.reason is not None:
            PARKED.labels(parked.reason.partition(":")[0]).inc()
    session.execute(
        text("""
            UPDATE delivery d SET state = r.state, reason = r.reason, applied_at = :now, tries = d.tries + 1
            FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:reasons AS text[]))
                AS r (id, state, reason)
            WHERE d.shop_id = :shop AND d.id = ANY(CAST(:ids AS bigint[])) AND d.id = r.id
        """),
        {
            "shop": session.info["shop_id"],
            "now": clock.now(),
            "ids": [d.id for d in deliveries],
            "states": [d.state for d in deliveries],
            "reasons": [d.reason for d in deliveries],
        },
    )
