"""A page of a list, as the API answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from app.api import queries, schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.api.calls import Call

Found = TypeVar("Found", bound=BaseModel)


def page(call: Call, select: str, alias: str, conditions: Mapping[str, Any], model: type[Found]) -> Found:
    """The rows of `select` that fulfil the conditions, from the call's cursor on, as a page of this model."""
    wanted: schemas.PageQuery = call.query
    rows = queries.listed(call.session, call.shop_id, select, alias, conditions, wanted.before, wanted.limit)
    shown = rows[: wanted.limit]
    following = schemas.cursor_of(shown[-1].id) if len(rows) > wanted.limit else None
    return model.model_validate({"data": shown, "next_cursor": following}, from_attributes=True)
