"""Webhooks as Shopify delivers them: signed, within five seconds, retried eight times over four hours, in no order."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import random
import tomllib
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from simulator.clock import iso_millis
from simulator.shopify.payloads import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from simulator.agenda import Agenda
    from simulator.providers.faults import Faults
    from simulator.settings import Settings

RETRY_AFTER_SECONDS = (60, 120, 300, 600, 1200, 2400, 3600, 6120)
"""Business seconds between tries: eight of them, four hours in all."""
CONNECT_SECONDS, TOTAL_SECONDS = 1.0, 5.0
CONCURRENT_DELIVERIES = 16
LOG_LENGTH = 400
LATE_MINUTES = (2, 40)
TOPICS = frozenset(
    {
        "carts/create",
        "carts/update",
        "checkouts/create",
        "checkouts/update",
        "checkouts/delete",
        "orders/create",
        "orders/updated",
        "orders/paid",
        "orders/fulfilled",
        "orders/cancelled",
        "fulfillments/create",
        "fulfillments/update",
        "fulfillment_events/create",
        "refunds/create",
        "customers/create",
        "customers/update",
        "customers/delete",
        "customers/merge",
        "customers/purchasing_summary",
        "customers_email_marketing_consent/update",
        "customers_marketing_consent/update",
        "customer.tags_added",
        "customer.tags_removed",
        "products/update",
        "inventory_levels/update",
        "app/uninstalled",
        "app/scopes_update",
        "shop/update",
        "bulk_operations/finish",
        "customers/data_request",
        "customers/redact",
        "shop/redact",
    }
)


@dataclass(slots=True)
class Delivery:
    """One webhook to one address; retries and duplicates keep its id and its body."""

    topic: str
    uri: str
    body: bytes
    webhook_id: str
    event_id: str
    triggered_at: datetime
    name: str | None = None
    attempts: int = 0
    status: str = "waiting"
    history: list[str] = field(default_factory=list)


def sign(secret: str, body: bytes) -> str:
    """Base64 HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def declared_topics(toml: Path) -> frozenset[str]:
    """The topics that shopify.app.toml subscribes; every known topic when there is no such file."""
    if not toml.exists():
        return TOPICS
    declared = tomllib.loads(toml.read_text(encoding="utf-8")).get("webhooks", {}).get("subscriptions", [])
    return frozenset(
        topic for entry in declared for topic in (*entry.get("topics", []), *entry.get("compliance_topics", []))
    )


class Webhooks:
    """Takes what happened and tells the app, with the faults of a real network."""

    def __init__(self, settings: Settings, agenda: Agenda, faults: Faults) -> None:
        self._settings = settings
        self._agenda = agenda
        self._faults = faults
        self._rng = random.Random(settings.seed + 1)
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(CONCURRENT_DELIVERIES)
        self._running: set[asyncio.Task[None]] = set()
        self.topics = declared_topics(settings.app_toml)
        self.extra: dict[int, tuple[str, str, str | None]] = {}
        """Subscriptions made through the API: topic, address and name by id."""
        self.listening = False
        """True while the app is installed."""
        self.log: deque[Delivery] = deque(maxlen=LOG_LENGTH)
        self.delivered = 0
        self.failed = 0

    async def start(self) -> None:
        """Open the connections."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS),
            connector=aiohttp.TCPConnector(limit=CONCURRENT_DELIVERIES),
        )

    async def stop(self) -> None:
        """Stop delivering and close the connections."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._session:
            await self._session.close()

    def publish(self, facts: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Tell the app of one action's facts, each a topic and a body; nobody hears while the app isn't installed."""
        event_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        now = self._settings.clock.now()
        for topic, payload in facts:
            for uri, name in self._addresses(topic):
                self._schedule(
                    Delivery(
                        topic=topic,
                        uri=uri,
                        body=orjson.dumps(payload),
                        event_id=event_id,
                        triggered_at=now,
                        name=name,
                        webhook_id=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
                    )
                )

    def _addresses(self, topic: str) -> list[tuple[str, str | None]]:
        if not self.listening:
            return []
        app = [(f"{self._settings.app_url}/webhooks/shopify", None)] if topic in self.topics else []
        return app + [(uri, name) for kind, uri, name in self.extra.values() if kind == topic]

    def _schedule(self, delivery: Delivery) -> None:
        self.log.append(delivery)
        late = timedelta(minutes=self._rng.uniform(*LATE_MINUTES))
        if self._faults.strikes("webhooks", "reordered"):
            delivery.history.append("held back on purpose")
            self._agenda.after(late, lambda: self._spawn(delivery))
        else:
            self._spawn(delivery)
        if self._faults.strikes("webhooks", "duplicates"):
            delivery.history.append("delivered twice on purpose")
            self._agenda.after(late, lambda: self._spawn(delivery, again=True))

    def _spawn(self, delivery: Delivery, *, again: bool = False) -> None:
        task = asyncio.create_task(self._deliver(delivery, again=again))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, delivery: Delivery, *, again: bool) -> None:
        if self._faults["webhooks"]["paused"]:
            self._agenda.after(timedelta(minutes=5), lambda: self._spawn(delivery, again=again))
            return
        async with self._slots:
            status = await self._post(delivery)
        delivery.history.append(status)
        if status.startswith("2"):
            delivery.status = status
            self.delivered += 1
            return
        if again:
            return
        if delivery.attempts < len(RETRY_AFTER_SECONDS):
            wait = timedelta(seconds=RETRY_AFTER_SECONDS[delivery.attempts])
            delivery.attempts += 1
            delivery.status = f"{status}, will retry"
            self._agenda.after(wait, lambda: self._spawn(delivery))
        else:
            delivery.status = f"{status}, gave up"
            self.failed += 1

    async def _post(self, delivery: Delivery) -> str:
        if self._session is None:
            return "not started"
        try:
            async with self._session.post(
                delivery.uri,
                data=delivery.body,
                headers=self.headers(delivery),
                allow_redirects=False,
            ) as answer:
                return str(answer.status)
        except TimeoutError:
            return "no answer in time"
        except (aiohttp.ClientError, OSError):
            return "no connection"

    def headers(self, delivery: Delivery) -> dict[str, str]:
        """What travels beside the body; the signature covers the body only."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": delivery.topic,
            "X-Shopify-Hmac-Sha256": sign(self._settings.keys.shopify_api_secret, delivery.body),
            "X-Shopify-Shop-Domain": self._settings.identity.domain,
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Webhook-Id": delivery.webhook_id,
            "X-Shopify-Triggered-At": iso_millis(delivery.triggered_at),
            "X-Shopify-Event-Id": delivery.event_id,
        }
        if delivery.name:
            headers["X-Shopify-Name"] = delivery.name
        return headers
