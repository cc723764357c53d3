"""What comes in by address and form, as text that can be kept: PostgreSQL has no place for a NUL sign in a text.

Nobody types one. A program that sends one gets the page that the rest of its words asks for, and no page has to think
of it. JSON is each reader's own business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import UnicodeConverter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask

NUL = "\0"


class Fields(ImmutableMultiDict[str, Any]):
    """An address's or a form's fields, without NUL."""

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__([(_without(name), _without(value)) for name, value in pairs])


class PlainRequest(Request):
    """Flask's request with such fields."""

    parameter_storage_class = Fields


class PlainPart(UnicodeConverter):
    """A part of an address's path; one with a NUL leads nowhere."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.regex = self.regex.replace("[^/]", f"[^/{NUL}]")


def use(app: Flask) -> None:
    """Let the application's requests be such, before it gets routes."""
    app.request_class = PlainRequest
    app.url_map.converters.update({"default": PlainPart, "string": PlainPart})


def _without(value: Any) -> Any:
    return value.replace(NUL, "") if isinstance(value, str) else value
