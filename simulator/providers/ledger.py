"""The only witness that counts: a line per accepted message, on disk before the sender hears "accepted"."""

from __future__ import annotations

import asyncio
import os
from typing import IO, TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path


class Ledger:
    """An append-only file of JSON lines, fsynced. Lines written together share one fsync."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[bytes] | None = None
        self.sequence = 0
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+")
            self._file.seek(0)
            self.sequence = sum(1 for _ in self._file)

    async def record(self, entry: dict[str, Any]) -> int:
        """Write one entry with the next sequence number; returns when it is on disk."""
        self.sequence += 1
        number = self.sequence
        if self._file is None:
            return number
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((orjson.dumps({"sequence": number, **entry}) + b"\n", done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done
        return number

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await asyncio.to_thread(self._to_disk, b"".join(line for line, _ in batch))
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

    def _to_disk(self, data: bytes) -> None:
        if self._file is None:
            return
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
