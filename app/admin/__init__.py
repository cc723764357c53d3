"""Merchant pages, embedded in the store's admin: `register` hangs them into the web application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.admin import (
    audit,
    customer_actions,
    customers,
    data_check,
    deliveries,
    entrance,
    guard,
    health,
    home,
    hooks,
    journeys,
    keys,
    messages,
    people_files,
    permission,
    plan,
    preview_as,
    privacy,
    reports,
    sending,
    settings,
    showing,
    team,
)
from app.admin.editing import designing, links, making, pages as editor, versions, wording

if TYPE_CHECKING:
    from flask import Flask

PAGES = (
    home,
    journeys,
    preview_as,
    messages,
    customers,
    customer_actions,
    settings,
    sending,
    deliveries,
    health,
    data_check,
    reports,
    team,
    audit,
    keys,
    people_files,
    permission,
    editor,
    versions,
    making,
    wording,
    links,
    designing,
    hooks,
    privacy,
    plan,
)
"""Each hangs its routes on the guarded blueprint when it is imported."""


def register(app: Flask) -> None:
    """Add the merchant's pages and the ways in."""
    showing.install(app)
    app.register_blueprint(guard.bp)
    app.register_blueprint(entrance.bp)
