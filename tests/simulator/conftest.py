"""A simulated shop over real HTTP, and a listener that stands where the app would be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from local.ports import free_port
from simulator.admin_frame.views import add_admin_frame
from simulator.world import build_simulation
from tests.simulator.town import InTown, Listener, Town, settings_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path


@pytest.fixture
def in_town(tmp_path: Path) -> InTown:
    """Run a test's story in a town: `in_town(story, speed=...)`."""

    async def run(story: Callable[[Town], Awaitable[None]], changes: dict[str, Any]) -> None:
        listener, app_port = Listener(), free_port()
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", listener.handle)
        settings = settings_for(tmp_path, app_port, **changes)
        simulation = build_simulation(settings)
        served = simulation.application()
        add_admin_frame(served, simulation)
        runners = [web.AppRunner(app), web.AppRunner(served)]
        for runner, port in zip(runners, (app_port, settings.port), strict=True):
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            async with aiohttp.ClientSession() as client:
                await story(Town(simulation, listener, client))
        finally:
            for runner in reversed(runners):
                await runner.cleanup()

    def play(story: Callable[[Town], Coroutine[Any, Any, None]], **changes: Any) -> None:
        asyncio.run(run(story, changes))

    return play
