"""How a request of the API becomes a call of a view, and the view's value an answer.

An operation is declared once, with the models that check what comes in and shape what goes out. The OpenAPI document
is made of the same declarations (`document`), so it can't say anything else than what happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import orjson
from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, ValidationError

from app import clock
from app.api import problems
from app.api.problems import Problem
from app.keys import rules, service as keys
from app.privacy import audit
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.shops.models import Shop

ROOT: Final = "/api/v1"
LONGEST_REFERENCE: Final = 255
LARGEST_ID: Final = 2**63 - 1
HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

bp = Blueprint("api", __name__, url_prefix=ROOT, template_folder="templates")


class Given(BaseModel):
    """What comes in: nothing unknown, so that a typing error is told and not passed over."""

    model_config = ConfigDict(extra="forbid")


class Nothing(Given):
    """No parameters, no body."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing the API can do."""

    method: str
    path: str
    name: str
    scope: str
    answer: type[BaseModel]
    status: int
    query: type[Given]
    body: type[Given] | None
    can_conflict: bool
    about: str

    @property
    def changes(self) -> bool:
        """Whether it does more than look."""
        return self.method != "GET"

    @property
    def tag(self) -> str:
        """What it is about: the first word of its scope."""
        return self.scope.partition(":")[0]


OPERATIONS: list[Operation] = []


@dataclass(slots=True)
class Call:
    """A request that was let in and understood, inside its shop's transaction."""

    session: Session
    shop: Shop
    key_id: int
    query: Any
    body: Any
    now: datetime

    @property
    def shop_id(self) -> int:
        """The shop's number."""
        return self.shop.id

    def note(self, action: audit.Action, *, after: Mapping[str, Any] | None = None, **targets: Any) -> None:
        """Put it on record, as done by this key."""
        audit.note(self.session, f"key:{self.key_id}", action, targets=targets, after=after)


View = Any


def operation(  # noqa: PLR0913 one declaration says all there is to know
    method: str,
    path: str,
    *,
    scope: str,
    answer: type[BaseModel],
    status: int = 200,
    query: type[Given] = Nothing,
    body: type[Given] | None = None,
    can_conflict: bool = False,
) -> Callable[[View], View]:
    """Declare a view: `view(call, **ids)` answers with a model of `answer`, or with a `Problem`."""
    assert scope in rules.SCOPES  # noqa: S101 a typing error of ours

    def declare(view: View) -> View:
        found = Operation(
            method, path, view.__name__, scope, answer, status, query, body, can_conflict,
            " ".join((view.__doc__ or "").split()),
        )  # fmt: skip
        OPERATIONS.append(found)

        def carry_out(**ids: Any) -> Response:
            return _carry_out(found, view, ids)

        bp.add_url_rule(path, view.__name__, carry_out, methods=[method])
        return view

    return declare


def _carry_out(wanted: Operation, view: View, ids: dict[str, Any]) -> Response:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        return _refuse(Problem("no_key", headers={"WWW-Authenticate": "Bearer"}))
    let_in = keys.let_in(key.strip())
    if isinstance(let_in, keys.Refused):
        return _refuse(_not_let_in(let_in))
    response = _answer(wanted, view, ids, let_in)
    # draft-ietf-httpapi-ratelimit-headers: what is left now, and how it grows back.
    seconds = rules.BURST * rules.STEP.total_seconds()
    response.headers["RateLimit-Policy"] = f'"key";q={rules.BURST};w={seconds:.0f}'
    response.headers["RateLimit"] = f'"key";r={let_in.left}'
    response.headers.extend(HEADERS)
    return response


def _not_let_in(refused: keys.Refused) -> Problem:
    headers = {}
    if refused.code == "bad_key":
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if refused.code == "too_many":
        headers["Retry-After"] = str(int(refused.seconds) + 1)
    return Problem(refused.code, headers=headers)


def _refuse(problem: Problem) -> Response:
    response = problems.answer(problem)
    response.headers.extend(HEADERS)
    return response


@dataclass(frozen=True, slots=True)
class Understood:
    """What a request says, checked."""

    query: Given
    body: Given | None
    reference: str
    """The Idempotency-Key; empty without one."""


def _answer(wanted: Operation, view: View, ids: dict[str, Any], let_in: keys.LetIn) -> Response:
    understood = _understand(wanted, ids, let_in)
    if isinstance(understood, Problem):
        return problems.answer(understood)
    reference = understood.reference
    with transaction(let_in.shop.id) as session:
        kept = keys.begin(session, let_in.key_id, reference, _whole_request()) if reference else None
        if isinstance(kept, keys.OtherRequest):
            return problems.answer(Problem("other_request"))
        if kept is not None:
            return _response(kept.status, kept.body, {"Idempotency-Replayed": "true"})
        call = Call(session, let_in.shop, let_in.key_id, understood.query, understood.body, clock.now())
        done = view(call, **ids)
        status = done.status if isinstance(done, Problem) else wanted.status
        told = done.body() if isinstance(done, Problem) else done.model_dump(mode="json")
        if reference:
            keys.keep(session, let_in.key_id, reference, status, told)
    response = _response(status, told, {})
    if not wanted.changes and status == 200:  # noqa: PLR2004 HTTP
        response.add_etag()
        response.make_conditional(request)
    return response


def _understand(wanted: Operation, ids: Mapping[str, Any], let_in: keys.LetIn) -> Understood | Problem:
    """Whether the key may do it, and what exactly is asked for."""
    if wanted.scope not in let_in.scopes:
        return Problem("missing_scope", f"It needs the scope {wanted.scope}.")
    if any((isinstance(value, int) and value > LARGEST_ID) or "\0" in str(value) for value in ids.values()):
        return Problem("not_found")
    reference = request.headers.get("Idempotency-Key", "") if wanted.changes else ""
    if len(reference) > LONGEST_REFERENCE or not (reference.isascii() and reference.isprintable()):
        return Problem("bad_parameters", "An Idempotency-Key has at most 255 plain signs.")
    query = _read(wanted.query, _parameters(), "bad_parameters")
    if isinstance(query, Problem):
        return query
    body = None if wanted.body is None else _body(wanted.body)
    return body if isinstance(body, Problem) else Understood(query, body, reference)


def _response(status: int, told: dict[str, Any] | None, headers: Mapping[str, str]) -> Response:
    kind = problems.MEDIA_TYPE if status >= 400 else "application/json"  # noqa: PLR2004 HTTP
    return Response(orjson.dumps(told), status, dict(headers), mimetype=kind)


def _parameters() -> dict[str, Any]:
    """The address's parameters; one that is given several times is a list, which no model takes."""
    given = parse_qs(request.query_string.decode(errors="replace"), keep_blank_values=True)
    return {name: found[0] if len(found) == 1 else found for name, found in given.items()}


def _body(model: type[Given]) -> Given | Problem:
    raw = request.get_data()
    if raw and request.mimetype != "application/json":
        return Problem("not_acceptable_type")
    try:
        found = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        return Problem("not_json")
    return _read(model, found, "bad_body") if isinstance(found, dict) else Problem("not_json")


def _read(model: type[Given], given: Mapping[str, Any], code: str) -> Given | Problem:
    if "\\u0000" in orjson.dumps(given, default=str).decode():
        return Problem(code, "A text holds a NUL sign, which no text of ours can.")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        return Problem(code, errors=problems.faults(error.errors()))


def _whole_request() -> bytes:
    return b"\n".join((request.method.encode(), request.full_path.encode(), request.get_data()))
