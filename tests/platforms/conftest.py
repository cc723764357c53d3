"""A store of a few lines over real HTTP, and the material that exists on some machines only."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.platforms.base import ShopAccess
from app.platforms.shopify.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
SHOP = "roastery.myshopify.com"


@dataclass
class Reply:
    status: int = 200
    body: bytes | dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    cut_after: int | None = None


@dataclass
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Store:
    """Answers with what the test lines up (the last one again and again), and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.replies: list[Reply] = []
        self.respond: Callable[[Call], Reply] | None = None
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                call = Call(
                    self.command,
                    self.path,
                    {k.lower(): v for k, v in self.headers.items()},
                    body,
                    self.client_address[1],
                )
                store.calls.append(call)
                reply = store.respond(call) if store.respond else store._next()
                if reply.hang_up:
                    self.close_connection = True
                    self.connection.close()
                    return
                data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data if reply.cut_after is None else data[: reply.cut_after])
                if reply.cut_after is not None:
                    self.close_connection = True

            do_GET = do_POST = _answer  # noqa: N815 - the server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _next(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store()
    yield found
    found.close()


@pytest.fixture
def credentials(store: Store) -> Credentials:
    return Credentials("key-of-the-app", ("a-secret-of-the-app-that-is-long-enough",), store.url + "/shopify/{shop}")


@pytest.fixture
def access() -> ShopAccess:
    return ShopAccess(shop_id=1, domain=SHOP, access_token="shpat_1")


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def vectors() -> dict[str, Any]:
    path = SHARED / "platform" / "signing-vectors.json"
    if not path.exists():
        pytest.skip("the signing vectors are not on this machine")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
