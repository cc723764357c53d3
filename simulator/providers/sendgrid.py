"""SendGrid's mail/send: 202 and an id, or a refusal in its own words; events follow."""

from __future__ import annotations

import asyncio
import base64
import os
import random
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from simulator.clock import real_now
from simulator.providers.faults import hang_up
from simulator.providers.postbox import Message
from simulator.providers.sendgrid_rules import problem_with

if TYPE_CHECKING:
    from simulator.clock import BusinessClock
    from simulator.providers.callbacks import Callbacks
    from simulator.providers.faults import Faults
    from simulator.providers.ledger import Ledger
    from simulator.providers.postbox import Postbox

MAX_BYTES = 30 * 1024 * 1024
SHOWN = frozenset({"delivered", "bounce", "deferred", "spamreport"})
"""Events that change how a mail stands."""


class SendGrid:
    """One account."""

    def __init__(
        self,
        api_key: str,
        clock: BusinessClock,
        ledger: Ledger,
        postbox: Postbox,
        callbacks: Callbacks,
        faults: Faults,
    ) -> None:
        self._authorization = f"Bearer {api_key}"
        self._clock = clock
        self._ledger = ledger
        self._postbox = postbox
        self._callbacks = callbacks
        self._faults = faults
        self._rng = random.Random(11)

    async def send(self, request: web.Request) -> web.Response:
        """POST /v3/mail/send."""
        faults = self._faults["sendgrid"]
        if faults["down"]:
            return await hang_up(request)
        if faults["delay_ms"]:
            await asyncio.sleep(faults["delay_ms"] / 1000)
        if refusal := self._refuses(request) or self._strikes():
            return refusal
        mail = _parsed(await request.read())
        if problem := problem_with(mail):
            return _refusal(400, *problem)
        message_id = await self._accept(mail)
        if self._faults.strikes("sendgrid", "drop_after_accept"):
            return await hang_up(request)
        return web.Response(status=202, headers={"X-Message-Id": message_id})

    def _refuses(self, request: web.Request) -> web.Response | None:
        """What is wrong before the body is read."""
        if request.headers.get("Authorization") != self._authorization:
            return _refusal(401, "The provided authorization grant is invalid, expired, or revoked", None)
        if (request.content_length or 0) > MAX_BYTES:
            return _refusal(413, "The JSON payload you have included in your request is too large.", None)
        if request.content_type != "application/json":
            return _refusal(415, "Content-Type should be application/json.", None)
        return None

    def _strikes(self) -> web.Response | None:
        """The faults that answer in place of the service."""
        if self._faults.strikes("sendgrid", "429"):
            return _refusal(429, "too many requests", None, {"Retry-After": "1"})
        if self._faults.strikes("sendgrid", "5xx"):
            return _refusal(500, "An error has occurred", None)
        return None

    async def _accept(self, mail: dict[str, Any]) -> str:
        request_id = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        if (mail.get("mail_settings") or {}).get("sandbox_mode", {}).get("enable"):
            return request_id
        accepted = await asyncio.gather(
            *(
                self._accept_one(mail, person, f"{request_id}.recvd-{index}")
                for index, person in enumerate(mail["personalizations"])
            )
        )
        for message in accepted:
            self._postbox.put(message)
            self._report(message)
        return request_id

    async def _accept_one(self, mail: dict[str, Any], person: dict[str, Any], provider_id: str) -> Message:
        args = {**(mail.get("custom_args") or {}), **(person.get("custom_args") or {})}
        message_id = str(args.get("message_id") or args.get("m") or next(iter(args.values()), ""))
        to = person["to"][0]["email"]
        number = await self._ledger.record(
            {
                "provider": "sendgrid",
                "message_id": message_id,
                "to": to,
                "provider_id": provider_id,
                "at": real_now().isoformat(),
            }
        )
        return self._message(number, mail, person, args, message_id, provider_id)

    def _message(
        self,
        number: int,
        mail: dict[str, Any],
        person: dict[str, Any],
        args: dict[str, Any],
        message_id: str,
        provider_id: str,
    ) -> Message:
        parts = {part["type"]: part["value"] for part in mail.get("content") or []}
        swaps = person.get("substitutions") or {}
        sender = mail["from"]
        tracking = mail.get("tracking_settings") or {}
        return Message(
            number=number,
            channel="email",
            provider_id=provider_id,
            message_id=message_id,
            to=person["to"][0]["email"],
            sender=f"{sender.get('name') or ''} <{sender['email']}>".strip(),
            at=self._clock.now(),
            subject=_swap(person.get("subject") or mail.get("subject", ""), swaps),
            text=_swap(parts.get("text/plain", ""), swaps),
            html=_swap(parts.get("text/html", ""), swaps),
            headers={**(mail.get("headers") or {}), **(person.get("headers") or {})},
            args=args,
            tracks_opens=bool((tracking.get("open_tracking") or {}).get("enable")),
            tracks_clicks=bool((tracking.get("click_tracking") or {}).get("enable")),
        )

    def _report(self, message: Message) -> None:
        """What happens to a mail: processed, then delivered, or bounced for addresses that say so."""
        self.event(message, "processed", after=self._rng.uniform(0.05, 0.3))
        after = self._rng.uniform(0.4, 1.2)
        name = message.to.split("@", 1)[0]
        if "bounce" in name:
            self.event(message, "bounce", after, type="bounce", reason="550 5.1.1 No such user", status="5.1.1")
        elif "deferred" in name:
            self.event(message, "deferred", after, response="451 4.7.1 try again later", attempt="1")
        else:
            self.event(message, "delivered", after, response="250 2.0.0 OK")

    def event(self, message: Message, kind: str, after: float = 0.0, **more: str) -> None:
        """Report one event of a mail; the app's own arguments become top-level keys."""
        if kind in SHOWN:
            asyncio.get_running_loop().call_later(after, setattr, message, "status", kind)
        self._callbacks.email_event(
            {
                "email": message.to,
                "timestamp": int(self._clock.now().timestamp()),
                "event": kind,
                "smtp-id": f"<{message.provider_id}@simulated>",
                "sg_message_id": f"{message.provider_id}.0",
                "sg_event_id": base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("="),
                **more,
                **{key: str(value) for key, value in message.args.items()},
            },
            after,
        )


def _parsed(body: bytes) -> Any:
    """The JSON, or None, which the rules refuse like everything that isn't an object."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _swap(text: str, swaps: dict[str, str]) -> str:
    for tag, value in swaps.items():
        text = text.replace(tag, value)
    return text


def _refusal(status: int, message: str, field: str | None, headers: dict[str, str] | None = None) -> web.Response:
    body = {"errors": [{"message": message, "field": field, "help": None}]}
    return web.json_response(body, status=status, headers=headers)
