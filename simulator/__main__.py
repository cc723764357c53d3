"""`python -m simulator`: the whole simulated store, its providers and its admin, until stopped."""

from __future__ import annotations

import asyncio
import logging

from simulator.admin_frame.views import add_admin_frame
from simulator.serving import serve
from simulator.settings import parse_settings
from simulator.world import build_simulation


def main() -> None:
    """Build the shop and serve it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s simulator %(message)s")
    settings = parse_settings()
    simulation = build_simulation(settings)
    ready = (
        f"{settings.identity.name}: {len(simulation.world.store.customers)} customers, "
        f"{len(simulation.world.store.orders)} orders in the past year, at {settings.url}"
    )
    app = simulation.application()
    add_admin_frame(app, simulation)
    asyncio.run(serve(app, settings.port, ready))


if __name__ == "__main__":
    main()
