"""Twilio's Messages resource: accepts texts, remembers who said STOP, answers look-ups, reports statuses."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from aiohttp import web

from simulator.clock import real_now
from simulator.providers.faults import hang_up
from simulator.providers.postbox import Message
from simulator.providers.sms_text import segments_of
from simulator.providers.twilio_services import SHARED_NUMBER, Services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.clock import BusinessClock
    from simulator.providers.callbacks import Callbacks
    from simulator.providers.faults import Faults
    from simulator.providers.ledger import Ledger
    from simulator.providers.postbox import Postbox

E164 = re.compile(r"\+[1-9]\d{6,14}\Z")
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
MAX_BODY = 1600
_REFUSALS = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too many requests"),
    21211: (400, "Invalid 'To' Phone Number"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21703: (400, "The Messaging Service does not exist or has no phone numbers."),
    21617: (400, "The concatenated message body exceeds the 1600 character limit."),
}
_FATES = {"98": ("undelivered", "30006"), "97": ("undelivered", "30003")}
"""Numbers ending so never get the text: a landline, a phone that is off."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose texts these are."""

    sid: str
    auth_token: str = field(repr=False)
    service_sid: str
    numbers: tuple[str, ...] = ()
    """SIDs of numbers that no service has yet."""


@dataclass(slots=True)
class Text:
    """A message as Twilio keeps it for look-ups."""

    sid: str
    to: str
    sender: str
    service: str | None
    body: str
    sent_at: datetime
    segments: int
    status: str = "accepted"
    error_code: str | None = None
    direction: str = "outbound-api"


class Twilio:
    """One account with the messaging service it is born with, and those that are made."""

    def __init__(
        self,
        account: Account,
        clock: BusinessClock,
        ledger: Ledger,
        postbox: Postbox,
        callbacks: Callbacks,
        faults: Faults,
    ) -> None:
        self.account_sid = account.sid
        self.service_sid = account.service_sid
        token = base64.b64encode(f"{account.sid}:{account.auth_token}".encode()).decode()
        self._authorization = f"Basic {token}"
        self.services = Services(account.sid, self._authorization, account.service_sid, account.numbers, clock, faults)
        self._clock = clock
        self._ledger = ledger
        self._postbox = postbox
        self._callbacks = callbacks
        self._faults = faults
        self._rng = random.Random(12)
        self._by_sid: dict[str, Text] = {}
        self._by_number: dict[str, list[Text]] = {}
        self.opted_out: set[tuple[str, str]] = set()

    async def create(self, request: web.Request) -> web.Response:
        """POST .../Messages.json."""
        faults = self._faults["twilio"]
        if faults["down"]:
            return await hang_up(request)
        if faults["delay_ms"]:
            await asyncio.sleep(faults["delay_ms"] / 1000)
        if not self._known(request):
            return _refusal(20003)
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))
        if refusal := self._strikes() or self._refuses(form):
            return refusal
        text = await self._accept(form)
        if self._faults.strikes("twilio", "drop_after_accept"):
            return await hang_up(request)
        return web.json_response(self._resource(text), status=201)

    def _strikes(self) -> web.Response | None:
        """The faults that answer in place of the service."""
        if self._faults.strikes("twilio", "429"):
            return _refusal(20429, {"Retry-After": "1"})
        if self._faults.strikes("twilio", "5xx"):
            return web.json_response({"code": 20500, "message": "Internal Server Error", "status": 500}, status=500)
        return None

    async def list(self, request: web.Request) -> web.Response:
        """GET .../Messages.json with To and DateSent."""
        if self._faults["twilio"]["down"]:
            return await hang_up(request)
        if not self._known(request):
            return _refusal(20003)
        query = request.query
        pool = self._by_number.get(query["To"], []) if "To" in query else list(self._by_sid.values())
        size = min(1000, int(query.get("PageSize", "50")))
        start = int(query.get("Page", "0")) * size
        matching = [text for text in reversed(pool) if _sent_within(text.sent_at, query)]
        page = matching[start : start + size]
        path = f"/2010-04-01/Accounts/{self.account_sid}/Messages.json"
        more = f"{path}?{request.query_string}&Page={start // size + 1}" if start + size < len(matching) else None
        return web.json_response(
            {
                "messages": [self._resource(text) for text in page],
                "page": start // size,
                "page_size": size,
                "start": start,
                "end": start + max(0, len(page) - 1),
                "uri": path,
                "first_page_uri": path,
                "next_page_uri": more,
                "previous_page_uri": None,
            }
        )

    async def fetch(self, request: web.Request) -> web.Response:
        """GET .../Messages/{sid}.json."""
        if not self._known(request):
            return _refusal(20003)
        text = self._by_sid.get(request.match_info["sid"])
        return web.json_response(self._resource(text)) if text else _refusal(20404)

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE .../Messages/{sid}.json."""
        if not self._known(request):
            return _refusal(20003)
        text = self._by_sid.pop(request.match_info["sid"], None)
        if text is None:
            return _refusal(20404)
        self._by_number[text.to].remove(text)
        return web.Response(status=204)

    def inbound(self, sender: str, body: str) -> None:
        """A shopper answers the last text they got; STOP is remembered before anybody else hears of it."""
        word = body.strip().upper()
        last = next(reversed(self._by_number.get(sender, [])), None)
        service = (last.service if last else None) or self.service_sid
        number = (last.sender if last else None) or SHARED_NUMBER
        key = (service, sender)
        form = {
            "MessageSid": _sid(),
            "AccountSid": self.account_sid,
            "MessagingServiceSid": service,
            "From": sender,
            "To": number,
            "Body": body,
            "NumMedia": "0",
            "NumSegments": "1",
            "ApiVersion": "2010-04-01",
        }
        form["SmsSid"] = form["SmsMessageSid"] = form["MessageSid"]
        form["SmsStatus"] = "received"
        if word in STOP_WORDS:
            self.opted_out.add(key)
            form["OptOutType"] = "STOP"
        elif word in START_WORDS:
            self.opted_out.discard(key)
            form["OptOutType"] = "START"
        self._ledger.sequence += 1
        self._postbox.put(
            Message(
                number=self._ledger.sequence,
                channel="sms",
                provider_id=form["MessageSid"],
                message_id="",
                to=sender,
                sender=sender,
                at=self._clock.now(),
                text=body,
                segments=1,
                status="received",
                inbound=True,
            )
        )
        self._callbacks.sms_inbound(form, self.services.inbound_url(service))

    def _known(self, request: web.Request) -> bool:
        return (
            request.headers.get("Authorization") == self._authorization
            and request.match_info["account"] == self.account_sid
        )

    def _refuses(self, form: Mapping[str, str]) -> web.Response | None:
        """Twilio's own checks, the first that fails."""
        to, body, service = form.get("To", ""), form.get("Body", ""), form.get("MessagingServiceSid")
        checks = (
            (not to, 21604),
            (not E164.match(to), 21211),
            (not service and not form.get("From"), 21603),
            (not body and not form.get("ContentSid"), 21602),
            (len(body) > MAX_BODY, 21617),
            (self.services.sender_of(service) is None, 21703),
            ((service or "", to) in self.opted_out, 21610),
        )
        return next((_refusal(code) for wrong, code in checks if wrong), None)

    async def _accept(self, form: Mapping[str, str]) -> Text:
        callback = form.get("StatusCallback", "")
        message_id = parse_qs(urlsplit(callback).query).get("m", [""])[0]
        text = Text(
            sid=_sid(),
            to=form["To"],
            sender=form.get("From") or self.services.sender_of(form.get("MessagingServiceSid")) or SHARED_NUMBER,
            service=form.get("MessagingServiceSid"),
            body=form.get("Body", ""),
            sent_at=self._clock.now(),
            segments=segments_of(form.get("Body", "")),
        )
        self._by_sid[text.sid] = text
        self._by_number.setdefault(text.to, []).append(text)
        number = await self._ledger.record(
            {
                "provider": "twilio",
                "message_id": message_id,
                "to": text.to,
                "provider_id": text.sid,
                "at": real_now().isoformat(),
            }
        )
        message = Message(
            number=number,
            channel="sms",
            provider_id=text.sid,
            message_id=message_id,
            to=text.to,
            sender=text.sender,
            at=text.sent_at,
            text=text.body,
            segments=text.segments,
        )
        self._postbox.put(message)
        if callback:
            self._report(text, message, callback)
        return text

    def _report(self, text: Text, message: Message, url: str) -> None:
        final, error = _FATES.get(text.to[-2:], ("delivered", None))
        loop, after = asyncio.get_running_loop(), 0.0
        for status in ("queued", "sent", final):
            after += self._rng.uniform(0.1, 0.4)
            form = {
                "MessageSid": text.sid,
                "SmsSid": text.sid,
                "MessageStatus": status,
                "SmsStatus": status,
                "To": text.to,
                "From": text.sender,
                "AccountSid": self.account_sid,
                "ApiVersion": "2010-04-01",
            }
            if text.service:
                form["MessagingServiceSid"] = text.service
            if status == final and error:
                form["ErrorCode"] = error
            loop.call_later(after, self._settle, text, message, status, form.get("ErrorCode"))
            self._callbacks.sms_status(url, form, after)

    @staticmethod
    def _settle(text: Text, message: Message, status: str, error_code: str | None) -> None:
        text.status = message.status = status
        text.error_code = error_code

    def _resource(self, text: Text) -> dict[str, Any]:
        stamp = format_datetime(text.sent_at.astimezone(UTC))
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{text.sid}"
        return {
            "sid": text.sid,
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": stamp,
            "date_sent": stamp,
            "date_updated": stamp,
            "direction": text.direction,
            "error_code": int(text.error_code) if text.error_code else None,
            "error_message": None,
            "from": text.sender if not text.service else None,
            "messaging_service_sid": text.service,
            "num_media": "0",
            "num_segments": str(text.segments),
            "price": None,
            "price_unit": "USD",
            "status": text.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": text.to,
            "uri": f"{uri}.json",
        }


def _sent_within(sent_at: datetime, query: Mapping[str, str]) -> bool:
    day = sent_at.astimezone(UTC)
    for name, compare in (("DateSent", "="), ("DateSent<", "<"), ("DateSent>", ">")):
        if name not in query:
            continue
        limit = datetime.fromisoformat(query[name])
        limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
        whole_day = len(query[name]) == len("2026-01-01")
        if compare == "=" and not limit <= day < limit + timedelta(days=1 if whole_day else 0, seconds=1):
            return False
        if compare == "<" and not day < limit + timedelta(days=1 if whole_day else 0):
            return False
        if compare == ">" and not day >= limit:
            return False
    return True


def _sid() -> str:
    return f"SM{os.urandom(16).hex()}"


def _refusal(code: int, headers: dict[str, str] | None = None) -> web.Response:
    status, message = _REFUSALS[code]
    return web.json_response(
        {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status},
        status=status,
        headers=headers,
    )
