"""Telling the store what people said to us about marketing: errands of `consent_write`, run by the slow worker.

Each is written in the transaction of its word. No connection is held while the store is called; a throttled or silent
store is waited for, one that removed the app is not.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.platforms import access
from app.platforms.base import ConsentTold, TellLater, ToldConsent
from app.transaction import across_shops, record_alone, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.platforms.base import Platform, ShopAccess, TellAnswer

log = logging.getLogger(__name__)

BATCH = 50
LEASE_SECONDS = 120.0
"""Real time that one worker has for a batch before another takes it over. Telling twice does no harm."""
FIRST_RETRY_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 3600.0
MOST_TRIES = 60
"""With an hour between the later ones, two days and a half."""


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Tell what is due; returns how many errands were settled. A shop that can't be told now holds up no other."""
    settled = 0
    for shop_id in _shops():
        while not should_stop() and (batch := _take(shop_id)):
            done = _tell(shop_id, batch, should_stop)
            settled += done
            if not done:
                break
    return settled


def _shops() -> Sequence[int]:
    with across_shops() as session:
        return session.scalars(
            text("SELECT DISTINCT shop_id FROM consent_write WHERE done_at IS NULL AND due_at <= :now"),
            {"now": clock.now()},
        ).all()


def _take(shop_id: int) -> Sequence[Any]:
    """Some errands, for this worker alone. What a later word has overtaken isn't told any more.

    A guest's errands rest until the store has them as its customer (`ledger.tell_now`): nobody may become one between
    the look and the note.
    """
    now = clock.now()
    with transaction(shop_id) as session:
        record_alone(session)
        parameters = {"shop": shop_id, "now": now, "size": BATCH, "until": now + _span(LEASE_SECONDS)}
        session.execute(
            text("""
                UPDATE consent_write w SET done_at = :now, outcome = CASE
                    WHEN s.state <> 'installed' THEN 'uninstalled'
                    WHEN c.erased_at IS NOT NULL OR c.deleted_at IS NOT NULL THEN 'gone'
                    WHEN c.external_id IS NULL THEN 'not_in_store' ELSE 'overtaken' END
                FROM customer c, shop s
                WHERE w.shop_id = :shop AND w.done_at IS NULL AND w.due_at <= :now
                    AND s.id = :shop AND c.shop_id = w.shop_id AND c.id = w.customer_id AND (
                        s.state <> 'installed' OR c.erased_at IS NOT NULL OR c.deleted_at IS NOT NULL
                        OR c.external_id IS NULL OR EXISTS (
                            SELECT 1 FROM consent_entry e WHERE e.shop_id = w.shop_id
                                AND e.customer_id = w.customer_id AND e.channel = w.channel
                                AND e.effective_at >= w.told_at + interval '1 second'))
            """),
            parameters,
        )
        return session.execute(
            text("""
                UPDATE consent_write w SET due_at = :until, tries = w.tries + 1
                FROM (SELECT id FROM consent_write WHERE shop_id = :shop AND done_at IS NULL AND due_at <= :now
                    ORDER BY due_at, id LIMIT :size FOR UPDATE SKIP LOCKED) d, customer c
                WHERE w.shop_id = :shop AND w.id = d.id AND c.shop_id = w.shop_id AND c.id = w.customer_id
                RETURNING w.id, w.channel, w.state, w.double_opt_in, w.told_at, w.tries, c.external_id
            """),
            parameters,
        ).all()


def _tell(shop_id: int, batch: Sequence[Any], should_stop: Callable[[], bool]) -> int:
    """Call the store for each; the first answer that asks for patience puts the rest off, too."""
    opened = access.open_store(shop_id)
    answers: list[tuple[Any, TellAnswer]] = []
    put_off: TellLater | None = TellLater("no_access") if opened is None else None
    for errand in sorted(batch, key=lambda e: (e.told_at, e.id)):
        if put_off is None and opened is not None and not should_stop():
            answer = _ask(*opened, errand)
            put_off = answer if isinstance(answer, TellLater) else None
        else:
            answer = put_off or TellLater("held_up", 0.0)
        answers.append((errand, answer))
    _settle(shop_id, answers)
    return sum(not isinstance(answer, TellLater) for _, answer in answers)


def _ask(platform: Platform, store: ShopAccess, errand: Any) -> TellAnswer:
    told = ToldConsent(errand.external_id, errand.channel, errand.state, errand.told_at, errand.double_opt_in)
    try:
        return platform.tell_consent(store, told)
    except Exception:  # an adapter must not raise; if one does, it is tried again later
        log.exception("store_adapter_raised", extra={"shop": store.shop_id})
        return TellLater("error")


def _settle(shop_id: int, answers: Sequence[tuple[Any, TellAnswer]]) -> None:
    now = clock.now()
    with transaction(shop_id) as session:
        for errand, answer in answers:
            done, due_at = True, now
            outcome = "told" if isinstance(answer, ConsentTold) else answer.code
            if isinstance(answer, TellLater) and errand.tries < MOST_TRIES:
                done, due_at = False, now + _span(max(_backoff(errand.tries), answer.retry_after or 0.0))
            session.execute(
                text(
                    "UPDATE consent_write SET outcome = :outcome, due_at = :due, "
                    "done_at = CASE WHEN :done THEN CAST(:now AS timestamptz) END "
                    "WHERE shop_id = :shop AND id = :id AND done_at IS NULL"
                ),
                {"shop": shop_id, "id": errand.id, "outcome": outcome, "due": due_at, "done": done, "now": now},
            )
            if not isinstance(answer, ConsentTold):
                log.warning("consent_not_told", extra={"shop": shop_id, "errand": errand.id, "code": outcome})


def _backoff(tries: int) -> float:
    return min(FIRST_RETRY_SECONDS * float(2 ** min(tries - 1, 10)), LONGEST_RETRY_SECONDS)


def _span(real_seconds: float) -> timedelta:
    return timedelta(seconds=real_seconds * clock.speed())
