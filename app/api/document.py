"""The OpenAPI 3.1 document, made of the operations and their models: what is written is what is checked."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from app.api.calls import LARGEST_ID, LONGEST_REFERENCE, OPERATIONS, ROOT
from app.api.problems import CODES, MEDIA_TYPE, ProblemBody
from app.keys.rules import BURST, SCOPES, STEP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from app.api.calls import Operation

ABOUT: Final = f"""What a merchant does in Regulars' pages, for programs. Make a key under Settings, API keys, and send
it as `Authorization: Bearer <key>`.

- **Lists** are newest first. `next_cursor` of a page is the `cursor` of the next one.
- **Errors** are `application/problem+json` (RFC 9457); `code` never changes.
- **Repeating safely**: give a change an `Idempotency-Key`. The same request with the same key within 24 hours is
  answered as before and does nothing; another request with that key is refused.
- **Speed**: {1 / STEP.total_seconds():.0f} requests a second, up to {BURST} at once. `RateLimit` tells what is left;
  after a 429, `Retry-After` says when.
- **Money** is in minor units (cents), times are RFC 3339, phone numbers E.164.
- **Events**: subscribe an address and every event is posted there, signed as Standard Webhooks has it
  (`webhook-id`, `webhook-timestamp`, `webhook-signature`). The id stays the same when it is sent again."""
TAGS: Final = {
    "customers": "People, and what can be done for them.",
    "consent": "What people said about marketing.",
    "messages": "Everything written, meant to be written, or held back.",
    "journeys": "What is sent when.",
    "reports": "Figures.",
    "suppressions": "Addresses that are never written to.",
    "events": "What happened, as subscribers were told.",
    "webhooks": "Who is told what.",
    "settings": "The shop.",
}
REF: Final = "#/components/schemas/{model}"
_ID = re.compile(r"<(?:(int):)?(\w+)>")


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(_ID.sub(r"{\2}", operation.path), {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Regulars", "version": "1", "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": ROOT}],
        "security": [{"key": []}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas()["$defs"],
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": f"Scopes: {', '.join(SCOPES)}"}
            },
        },
    }


@cache
def _schemas() -> dict[str, Any]:
    outgoing = {operation.answer for operation in OPERATIONS} | {ProblemBody}
    incoming = {operation.body for operation in OPERATIONS if operation.body}
    wanted = [
        *((model, "serialization") for model in sorted(outgoing, key=_name)),
        *((model, "validation") for model in sorted(incoming, key=_name)),
    ]
    refs, schemas = models_json_schema(wanted, ref_template=REF)  # type: ignore[arg-type]  # a list of literals
    return {"refs": refs, **schemas}


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _ref(model: type[BaseModel], mode: str) -> dict[str, Any]:
    found: dict[str, Any] = _schemas()["refs"][model, mode]
    return found


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.name.replace("_", " ").capitalize(),
        "description": f"{operation.about}\n\nScope: `{operation.scope}`",
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation),
    }
    if operation.body is not None:
        schema = _ref(operation.body, "validation")
        required = any(field.is_required() for field in operation.body.model_fields.values())
        found["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    return found


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for kind, name in _ID.findall(operation.path):
        schema: dict[str, Any] = (
            {"type": "integer", "minimum": 0, "maximum": LARGEST_ID} if kind else {"type": "string", "minLength": 1}
        )
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    schema = operation.query.model_json_schema(ref_template=REF)
    for name, about in schema.get("properties", {}).items():
        told = {key: value for key, value in about.items() if key not in ("title", "description")}
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": told}
        yield parameter | ({"description": about["description"]} if "description" in about else {})
    if operation.changes:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Any text of your own; see above",
            "schema": {"type": "string", "maxLength": LONGEST_REFERENCE, "pattern": "^[\\x20-\\x7e]*$"},
        }


def _responses(operation: Operation) -> dict[str, Any]:
    schema = _ref(operation.answer, "serialization")
    limits = {"RateLimit": {"schema": {"type": "string"}}, "RateLimit-Policy": {"schema": {"type": "string"}}}
    found = {
        str(operation.status): {
            "description": "Done" if operation.changes else "Here it is",
            "headers": limits,
            "content": {"application/json": {"schema": schema}},
        }
    }
    codes = {"no_key", "missing_scope", "bad_parameters", "too_many"}
    codes |= {"not_found"} if "<" in operation.path else set()
    codes |= {"conflict"} if operation.can_conflict else set()
    codes |= {"other_request"} if operation.changes else set()
    codes |= {"bad_body", "not_acceptable_type", "too_large"} if operation.body else set()
    problem = {"content": {MEDIA_TYPE: {"schema": _ref(ProblemBody, "serialization")}}}
    for status, title in sorted({CODES[code] for code in codes}):
        found[str(status)] = {"description": title, **problem}
    if not operation.changes:
        found["304"] = {"description": "As it was (If-None-Match)"}
    return found
