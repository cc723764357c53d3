"""The store's history, brought in by bulk exports: one after the other, resumable after a kill at any line."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.catalog import learning
from app.inbox.service import record
from app.platforms import access
from app.platforms.base import ExportFailed, ExportReady, ExportRunning, ExportStarted, StoreSilentError
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.platforms.base import Platform, ShopAccess

log = logging.getLogger(__name__)

BATCH = 500
POLL = timedelta(seconds=20)
MOST_TRIES = 20


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Take imports forward until nothing is due or it is time to stop; returns how many steps were taken."""
    steps = 0
    while not should_stop():
        step = _next()
        if step is None:
            break
        _take_forward(step.shop_id, step, should_stop)
        steps += 1
    return steps


def _next() -> Any:
    """The first unfinished import of each shop is the one that runs."""
    with across_shops() as session:
        return session.execute(
            text("""
                SELECT * FROM (
                    SELECT DISTINCT ON (shop_id) shop_id, id, kind, since, until, state, export_id, lines_read, tries,
                        due_at
                    FROM import WHERE state IN ('waiting', 'exporting', 'reading')
                    ORDER BY shop_id, position
                ) first WHERE due_at <= :now ORDER BY due_at LIMIT 1
            """),
            {"now": clock.now()},
        ).first()


def _take_forward(shop_id: int, step: Any, should_stop: Callable[[], bool]) -> None:
    opened = access.open_store(shop_id)
    if opened is None:
        _later(shop_id, step.id, timedelta(minutes=5), "no_access")
        return
    platform, store = opened
    if step.export_id is None:
        _start(platform, store, step)
    else:
        _follow(platform, store, step, should_stop)


def _start(platform: Platform, store: ShopAccess, step: Any) -> None:
    result = platform.start_export(store, step.kind, step.since, step.until)
    with transaction(store.shop_id) as session:
        if isinstance(result, ExportStarted):
            session.execute(
                text("UPDATE import SET state = 'exporting', export_id = :export, started_at = :now, due_at = :due, "
                     "error = NULL WHERE shop_id = :shop AND id = :id AND state = 'waiting'"),
                {"shop": store.shop_id, "id": step.id, "export": result.export_id, "now": clock.now(),
                 "due": clock.now() + POLL * clock.speed()},
            )
            return
    _failed(store.shop_id, step, result.code)


def _follow(platform: Platform, store: ShopAccess, step: Any, should_stop: Callable[[], bool]) -> None:
    status = platform.export_status(store, step.export_id)
    if isinstance(status, ExportRunning):
        _later(store.shop_id, step.id, POLL * clock.speed(), None, things=status.objects)
    elif isinstance(status, ExportReady):
        _read(platform, store.shop_id, step, status, should_stop)
    else:
        _failed(store.shop_id, step, status.code, again=status.lost)


def _read(
    platform: Platform, shop_id: int, step: Any, ready: ExportReady, should_stop: Callable[[], bool]
) -> None:
    """Read on from the last thing recorded. Each batch's facts and its position are one commit."""
    done = step.lines_read
    if ready.url is not None:
        things = platform.read_export(ready.url, step.kind, done)
        try:
            while batch := list(islice(things, BATCH)):
                done = batch[-1][0]
                with transaction(shop_id) as session:
                    # History starts no journeys by itself: whoever is worth writing to enters when they are turned on.
                    record(session, [fact for _, facts in batch for fact in facts], react=False)
                    session.execute(
                        text("UPDATE import SET state = 'reading', lines_read = :done, things = :things "
                             "WHERE shop_id = :shop AND id = :id"),
                        {"shop": shop_id, "id": step.id, "done": done, "things": ready.roots},
                    )
                if should_stop():
                    return
        except StoreSilentError as error:
            _failed(shop_id, step, error.code)
            return
    with transaction(shop_id) as session:
        session.execute(
            text("UPDATE import SET state = 'done', finished_at = :now, error = NULL, things = lines_read "
                 "WHERE shop_id = :shop AND id = :id"),
            {"shop": shop_id, "id": step.id, "now": clock.now()},
        )
        if step.kind == "orders":
            learning.learn(session)


def _later(shop_id: int, import_id: int, wait: timedelta, error: str | None, things: int | None = None) -> None:
    with transaction(shop_id) as session:
        session.execute(
            text("UPDATE import SET due_at = :due, error = :error, things = COALESCE(:things, things) "
                 "WHERE shop_id = :shop AND id = :id"),
            {"shop": shop_id, "id": import_id, "due": clock.now() + wait, "error": error, "things": things},
        )


def _failed(shop_id: int, step: Any, code: str, *, again: bool = False) -> None:
    """Try again later, each time later; an export that is lost is begun anew. In the end it is shown as failed."""
    log.warning("import_failed", extra={"shop": shop_id, "kind": step.kind, "code": code})
    wait = min(timedelta(seconds=15 * 2 ** min(step.tries, 8)), timedelta(hours=1)) * clock.speed()
    with transaction(shop_id) as session:
        session.execute(
            text("""
                UPDATE import SET tries = tries + 1, error = :code, due_at = :due,
                    state = CASE WHEN tries + 1 >= :most THEN 'failed' WHEN :again THEN 'waiting' ELSE state END,
                    export_id = CASE WHEN :again THEN NULL ELSE export_id END,
                    lines_read = CASE WHEN :again THEN 0 ELSE lines_read END
                WHERE shop_id = :shop AND id = :id
            """),
            {"shop": shop_id, "id": step.id, "code": code[:200], "due": clock.now() + wait, "again": again,
             "most": MOST_TRIES},
        )
