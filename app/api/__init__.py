"""The REST API: what merchants do in their pages, for programs. `register` hangs it into the web application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api import calls, events, hosting, people, work

if TYPE_CHECKING:
    from flask import Flask

PARTS = (people, work, events, hosting)
"""Each hangs what it offers on the blueprint when it is imported."""


def register(app: Flask) -> None:
    """Add the API, its document and its page."""
    app.register_blueprint(calls.bp)
