"""The simulated Twilio's services, and shops that share the host's account without sharing a service."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from app.texting import service as texting
from app.transaction import transaction
from local.ports import free_port
from simulator.clock import BusinessClock
from simulator.providers.faults import Faults
from simulator.providers.twilio_services import Services
from tests.conftest import NOON
from tests.core.conftest import world  # noqa: F401 a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.texting.models import HostedService
    from config import Settings
    from tests.core.conftest import World

NUMBERS = ("PN" + "1" * 32, "PN" + "2" * 32)


@dataclass
class Twilio:
    """What stands outside, and the settings that lead there."""

    settings: Settings
    services: Services
    faults: Faults

    def run(self) -> int:
        return texting.run(self.settings)

    def pool(self) -> set[str]:
        """Numbers that no service has."""
        return set(self.services.numbers) - {sid for each in self.services.made.values() for sid in each.numbers}


def row_of(shop_id: int) -> HostedService | None:
    with transaction(shop_id) as session:
        return texting.of(session)


def want(shop_id: int) -> bool:
    with transaction(shop_id) as session:
        return texting.want(session)


def leave(shop_id: int) -> None:
    with transaction(shop_id) as session:
        texting.leave(session)


@pytest.fixture
def twilio(settings: Settings, world: World) -> Iterator[Twilio]:  # noqa: F811 the fixture's value
    faults, port = Faults(), free_port()
    keys = settings.twilio
    authorization = "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDoxMjM0NQ=="
    clock = BusinessClock(speed=1, epoch=NOON)
    services = Services(keys.account_sid, authorization, keys.messaging_service_sid, NUMBERS, clock, faults)
    loop, up = asyncio.new_event_loop(), threading.Event()
    application = web.Application()
    application.add_routes(services.routes())

    async def serve() -> None:
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        up.set()
        await stop.wait()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert up.wait(10)
    world.sms.divided = True  # type: ignore[attr-defined]  # what makes it a provider in parts
    ours = replace(keys, messaging_base=f"http://127.0.0.1:{port}/twilio", numbers=NUMBERS)
    yield Twilio(replace(settings, twilio=ours), services, faults)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()
