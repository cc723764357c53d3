"""Reading a finished export: JSONL in which a node's children may stand anywhere after it.

Customers have no children and stream through. Products and orders are first laid into a private SQLite file on disk
(deleted with the connection), so that memory stays the same for a store of any size.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from app.platforms.base import StoreSilentError
from app.platforms.shopify.nodes import CHILDREN, READERS
from app.platforms.shopify.normalise.reading import Json, Unfit
from app.platforms.shopify.transport import CONNECT_SECONDS, READ_SECONDS, USER_AGENT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from app.platforms.events import Fact

log = logging.getLogger(__name__)

CHUNK = 256 * 1024
LONGEST_LINE = 16 * 1024 * 1024
ROWS_AT_ONCE = 1000


def read_export(url: str, kind: str, done: int = 0) -> Iterator[tuple[int, tuple[Fact, ...]]]:
    """The facts of an export, thing by thing, each with its number, from 1.

    The first `done` things are passed over: after a kill, give the last number that was recorded. A thing that can't
    be read comes with no facts and is logged by number and reason.

    Raises:
        StoreSilentError: when the download ends too early. Read again with `done`.
    """
    nodes = _with_children(download(url)) if kind in CHILDREN else _alone(download(url))
    for number, (node, children) in enumerate(nodes, start=1):
        if number > done:
            yield number, _facts(kind, number, node, children)


def _facts(kind: str, number: int, node: Json | None, children: Sequence[Json]) -> tuple[Fact, ...]:
    try:
        return READERS[kind](node or {}, children)
    except Unfit as unfit:
        log.warning("export: %s number %d left out: %s", kind, number, unfit.reason)
        return ()


def download(url: str) -> Iterator[bytes]:
    """The lines behind an address, unpacked, without holding more than one of them."""
    import requests  # this and SQLite are for the worker that imports; all others load this module too

    if urlsplit(url).scheme not in ("https", "http"):
        raise StoreSilentError("no_web_address")
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.get(
                url, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS), headers={"User-Agent": USER_AGENT}
            ) as response:
                if response.status_code != 200:  # noqa: PLR2004 - HTTP
                    raise StoreSilentError(f"http_{response.status_code}")
                yield from _lines(response.iter_content(CHUNK))
    except requests.RequestException as problem:
        raise StoreSilentError(type(problem).__name__) from None


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
        if len(rest) > LONGEST_LINE:
            raise StoreSilentError("line_too_long")
    if rest.strip():
        yield rest


def _parsed(line: bytes) -> Json | None:
    try:
        node = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return node if isinstance(node, dict) else None


def _alone(lines: Iterable[bytes]) -> Iterator[tuple[Json | None, Sequence[Json]]]:
    for line in lines:
        yield _parsed(line), ()


def _with_children(lines: Iterable[bytes]) -> Iterator[tuple[Json | None, Sequence[Json]]]:
    """Nodes in the export's order, each with its children in theirs."""
    import sqlite3

    with contextlib.closing(sqlite3.connect("", isolation_level=None)) as spool:
        _fill(spool, lines)
        for raw, key in spool.execute("SELECT raw, key FROM node ORDER BY rowid"):
            children = spool.execute("SELECT raw FROM child WHERE parent = ? ORDER BY rowid", (key,))
            yield _parsed(raw), [found for (each,) in children if (found := _parsed(each)) is not None]


def _fill(spool: sqlite3.Connection, lines: Iterable[bytes]) -> None:
    spool.execute("PRAGMA journal_mode = OFF")
    spool.execute("CREATE TABLE node (key TEXT, raw BLOB)")
    spool.execute("CREATE TABLE child (parent TEXT, raw BLOB)")
    spool.execute("BEGIN")
    nodes: list[tuple[str, bytes]] = []
    children: list[tuple[str, bytes]] = []
    for line in lines:
        node = _parsed(line) or {}
        parent = node.get("__parentId")
        if isinstance(parent, str):
            children.append((parent, line))
        else:
            nodes.append((str(node.get("id")), line))
        if len(nodes) + len(children) >= ROWS_AT_ONCE:
            _flush(spool, nodes, children)
    _flush(spool, nodes, children)
    spool.execute("CREATE INDEX child_parent ON child (parent)")
    spool.execute("COMMIT")


def _flush(spool: sqlite3.Connection, nodes: list[tuple[str, bytes]], children: list[tuple[str, bytes]]) -> None:
    spool.executemany("INSERT INTO node VALUES (?, ?)", nodes)
    spool.executemany("INSERT INTO child VALUES (?, ?)", children)
    nodes.clear()
    children.clear()
