"""A provider made of plain sockets, so that every way in which a call can end is the real one."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

PLATFORM = Path(__file__).resolve().parents[3] / "shared" / "platform"


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Loopback:
    """Answers each request with `act`, which returns whether the connection stays open."""

    act: Callable[[socket.socket, Request], bool]
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    farewell: threading.Event = field(default_factory=threading.Event)
    """Set when it has closed a connection."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            reader = connection.makefile("rb")
            with reader:
                while (request := _read_request(reader)) is not None:
                    self.requests.append(request)
                    if not self.act(connection, request):
                        break
            connection.close()
            self.farewell.set()


def _read_request(reader: Any) -> Request | None:
    first = reader.readline().decode().split()
    if not first:
        return None
    headers: dict[str, str] = {}
    while (line := reader.readline().decode().rstrip("\r\n")) != "":
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    return Request(first[0], first[1], headers, reader.read(int(headers.get("content-length", 0))))


def answer(status: int, body: bytes = b"", /, **headers: str) -> Callable[[socket.socket, Request], bool]:
    """Always the same answer; underscores in header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw(("\r\n".join(lines) + "\r\n\r\n").encode() + body)


def raw(data: bytes, *, stay: bool = True) -> Callable[[socket.socket, Request], bool]:
    """These bytes, whatever they are."""

    def act(connection: socket.socket, _: Request) -> bool:
        connection.sendall(data)
        return stay

    return act


def reset(connection: socket.socket, _: Request | None = None) -> bool:
    """RST instead of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return False


def drop(_connection: socket.socket, _: Request) -> bool:
    """The message is taken, the answer is not given."""
    return False


def hang(_connection: socket.socket, _: Request) -> bool:
    """No answer while anybody could be waiting for one."""
    time.sleep(0.8)
    return False


def drip(connection: socket.socket, _: Request) -> bool:
    """A byte now and then, for ever: each read succeeds, the answer never ends."""
    connection.sendall(b"HTTP/1.1 202 Accepted\r\n")
    for _byte in range(100):
        connection.sendall(b"X")
        time.sleep(0.05)
    return False


class Toolbox:
    """What tests make loopback providers with (test folders are no packages, so nothing can be imported)."""

    answer = staticmethod(answer)
    raw = staticmethod(raw)
    reset = staticmethod(reset)
    drop = staticmethod(drop)
    hang = staticmethod(hang)
    drip = staticmethod(drip)

    def __init__(self) -> None:
        self.started: list[Loopback] = []

    def start(self, act: Callable[[socket.socket, Request], bool], tls: ssl.SSLContext | None = None) -> Loopback:
        self.started.append(Loopback(act, tls))
        return self.started[-1]


@pytest.fixture
def loopback() -> Iterator[Toolbox]:
    """Starts servers, and stops them when the test ends."""
    tools = Toolbox()
    yield tools
    for server in tools.started:
        server.stop()


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def platform_file() -> Callable[[str], Any]:
    """Reads a JSON file of the platform facts; the test is skipped where they are not at hand."""

    def read(name: str) -> Any:
        path = PLATFORM / name
        if not path.exists():
            pytest.skip(f"{name} is not on this machine")
        return json.loads(path.read_text())

    return read
