"""Taking deliveries in: durable before the answer, many in one commit.

Requests wait together for the next commit (group commit), so that one flush to disk serves all that arrived while the
one before it was under way. The queue is bounded: when it is full, or the oldest waiter has waited too long, a caller
is refused at once. The store repeats a refused delivery; it does not repeat one that was answered late.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

import psycopg
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeoutError

from app import clock, doorbell, transaction
from app.inbox.models import BODY_PURPOSE
from app.security.sealed import seal_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.platforms.base import Envelope

log = logging.getLogger(__name__)

LONGEST_QUEUE = 2_000
LONGEST_WAIT_SECONDS = 3.0
"""A store waits five seconds in all; after three we would rather be asked again."""
GROUP = 256

ACCEPTED = Counter("regulars_deliveries_accepted_total", "Deliveries stored or already there")
REFUSED = Counter("regulars_deliveries_refused_total", "Deliveries answered 503", ["why"])

COLUMNS = (
    ("platform", "text"), ("shop_domain", "text"), ("topic", "text"), ("webhook_id", "text"), ("event_id", "text"),
    ("api_version", "text"), ("triggered_at", "timestamptz"), ("received_at", "timestamptz"), ("body", "bytea"),
)
# %b: binary arrays. As text, a list of bytes becomes hex and costs five times as much.
INSERT = f"""
    INSERT INTO delivery (shop_id, {", ".join(name for name, _ in COLUMNS)}, state)
    SELECT COALESCE(s.id, 0), d.*, 'pending'
    FROM unnest({", ".join(f"%b::{kind}[]" for _, kind in COLUMNS)}) AS d ({", ".join(name for name, _ in COLUMNS)})
    LEFT JOIN shop s ON s.domain = d.shop_domain
    ON CONFLICT (shop_id, webhook_id) DO NOTHING
"""  # noqa: S608 built from the constants above
CLERK = "SELECT set_config('role', 'regulars_clerk', true)"


class Taken(Enum):
    """What became of a delivery."""

    STORED = "stored"
    """Durable; a delivery that was here before counts as stored."""
    LATER = "later"
    """Not stored: ask the store to try again."""
    NEVER = "never"
    """The database refuses this very row, and would again."""


Row = tuple[str, str, str, str, str, str, datetime | None, datetime, bytes]


@dataclass(slots=True)
class _Waiting:
    row: Row
    since: float
    outcome: Future[Taken]


class Intake:
    """One queue and one writer thread for a process; started by the first delivery, so that forks are harmless."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._arrived = threading.Condition()
        self._writer: threading.Thread | None = None

    def offer(self, platform: str, envelope: Envelope, body: bytes) -> Future[Taken]:
        """Queue a verified delivery. The future is done when its row is durable, or can't be."""
        outcome: Future[Taken] = Future()
        row = (
            platform, envelope.shop_domain, envelope.topic, envelope.webhook_id, envelope.event_id,
            envelope.api_version, envelope.triggered_at, clock.now(), seal_bytes(body, BODY_PURPOSE),
        )
        with self._arrived:
            if len(self._waiting) >= LONGEST_QUEUE or self._oldest_wait() > LONGEST_WAIT_SECONDS:
                REFUSED.labels("queue").inc()
                outcome.set_result(Taken.LATER)
                return outcome
            self._waiting.append(_Waiting(row, clock.monotonic(), outcome))
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write_for_ever, name="intake", daemon=True)
                self._writer.start()
            self._arrived.notify()
        return outcome

    def take(self, platform: str, envelope: Envelope, body: bytes) -> Taken:
        """Queue a delivery and wait for its row to be durable."""
        return self.wait(self.offer(platform, envelope, body))

    def wait(self, outcome: Future[Taken]) -> Taken:
        """Wait for a delivery's outcome, at most as long as a store would."""
        try:
            return outcome.result(LONGEST_WAIT_SECONDS)
        except TimeoutError:
            REFUSED.labels("slow").inc()
            return Taken.LATER

    def _oldest_wait(self) -> float:
        return clock.monotonic() - self._waiting[0].since if self._waiting else 0.0

    def _write_for_ever(self) -> None:
        while True:
            with self._arrived:
                while not self._waiting:
                    self._arrived.wait()
                group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            try:
                self._write(group)
            except Exception:  # the outermost edge of this thread: whatever it was, nobody may be left waiting
                log.exception("intake_failed")
                _settle(group, Taken.LATER)

    def _write(self, group: list[_Waiting]) -> None:
        try:
            with _connection() as connection:
                _insert_all(connection, group)
        except (psycopg.OperationalError, DBAPIError, PoolTimeoutError) as error:
            log.warning("intake_unavailable", extra={"error": type(error).__name__, "deliveries": len(group)})
            REFUSED.labels("database").inc(len(group))
            _settle(group, Taken.LATER)
            return
        ACCEPTED.inc(len(group))
        doorbell.ring("inbox")


@contextmanager
def _connection() -> Iterator[psycopg.Connection]:
    """A pooled connection, taken out of SQLAlchemy's wrapping: this statement needs psycopg's binary arrays."""
    pooled = transaction.engine().raw_connection()
    try:
        driver = pooled.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 config accepts PostgreSQL addresses only
        yield driver
    except psycopg.OperationalError:
        pooled.invalidate()
        raise
    finally:
        pooled.close()


def _insert_all(connection: psycopg.Connection, group: Sequence[_Waiting]) -> None:
    """One commit for the group; if one row spoils it, each row for itself."""
    try:
        _insert(connection, [w.row for w in group])
    except psycopg.DataError:
        for waiting in group:
            try:
                _insert(connection, [waiting.row])
            except psycopg.DataError as error:
                log.warning("delivery_unstorable", extra={"error": type(error).__name__, "topic": waiting.row[2]})
                waiting.outcome.set_result(Taken.NEVER)
    _settle(group, Taken.STORED)


def _insert(connection: psycopg.Connection, rows: Sequence[Row]) -> None:
    try:
        connection.execute(CLERK)
        connection.execute(INSERT.encode(), [list(column) for column in zip(*rows, strict=True)])
        connection.commit()
    except psycopg.DataError:
        connection.rollback()
        raise


def _settle(group: Sequence[_Waiting], taken: Taken) -> None:
    for waiting in group:
        if not waiting.outcome.done():
            waiting.outcome.set_result(taken)
