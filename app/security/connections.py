"""Connections kept open between messages: opening one costs more than a message does."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from app.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_IDLE_SECONDS = 25.0
"""Providers close idle connections after a minute or so; one closed while we write leaves an outcome unknown."""
MAX_IDLE = 128
"""One for each thread of a sending process."""


class Closable(Protocol):
    """Something that holds a socket."""

    def close(self) -> None:
        """Let go of the socket."""
        ...


C = TypeVar("C", bound=Closable)


class Idle(Generic[C]):
    """Idle connections, the last used first. Threads may share it; a forked process begins with none."""

    def __init__(self, is_usable: Callable[[C], bool]) -> None:
        """`is_usable` looks at a connection that was kept and says whether it still serves."""
        self._is_usable = is_usable
        self._lock = Lock()
        self._kept: list[tuple[str, float, C]] = []
        self._process = os.getpid()

    def take(self, key: str) -> C | None:
        """A connection kept under this key, or None when there is no fresh and usable one."""
        while True:
            connection = self._pop(key)
            if connection is None or self._is_usable(connection):
                return connection
            connection.close()

    def give(self, key: str, connection: C) -> None:
        """Keep a connection for the next caller; the longest unused one makes room."""
        with self._lock:
            self._kept.append((key, monotonic(), connection))
            surplus = self._kept[:-MAX_IDLE]
            del self._kept[:-MAX_IDLE]
        for _, _, old in surplus:
            old.close()

    def close(self) -> None:
        """Close everything that is kept."""
        with self._lock:
            kept, self._kept = self._kept, []
        for _, _, connection in kept:
            connection.close()

    def __del__(self) -> None:
        for _, _, connection in self._kept:
            connection.close()

    def _pop(self, key: str) -> C | None:
        if self._process != os.getpid():
            # Two processes on one connection would read each other's answers. Closing here leaves the parent's open.
            self._lock, self._process = Lock(), os.getpid()
            self.close()
        oldest = monotonic() - MAX_IDLE_SECONDS
        with self._lock:
            for index in range(len(self._kept) - 1, -1, -1):
                if self._kept[index][0] == key:
                    _, used_at, connection = self._kept.pop(index)
                    if used_at >= oldest:
                        return connection
                    connection.close()
        return None
