"""Journeys: which there are, on or off, what each does step by step, and what its messages look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, g
from sqlalchemy import select

from app.admin import home
from app.admin.guard import bp
from app.admin.words import _
from app.journeys import service as journeys
from app.journeys.models import Journey
from app.transaction import ring_after_commit, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def routes() -> None:
    """Hang the pages on the guarded blueprint."""
    bp.add_url_rule("/admin/journeys/turn-on-all", "turn_on_all", turn_on_all, methods=["POST"])


def turn_on_all() -> Response:
    """Everything on, with one click."""
    with transaction(g.shop_id) as session:
        found = session.scalars(select(Journey).where(Journey.shop_id == g.shop_id, ~Journey.is_on).with_for_update())
        for journey in found:
            _turn_on(session, journey)
    return home.show(toast=_("All journeys are on"), address="/")


def _turn_on(session: Session, journey: Journey) -> None:
    if journeys.turn_on(session, journey):
        ring_after_commit(session, "plan")
