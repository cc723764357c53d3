"""The simulated SendGrid and its name server, and a shop that sends from a domain of its own."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from local.ports import free_port
from simulator.providers.dns import Server, Zone
from simulator.providers.sendgrid_domains import Domains
from tests.core.conftest import world  # noqa: F401 a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config import Settings


@dataclass
class Names:
    """What stands outside: SendGrid's account and everybody's DNS."""

    settings: Settings
    zone: Zone
    domains: Domains


@pytest.fixture
def names(settings: Settings) -> Iterator[Names]:
    port, zone = free_port(), Zone()
    domains = Domains(settings.sendgrid.api_key, zone)
    loop, up = asyncio.new_event_loop(), threading.Event()
    application = web.Application()
    application.add_routes(domains.routes())

    async def serve() -> None:
        runner, server = web.AppRunner(application), Server(zone)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await server.start(port)
        up.set()
        await stop.wait()
        await server.stop()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert up.wait(60)
    sendgrid = replace(settings.sendgrid, api_base=f"http://127.0.0.1:{port}/sendgrid")
    yield Names(replace(settings, sendgrid=sendgrid, dns_resolver=f"127.0.0.1:{port}"), zone, domains)
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)
    loop.close()
