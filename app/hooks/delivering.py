"""For the slow worker: telling subscribers what happened, as the house sends everything.

Claimed and committed, then called without any connection held, then settled. A worker that dies in between leaves a
lease, after whose end it is told again: receivers know it by its `webhook-id`, which stays the same.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from prometheus_client import Counter
from sqlalchemy import select, text

from app import clock
from app.hooks import rules
from app.hooks.models import Hook
from app.security import outbound
from app.security.http import Reply
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

logger = logging.getLogger(__name__)

TOLD = Counter("regulars_hooks_total", "Events told to other systems", ["outcome"])
CHUNK = 40
OF_ONE_HOOK = 8
"""So that one slow receiver doesn't hold the others up."""
THREADS = 8
TIMEOUT = (3.0, 10.0)
LEASE_SECONDS = 120
"""Longer than a chunk can take: five rounds of eight calls."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One call to make."""

    id: int
    hook_id: int
    tries: int
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the HTTP status, or why there is none."""

    errand: Errand
    status: int | None
    code: str | None

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 HTTP


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Tell what is due, until nothing is or it is time to stop; returns how many calls were made."""
    done = 0
    while not should_stop():
        due = _due(clock.now())
        claimed = {shop_id: errands for shop_id, ids in due.items() if (errands := _claim(shop_id, ids))}
        if not claimed:
            break
        with ThreadPoolExecutor(THREADS) as pool:
            outcomes = {shop_id: list(pool.map(_call, errands)) for shop_id, errands in claimed.items()}
        for shop_id, some in outcomes.items():
            _settle(shop_id, some)
            done += len(some)
    return done


def _due(now: datetime) -> dict[int, list[int]]:
    with across_shops() as session:
        rows = session.execute(
            text("""
                SELECT shop_id, id FROM hook_delivery
                WHERE state = 'due' AND due_at <= :now OR state = 'sending' AND lease_until < clock_timestamp()
                ORDER BY due_at LIMIT :size
            """),
            {"now": now, "size": CHUNK},
        )
        by_shop: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            by_shop[row.shop_id].append(row.id)
        return by_shop


def _claim(shop_id: int, ids: Sequence[int]) -> list[Errand]:
    now = clock.now()
    with transaction(shop_id) as session:
        rows = session.execute(
            text("""
                WITH free AS (
                    SELECT id, row_number() OVER (PARTITION BY hook_id ORDER BY due_at, id) AS place FROM (
                        SELECT id, hook_id, due_at FROM hook_delivery WHERE shop_id = :shop AND id = ANY(:ids)
                            AND (state = 'due' AND due_at <= :now OR state = 'sending'
                                AND lease_until < clock_timestamp())
                        FOR UPDATE SKIP LOCKED
                    ) unlocked
                )
                UPDATE hook_delivery d SET
                    state = CASE WHEN h.state = 'on' OR e.kind = :test THEN 'sending' ELSE 'dropped' END,
                    tries = d.tries + 1, lease_until = clock_timestamp() + make_interval(secs => :lease),
                    updated_at = :now
                FROM free f, hook h, hook_event e
                WHERE d.shop_id = :shop AND d.id = f.id AND f.place <= :most
                    AND h.shop_id = :shop AND h.id = d.hook_id AND e.shop_id = :shop AND e.id = d.event_id
                RETURNING d.id, d.hook_id, d.tries, d.state, d.event_id, e.kind, e.at, e.data
            """),
            {
                "shop": shop_id,
                "ids": list(ids),
                "now": now,
                "most": OF_ONE_HOOK,
                "lease": LEASE_SECONDS,
                "test": rules.TEST,
            },
        ).all()
        claimed = [row for row in rows if row.state == "sending"]
        hooks = {
            hook.id: hook
            for hook in session.scalars(
                select(Hook).where(Hook.shop_id == shop_id, Hook.id.in_({row.hook_id for row in claimed}))
            )
        }
        return [_errand(row, hooks[row.hook_id]) for row in claimed]


def _errand(row: Any, hook: Hook) -> Errand:
    now = clock.real_now()
    body = orjson.dumps({"type": row.kind, "timestamp": row.at, "data": row.data}, option=orjson.OPT_UTC_Z)
    identifier, at = f"evt_{row.event_id}", int(now.timestamp())
    both = [hook.secret]
    if hook.old_secret is not None and hook.old_until is not None and hook.old_until > now:
        both.append(hook.old_secret)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": str(at),
        "webhook-signature": rules.signatures(both, identifier, at, body),
    }
    return Errand(row.id, row.hook_id, row.tries, hook.url, headers, body)


def _call(errand: Errand) -> Outcome:
    answer = outbound.post(errand.url, errand.body, errand.headers, TIMEOUT)
    if isinstance(answer, Reply):
        arrived = 200 <= answer.status < 300  # noqa: PLR2004 HTTP
        return Outcome(errand, answer.status, None if arrived else f"http_{answer.status}")
    return Outcome(errand, None, answer.code)


def _settle(shop_id: int, outcomes: Sequence[Outcome]) -> None:
    now, speed = clock.now(), clock.speed()
    with transaction(shop_id) as session:
        ids = sorted({outcome.errand.hook_id for outcome in outcomes})
        hooks = {
            hook.id: hook
            for hook in session.scalars(
                select(Hook).where(Hook.shop_id == shop_id, Hook.id.in_(ids)).order_by(Hook.id).with_for_update()
            )
        }
        for outcome in outcomes:
            hook = hooks.get(outcome.errand.hook_id)
            if hook is None:
                continue  # removed meanwhile, its deliveries with it
            wait = rules.next_try(outcome.errand.tries)
            state = "done" if outcome.arrived else "failed" if wait is None or outcome.status == rules.GONE else "due"
            session.execute(
                text("""
                    UPDATE hook_delivery SET state = :state, status = :status, code = :code, updated_at = :now,
                        due_at = :due, lease_until = NULL
                    WHERE shop_id = :shop AND id = :id AND state = 'sending' AND tries = :tries
                """),
                {
                    "shop": shop_id,
                    "id": outcome.errand.id,
                    "tries": outcome.errand.tries,
                    "state": state,
                    "status": outcome.status,
                    "code": outcome.code,
                    "now": now,
                    "due": now + wait * speed if state == "due" and wait is not None else now,
                },
            )
            TOLD.labels(state).inc()
            _judge(hook, outcome, state, now)


def _judge(hook: Hook, outcome: Outcome, state: str, now: datetime) -> None:
    """What the outcome says of its subscription."""
    if outcome.arrived:
        hook.failing_since = None
        return
    hook.failing_since = hook.failing_since or now
    hopeless = state == "failed" and rules.is_hopeless(hook.failing_since, now, speed=clock.speed())
    if hook.state == "on" and (hopeless or outcome.status == rules.GONE):
        hook.state, hook.stopped_at = "stopped", now
        logger.warning("hook_stopped", extra={"shop": hook.shop_id, "hook": hook.id, "code": outcome.code})
