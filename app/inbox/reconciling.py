"""Asking the store itself what changed, every 15 minutes, so that a lost webhook costs minutes."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.inbox.service import record
from app.platforms import access
from app.platforms.base import StoreSilentError
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=15)
OVERLAP = timedelta(minutes=2)
"""Asked again from a little before: the store's index lags behind its clock."""
BATCH = 200


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Reconcile what is due; returns how many sweeps were made."""
    sweeps = 0
    while not should_stop() and (due := _next()) is not None:
        _sweep(due)
        sweeps += 1
    return sweeps


def _next() -> Any:
    with across_shops() as session:
        return session.execute(
            text("SELECT r.shop_id, r.kind, r.cursor_at FROM reconciliation r JOIN shop s ON s.id = r.shop_id "
                 "WHERE s.state = 'installed' AND r.due_at <= :now ORDER BY r.due_at LIMIT 1"),
            {"now": clock.now()},
        ).first()


def _sweep(due: Any) -> None:
    begun = clock.now()
    # At a faster clock than the wall's, the rest between two sweeps stays long enough for a real store.
    wait = max(EVERY, timedelta(seconds=20) * clock.speed())
    with transaction(due.shop_id) as session:  # taken: no other process sweeps the same meanwhile
        session.execute(
            text("UPDATE reconciliation SET due_at = :due WHERE shop_id = :shop AND kind = :kind"),
            {"shop": due.shop_id, "kind": due.kind, "due": begun + wait},
        )
    opened = access.open_store(due.shop_id)
    if opened is None:
        return _note(due, None, "no_access")
    platform, store = opened
    facts = platform.changes_since(store, due.kind, due.cursor_at - OVERLAP)
    try:
        while batch := list(islice(facts, BATCH)):
            with transaction(due.shop_id) as session:
                record(session, batch)
                ring_after_commit(session, "plan")
    except StoreSilentError as error:
        return _note(due, None, error.code)
    return _note(due, begun, None)


def _note(due: Any, cursor_at: Any, error: str | None) -> None:
    with transaction(due.shop_id) as session:
        session.execute(
            text("UPDATE reconciliation SET cursor_at = COALESCE(:cursor, cursor_at), error = :error "
                 "WHERE shop_id = :shop AND kind = :kind"),
            {"shop": due.shop_id, "kind": due.kind, "cursor": cursor_at, "error": error},
        )
