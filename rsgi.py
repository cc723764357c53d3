"""One port for everything: webhooks are taken in without a thread each, all else goes to Flask.

`granian --interface rsgi rsgi:app`, one worker process. The same intake as under `wsgi.py`, which serves webhooks too,
on any WSGI server; here a request that waits for its commit costs a future instead of a thread.
"""

from __future__ import annotations

import asyncio
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from app.admin.people_files import PATH as UPLOADS
from app.customers.files import LARGEST_BYTES as LARGEST_FILE
from app.inbox import views as inbox
from app.inbox.accept import Intake
from wsgi import app as flask_app

if TYPE_CHECKING:
    from collections.abc import Iterable

THREADS = 32
LARGEST_BODY: int = flask_app.config["MAX_CONTENT_LENGTH"]
TEXT = ("content-type", "text/plain; charset=utf-8")


class Front:
    """What granian calls for every request."""

    def __init__(self) -> None:
        self.intake = Intake()
        self.threads = ThreadPoolExecutor(THREADS, "pages")

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer webhooks here; hand everything else on."""
        if scope.proto != "http":
            return
        if scope.path == inbox.PATH and scope.method == "POST":
            await self._webhook(scope, protocol)
        else:
            await self._page(scope, protocol)

    async def _webhook(self, scope: Any, protocol: Any) -> None:
        body = await _body(scope, protocol, LARGEST_BODY)
        if body is None:
            _say(protocol, inbox.Answer(413, "too large"))
            return
        found = inbox.verified(dict(scope.headers.items()), body)
        _say(protocol, found if isinstance(found, inbox.Answer) else inbox.ANSWERS[await self.intake.offer(found)])

    async def _page(self, scope: Any, protocol: Any) -> None:
        """Run Flask in a thread; what it answers in one piece goes out so, what it streams is streamed."""
        body = await _body(scope, protocol, LARGEST_FILE if scope.path == UPLOADS else LARGEST_BODY)
        if body is None:
            _say(protocol, inbox.Answer(413, "This is larger than anything we take."))
            return
        loop = asyncio.get_running_loop()
        status, headers, parts = await loop.run_in_executor(self.threads, _call, _environ(scope, body))
        if isinstance(parts, bytes):
            protocol.response_bytes(status, headers, parts)
            return
        stream = protocol.response_stream(status, headers)
        waiting = iter(parts)
        while (part := await loop.run_in_executor(self.threads, next, waiting, None)) is not None:
            await stream.send_bytes(part)


def _say(protocol: Any, answer: inbox.Answer) -> None:
    if not answer.words:
        protocol.response_empty(answer.status, [])
        return
    headers = [TEXT, ("retry-after", "5")] if answer.status == 503 else [TEXT]  # noqa: PLR2004 - HTTP
    protocol.response_str(answer.status, headers, answer.words)


async def _body(scope: Any, protocol: Any, most: int) -> bytes | None:
    """The whole body; None when it is larger than we take, which is known before it is read where its length is."""
    length = scope.headers.get("content-length")
    if length is not None:
        too_large = not length.isdigit() or int(length) > most
        return None if too_large else bytes(await protocol())
    body = bytearray()
    async for part in protocol:
        body += part
        if len(body) > most:
            return None
    return bytes(body)


def _environ(scope: Any, body: bytes) -> dict[str, Any]:
    """A request in WSGI's words (PEP 3333)."""
    server, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope.path).decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue  # X_Forwarded_For would become X-Forwarded-For: nobody but the proxy may say that
        key = "HTTP_" + name.upper().replace("-", "_")
        if key == "HTTP_CONTENT_TYPE":
            environ["CONTENT_TYPE"] = value
        elif key != "HTTP_CONTENT_LENGTH":
            environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _call(environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes | Iterable[bytes]]:
    """Call Flask; several parts are left to be streamed."""
    begun: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        begun[:] = [int(status[:3]), headers]
        return None

    result = flask_app.wsgi_app(environ, start_response)
    if isinstance(result, list | tuple) or environ["REQUEST_METHOD"] == "HEAD":
        return begun[0], begun[1], b"".join(result)
    parts = iter(result)
    first = next(parts, b"")
    second = next(parts, None)
    if second is None:
        if hasattr(result, "close"):
            result.close()
        return begun[0], begun[1], first
    return begun[0], begun[1], _rest(result, parts, first, second)


def _rest(result: Any, parts: Iterable[bytes], *read: bytes) -> Iterable[bytes]:
    yield from read
    yield from parts
    if hasattr(result, "close"):
        result.close()


app = Front()
