"""Pages and endpoints of the shoppers' inboxes."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.providers.postbox import Message
    from simulator.store.models import Customer
    from simulator.world import Simulation

LISTED = 200
SCRIPT = Path(__file__).parent / "static" / "inboxes.js"
_HIDDEN = re.compile(r"<(div|span)[^>]*display:\s*none[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
MAIL_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; script-src 'none'; object-src 'none'"


class Inboxes:
    """What the shoppers got."""

    def __init__(self, sim: Simulation, page: Callable[..., web.Response]) -> None:
        self._sim = sim
        self._page = page
        self._people: dict[str, Customer] = {}

    def routes(self) -> list[web.RouteDef]:
        """All of it."""
        return [
            web.get("/inboxes", self.index),
            web.get("/inboxes/feed.json", self.feed),
            web.get("/inboxes/{number:\\d+}.json", self.detail),
            web.get("/inboxes/{number:\\d+}/html", self.mail),
            web.post("/inboxes/{number:\\d+}/reply", self.reply),
            web.get("/inboxes/inboxes.js", self.script),
        ]

    async def index(self, _: web.Request) -> web.Response:
        """The page."""
        return self._page("inboxes.html", "/inboxes")

    async def script(self, _: web.Request) -> web.Response:
        """The page's script."""
        return web.Response(text=SCRIPT.read_text(encoding="utf-8"), content_type="text/javascript")

    async def feed(self, request: web.Request) -> web.Response:
        """The latest messages, newest first; `channel` and `customer` narrow them down."""
        channel, customer = request.query.get("channel"), request.query.get("customer")
        found = [
            message
            for message in reversed(self._sim.providers.postbox.messages)
            if (not channel or message.channel == channel) and (not customer or self._id_of(message) == customer)
        ]
        return web.json_response(
            {
                "messages": [self._short(message) for message in found[:LISTED]],
                "total": self._sim.providers.ledger.sequence,
            }
        )

    async def detail(self, request: web.Request) -> web.Response:
        """One message with everything about it; a text comes with its whole conversation."""
        message = self._sim.providers.postbox.find(int(request.match_info["number"]))
        if message is None:
            return web.json_response({"error": "no longer kept"}, status=404)
        body = self._short(message) | {
            "from": message.sender,
            "headers": message.headers,
            "text": message.text,
            "args": message.args,
            "preheader": preheader(message.html),
            "segments": message.segments,
        }
        if message.channel == "sms":
            body["conversation"] = [
                {"text": each.text, "at": self._when(each), "inbound": each.inbound, "segments": each.segments}
                for each in self._sim.providers.postbox.messages
                if each.channel == "sms" and each.to == message.to
            ]
        return web.json_response(body)

    async def mail(self, request: web.Request) -> web.Response:
        """The mail itself, where no script can run; links open beside it."""
        message = self._sim.providers.postbox.find(int(request.match_info["number"]))
        if message is None or message.channel != "email":
            return web.Response(status=404)
        source = (
            message.html
            or f"<pre style='font:15px/1.5 system-ui;white-space:pre-wrap'>{html.escape(message.text)}</pre>"
        )
        base = '<base target="_blank">'
        source = (
            _HEAD.sub(lambda head: head.group(0) + base, source, count=1) if _HEAD.search(source) else base + source
        )
        return web.Response(text=source, content_type="text/html", headers={"Content-Security-Policy": MAIL_POLICY})

    async def reply(self, request: web.Request) -> web.Response:
        """The shopper answers a text."""
        message = self._sim.providers.postbox.find(int(request.match_info["number"]))
        asked = await request.json()
        text = str(asked.get("text", "")).strip() if isinstance(asked, dict) else ""
        if message is None or message.channel != "sms" or not text:
            return web.json_response({"error": "nothing to answer"}, status=400)
        self._sim.providers.twilio.inbound(message.to, text[:1600])
        return web.json_response({"sent": True})

    def _short(self, message: Message) -> dict[str, Any]:
        who = self._person(message)
        return {
            "number": message.number,
            "channel": message.channel,
            "to": message.to,
            "at": self._when(message),
            "name": f"{who.first_name} {who.last_name}" if who else message.to,
            "customer": str(who.id) if who else None,
            "message_id": message.message_id,
            "subject": message.subject or message.text[:90],
            "status": message.status,
            "inbound": message.inbound,
            "opened": message.opened,
            "clicked": message.clicked,
        }

    def _id_of(self, message: Message) -> str | None:
        who = self._person(message)
        return str(who.id) if who else None

    def _person(self, message: Message) -> Customer | None:
        """Who has this address; remembered, since looking takes a walk through all customers."""
        if message.to not in self._people:
            found = self._sim.world.store.find_customer(email=message.to, phone=message.to)
            if found is None:
                return None
            self._people[message.to] = found
        return self._people[message.to]

    def _when(self, message: Message) -> str:
        zone = ZoneInfo(self._sim.settings.identity.time_zone)
        return message.at.astimezone(zone).strftime("%a %-d %b, %H:%M")


def preheader(source: str) -> str:
    """The hidden line that a mail client shows after the subject."""
    match = _HIDDEN.search(source)
    if match is None:
        return ""
    text = html.unescape(_TAG.sub("", match.group(2)))
    return re.sub(r"[\s\u200b-\u200f\u034f\u00ad\ufeff\u2007]+", " ", text).strip()[:200]
