"""A provider that takes every mail after a while, whatever it says: `python -m bench.provider <port> <milliseconds>`.

It costs as little as it can, since it shares the machine with what it helps to measure.
"""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Message-Id: %d\r\n\r\n"


class Mailbox(asyncio.Protocol):
    """One connection: reads a request to its end, waits, answers."""

    delay = 0.0
    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing read."""
        self.transport = transport
        self.buffer = b""
        self.missing = 0

    def data_received(self, data: bytes) -> None:
        """Answer what is complete, after the delay."""
        if self.missing:
            self.missing -= len(data)
        else:
            self.buffer += data
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            lower = head.lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.missing, self.buffer = length - len(rest), b""
        if self.missing <= 0:
            self.missing = 0
            asyncio.get_running_loop().call_later(self.delay, self._answer)

    def _answer(self) -> None:
        Mailbox.taken += 1
        self.transport.write(ANSWER % Mailbox.taken)  # type: ignore[attr-defined]  # a TCP transport writes


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Mailbox, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    Mailbox.delay = float(sys.argv[2]) / 1000
    asyncio.run(_serve(int(sys.argv[1])))
