"""Merchant pages, embedded in the store's admin: `register` hangs them into the web application."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def register(app: Flask) -> None:
    """Add the merchant's pages and the ways in. Each view module hangs its routes on the guarded blueprint."""
    from app.admin import customers, deliveries, entrance, guard, home, journeys, messages, settings, showing

    for module in (home, journeys, messages, customers, settings, deliveries):
        module.routes()
    showing.install(app)
    app.register_blueprint(guard.bp)
    app.register_blueprint(entrance.bp)
