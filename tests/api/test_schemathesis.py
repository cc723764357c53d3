"""Requests made up from the OpenAPI document: whatever comes, the answer is one the document tells of."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api.calls import OPERATIONS
from app.hooks import service as hooks
from app.keys import rules
from app.transaction import transaction
from tests.admin.conftest import add_customer, add_message, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.api.conftest import Program

EXAMPLES = 8
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def there(program: Program, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What there is in the shop, by the names that addresses give it. The program may ask as often as it likes."""
    monkeypatch.setattr(rules, "STEP", timedelta(microseconds=1))
    customer = add_customer(program.shop_id)
    with transaction(program.shop_id) as session:
        hook = hooks.make(session, "https://erp.example/hook", ["message.sent"], "user:42")
        assert not isinstance(hook, hooks.TooMany)
        hooks.test(session, hook)
    return {
        "customer_id": customer,
        "message_id": add_message(program.shop_id, customer),
        "key": "abandoned_cart",
        "hook_id": hook.id,
        "delivery_id": rows(program.shop_id, "SELECT id FROM hook_delivery WHERE shop_id = :shop")[0].id,
    }


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_no_made_up_request_breaks_anything(name: str, told: Any, program: Program, there: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {program.key}"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=told.find_operation_by_id(name).as_strategy(), real=st.booleans())
    def made_up(case: Any, real: bool) -> None:  # noqa: FBT001 hypothesis names it
        if real:  # most numbers name nothing
            case.path_parameters = {n: there.get(n, value) for n, value in (case.path_parameters or {}).items()}
        case.validate_response(case.call(headers=headers), checks=CHECKS)

    made_up()


@pytest.fixture
def told(app: Flask) -> Iterator[Any]:
    """The document as it is served, and the application that must keep to it."""
    app.config["TESTING"] = False
    yield schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    app.config["TESTING"] = True
