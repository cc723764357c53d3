"""What a simulated town consists of: the shop over real HTTP, a listener where the app would be, a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from local.ports import free_port
from simulator.clock import BusinessClock
from simulator.settings import Keys, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.world import Simulation

EPOCH = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Heard:
    """One request the listener got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """Answers everything with a chosen status and remembers what came."""

    heard: list[Heard] = field(default_factory=list)
    status: Callable[[Heard], int] = lambda _: 200

    async def handle(self, request: web.Request) -> web.Response:
        heard = Heard(str(request.rel_url), dict(request.headers), await request.read())
        self.heard.append(heard)
        return web.Response(status=self.status(heard))

    def to(self, path: str) -> list[Heard]:
        return [each for each in self.heard if each.path.startswith(path)]

    async def until(self, met: Callable[[Listener], bool], seconds: float = 60.0) -> None:
        for _ in range(int(seconds / 0.02)):
            if met(self):
                return
            await asyncio.sleep(0.02)
        message = f"not heard within {seconds} s: {[each.path for each in self.heard]}"
        raise AssertionError(message)


@dataclass
class Town:
    """The simulated shop, the listener, and a client."""

    sim: Simulation
    app: Listener
    client: aiohttp.ClientSession

    @property
    def shop(self) -> str:
        return self.sim.settings.shop_url

    @property
    def url(self) -> str:
        return self.sim.settings.url

    async def token(self) -> str:
        """Install, as the app does, and return an access token."""
        keys = self.sim.settings.keys
        async with self.client.post(
            f"{self.shop}/admin/oauth/access_token",
            data={
                "client_id": keys.shopify_api_key,
                "client_secret": keys.shopify_api_secret,
                "expiring": "1",
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": self.sim.tokens.mint_id_token(),
                "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
                "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
            },
        ) as answer:
            body = await answer.json()
            return str(body["access_token"])

    async def ask(self, query: str, variables: dict[str, Any] | None = None, token: str | None = None) -> Any:
        """One GraphQL operation; the whole answer."""
        headers = {"X-Shopify-Access-Token": token or await self.token()}
        async with self.client.post(
            f"{self.shop}/admin/api/2026-10/graphql.json",
            headers=headers,
            json={"query": query, "variables": variables or {}},
        ) as answer:
            assert answer.status == 200
            return await answer.json()

    async def play(self, name: str, **more: Any) -> Any:
        async with self.client.post(f"{self.url}/scenario", json={"name": name, **more}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


def settings_for(tmp_path: Path, app_port: int, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "port": free_port(),
        "app_url": f"http://127.0.0.1:{app_port}",
        "clock": BusinessClock(changes.pop("speed", 600.0), EPOCH),
        "seed": 7,
        "data": tmp_path,
        "keys": Keys.from_env({}),
        "customers": 150,
        "install": False,
        "shoppers": False,
        "duplicate_share": 0.0,
        "reorder_share": 0.0,
        "ledger": tmp_path / "ledger.jsonl",
        "app_toml": tmp_path / "none.toml",
    }
    return Settings(**(values | changes))


InTown = Callable[..., None]
