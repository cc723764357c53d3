"""Other systems that listen on this machine, for tests of what speaks to them over real HTTP."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOOKS_EVERY_SECONDS = 0.01
"""How often a server asks whether it is to end. Its own half a second would be waited for by every test."""


class Listener(BaseHTTPRequestHandler):
    """Reads and answers whole bodies, and keeps quiet about it. Say what a request does by `posted` and `deleted`."""

    def do_POST(self) -> None:
        self.posted()

    def do_DELETE(self) -> None:
        self.deleted()

    def posted(self) -> None:
        self.answer(405)

    def deleted(self) -> None:
        self.answer(405)

    def heard(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def listening(listener: type[Listener]) -> Iterator[str]:
    """A server's address, for as long as the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), listener) as server:
        thread = threading.Thread(target=server.serve_forever, args=(LOOKS_EVERY_SECONDS,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
