"""The Admin API over real HTTP: waiting, giving up, and never confusing the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.platforms.shopify.budget import Throttle
from app.platforms.shopify.graphql import GraphQLClient, GraphQLFault, quoted, user_error
from app.platforms.shopify.transport import Transport

if TYPE_CHECKING:
    from app.platforms.base import ShopAccess
    from app.platforms.shopify.credentials import Credentials

QUERY, MUTATION = "query X { shop { id } }", "mutation X { tagsAdd { node { id } } }"


class Waits:
    """Time that passes at once, and what was waited."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Bucket:
    """A budget that says how long to wait, once per entry."""

    def __init__(self, *waits: float) -> None:
        self.waits, self.asked, self.told = list(waits), [], []  # type: ignore[var-annotated]

    def reserve(self, shop: str, points: float) -> float:
        self.asked.append((shop, points))
        return self.waits.pop(0) if self.waits else 0.0

    def report(self, shop: str, throttle: Throttle) -> None:
        self.told.append((shop, throttle))


def cost(requested: float, available: float) -> dict[str, Any]:
    return {
        "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": 3,
            "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": 100.0},
        }
    }


def throttled(requested: float = 500, available: float = 300) -> dict[str, Any]:
    return {
        "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
        "extensions": cost(requested, available),
    }


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(credentials: Credentials, waits: Waits) -> GraphQLClient:
    return GraphQLClient(credentials, Transport(), pause=waits)


def test_an_operation_goes_to_the_pinned_version_with_the_token(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess
) -> None:
    store.replies = [reply(200, {"data": {"shop": {"id": 1}}})]
    assert client.execute(access, QUERY, {"a": 1}) == {"shop": {"id": 1}}
    (call,) = store.calls
    assert call.path == f"/shopify/{access.domain}/admin/api/2026-10/graphql.json"
    assert call.headers["x-shopify-access-token"] == "shpat_1"
    assert call.json == {"query": QUERY, "variables": {"a": 1}}


def test_throttling_at_http_200_is_waited_out_for_as_long_as_the_cost_needs(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess, waits: Waits
) -> None:
    store.replies = [reply(200, throttled(500, 300)), reply(200, {"data": {"shop": {}}})]
    assert client.execute(access, QUERY) == {"shop": {}}
    assert waits.seconds == [2.0]


def test_http_429_waits_for_what_the_store_asks(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess, waits: Waits
) -> None:
    store.replies = [reply(429, b"", {"Retry-After": "3"}), reply(502, b"x"), reply(200, {"data": {"shop": {}}})]
    assert client.execute(access, QUERY) == {"shop": {}}
    assert waits.seconds == [3.0, 1.0]


def test_patience_ends(store: Any, reply: Any, client: GraphQLClient, access: ShopAccess, waits: Waits) -> None:
    store.replies = [reply(200, throttled(500, 0))]
    fault = client.execute(access, QUERY, patience=12)
    assert isinstance(fault, GraphQLFault)
    assert (fault.code, fault.may_pass, fault.retry_after) == ("throttled", True, 5.0)
    assert sum(waits.seconds) <= 12
    assert len(store.calls) == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "unauthorized"),
        (402, "frozen"),
        (403, "forbidden"),
        (404, "no_such_store"),
        (423, "locked"),
        (400, "bad_request"),
        (301, "bad_request"),
    ],
)
def test_a_refusal_is_asked_only_once(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess, *, status: int, code: str
) -> None:
    store.replies = [reply(status, b"", {"Location": "http://127.0.0.1:1/"})]
    assert client.execute(access, QUERY) == GraphQLFault(code, f"http_{status}")
    assert len(store.calls) == 1


def test_a_reset_is_tried_again_for_a_query_but_never_for_a_mutation(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess
) -> None:
    store.replies = [reply(hang_up=True), reply(200, {"data": {"shop": {}}})]
    assert client.execute(access, QUERY) == {"shop": {}}
    store.replies = [reply(hang_up=True)]
    store.calls.clear()
    fault = client.execute(access, MUTATION)
    assert isinstance(fault, GraphQLFault)
    assert fault.code == "unreachable"
    assert len(store.calls) == 1


def test_a_throttled_mutation_had_no_effect_and_is_repeated(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess
) -> None:
    store.replies = [reply(200, throttled()), reply(200, {"data": {"tagsAdd": {}}})]
    assert client.execute(access, MUTATION) == {"tagsAdd": {}}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", {"data": None}, {}, {"data": 5}])
def test_an_answer_that_cannot_be_read_is_a_fault(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess, body: Any
) -> None:
    store.replies = [reply(200, body)]
    fault = client.execute(access, QUERY)
    assert isinstance(fault, GraphQLFault)
    assert fault.code == "unreadable"


@pytest.mark.parametrize(
    ("code", "expected"),
    [("MAX_COST_EXCEEDED", "too_expensive"), ("ACCESS_DENIED", "forbidden"), ("OTHER", "bad_request")],
)
def test_errors_are_told_by_their_code(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess, code: str, expected: str
) -> None:
    store.replies = [reply(200, {"data": {"shop": None}, "errors": [{"message": "m", "extensions": {"code": code}}]})]
    assert client.execute(access, QUERY) == GraphQLFault(expected, "m")


def test_fields_we_may_not_see_come_as_null_and_the_rest_is_used(
    store: Any, reply: Any, client: GraphQLClient, access: ShopAccess
) -> None:
    hidden = {"message": "not approved", "extensions": {"code": "ACCESS_DENIED"}}
    store.replies = [reply(200, {"data": {"shop": {"email": None}}, "errors": [hidden]})]
    assert client.execute(access, QUERY) == {"shop": {"email": None}}


def test_the_shared_budget_is_asked_with_what_the_operation_cost_before_and_told_what_is_left(
    store: Any, reply: Any, credentials: Credentials, access: ShopAccess, waits: Waits
) -> None:
    bucket = Bucket(1.5)
    client = GraphQLClient(credentials, Transport(), bucket, waits)
    store.replies = [reply(200, {"data": {"shop": {}}, "extensions": cost(42, 1900)})]
    client.execute(access, QUERY)
    client.execute(access, QUERY)
    assert waits.seconds == [1.5]
    assert [points for _, points in bucket.asked] == [20.0, 20.0, 42.0]
    assert bucket.told[0] == (access.domain, Throttle(1900.0, 2000.0, 100.0))


def test_an_exhausted_budget_makes_no_call(
    store: Any, credentials: Credentials, access: ShopAccess, waits: Waits
) -> None:
    client = GraphQLClient(credentials, Transport(), Bucket(*[9.0] * 20), waits)
    fault = client.execute(access, QUERY, patience=5)
    assert isinstance(fault, GraphQLFault)
    assert fault.may_pass
    assert store.calls == []


def test_user_errors_are_failures_though_the_answer_was_200() -> None:
    assert user_error({"x": {"userErrors": []}}, "x") is None
    fault = user_error({"x": {"userErrors": [{"code": "TAKEN", "message": "is taken"}]}}, "x")
    assert fault == GraphQLFault("refused", "TAKEN is taken")
    assert user_error({}, "x") == GraphQLFault("unreadable", "x is missing")


def test_connections_are_kept(store: Any, reply: Any, client: GraphQLClient, access: ShopAccess) -> None:
    store.replies = [reply(200, {"data": {"shop": {}}})]
    for _ in range(3):
        client.execute(access, QUERY)
    assert len({call.port for call in store.calls}) == 1


def test_a_value_cannot_leave_its_quotes() -> None:
    assert quoted("a'b\\") == "'a\\'b\\\\'"
