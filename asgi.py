"""One port for everything: webhooks are taken in without a thread each, all else goes to Flask.

`granian --interface asgi asgi:app`. The same `inbox.accept` as under `wsgi.py`, which serves webhooks too, on any WSGI
server; here a request that waits for its commit costs a future instead of a thread.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from a2wsgi import WSGIMiddleware

from app.inbox import views as inbox
from app.inbox.accept import LONGEST_WAIT_SECONDS, Taken
from wsgi import app as flask_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

THREADS = 32
LARGEST_BODY = flask_app.config["MAX_CONTENT_LENGTH"]

pages = WSGIMiddleware(flask_app.wsgi_app, workers=THREADS)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer webhooks here; hand everything else on."""
    if scope["type"] == "http" and scope["path"] == inbox.PATH and scope["method"] == "POST":
        await _webhook(scope, receive, send)
    elif scope["type"] == "http":
        await pages(scope, receive, send)  # type: ignore[arg-type]  # its own names for the same shapes


async def _webhook(scope: Scope, receive: Receive, send: Send) -> None:
    body = await _body(receive)
    if body is None:
        await _answer(send, 413, "too large")
        return
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    taken = inbox.offer(headers, body)
    if isinstance(taken, inbox.Answered):
        await _answer(send, taken.status, taken.words)
        return
    try:
        outcome = await asyncio.wait_for(asyncio.wrap_future(taken), LONGEST_WAIT_SECONDS)
    except TimeoutError:
        outcome = Taken.LATER
    await _answer(send, *inbox.ANSWERS[outcome])


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None as soon as it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        part = event.get("body", b"")
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
        if not event.get("more_body", False):
            return b"".join(parts)


async def _answer(send: Send, status: int, words: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(words)).encode())]
    if status == 503:  # noqa: PLR2004 HTTP
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode()})
