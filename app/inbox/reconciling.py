"""Asking the store itself what changed, every 15 minutes, so that a lost webhook costs minutes."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.inbox.service import record_all
from app.platforms import access
from app.platforms.base import StoreSilentError
from app.platforms.events import CustomerChanged, OrderChanged, ProductChanged
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.platforms.events import Fact

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=15)
SHORTEST_REST = timedelta(seconds=20)
"""Real time between two sweeps, however fast business time runs."""
OVERLAP = timedelta(minutes=2)
"""Asked again from a little before: the store's index lags behind its clock."""
BATCH = 200


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Reconcile what is due; returns how many sweeps were made."""
    sweeps = 0
    while not should_stop() and (due := _take()) is not None:
        _sweep(due, should_stop)
        sweeps += 1
    return sweeps


def _take() -> Any:
    """What is due longest, for this worker alone: no other one sweeps the same before it is due again."""
    while True:
        with across_shops() as session:
            due = session.execute(
                text(
                    "SELECT r.shop_id, r.kind, r.cursor_at, r.due_at FROM reconciliation r "
                    "JOIN shop s ON s.id = r.shop_id "
                    "WHERE s.state = 'installed' AND r.due_at <= :now ORDER BY r.due_at LIMIT 1"
                ),
                {"now": clock.now()},
            ).first()
        if due is None:
            return None
        with transaction(due.shop_id) as session:
            if session.execute(
                text(
                    "UPDATE reconciliation SET due_at = :next "
                    "WHERE shop_id = :shop AND kind = :kind AND due_at = :seen RETURNING 1"
                ),
                {
                    "shop": due.shop_id,
                    "kind": due.kind,
                    "seen": due.due_at,
                    "next": clock.now() + max(EVERY, SHORTEST_REST * clock.speed()),
                },
            ).first():
                return due


def _sweep(due: Any, should_stop: Callable[[], bool]) -> None:
    begun = clock.now()
    opened = access.open_store(due.shop_id)
    if opened is None:
        _note(due, None, "no_access")
        return
    platform, store = opened
    facts = platform.changes_since(store, due.kind, due.cursor_at - OVERLAP)
    try:
        while batch := list(islice(facts, BATCH)):
            reached = _reached(batch)

            def position(session: Session, reached: datetime | None = reached) -> None:
                _move_cursor(session, due, reached)
                ring_after_commit(session, "plan")

            record_all(due.shop_id, [[fact] for fact in batch], react=True, along=position)
            if should_stop():
                _note(due, None, None, at_once=True)
                return
    except StoreSilentError as error:
        _note(due, None, error.code)
        return
    _note(due, begun, None)


def _reached(batch: Sequence[Fact]) -> datetime | None:
    """Up to which change the store has told, since it tells the oldest first."""
    mains = (OrderChanged, CustomerChanged, ProductChanged)
    return max((fact.version.at for fact in batch if isinstance(fact, mains)), default=None)


def _move_cursor(session: Session, due: Any, cursor_at: datetime | None) -> None:
    session.execute(
        text(
            "UPDATE reconciliation SET cursor_at = GREATEST(cursor_at, :cursor) WHERE shop_id = :shop AND kind = :kind"
        ),
        {"shop": due.shop_id, "kind": due.kind, "cursor": cursor_at},
    )


def _note(due: Any, cursor_at: datetime | None, error: str | None, *, at_once: bool = False) -> None:
    """How the sweep ended. `at_once`: it was only interrupted and is to go on."""
    with transaction(due.shop_id) as session:
        _move_cursor(session, due, cursor_at)
        session.execute(
            text(
                "UPDATE reconciliation SET error = :error, due_at = CASE WHEN :at_once THEN :now ELSE due_at END "
                "WHERE shop_id = :shop AND kind = :kind"
            ),
            {"shop": due.shop_id, "kind": due.kind, "error": error, "at_once": at_once, "now": clock.now()},
        )
