"""One HTTP call to somebody else, with an outcome that tells whether the other side may have acted.

The libraries of the providers open a connection per request, repeat, or hide in which phase a call failed. Here a call
is written once over a kept connection, follows no redirect, and ends before its deadline whatever the other side does.
Standard library only: `requests` costs five times the CPU for the same call.
"""

from __future__ import annotations

import io
import re
import select
import socket
import ssl
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import certifi

from app.clock import monotonic
from app.security.connections import Idle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.client import HTTPMessage

ANSWER_LIMIT = 64 * 1024
_CLEAN = re.compile(r"[\x20-\x7e]*")
_PATH = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: HTTPMessage
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not one byte of the request left: the provider surely did nothing."""

    code: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request was written and no complete answer came: the provider may have acted."""

    code: str


class AddressRefusedError(OSError):
    """A connection that must not be made."""


class Client:
    """Calls one address. Threads may share it.

    `timeout` is seconds to connect (each address tried, each round of TLS) and seconds for everything after;
    `connect` opens a connection to (host, port) within that many seconds.
    """

    def __init__(
        self,
        base: str,
        timeout: tuple[float, float],
        connect: Callable[[tuple[str, int], float], socket.socket] = socket.create_connection,
    ) -> None:
        parts = urlsplit(base)
        secure = parts.scheme == "https"
        self._prefix = parts.path.rstrip("/")
        self._authority = parts.netloc.rpartition("@")[2]
        self._address = (parts.hostname or "", parts.port or (443 if secure else 80))
        self._connect_timeout, self._answer_timeout = timeout
        self._open = connect
        self._tls = _tls_context() if secure else None
        self._idle = Idle[socket.socket](_is_quiet)

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, limit: int = ANSWER_LIMIT
    ) -> Reply | NotSent | NoAnswer:
        """Make one call; `path` begins with a slash and is quoted already.

        `limit` is the longest answer read; with 0 the answer's status and headers are all that is read.
        """
        head = self._head(method, path, headers, len(body))
        if head is None:
            return NotSent("bad_header")
        connection = self._idle.take("")
        if connection is None:
            opened = self._connect()
            if isinstance(opened, NotSent):
                return opened
            connection = opened
        deadline = monotonic() + self._answer_timeout
        request = [head + body]
        del body  # a sender waits in 128 threads: what is written isn't kept while the other side thinks, nor twice
        outcome, reusable = _exchange(connection, request, deadline, limit)
        if reusable:
            self._idle.give("", connection)
        else:
            connection.close()
        return outcome

    def close(self) -> None:
        """Close the idle connections."""
        self._idle.close()

    def _head(self, method: str, path: str, headers: Mapping[str, str], length: int) -> bytes | None:
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._authority}", "User-Agent: Regulars"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {length}")
        if not _PATH.fullmatch(path) or not all(_CLEAN.fullmatch(line) for line in lines):
            return None
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

    def _connect(self) -> socket.socket | NotSent:
        try:
            connection = self._open(self._address, self._connect_timeout)
        except (OSError, UnicodeError) as error:
            return NotSent(_why_not_connected(error))
        return self._prepared(connection)

    def _prepared(self, connection: socket.socket) -> socket.socket | NotSent:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_hostname=self._address[0])
        except OSError:
            connection.close()
            return NotSent("tls_failed")
        return connection


def _why_not_connected(error: OSError | UnicodeError) -> str:
    match error:
        case AddressRefusedError():
            return "address_refused"
        case TimeoutError():
            return "connect_timeout"
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return "no_name_server"
        case socket.gaierror() | UnicodeError():
            return "name_not_found"
        case ConnectionRefusedError():
            return "connection_refused"
        case _:
            return "connect_failed"


@cache
def _tls_context() -> ssl.SSLContext:
    """The machine's own authorities and, for machines that come without any, the usual ones. One serves all clients.

    Each takes a megabyte, and reading the authorities longer than the call.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _is_quiet(connection: socket.socket) -> bool:
    """Whether an idle connection has nothing to read: what could be there is the other side's farewell."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return not waiting.poll(0)


def _wait_at_most_until(deadline: float, connection: socket.socket) -> None:
    """Give the next step what is left of the time, to within a tenth: each change is a system call.

    Raises:
        TimeoutError: when nothing is left.
    """
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    allowed = connection.gettimeout()
    if allowed is None or not left <= allowed <= left * 1.1:
        connection.settimeout(left)


def _exchange(
    connection: socket.socket, waiting: list[bytes], deadline: float, limit: int
) -> tuple[Reply | NotSent | NoAnswer, bool]:
    """Write the request that waits and read its answer; the outcome, and whether the connection can serve again."""
    request = waiting.pop()
    try:
        _wait_at_most_until(deadline, connection)
        written = connection.send(request)
    except ConnectionError:
        return NotSent("connection_lost"), False
    except OSError as error:
        return _broken(error), False
    refused_early = False
    try:
        if written < len(request):
            connection.sendall(memoryview(request)[written:])
    except ConnectionError:
        refused_early = True  # who refuses a long request may answer before its end, then close
    except OSError as error:
        return _broken(error), False
    del request
    outcome, reusable = _read(connection, deadline, limit)
    return outcome, reusable and not refused_early


def _read(connection: socket.socket, deadline: float, limit: int) -> tuple[Reply | NoAnswer, bool]:
    """The answer, and whether the connection can serve again."""
    method = None if limit else "HEAD"  # what tells the reader that no body follows
    incoming = _Incoming(connection, deadline)
    answer = HTTPResponse(incoming, method=method)  # type: ignore[arg-type]  # all it needs is makefile
    try:
        answer.begin()
        body = answer.read(limit + 1)
    except (OSError, HTTPException) as error:
        return _broken(error), False
    finally:
        answer.close()
    if len(body) > limit:
        return NoAnswer("answer_too_long"), False
    if answer.length:
        return NoAnswer("answer_cut_short"), False
    return Reply(answer.status, answer.headers, body), bool(limit) and not answer.will_close


def _broken(error: Exception) -> NoAnswer:
    if isinstance(error, TimeoutError):
        return NoAnswer("timeout")
    return NoAnswer("connection_lost" if isinstance(error, OSError) else "unreadable_answer")


class _Incoming(io.RawIOBase):
    """What arrives on a connection until a deadline; a socket's own time-out begins anew with every byte."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        _wait_at_most_until(self._deadline, self._connection)
        return self._connection.recv_into(buffer)
