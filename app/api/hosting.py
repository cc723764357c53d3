"""What surrounds the operations: the document, the page made of it, and errors outside of any operation."""

from __future__ import annotations

import re
from typing import Any

import orjson
from flask import Response, render_template, request
from markupsafe import Markup, escape

from app.admin.assets import asset
from app.api import problems
from app.api.calls import HEADERS, ROOT, bp
from app.api.document import document
from app.api.problems import CODES, Problem

BY_STATUS = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    429: "too_many",
    500: "internal",
    503: "unavailable",
}
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def marked(told: str) -> Markup:
    """Text of the document, with what it marks as code or strong."""
    safe = str(escape(told))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", safe))  # noqa: S704 escaped above


bp.add_app_template_filter(marked, "marked")


@bp.get("/openapi.json", endpoint="document")
def as_json() -> Response:
    """The OpenAPI document."""
    response = Response(orjson.dumps(document(), option=orjson.OPT_INDENT_2), mimetype="application/json")
    response.headers["Access-Control-Allow-Origin"] = "*"  # tools in a browser read it from anywhere; it says nothing
    response.add_etag()
    return response.make_conditional(request)  # type: ignore[return-value]


@bp.get("/docs", endpoint="docs")
def docs() -> Response:
    """The document as a page, made here: no script, nothing from elsewhere."""
    found = document()
    by_tag: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in found["tags"]}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            by_tag[operation["tags"][0]].append({"path": path, "method": method.upper(), **operation})
    html = render_template(
        "api/docs.html",
        document=found,
        root=ROOT,
        by_tag={name: some for name, some in by_tag.items() if some},
        codes=CODES,
        asset=asset,
        named=_named,
        kind=_kind,
    )
    return Response(html, headers={"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"})


def _named(schema: dict[str, Any]) -> str:
    """The name of the schema a reference leads to."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: dict[str, Any]) -> str:
    """A schema's type in a word or two."""
    if "$ref" in schema:
        return _named(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(some) for some in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("const") or schema.get("type") or "anything")


def problem_of(status: int) -> Response:
    """An address or a method the API doesn't have, a body that is too large, a fault of ours."""
    response = problems.answer(Problem(BY_STATUS.get(status, "bad_request")))
    response.headers.extend(HEADERS)
    return response
