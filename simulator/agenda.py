"""What will happen later, in business time: a heap of moments and the one task that lets them happen."""

from __future__ import annotations

import asyncio
import heapq
import inspect
import itertools
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime, timedelta

    from simulator.clock import BusinessClock

log = logging.getLogger(__name__)


class Agenda:
    """Runs actions at business moments, in order; an action that fails is reported and the next one runs."""

    def __init__(self, clock: BusinessClock) -> None:
        self._clock = clock
        self._heap: list[tuple[datetime, int, Callable[[], Awaitable[None] | None]]] = []
        self._serial = itertools.count()
        self._sooner = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, moment: datetime, action: Callable[[], Awaitable[None] | None]) -> None:
        """Let `action` happen at a business moment, or at once when the moment has passed."""
        heapq.heappush(self._heap, (moment, next(self._serial), action))
        self._sooner.set()

    def after(self, span: timedelta, action: Callable[[], Awaitable[None] | None]) -> None:
        """Let `action` happen when a span of business time has passed."""
        self.at(self._clock.now() + span, action)

    async def run(self) -> None:
        """Serve the agenda until cancelled."""
        while True:
            while self._heap and self._heap[0][0] <= self._clock.now():
                _, _, action = heapq.heappop(self._heap)
                self._start(action)
            await self._wait()

    async def _wait(self) -> None:
        self._sooner.clear()
        pause = self._clock.real_seconds_until(self._heap[0][0]) if self._heap else 60.0
        try:
            await asyncio.wait_for(self._sooner.wait(), timeout=max(0.002, min(pause, 60.0)))
        except TimeoutError:
            return

    def _start(self, action: Callable[[], Awaitable[None] | None]) -> None:
        try:
            result = action()
        except Exception:
            log.exception("a planned action failed")
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(_reported(result))
            self._running.add(task)
            task.add_done_callback(self._running.discard)


async def _reported(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a planned action failed")
