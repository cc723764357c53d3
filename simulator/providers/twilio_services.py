"""Twilio's Messaging Services: made, given a number, deleted. A number belongs to one service at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from simulator.providers.faults import hang_up

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from simulator.clock import BusinessClock
    from simulator.providers.faults import Faults

SHARED_NUMBER = "+18885550188"
_REFUSALS = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too many requests"),
    21704: (400, "A required parameter is missing"),
    21712: (409, "The phone number is associated with another Messaging Service"),
}


@dataclass(slots=True)
class Service:
    """One of the account's services."""

    sid: str
    name: str
    inbound_url: str | None
    status_callback: str | None
    at: datetime
    numbers: list[str] = field(default_factory=list)
    """SIDs of its numbers."""


class Services:
    """One account's services and numbers. The one it is born with has a number of its own."""

    def __init__(
        self,
        account_sid: str,
        authorization: str,
        shared: str,
        numbers: tuple[str, ...],
        clock: BusinessClock,
        faults: Faults,
    ) -> None:
        self._account_sid = account_sid
        self._authorization = authorization
        self._clock = clock
        self._faults = faults
        self.shared = shared
        self.numbers = {sid: f"+1888555{2000 + place}" for place, sid in enumerate(numbers)}
        self.made: dict[str, Service] = {}

    def routes(self) -> list[web.RouteDef]:
        """The calls an application needs."""
        root = "/twilio/v1/Services"
        return [
            web.get(root, self.list, allow_head=False),
            web.post(root, self.create),
            web.get(f"{root}/{{service}}", self.fetch, allow_head=False),
            web.delete(f"{root}/{{service}}", self.delete),
            web.post(f"{root}/{{service}}/PhoneNumbers", self.add),
            web.get(f"{root}/{{service}}/PhoneNumbers/{{number}}", self.fetch_number, allow_head=False),
            web.delete(f"{root}/{{service}}/PhoneNumbers/{{number}}", self.remove),
        ]

    def sender_of(self, service: str | None) -> str | None:
        """Which number texts of a service come from; None when it has none, or there is no such service."""
        if service in (None, self.shared):
            return SHARED_NUMBER
        made = self.made.get(str(service))
        return self.numbers[made.numbers[0]] if made and made.numbers else None

    def inbound_url(self, service: str) -> str | None:
        """Where it sends what people write; None: wherever its number does."""
        made = self.made.get(service)
        return made.inbound_url if made else None

    async def list(self, request: web.Request) -> web.Response:
        """GET: a page of them, in the order they were made."""
        if refusal := await self._refuses(request):
            return refusal
        size, page = int(request.query.get("PageSize", "50")), int(request.query.get("Page", "0"))
        every = [*self.made.values()]
        address = str(request.url.with_query(None))
        more = (page + 1) * size < len(every)
        following = f"{address}?{urlencode({'PageSize': size, 'Page': page + 1})}" if more else None
        meta = {"page": page, "page_size": size, "key": "services", "url": str(request.url),
                "first_page_url": address, "previous_page_url": None, "next_page_url": following}  # fmt: skip
        shown = [self._resource(each) for each in every[page * size : (page + 1) * size]]
        return web.json_response({"services": shown, "meta": meta})

    async def create(self, request: web.Request) -> web.Response:
        """POST: another one, even if its name is taken."""
        if refusal := await self._refuses(request):
            return refusal
        form = await _form(request)
        if not form.get("FriendlyName"):
            return _refusal(21704)
        sid = f"MG{os.urandom(16).hex()}"
        made = Service(
            sid, form["FriendlyName"], form.get("InboundRequestUrl"), form.get("StatusCallback"), self._clock.now()
        )
        self.made[sid] = made
        if self._faults.strikes("twilio", "drop_after_accept"):
            return await hang_up(request)
        return web.json_response(self._resource(made), status=201)

    async def fetch(self, request: web.Request) -> web.Response:
        """GET: one."""
        if refusal := await self._refuses(request):
            return refusal
        return web.json_response(self._resource(self.made[request.match_info["service"]]))

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE: its numbers stay in the account."""
        if refusal := await self._refuses(request):
            return refusal
        del self.made[request.match_info["service"]]
        return web.Response(status=204)

    async def add(self, request: web.Request) -> web.Response:
        """POST .../PhoneNumbers."""
        if refusal := await self._refuses(request):
            return refusal
        service, sid = self.made[request.match_info["service"]], (await _form(request)).get("PhoneNumberSid", "")
        if sid not in self.numbers:
            return _refusal(20404)
        if any(sid in each.numbers for each in self.made.values()):
            return _refusal(21712)
        service.numbers.append(sid)
        return web.json_response(self._number(service, sid), status=201)

    async def fetch_number(self, request: web.Request) -> web.Response:
        """GET .../PhoneNumbers/{sid}."""
        if refusal := await self._refuses(request):
            return refusal
        service, sid = self.made[request.match_info["service"]], request.match_info["number"]
        return web.json_response(self._number(service, sid)) if sid in service.numbers else _refusal(20404)

    async def remove(self, request: web.Request) -> web.Response:
        """DELETE .../PhoneNumbers/{sid}."""
        if refusal := await self._refuses(request):
            return refusal
        service, sid = self.made[request.match_info["service"]], request.match_info["number"]
        if sid not in service.numbers:
            return _refusal(20404)
        service.numbers.remove(sid)
        return web.Response(status=204)

    async def _refuses(self, request: web.Request) -> web.Response | None:
        if self._faults["twilio"]["down"]:
            return await hang_up(request)
        if request.headers.get("Authorization") != self._authorization:
            return _refusal(20003)
        if self._faults.strikes("twilio", "429"):
            return _refusal(20429, {"Retry-After": "1"})
        if request.match_info.get("service", self.shared) not in {self.shared, *self.made}:
            return _refusal(20404)
        return None

    def _resource(self, service: Service) -> dict[str, Any]:
        stamp = service.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "sid": service.sid, "account_sid": self._account_sid, "friendly_name": service.name,
            "date_created": stamp, "date_updated": stamp, "inbound_request_url": service.inbound_url,
            "inbound_method": "POST", "fallback_url": None, "fallback_method": "POST",
            "status_callback": service.status_callback, "sticky_sender": True, "mms_converter": True,
            "smart_encoding": True, "validity_period": 36000, "usecase": "undeclared",
            "use_inbound_webhook_on_number": False, "us_app_to_person_registered": False,
            "url": f"https://messaging.twilio.com/v1/Services/{service.sid}",
        }  # fmt: skip

    def _number(self, service: Service, sid: str) -> dict[str, Any]:
        return {
            "sid": sid, "account_sid": self._account_sid, "service_sid": service.sid,
            "phone_number": self.numbers[sid], "country_code": "US", "capabilities": ["SMS"],
            "url": f"https://messaging.twilio.com/v1/Services/{service.sid}/PhoneNumbers/{sid}",
        }  # fmt: skip


async def _form(request: web.Request) -> Mapping[str, str]:
    return dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))


def _refusal(code: int, headers: dict[str, str] | None = None) -> web.Response:
    status, message = _REFUSALS[code]
    return web.json_response({"code": code, "message": message, "status": status}, status=status, headers=headers)
