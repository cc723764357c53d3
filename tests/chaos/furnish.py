"""`python -m tests.chaos.furnish KEY`: every shop gets the starter journeys, and the one of this key is turned on."""

from __future__ import annotations

import sys

from sqlalchemy import select, text

from app import create_app, transaction
from app.journeys import service as journeys
from app.journeys.models import Journey
from config import Settings


def main(key: str) -> None:
    """Furnish all shops there are."""
    with create_app(Settings.from_env()).app_context():
        with transaction.across_shops() as session:
            shops = session.scalars(text("SELECT id FROM shop WHERE id <> 0 ORDER BY id")).all()
        for shop_id in shops:
            with transaction.transaction(shop_id) as session:
                journeys.install_starters(session)
                for journey in session.scalars(select(Journey).where(Journey.key == key)):
                    journeys.turn_on(session, journey)


if __name__ == "__main__":
    main(sys.argv[1])
