"""A load of HTTP requests over kept-alive connections, made beforehand, so that making them costs nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass
class Result:
    """What came back."""

    seconds: float
    statuses: Counter[int]
    latencies: list[float] = field(repr=False)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.seconds

    def percentile(self, share: float) -> float:
        """A latency, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last is complete."""

    def __init__(self, requests: Iterator[bytes], result: Result, done: asyncio.Future[None]) -> None:
        self.requests, self.result, self.done = requests, result, done
        self.buffer = b""
        self.begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self.begun = time.perf_counter()
        self.transport.write(request)  # type: ignore[attr-defined]  # a TCP transport writes

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        self.result.latencies.append(time.perf_counter() - self.begun)
        self.result.statuses[int(head[9:12])] += 1
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed a connection in mid-run"))


async def _run(port: int, requests: Sequence[bytes], connections: int) -> Result:
    result = Result(0.0, Counter(), [])
    source = iter(requests)
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    ends = []
    for _ in range(connections):
        done = loop.create_future()
        await loop.create_connection(partial(_Connection, source, result, done), "127.0.0.1", port)
        ends.append(done)
    await asyncio.gather(*ends)
    result.seconds = time.perf_counter() - begun
    return result


def send(port: int, requests: Sequence[bytes], connections: int) -> Result:
    """Send all requests over so many connections, each waiting for its answer before it sends the next."""
    return asyncio.run(_run(port, requests, connections))
