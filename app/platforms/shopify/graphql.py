"""The Admin API: an operation in, its data or a fault out. Throttling is waited out within the caller's patience.

Shopify throttles with HTTP 200 and an error code, which neither of its own clients retries; 429 and 5xx occur too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from app import clock
from app.platforms.shopify.budget import CostBudget, NoBudget, Throttle
from app.platforms.shopify.transport import READ_SECONDS, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from app.platforms.base import ShopAccess
    from app.platforms.shopify.credentials import Credentials
    from app.platforms.shopify.transport import Answer, Transport

API_VERSION = "2026-10"
PATIENCE_SECONDS = 30.0
FIRST_GUESS_POINTS = 20.0
SHORTEST_WAIT, LONGEST_WAIT = 0.25, 15.0
MOST_ATTEMPTS = 8

UNAUTHORIZED = "unauthorized"
THROTTLED = "throttled"
TOO_EXPENSIVE = "too_expensive"
FORBIDDEN = "forbidden"
UNREACHABLE = "unreachable"

_BY_STATUS = {401: UNAUTHORIZED, 402: "frozen", 403: FORBIDDEN, 404: "no_such_store", 423: "locked"}
_BY_CODE = {
    "THROTTLED": THROTTLED,
    "MAX_COST_EXCEEDED": TOO_EXPENSIVE,
    "ACCESS_DENIED": FORBIDDEN,
    "INTERNAL_SERVER_ERROR": "store_error",
    "SHOP_INACTIVE": "frozen",
    "TIMEOUT": "store_error",
}
_PASSING = frozenset({THROTTLED, "store_error", UNREACHABLE})


@dataclass(frozen=True, slots=True)
class GraphQLFault:
    """Why there is no data.

    `code`: `unauthorized` (refresh the token), `forbidden` (scope missing), `throttled`, `too_expensive` (ask for fewer
    at once), `frozen`, `locked`, `no_such_store`, `store_error`, `unreachable`, `unreadable`, `refused` (user errors),
    `bad_request`. `message` holds no personal data of ours.
    """

    code: str
    message: str = ""
    retry_after: float | None = None

    @property
    def may_pass(self) -> bool:
        """Whether the same call can work later."""
        return self.code in _PASSING


def user_error(data: Mapping[str, Any], field: str) -> GraphQLFault | None:
    """What a mutation's own errors say; Shopify answers 200 with them."""
    payload = data.get(field)
    if not isinstance(payload, dict):
        return GraphQLFault("unreadable", f"{field} is missing")
    errors = payload.get("userErrors")
    if not errors:
        return None
    first = errors[0] if isinstance(errors, list) and isinstance(errors[0], dict) else {}
    return GraphQLFault("refused", f"{first.get('code') or ''} {first.get('message') or ''}".strip()[:300])


class GraphQLClient:
    """Executes operations for any store. Safe for threads."""

    def __init__(
        self,
        credentials: Credentials,
        transport: Transport,
        budget: CostBudget | None = None,
        pause: Callable[[float], None] = clock.pause,
    ) -> None:
        self._credentials, self._transport, self._pause = credentials, transport, pause
        self._budget: CostBudget = budget or NoBudget()
        self._points: dict[str, float] = {}

    def execute(
        self,
        access: ShopAccess,
        operation: str,
        variables: Mapping[str, Any] | None = None,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> dict[str, Any] | GraphQLFault:
        """The operation's data, or a fault. Gives up after about `patience` real seconds.

        A mutation whose answer got lost isn't repeated: it may have had its effect.
        """
        is_mutation = operation.lstrip().startswith("mutation")
        spent, fault = 0.0, GraphQLFault(THROTTLED, "the shared budget is used up")
        for attempt in range(MOST_ATTEMPTS):
            wait = self._budget.reserve(access.domain, self._points.get(operation, FIRST_GUESS_POINTS))
            if wait == 0.0:
                begun = clock.monotonic()
                answer = self._call(access, operation, variables, patience - spent)
                spent += clock.monotonic() - begun
                content = {} if isinstance(answer, NoAnswer) else answer.data
                self._learn(access.domain, operation, _object(_object(content.get("extensions")).get("cost")))
                found = _read(answer, content)
                if not isinstance(found, GraphQLFault):
                    return found
                fault = found
                if not fault.may_pass or (is_mutation and fault.code != THROTTLED):
                    return fault
                wait = fault.retry_after if fault.retry_after is not None else 0.5 * 2**attempt
            wait = min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)
            if spent + wait > patience:
                return fault
            self._pause(wait)
            spent += wait
        return fault

    def _call(
        self, access: ShopAccess, operation: str, variables: Mapping[str, Any] | None, seconds: float
    ) -> Answer | NoAnswer:
        return self._transport.post(
            self._credentials.address(access.domain, f"/admin/api/{API_VERSION}/graphql.json"),
            {"query": operation, "variables": dict(variables or {})},
            {"X-Shopify-Access-Token": access.access_token},
            min(READ_SECONDS, max(1.0, seconds)),
        )

    def _learn(self, shop: str, operation: str, cost: Mapping[str, Any]) -> None:
        """Remember what the operation cost and what the store's bucket holds now."""
        requested = cost.get("requestedQueryCost")
        if isinstance(requested, int | float) and requested > 0:
            self._points[operation] = float(requested)
        throttle = _throttle(cost)
        if throttle is not None:
            self._budget.report(shop, throttle)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _throttle(cost: Mapping[str, Any]) -> Throttle | None:
    status = _object(cost.get("throttleStatus"))
    numbers = [status.get(name) for name in ("currentlyAvailable", "maximumAvailable", "restoreRate")]
    told = [float(each) for each in numbers if isinstance(each, int | float)]
    return Throttle(*told) if len(told) == len(numbers) and told[2] > 0 else None


def _read(answer: Answer | NoAnswer, content: Mapping[str, Any]) -> dict[str, Any] | GraphQLFault:
    if isinstance(answer, NoAnswer):
        return GraphQLFault(UNREACHABLE, answer.reason)
    if answer.status == 429:  # noqa: PLR2004 - HTTP
        return GraphQLFault(THROTTLED, "http_429", answer.retry_after)
    if answer.status >= 500:  # noqa: PLR2004 - HTTP
        return GraphQLFault("store_error", f"http_{answer.status}", answer.retry_after)
    if answer.status != 200:  # noqa: PLR2004 - HTTP
        return GraphQLFault(_BY_STATUS.get(answer.status, "bad_request"), f"http_{answer.status}")
    data, errors = content.get("data"), content.get("errors")
    if errors:
        return _read_errors(data, errors, _object(_object(content.get("extensions")).get("cost")))
    return data if isinstance(data, dict) else GraphQLFault("unreadable", "no data")


def _read_errors(data: Any, errors: Any, cost: Mapping[str, Any]) -> dict[str, Any] | GraphQLFault:
    """Errors beside data. Fields we aren't approved to read come as null: the rest is still good."""
    known = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    codes = [_object(each.get("extensions")).get("code") for each in known]
    if "THROTTLED" in codes:
        return GraphQLFault(THROTTLED, "throttled", _seconds_until(cost))
    only_hidden = bool(known) and all(code == "ACCESS_DENIED" for code in codes)
    if only_hidden and isinstance(data, dict) and data and all(value is not None for value in data.values()):
        return data
    code = next((code for code in codes if code in _BY_CODE), None)
    message = str(known[0].get("message", ""))[:300] if known else str(errors)[:300]
    return GraphQLFault(_BY_CODE.get(code or "", "bad_request"), message)


def _seconds_until(cost: Mapping[str, Any]) -> float | None:
    """When the bucket will hold what the operation asks for."""
    throttle, requested = _throttle(cost), cost.get("requestedQueryCost")
    if throttle is None or not isinstance(requested, int | float):
        return None
    return max(0.0, (requested - throttle.available) / throttle.per_second)


def gid(kind: str, number: str) -> str:
    """The API's name for a thing."""
    return f"gid://shopify/{kind}/{number}"


def stamp(at: datetime) -> str:
    """A time as search filters want it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(value: str) -> str:
    """A value for a search filter, in quotes it can't get out of."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
