"""Taking deliveries in: durable before the answer, many in one commit.

Requests wait together for the next commit (group commit), so that one flush to disk serves all that arrived while the
one before it was under way. The queue is bounded: when it is full, or the oldest waiter has waited too long, a caller
is refused at once. The store repeats a refused delivery; it does not repeat one that was answered late.

One writer on one event loop: the server's own under `rsgi.py`, one in a thread of its own under any WSGI server.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

import psycopg
from prometheus_client import Counter

from app import clock, doorbell, faults, transaction
from app.inbox.models import BODY_PURPOSE
from app.security.sealed import seal_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.platforms.base import Envelope

log = logging.getLogger(__name__)

LONGEST_QUEUE = 2_000
LONGEST_WAIT_SECONDS = 2.5
"""A store waits five seconds in all; before three are over we would rather be asked again."""
GROUP = 256
RING_PAUSE_SECONDS = 0.05

ACCEPTED = Counter("regulars_deliveries_accepted_total", "Deliveries stored or already there")
REFUSED = Counter("regulars_deliveries_refused_total", "Deliveries answered 503", ["why"])

COLUMNS = (
    ("platform", "text"),
    ("shop_domain", "text"),
    ("topic", "text"),
    ("webhook_id", "text"),
    ("event_id", "text"),
    ("api_version", "text"),
    ("triggered_at", "timestamptz"),
    ("received_at", "timestamptz"),
    ("body", "bytea"),
)
NAMES = ", ".join(name for name, _ in COLUMNS)
# %b: binary arrays. As text, a list of bytes becomes hex and costs five times as much.
INSERT = f"""
    INSERT INTO delivery (shop_id, {NAMES}, state)
    SELECT COALESCE(s.id, 0), d.*, 'pending'
    FROM unnest({", ".join(f"%b::{kind}[]" for _, kind in COLUMNS)}) AS d ({NAMES})
    LEFT JOIN shop s ON s.domain = d.shop_domain
    ON CONFLICT (shop_id, webhook_id) DO NOTHING
""".encode()  # noqa: S608 - built from the constants above
SPOILT = (psycopg.DataError, UnicodeError)
"""What a value raises that no text in the database can hold: that row's own fault, and it would be so again."""
CLERK = b"SELECT set_config('role', 'regulars_clerk', true)"


class Taken(Enum):
    """What became of a delivery."""

    STORED = "stored"
    """Durable; a delivery that was here before counts as stored."""
    LATER = "later"
    """Not stored: ask the store to try again."""
    NEVER = "never"
    """The database refuses this very row, and would again."""


Row = tuple[str, str, str, str, str, str, datetime | None, datetime, bytes]


def row_of(platform: str, envelope: Envelope, body: bytes) -> Row:
    """A verified delivery as it is stored: compressed, then encrypted."""
    return (
        platform,
        envelope.shop_domain,
        envelope.topic,
        envelope.webhook_id,
        envelope.event_id,
        envelope.api_version,
        envelope.triggered_at,
        clock.now(),
        seal_bytes(body, BODY_PURPOSE, envelope.shop_domain),
    )


@dataclass(slots=True)
class _Waiting:
    row: Row
    since: float
    outcome: asyncio.Future[Taken]


class Intake:
    """The queue and its writer, on the event loop that first offers something."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._arrived: asyncio.Event | None = None
        self._writer: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection | None = None
        self._unrung = False
        self._bell: asyncio.Task[None] | None = None
        self._winding_up: set[asyncio.Task[None]] = set()

    def offer(self, row: Row) -> asyncio.Future[Taken]:
        """Queue a delivery; its future is done when the row is durable, or can't be. Call on the loop's own thread."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Taken] = loop.create_future()
        now = clock.monotonic()
        if len(self._waiting) >= LONGEST_QUEUE or (
            self._waiting and now - self._waiting[0].since > LONGEST_WAIT_SECONDS
        ):
            REFUSED.labels("queue").inc()
            outcome.set_result(Taken.LATER)
            return outcome
        if self._arrived is None or self._writer is None or self._writer.done():
            self._arrived = asyncio.Event()
            self._writer = loop.create_task(self._write_for_ever(self._arrived))
        self._waiting.append(_Waiting(row, now, outcome))
        self._arrived.set()
        return outcome

    async def _write_for_ever(self, arrived: asyncio.Event) -> None:
        while True:
            await arrived.wait()
            group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            if not self._waiting:
                arrived.clear()
            await self._write_in_time(group)

    async def _write_in_time(self, group: Sequence[_Waiting]) -> None:
        """Write the group before its oldest has waited too long, or refuse it."""
        self._writing = writing = asyncio.get_running_loop().create_task(self._write(group))
        patience = LONGEST_WAIT_SECONDS - (clock.monotonic() - group[0].since)
        try:
            await asyncio.wait({writing}, timeout=max(0.0, patience))
        finally:
            if not writing.done():
                self._wind_up(writing)
        error = TimeoutError() if not writing.done() else writing.exception()
        if error is not None:
            await self._give_up(group, error)

    def _wind_up(self, writing: asyncio.Task[None]) -> None:
        """Leave a write and its connection behind: against a server that hangs, cancelling takes psycopg 10 s."""
        broken, self._connection = self._connection, None
        self._writing = None
        writing.cancel()

        async def wind_up() -> None:
            try:
                await asyncio.wait({writing})
            finally:
                if broken is not None:
                    await broken.close()

        task = asyncio.get_running_loop().create_task(wind_up())
        self._winding_up.add(task)
        task.add_done_callback(self._winding_up.discard)

    async def _write(self, group: Sequence[_Waiting]) -> None:
        """One commit for the group; if one row spoils it, each row for itself."""
        try:
            await self._insert([waiting.row for waiting in group])
        except SPOILT:
            for waiting in group:
                await self._write_alone(waiting)
        _settle(group, Taken.STORED)
        ACCEPTED.inc(len(group))
        self._unrung = True
        if self._bell is None or self._bell.done():
            self._bell = asyncio.get_running_loop().create_task(self._ring())

    async def _ring(self) -> None:
        """Ring beside the writing, one ring at a time, and once more for what was committed meanwhile."""
        while self._unrung:
            self._unrung = False
            await asyncio.get_running_loop().run_in_executor(None, doorbell.ring, "inbox")
            await asyncio.sleep(RING_PAUSE_SECONDS)

    async def _write_alone(self, waiting: _Waiting) -> None:
        try:
            await self._insert([waiting.row])
        except SPOILT as error:
            log.warning("delivery_unstorable", extra={"error": type(error).__name__, "topic": waiting.row[2]})
            _settle([waiting], Taken.NEVER)

    async def _insert(self, rows: Sequence[Row]) -> None:
        """Insert; over a new connection when the one at hand has died, perhaps long ago and unnoticed.

        A row that came through before the death is met again and left alone.
        """
        used = self._connection
        try:
            await self._insert_once(rows)
        except psycopg.OperationalError:
            if used is None or not used.closed:
                raise
            await self._insert_once(rows)

    async def _insert_once(self, rows: Sequence[Row]) -> None:
        """One transaction in one round trip. Spelled out: psycopg's own `transaction()` costs three times as much."""
        connection = await self._connected()
        cursor = connection.cursor()
        try:
            async with connection.pipeline():
                await cursor.execute(b"BEGIN")
                await cursor.execute(CLERK)
                await cursor.execute(INSERT, [list(column) for column in zip(*rows, strict=True)])
                faults.point("before_accept_commit")
                await cursor.execute(b"COMMIT")
            faults.point("after_accept_commit")
        except SPOILT:
            await connection.rollback()
            raise

    async def _connected(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            url = transaction.engine().url.set(drivername="postgresql").render_as_string(hide_password=False)
            fresh = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=2)
            if asyncio.current_task() is not self._writing:
                # Left behind while connecting; asyncio before 3.12 may swallow a cancellation that comes just then.
                await fresh.close()
                raise asyncio.CancelledError
            self._connection = fresh
        return self._connection

    async def close(self) -> None:
        """Stop writing. Whoever still waits is answered `LATER`."""
        for tasks in ((self._writer, self._bell), self._winding_up):
            running = [task for task in tasks if task is not None]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        _settle(self._waiting, Taken.LATER)
        self._waiting.clear()
        if self._connection is not None:
            await self._connection.close()

    async def _give_up(self, group: Sequence[_Waiting], error: BaseException) -> None:
        """Nothing of this group is promised; the next begins on a new connection."""
        REFUSED.labels("database").inc(len(group))
        log.warning("intake_unavailable", extra={"error": type(error).__name__, "deliveries": len(group)})
        _settle(group, Taken.LATER)
        broken, self._connection = self._connection, None
        if broken is not None:
            await broken.close()


def _settle(group: Iterable[_Waiting], taken: Taken) -> None:
    for waiting in group:
        if not waiting.outcome.done():
            waiting.outcome.set_result(taken)


class ThreadedIntake:
    """The same for servers with a thread per request: the loop runs in a thread, started by the first delivery."""

    def __init__(self) -> None:
        self._intake = Intake()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def take(self, row: Row) -> Taken:
        """Queue a delivery and wait for its row to be durable, at most as long as a store would."""
        outcome: Future[Taken] = Future()
        self._running().call_soon_threadsafe(self._offer, row, outcome)
        try:
            return outcome.result(LONGEST_WAIT_SECONDS)
        except TimeoutError:
            REFUSED.labels("slow").inc()
            return Taken.LATER

    def close(self) -> None:
        """Stop the loop and its thread. The next delivery would start another."""
        with self._starting:
            loop, self._loop = self._loop, None
            if loop is not None:
                asyncio.run_coroutine_threadsafe(self._intake.close(), loop).result(LONGEST_WAIT_SECONDS)
                loop.call_soon_threadsafe(loop.stop)
            if self._thread is not None:
                self._thread.join(LONGEST_WAIT_SECONDS)
            if loop is not None:
                loop.close()

    def _offer(self, row: Row, outcome: Future[Taken]) -> None:
        self._intake.offer(row).add_done_callback(lambda done: outcome.set_result(done.result()))

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="intake", daemon=True)
                self._thread.start()
            return self._loop
