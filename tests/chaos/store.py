"""A store that delivers webhooks at a steady pace over HTTP; what isn't answered 200 is delivered again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from tests.chaos.cluster import Cluster

PATIENCE_SECONDS = 5.0
"""How long a store waits for an answer (CONTRACT: five seconds in all)."""
AGAIN_SECONDS = 1.0
"""A real store delivers again after minutes."""
MOST_TRIES = 60
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store got to hear for one delivery, and after how many seconds."""

    webhook_id: str
    status: int
    seconds: float


def order(number: int, **more: Any) -> dict[str, Any]:
    """An order of a person of its own."""
    at = datetime.now(UTC).isoformat()
    buyer = {
        "id": 500_000 + number, "email": f"buyer{number}@shopper.example", "first_name": f"B{number}",
        "last_name": "Lee", "phone": None, "created_at": at, "updated_at": at,
    }  # fmt: skip
    return {
        "id": 7_000_000 + number, "name": f"#{number}", "checkout_token": f"t{number}", "cart_token": f"c{number}",
        "email": buyer["email"], "created_at": at, "processed_at": at, "updated_at": at, "currency": "USD",
        "total_price": "40.00", "current_total_price": "40.00", "financial_status": "paid", "source_name": "web",
        "fulfillment_status": None, "cancelled_at": None, "test": False, "customer": buyer,
        "line_items": [{"id": number, "product_id": 81, "variant_id": 91, "title": "House blend", "quantity": 2,
                        "price": "20.00"}], **more,
    }  # fmt: skip


@dataclass(slots=True)
class Store:
    """One shop's deliveries. `with store.delivering(pace):` goes on in a thread beside the caller."""

    cluster: Cluster
    domain: str = "acme.myshopify.com"
    answers: list[Answer] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    """Of every delivery there was."""

    def delivering(self, pace: float) -> Delivering:
        """Deliver orders, so many a second, until the block ends; then wait until all have been taken in."""
        return Delivering(self, pace)

    def deliver_at_once(self, numbers: Iterable[int], copies: int = 1) -> list[Answer]:
        """Deliver these orders, each so often, all at the same time, once."""
        before = len(self.answers)
        asyncio.run(self._all_at_once([n for n in numbers for _ in range(copies)]))
        return self.answers[before:]

    async def _all_at_once(self, numbers: list[int]) -> None:
        async with _client() as client:
            await asyncio.gather(*(self._once(client, n, orjson.dumps(order(n))) for n in numbers))

    async def insist(self, client: aiohttp.ClientSession, number: int) -> None:
        """Deliver an order until it is taken in, or the store loses patience."""
        body = orjson.dumps(order(number))
        for _ in range(MOST_TRIES):
            if await self._once(client, number, body):
                return
            await asyncio.sleep(AGAIN_SECONDS)

    async def _once(self, client: aiohttp.ClientSession, number: int, body: bytes) -> bool:
        url = f"http://127.0.0.1:{self.cluster.web_port}/webhooks/shopify"
        begun = time.monotonic()
        status = NO_ANSWER
        try:
            async with client.post(url, data=body, headers=self._headers(number, body)) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            pass  # to the store it is the same as a refusal
        self.answers.append(Answer(f"w-{number}", status, time.monotonic() - begun))
        return status == 200

    def _headers(self, number: int, body: bytes) -> dict[str, str]:
        secret = self.cluster.env["SHOPIFY_API_SECRET"].encode()
        return {
            "Content-Type": "application/json", "X-Shopify-Topic": "orders/create",
            "X-Shopify-Shop-Domain": self.domain, "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": f"w-{number}", "X-Shopify-Event-Id": f"e-{number}",
            "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(),
            "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode(),
        }  # fmt: skip

    def statuses(self) -> Counter[int]:
        """Answer -> how often; 0 is none."""
        return Counter(answer.status for answer in self.answers)

    def share(self, share: float, *statuses: int) -> float:
        """The answers' time in milliseconds that so many of them stayed under; of these statuses, or of all."""
        times = sorted(a.seconds for a in self.answers if not statuses or a.status in statuses)
        return times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else 0.0

    def promised(self) -> set[str]:
        """The deliveries that were answered 200."""
        return {answer.webhook_id for answer in self.answers if answer.status == 200}

    def kept(self) -> set[str]:
        """The deliveries that have a row."""
        return {row[0] for row in self.cluster.sql("SELECT webhook_id FROM delivery")}


class Delivering:
    """The block during which a store delivers."""

    def __init__(self, store: Store, pace: float) -> None:
        self._store, self._pace = store, pace
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="store")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), "deliveries that nobody takes in"

    async def _run(self) -> None:
        begun = time.monotonic()
        async with _client() as client, asyncio.TaskGroup() as tasks:
            while not self._over.is_set():
                number = len(self._store.ids) + 1
                self._store.ids.append(f"w-{number}")
                tasks.create_task(self._store.insist(client, number))
                await asyncio.sleep(max(0.0, begun + number / self._pace - time.monotonic()))


def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    )
