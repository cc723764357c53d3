"""The store's history, brought in by bulk exports: one after the other, resumable after a kill at any line."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.catalog import learning
from app.inbox.service import record_all
from app.platforms import access
from app.platforms.base import ExportReady, ExportRunning, ExportStarted, StoreSilentError
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.platforms.base import Platform, ShopAccess

log = logging.getLogger(__name__)

BATCH = 500
POLL = timedelta(seconds=20)
LEASE = timedelta(minutes=2)
"""Real time that a worker has for its next batch before another one takes the import over."""
MOST_TRIES = 20


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Take imports forward until nothing is due or it is time to stop; returns how many steps were taken."""
    steps = 0
    while not should_stop() and (step := _take()) is not None:
        _forward(step, should_stop)
        steps += 1
    return steps


def _take() -> Any:
    """The first unfinished import of a shop is the one that runs, by one worker at a time."""
    while True:
        now = clock.now()
        with across_shops() as session:
            first = session.execute(
                text("""
                    SELECT * FROM (
                        SELECT DISTINCT ON (shop_id) shop_id, id, due_at FROM import
                        WHERE state IN ('waiting', 'exporting', 'reading') ORDER BY shop_id, position
                    ) first WHERE due_at <= :now ORDER BY due_at LIMIT 1
                """),
                {"now": now},
            ).first()
        if first is None:
            return None
        with transaction(first.shop_id) as session:
            taken = session.execute(
                text(
                    "UPDATE import SET due_at = :until WHERE shop_id = :shop AND id = :id AND due_at = :seen "
                    "RETURNING shop_id, id, kind, since, until, export_id, lines_read, tries"
                ),
                {"shop": first.shop_id, "id": first.id, "seen": first.due_at, "until": _lease()},
            ).first()
        if taken is not None:
            return taken


def _lease() -> Any:
    return clock.now() + LEASE * clock.speed()


def _forward(step: Any, should_stop: Callable[[], bool]) -> None:
    opened = access.open_store(step.shop_id)
    if opened is None:
        _later(step, timedelta(minutes=5), "no_access")
        return
    platform, store = opened
    if step.export_id is None:
        _start(platform, store, step)
    else:
        _follow(platform, store, step, should_stop)


def _start(platform: Platform, store: ShopAccess, step: Any) -> None:
    result = platform.start_export(store, step.kind, step.since, step.until)
    if not isinstance(result, ExportStarted):
        _failed(step, result.code)
        return
    with transaction(store.shop_id) as session:
        session.execute(
            text(
                "UPDATE import SET state = 'exporting', export_id = :export, started_at = :now, due_at = :due, "
                "error = NULL WHERE shop_id = :shop AND id = :id AND state = 'waiting'"
            ),
            {
                "shop": store.shop_id,
                "id": step.id,
                "export": result.export_id,
                "now": clock.now(),
                "due": clock.now() + POLL * clock.speed(),
            },
        )


def _follow(platform: Platform, store: ShopAccess, step: Any, should_stop: Callable[[], bool]) -> None:
    status = platform.export_status(store, step.export_id)
    if isinstance(status, ExportRunning):
        _later(step, POLL * clock.speed(), None, things=status.objects)
    elif isinstance(status, ExportReady):
        _read(platform, step, status, should_stop)
    else:
        _failed(step, status.code, again=status.lost)


def _read(platform: Platform, step: Any, ready: ExportReady, should_stop: Callable[[], bool]) -> None:
    """Read on from the last thing recorded. Each batch's facts and its position are one commit."""
    if ready.url is not None:
        things = platform.read_export(ready.url, step.kind, step.lines_read)
        try:
            while batch := list(islice(things, BATCH)):
                if not _record(step, batch, ready.roots):
                    return
                if should_stop():
                    _later(step, timedelta(), None)
                    return
        except StoreSilentError as error:
            _failed(step, error.code)
            return
    with transaction(step.shop_id) as session:
        session.execute(
            text(
                "UPDATE import SET state = 'done', finished_at = :now, error = NULL, things = lines_read "
                "WHERE shop_id = :shop AND id = :id AND state IN ('exporting', 'reading')"
            ),
            {"shop": step.shop_id, "id": step.id, "now": clock.now()},
        )
        if step.kind == "orders":
            learning.learn(session)


def _record(step: Any, batch: list[tuple[int, tuple[Any, ...]]], roots: int) -> bool:
    """False when the import has been ended meanwhile: the merchant removed the app."""
    with transaction(step.shop_id) as session:
        state = session.scalar(
            text("SELECT state FROM import WHERE shop_id = :shop AND id = :id"), {"shop": step.shop_id, "id": step.id}
        )
    if state not in ("exporting", "reading"):
        return False

    def position(session: Session) -> None:
        session.execute(
            text(
                "UPDATE import SET state = 'reading', lines_read = :done, things = :things, tries = 0, due_at = :until "
                "WHERE shop_id = :shop AND id = :id AND state IN ('exporting', 'reading')"
            ),
            {"shop": step.shop_id, "id": step.id, "done": batch[-1][0], "things": roots, "until": _lease()},
        )

    # History starts no journeys by itself: whoever is worth writing to enters when they are turned on.
    record_all(step.shop_id, [facts for _, facts in batch], react=False, along=position)
    return True


def _later(step: Any, wait: timedelta, error: str | None, things: int | None = None) -> None:
    with transaction(step.shop_id) as session:
        session.execute(
            text(
                "UPDATE import SET due_at = :due, error = :error, things = COALESCE(:things, things) "
                "WHERE shop_id = :shop AND id = :id"
            ),
            {"shop": step.shop_id, "id": step.id, "due": clock.now() + wait, "error": error, "things": things},
        )


def _failed(step: Any, code: str, *, again: bool = False) -> None:
    """Try again later, each time later; an export that is lost is begun anew. In the end it is shown as failed."""
    log.warning("import_failed", extra={"shop": step.shop_id, "kind": step.kind, "code": code})
    wait = min(timedelta(seconds=15 * 2 ** min(step.tries, 8)), timedelta(hours=1)) * clock.speed()
    with transaction(step.shop_id) as session:
        session.execute(
            text("""
                UPDATE import SET tries = tries + 1, error = :code, due_at = :due,
                    state = CASE WHEN tries + 1 >= :most THEN 'failed' WHEN :again THEN 'waiting' ELSE state END,
                    export_id = CASE WHEN :again THEN NULL ELSE export_id END,
                    lines_read = CASE WHEN :again THEN 0 ELSE lines_read END
                WHERE shop_id = :shop AND id = :id AND state IN ('waiting', 'exporting', 'reading')
            """),
            {
                "shop": step.shop_id,
                "id": step.id,
                "code": code[:200],
                "due": clock.now() + wait,
                "again": again,
                "most": MOST_TRIES,
            },
        )
