"""Bulk exports: started by a mutation, run in the background, announced by webhook, read as JSONL.

Children follow their parents somewhere, not at once (groupObjects is false), and name them in `__parentId`.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from simulator.clock import iso
from simulator.ids import gid, number_of
from simulator.shopify import shop_payloads
from simulator.shopify.executor import Executor, FieldPlan, Plan, Question, Refused, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from simulator.shopify.counter import Counter
    from simulator.shopify.executor import Resolver

MAX_CONNECTIONS = 5
MAX_DEPTH = 2
MAX_RUNNING = 5
ROWS_PER_SLICE = 100
URL_LIVES = timedelta(days=7)


@dataclass(slots=True)
class BulkOperation:
    """One export."""

    id: int
    query: str
    question: Question
    created_at: datetime
    status: str = "CREATED"
    completed_at: datetime | None = None
    object_count: int = 0
    root_object_count: int = 0
    lines: list[bytes] = field(default_factory=list)
    cancelled: bool = False


@dataclass(slots=True)
class Row:
    """One line to be written: an object and what is selected of it."""

    owner: str
    thing: Any
    plan: Plan
    parent: str | None


class BulkOperations:
    """All exports of the shop."""

    def __init__(self, counter: Counter, asked: Callable[[], Any]) -> None:
        self._counter = counter
        self._asked = asked
        self.executor: Executor | None = None
        self.operations: dict[int, BulkOperation] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.shuffle = random.Random(5)

    def start(self, query: str) -> BulkOperation | list[dict[str, Any]]:
        """Begin an export, or say why not (as userErrors)."""
        try:
            question = prepare(query)
            _check_shape(question)
        except Refused as refused:
            return [
                {"field": ["query"], "message": f"Invalid bulk query: {error['message']}", "code": "INVALID"}
                for error in refused.errors
            ]
        if sum(each.status in {"CREATED", "RUNNING"} for each in self.operations.values()) >= MAX_RUNNING:
            return [
                {
                    "field": None,
                    "code": "LIMIT_REACHED",
                    "message": "Bulk query operations for this app and shop are in progress: the limit is reached.",
                }
            ]
        operation = BulkOperation(
            id=self._counter.store.ids.next("BulkOperation"),
            query=query,
            question=question,
            created_at=self._counter.clock.now(),
        )
        self.operations[operation.id] = operation
        task = asyncio.create_task(self._run(operation))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return operation

    def cancel(self, global_id: str) -> BulkOperation | None:
        """Stop an export that still runs."""
        operation = self.operations.get(number_of(global_id) or 0)
        if operation and operation.status in {"CREATED", "RUNNING"}:
            operation.cancelled, operation.status = True, "CANCELING"
        return operation

    async def _run(self, operation: BulkOperation) -> None:
        await asyncio.sleep(0.3)
        operation.status = "RUNNING" if not operation.cancelled else operation.status
        children: list[Row] = []
        for count, row in enumerate(self._roots(operation), start=1):
            operation.root_object_count += 1
            children += self._write(operation, row)
            if count % ROWS_PER_SLICE == 0:
                await self._flush(operation, children)
                children = []
            if operation.cancelled:
                break
        await self._flush(operation, children)
        operation.completed_at = self._counter.clock.now()
        operation.status = "CANCELED" if operation.cancelled else "COMPLETED"
        self._announce(operation)

    async def _flush(self, operation: BulkOperation, children: list[Row]) -> None:
        """Children after their parents, in an order nobody should rely on; then let others work."""
        self.shuffle.shuffle(children)
        while children:
            children = [grandchild for child in children for grandchild in self._write(operation, child)]
        await asyncio.sleep(0.003)

    def _roots(self, operation: BulkOperation) -> Iterator[Row]:
        executor = self._needed()
        for top in operation.question.plan.of("Query"):
            yield from _rows_of(top, executor.value(top, "Query", None, self._asked()), None)

    def _write(self, operation: BulkOperation, row: Row) -> list[Row]:
        """Write one line; returns the lines below it that are still to be written."""
        executor, asked = self._needed(), self._asked()
        line: dict[str, Any] = {}
        below: list[Row] = []
        own_id = gid_of(executor, row, asked)
        for each in row.plan.of(row.owner):
            value = executor.value(each, row.owner, row.thing, asked)
            if each.type_name.endswith("Connection"):
                below += _rows_of(each, value, own_id)
            else:
                line[each.key] = executor.complete(each, value, asked)
        if row.parent:
            line["__parentId"] = row.parent
        operation.lines.append(orjson.dumps(line))
        operation.object_count += 1
        return below

    def _needed(self) -> Executor:
        if self.executor is None:
            message = "bulk operations need an executor before they start"
            raise RuntimeError(message)
        return self.executor

    def _announce(self, operation: BulkOperation) -> None:
        body = shop_payloads.bulk_finished(
            gid("BulkOperation", operation.id),
            operation.created_at,
            operation.completed_at or operation.created_at,
            self._counter.paper,
        )
        body["status"] = operation.status.lower()
        self._counter.webhooks.publish([("bulk_operations/finish", body)])

    def resolvers(self) -> dict[str, Resolver]:
        """How an export looks through the API."""
        base = self._counter.paper.shop_url
        return {
            "id": lambda op, _a, _c: gid("BulkOperation", op.id),
            "type": lambda _o, _a, _c: "QUERY",
            "errorCode": lambda _o, _a, _c: None,
            "partialDataUrl": lambda _o, _a, _c: None,
            "objectCount": lambda op, _a, _c: str(op.object_count),
            "rootObjectCount": lambda op, _a, _c: str(op.root_object_count),
            "fileSize": lambda op, _a, _c: str(sum(len(line) + 1 for line in op.lines)) if op.completed_at else None,
            "url": lambda op, _a, _c: f"{base}/bulk/{op.id}.jsonl" if op.status == "COMPLETED" and op.lines else None,
            "createdAt": lambda op, _a, _c: iso(op.created_at),
            "completedAt": lambda op, _a, _c: iso(op.completed_at) if op.completed_at else None,
        }

    async def download(self, request: web.Request) -> web.StreamResponse:
        """GET /bulk/{id}.jsonl: no token needed, the address is the secret."""
        operation = self.operations.get(int(request.match_info["id"]))
        if (
            operation is None
            or operation.completed_at is None
            or (self._counter.clock.now() - operation.completed_at > URL_LIVES)
        ):
            return web.Response(status=404)
        answer = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await answer.prepare(request)
        for start in range(0, len(operation.lines), ROWS_PER_SLICE):
            await answer.write(b"\n".join(operation.lines[start : start + ROWS_PER_SLICE]) + b"\n")
        await answer.write_eof()
        return answer


def gid_of(executor: Executor, row: Row, asked: Any) -> str:
    """The global id of a row, for its children."""
    return str(executor.value(FieldPlan("id", "id", "ID", {}, None), row.owner, row.thing, asked))


def _rows_of(connection: FieldPlan, page: Any, parent: str | None) -> list[Row]:
    """The rows of a connection, whether it was asked for by `edges { node }` or by `nodes`."""
    node = _node_plan(connection)
    if node is None or node.plan is None or page is None:
        return []
    return [Row(node.type_name, thing, node.plan, parent) for thing in page.nodes]


def _node_plan(connection: FieldPlan) -> FieldPlan | None:
    for each in connection.plan.of(connection.type_name) if connection.plan else []:
        if each.name == "nodes":
            return each
        if each.name == "edges" and each.plan:
            return next((inner for inner in each.plan.of(each.type_name) if inner.name == "node"), None)
    return None


def _check_shape(question: Question) -> None:
    tops = question.plan.of("Query")
    if question.kind != "query" or len(tops) != 1 or not tops[0].type_name.endswith("Connection"):
        raise Refused([{"message": "Bulk queries must contain at least one connection and one top-level field."}])
    count, depth = _connections(tops[0])
    if count > MAX_CONNECTIONS:
        raise Refused([{"message": "Bulk queries cannot contain more than 5 connections."}])
    if depth > MAX_DEPTH + 1:
        raise Refused([{"message": "Bulk queries cannot contain connections with a nesting depth greater than 2."}])


def _connections(plan: FieldPlan) -> tuple[int, int]:
    """How many connections there are at and below a field, and how deep they are nested."""
    below = [_connections(each) for fields in (plan.plan.fields.values() if plan.plan else ()) for each in fields]
    own = int(plan.type_name.endswith("Connection"))
    return own + sum(count for count, _ in below), own + max((depth for _, depth in below), default=0)
