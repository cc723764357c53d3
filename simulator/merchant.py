"""The merchant: opens the app, turns its journeys on, may remove it again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulator.settings import Settings
    from simulator.shopify.counter import Counter
    from simulator.shopify.oauth import Tokens

log = logging.getLogger(__name__)
RETRY_SECONDS = 1.0


class Merchant:
    """Robin, who owns the shop."""

    def __init__(self, settings: Settings, tokens: Tokens, counter: Counter) -> None:
        self._settings = settings
        self._tokens = tokens
        self._counter = counter
        self.session: aiohttp.ClientSession | None = None
        self.installs = 0
        self.journeys_on = False

    def installed(self) -> None:
        """The app got a token: from now on it hears of what happens."""
        self.installs += 1
        self._counter.webhooks.listening = True

    def uninstall(self) -> None:
        """Remove the app: its tokens are dead at once, and it hears so."""
        self._tokens.kill_all()
        self.journeys_on = False
        self._counter.uninstalled()

    async def open_app(self) -> None:
        """Open the app as soon as it is up, and turn its journeys on when told to."""
        if not self._settings.install:
            return
        await _until(self._visit)
        if self._settings.journeys and not self.journeys_on:
            await _until(self.turn_on_journeys)

    async def _visit(self) -> bool:
        """GET the app as the admin's frame does; true once it has installed itself."""
        status = await self._ask("GET", f"/?{self._tokens.entry_query()}", bearer=False)
        return status is not None and status < 400 and self.installs > 0

    async def turn_on_journeys(self) -> bool:
        """Press the one button that turns all journeys on."""
        status = await self._ask("POST", "/admin/journeys/turn-on-all", bearer=True)
        self.journeys_on = status is not None and status < 400
        return self.journeys_on

    async def _ask(self, method: str, path: str, *, bearer: bool) -> int | None:
        if self.session is None:
            return None
        headers = {"Authorization": f"Bearer {self._tokens.mint_id_token()}"} if bearer else {}
        try:
            async with self.session.request(
                method, f"{self._settings.app_url}{path}", headers=headers, allow_redirects=False
            ) as answer:
                await answer.read()
                log.info("%s %s answered %s", method, path.split("?", 1)[0], answer.status)
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


async def _until(attempt: Callable[[], Awaitable[bool]]) -> None:
    """Try once a second until it works: the app may still be starting."""
    while True:
        if await attempt():
            return
        await asyncio.sleep(RETRY_SECONDS)
