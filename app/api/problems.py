"""Errors of the API, as RFC 9457 has them: `application/problem+json` with a code that never changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from flask import Response
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

MEDIA_TYPE: Final = "application/problem+json"
CODES: Final[dict[str, tuple[int, str]]] = {
    "no_key": (401, "Say who you are: Authorization: Bearer <key>"),
    "bad_key": (401, "This key isn't known here, or was revoked"),
    "uninstalled": (403, "The app isn't installed in this store any more"),
    "missing_scope": (403, "This key may not do that"),
    "not_found": (404, "There is no such thing"),
    "method_not_allowed": (405, "This address doesn't take that method"),
    "not_json": (400, "The body isn't a JSON object"),
    "bad_parameters": (400, "Something in the address can't be"),
    "bad_request": (400, "This request can't be read"),
    "conflict": (409, "Its present state doesn't allow that"),
    "too_many_webhooks": (409, "This shop has as many subscriptions as it may"),
    "too_large": (413, "The body is too large"),
    "not_acceptable_type": (415, "Send the body as application/json"),
    "bad_body": (422, "Something in the body can't be"),
    "other_request": (422, "This Idempotency-Key was used for another request"),
    "too_many": (429, "Too many requests: wait a moment"),
    "internal": (500, "Something went wrong here"),
    "unavailable": (503, "The database can't be reached just now: try again"),
}
"""Code -> HTTP status and title."""


class Fault(BaseModel):
    """One field that can't be."""

    pointer: str = Field(description="JSON pointer into the body, or the name of a parameter")
    detail: str


class ProblemBody(BaseModel):
    """What every error answers (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(description="Where the code is explained")
    title: str
    status: int
    code: str = Field(description="For programs; never changes")
    detail: str | None = None
    errors: list[Fault] = []


@dataclass(frozen=True, slots=True)
class Problem:
    """An error, as a view answers it."""

    code: str
    detail: str | None = None
    errors: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return CODES[self.code][0]

    def body(self) -> dict[str, Any]:
        """As JSON."""
        status, title = CODES[self.code]
        told = ProblemBody(
            type=f"/api/v1/docs#{self.code}", title=title, status=status, code=self.code, detail=self.detail,
            errors=list(self.errors),
        )  # fmt: skip
        return told.model_dump(mode="json", exclude_defaults=True)


def answer(problem: Problem) -> Response:
    """As a response."""
    return Response(orjson.dumps(problem.body()), problem.status, dict(problem.headers), mimetype=MEDIA_TYPE)


def faults(errors: Sequence[ErrorDetails]) -> list[Fault]:
    """What pydantic found, without repeating what was sent."""
    return [Fault(pointer="/" + "/".join(str(part) for part in error["loc"]), detail=error["msg"]) for error in errors]
