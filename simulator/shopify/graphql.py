"""POST /admin/api/{version}/graphql.json: tokens, cost, throttling, and the answer."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from simulator.providers.faults import hang_up
from simulator.shopify.connections import Asked
from simulator.shopify.executor import Executor, Plan, Refused, prepare
from simulator.shopify.payloads import API_VERSION

if TYPE_CHECKING:
    from simulator.providers.faults import Faults
    from simulator.shopify.oauth import Tokens

BUCKET = 2000.0
RESTORE_PER_SECOND = 100.0
MAX_COST = 1000
MUTATION_COST = 10


class Bucket:
    """The leaky bucket of one app in one shop, in real time."""

    def __init__(self) -> None:
        self.available = BUCKET
        self._filled_at = time.monotonic()

    def refill(self) -> None:
        """Add what has dripped in since the last look."""
        now = time.monotonic()
        self.available = min(BUCKET, self.available + (now - self._filled_at) * RESTORE_PER_SECOND)
        self._filled_at = now

    def status(self) -> dict[str, float]:
        """As `throttleStatus` shows it."""
        return {
            "maximumAvailable": BUCKET,
            "currentlyAvailable": math.floor(self.available),
            "restoreRate": RESTORE_PER_SECOND,
        }


class GraphQL:
    """The endpoint."""

    def __init__(self, executor: Executor, tokens: Tokens, faults: Faults) -> None:
        self._executor = executor
        self._tokens = tokens
        self._faults = faults
        self._bucket = Bucket()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one operation."""
        if trouble := await self._trouble(request):
            return trouble
        token = request.headers.get("X-Shopify-Access-Token", "")
        if not self._tokens.alive(token):
            return _json(
                {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}, 401
            )
        if self._tokens.grants[token].expires_at is None:
            return web.Response(status=403)
        try:
            asked = orjson.loads(await request.read())
            text, variables = asked["query"], asked.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            return _json({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        return _json(self._answer(text, variables, asked.get("operationName")))

    async def _trouble(self, request: web.Request) -> web.Response | None:
        """The faults that strike before the question is read."""
        switches = self._faults["shopify"]
        if switches["down"]:
            return await hang_up(request)
        if switches["delay_ms"]:
            await asyncio.sleep(switches["delay_ms"] / 1000)
        if self._faults.strikes("shopify", "429"):
            return _json({"errors": "Exceeded 2 calls per second for api client."}, 429, {"Retry-After": "2.0"})
        if self._faults.strikes("shopify", "5xx"):
            return _json({"errors": "Internal Server Error"}, 502)
        return None

    def _answer(self, text: str, variables: dict[str, Any], name: str | None) -> dict[str, Any]:
        try:
            question = prepare(text, variables, name)
        except Refused as refused:
            return {"errors": refused.errors}
        owner = "Mutation" if question.kind == "mutation" else "Query"
        cost = max(1, cost_of(question.plan, owner)) if owner == "Query" else MUTATION_COST
        self._bucket.refill()
        if cost > MAX_COST:
            message = f"Query cost is {cost}, which exceeds the single query max cost limit ({MAX_COST})."
            return {"errors": [{"message": message, "extensions": {"code": "MAX_COST_EXCEEDED", "cost": cost}}]}
        if cost > self._bucket.available or self._faults.strikes("shopify", "throttled"):
            return {
                "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
                "extensions": {"cost": self._cost(cost, None)},
            }
        try:
            data = self._executor.answer(question.plan, owner, None, Asked(self._tokens.scopes.split(",")))
        except Refused as refused:
            return {"errors": refused.errors}
        actual = min(cost, max(1, _size(data)))
        self._bucket.available -= actual
        return {"data": data, "extensions": {"cost": self._cost(cost, actual)}}

    def _cost(self, requested: int, actual: int | None) -> dict[str, Any]:
        return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": self._bucket.status()}


def cost_of(plan: Plan, owner: str) -> int:
    """Points a question may cost: an object one; a connection the more the larger its page, less than in proportion."""
    total = 0
    for field in plan.of(owner):
        if field.plan is None:
            continue
        inner = max((cost_of(field.plan, each) for each in field.plan.fields), default=0)
        if field.type_name.endswith("Connection"):
            size = field.arguments.get("first") or field.arguments.get("last") or 1
            total += 2 + math.ceil(math.sqrt(size) * inner)
        else:
            total += 1 + inner
    return total


def _size(data: Any) -> int:
    """Objects in an answer."""
    if isinstance(data, dict):
        return 1 + sum(_size(value) for value in data.values())
    return sum(_size(value) for value in data) if isinstance(data, list) else 0


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        headers={"X-Shopify-API-Version": API_VERSION, **(headers or {})},
    )
