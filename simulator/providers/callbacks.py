"""What the providers tell the app afterwards: signed, retried, sometimes late or twice."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from simulator.clock import real_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from simulator.providers.faults import Faults

log = logging.getLogger(__name__)
LATE_SECONDS = 20.0
EVENTS_PER_POST = 500
GATHER_SECONDS = 0.05
RETRY_SECONDS = (0.5, 1, 2, 4, 8, 15, 30, 60, 60, 60, 60, 60)
CONCURRENT_POSTS = 24
BREATH_SECONDS = 0.2
"""A pause after a failure, so that an app that is down does not cost the senders their speed."""


def sendgrid_signature(key: ec.EllipticCurvePrivateKey, timestamp: str, body: bytes) -> str:
    """Base64 DER ECDSA over the timestamp and the raw body."""
    return base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()


def twilio_signature(auth_token: str, url: str, params: Mapping[str, str]) -> str:
    """Base64 HMAC-SHA1 over the full address and the sorted form."""
    signed = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


@dataclass(slots=True)
class _Report:
    """One request to the app, and how often it has been tried."""

    url: str
    send: Callable[[aiohttp.ClientSession], AbstractAsyncContextManager[aiohttp.ClientResponse]]
    tries: int = 0


class Callbacks:
    """Posts reports to the app in the background, a fixed number at a time."""

    def __init__(self, app_url: str, key: ec.EllipticCurvePrivateKey, auth_token: str, faults: Faults) -> None:
        self.app_url = app_url
        self.key = key
        self._auth_token = auth_token
        self._faults = faults
        self._events: list[dict[str, Any]] = []
        self._reports: asyncio.Queue[_Report] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.delivered = 0
        self.gave_up = 0

    async def start(self) -> None:
        """Open the connections and begin to post."""
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=10),
            connector=aiohttp.TCPConnector(limit=CONCURRENT_POSTS),
            auto_decompress=False,
        )
        self._session = session
        self._tasks = [asyncio.create_task(self._gather())]
        self._tasks += [asyncio.create_task(self._post(session)) for _ in range(CONCURRENT_POSTS)]

    async def stop(self) -> None:
        """Drop what is waiting and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def email_event(self, event: dict[str, Any], after: float = 0.0) -> None:
        """Report one mail event, some real seconds from now."""
        self._tell("sendgrid", after, lambda: self._events.append(event))

    def sms_status(self, url: str, params: dict[str, str], after: float = 0.0) -> None:
        """Report one status of a text message to the address its sender gave."""
        self._tell("twilio", after, lambda: self._form(url, params))

    def sms_inbound(self, params: dict[str, str], url: str | None = None) -> None:
        """A text message from a shopper, told to the address its service names."""
        self._form(url or f"{self.app_url}/receipts/twilio/inbound", params)

    def _tell(self, service: str, after: float, tell: Callable[[], None]) -> None:
        mode = self._faults[service]["receipts"]
        if mode == "off":
            return
        loop = asyncio.get_running_loop()
        late = LATE_SECONDS if mode == "late" else 0.0
        loop.call_later(after + late, tell)
        if mode == "twice":
            loop.call_later(after + late + 0.3, tell)

    async def _gather(self) -> None:
        """Gather events for a moment and post them as one array, as SendGrid does."""
        while True:
            await asyncio.sleep(GATHER_SECONDS)
            while self._events:
                batch, self._events = self._events[:EVENTS_PER_POST], self._events[EVENTS_PER_POST:]
                self._array(f"{self.app_url}/receipts/sendgrid", batch)

    def _array(self, url: str, events: list[dict[str, Any]]) -> None:
        body = orjson.dumps(events) + b"\r\n"

        def send(session: aiohttp.ClientSession) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
            timestamp = str(real_timestamp())
            return session.post(
                url,
                data=body,
                allow_redirects=False,
                headers={
                    "Content-Type": "application/json",
                    "X-Twilio-Email-Event-Webhook-Signature": sendgrid_signature(self.key, timestamp, body),
                    "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
                },
            )

        self._reports.put_nowait(_Report(url, send))

    def _form(self, url: str, params: dict[str, str]) -> None:
        if urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}:
            log.warning("not calling an address outside this machine")
            return
        headers = {"X-Twilio-Signature": twilio_signature(self._auth_token, url, params)}
        self._reports.put_nowait(
            _Report(url, lambda session: session.post(url, data=params, headers=headers, allow_redirects=False))
        )

    async def _post(self, session: aiohttp.ClientSession) -> None:
        while True:
            report = await self._reports.get()
            if await self._heard(session, report):
                self.delivered += 1
            elif report.tries < len(RETRY_SECONDS):
                pause = RETRY_SECONDS[report.tries]
                report.tries += 1
                asyncio.get_running_loop().call_later(pause, self._reports.put_nowait, report)
                await asyncio.sleep(BREATH_SECONDS)
            else:
                self.gave_up += 1
                log.warning("gave up reporting to %s", urlsplit(report.url).path)

    async def _heard(self, session: aiohttp.ClientSession, report: _Report) -> bool:
        try:
            async with report.send(session) as answer:
                return answer.ok and answer.status < HTTPStatus.MULTIPLE_CHOICES
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
