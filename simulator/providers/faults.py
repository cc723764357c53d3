"""Switches that make the other side behave badly, set and read over HTTP while everything runs."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from aiohttp import web

Switches = dict[str, dict[str, Any]]
RECEIPTS = ("on", "off", "late", "twice")


def healthy() -> Switches:
    """Nothing wrong but what is normal: some webhooks come twice or late."""
    provider: dict[str, Any] = {
        "429": 0.0,
        "5xx": 0.0,
        "drop_after_accept": 0.0,
        "delay_ms": 0,
        "down": False,
        "receipts": "on",
    }
    return {
        "sendgrid": dict(provider),
        "twilio": dict(provider),
        "shopify": {"throttled": 0.0, "429": 0.0, "5xx": 0.0, "delay_ms": 0, "down": False},
        "webhooks": {"duplicates": 0.0, "reordered": 0.0, "paused": False},
    }


class Faults:
    """The switches, and the dice they are rolled with."""

    def __init__(self, seed: int = 0, *, duplicates: float = 0.0, reordered: float = 0.0) -> None:
        self.switches = healthy()
        self.switches["webhooks"] |= {"duplicates": duplicates, "reordered": reordered}
        self._rng = random.Random(seed)

    def __getitem__(self, service: str) -> dict[str, Any]:
        return self.switches[service]

    def strikes(self, service: str, fault: str) -> bool:
        """Whether a fault with a share strikes this time."""
        share = self.switches[service][fault]
        return bool(share) and self._rng.random() < share

    def merge(self, changes: Any) -> str | None:
        """Apply changes to the switches; a sentence about the first wrong one, and then nothing is applied."""
        if not isinstance(changes, dict):
            return "send an object of services"
        for service, values in changes.items():
            if service not in self.switches or not isinstance(values, dict):
                return f"unknown service {service!r}; there are {', '.join(self.switches)}"
            for name, value in values.items():
                if problem := self._problem(service, name, value):
                    return problem
        for service, values in changes.items():
            self.switches[service].update(values)
        return None

    def _problem(self, service: str, name: str, value: Any) -> str | None:
        known = self.switches[service]
        if name not in known:
            return f"unknown switch {service}.{name}; there are {', '.join(known)}"
        if name == "receipts":
            return None if value in RECEIPTS else f"{service}.receipts is one of {', '.join(RECEIPTS)}"
        if isinstance(known[name], bool):
            return None if isinstance(value, bool) else f"{service}.{name} is true or false"
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            return f"{service}.{name} is a number from 0"
        return None

    async def handle_get(self, _: web.Request) -> web.Response:
        """GET /faults: the switches as they are."""
        return web.json_response(self.switches)

    async def handle_post(self, request: web.Request) -> web.Response:
        """POST /faults: change some switches."""
        try:
            changes = await request.json()
        except ValueError:
            return web.json_response({"error": "the body is not JSON"}, status=400)
        if problem := self.merge(changes):
            return web.json_response({"error": problem}, status=400)
        return web.json_response(self.switches)


async def hang_up(request: web.Request) -> web.Response:
    """Close the connection without a word; the returned response reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    await asyncio.sleep(0)
    return web.Response()
