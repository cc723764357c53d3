"""Pages of the admin around the app, and the little endpoints its script asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import jinja2
import orjson
from aiohttp import web

from simulator.clock import iso
from simulator.inboxes.views import Inboxes
from simulator.providers.faults import RECEIPTS

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.world import Simulation

HERE = Path(__file__).parent
STATIC = {path.name: path for path in (HERE / "static").iterdir()}
KINDS = {".js": "text/javascript", ".css": "text/css"}
SCENARIOS = (
    ("abandon", "Abandon a checkout"),
    ("abandon_cart", "Abandon a basket"),
    ("buy", "Buy something"),
    ("buy_and_deliver", "Buy, ship and deliver"),
    ("late_delivery_scan", "Report last week's delivery"),
    ("reorder_due", "Run out soon"),
    ("refund", "Ask for a refund"),
    ("cancel", "Cancel an order"),
    ("stop_sms", "Text STOP"),
    ("unsubscribe", "Leave the mailing list"),
    ("merge_customers", "Merge two customers"),
    ("erase", "Ask to be forgotten"),
    ("uninstall", "Uninstall the app"),
)
TITLES = {
    "sendgrid": "Mail provider",
    "twilio": "Text message provider",
    "shopify": "Store's API",
    "webhooks": "Webhooks",
}
WORDS = {
    "429": "Says “too many”, share",
    "5xx": "Fails, share",
    "drop_after_accept": "Accepts, never answers, share",
    "delay_ms": "Takes its time, ms",
    "down": "Down",
    "receipts": "Reports",
    "throttled": "Throttles, share",
    "duplicates": "Come twice, share",
    "reordered": "Come late, share",
    "paused": "Paused",
}


class AdminFrame:
    """The admin of the simulated store."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        loader = jinja2.ChoiceLoader(
            [
                jinja2.FileSystemLoader(HERE / "templates"),
                jinja2.FileSystemLoader(HERE.parent / "inboxes" / "templates"),
            ]
        )
        self._templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)

    def routes(self) -> list[web.RouteDef]:
        """All pages and endpoints of the frame."""
        return [
            web.get("/", self.app),
            web.get("/app", self.app),
            web.get("/app/{path:.*}", self.app),
            web.get("/home", self.home),
            web.get("/log", self.log),
            web.get("/log.json", self.log_entries),
            web.get("/log/{id}.json", self.log_body),
            web.get("/controls", self.controls),
            web.get("/frame/id-token", self.id_token),
            web.get("/frame/state.json", self.state),
            web.get("/frame/static/{name}", self.static),
            web.get("/app-bridge.js", self.bridge),
        ]

    def page(self, name: str, here: str, **values: Any) -> web.Response:
        """One page within the admin's frame."""
        clock = self._sim.settings.clock
        text = self._templates.get_template(name).render(
            shop=self._sim.settings.identity, date=spoken(clock.now()), speed=f"{clock.speed:g}", here=here, **values
        )
        return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})

    async def app(self, request: web.Request) -> web.Response:
        """The app in its frame, at the path that follows /app."""
        settings = self._sim.settings
        path, kept = request.match_info.get("path", ""), dict(request.query)
        query = self._sim.tokens.entry_query() + (f"&{urlencode(kept)}" if kept else "")
        parts = urlsplit(settings.app_url)
        return self.page(
            "app.html", "/", address=f"{settings.app_url}/{path}?{query}", origin=f"{parts.scheme}://{parts.netloc}"
        )

    async def home(self, _: web.Request) -> web.Response:
        """How the store is doing."""
        return self.page("home.html", "/home", storefront=f"{self._sim.settings.shop_url}/")

    async def controls(self, _: web.Request) -> web.Response:
        """Scenarios and fault switches."""
        settings = self._sim.settings
        return self.page(
            "controls.html",
            "/controls",
            scenarios=SCENARIOS,
            faults=self._sim.faults.switches,
            titles=TITLES,
            words=WORDS,
            receipts=RECEIPTS,
            seed=settings.seed,
            hour=f"{3600 / settings.clock.speed:g}",
        )

    async def log(self, _: web.Request) -> web.Response:
        """Webhooks as they are delivered."""
        return self.page("log.html", "/log")

    async def log_entries(self, _: web.Request) -> web.Response:
        """The latest deliveries, newest first."""
        return web.json_response(
            [
                {
                    "id": each.webhook_id,
                    "at": spoken(each.triggered_at),
                    "topic": each.topic,
                    "status": each.status,
                    "attempts": each.attempts,
                    "size": len(each.body),
                }
                for each in list(reversed(self._sim.webhooks.log))[:120]
            ]
        )

    async def log_body(self, request: web.Request) -> web.Response:
        """What one delivery carried."""
        wanted = request.match_info["id"]
        found = next((each for each in self._sim.webhooks.log if each.webhook_id == wanted), None)
        if found is None:
            return web.json_response({"error": "no longer kept"}, status=404)
        return web.json_response({"topic": found.topic, "history": found.history, "body": orjson.loads(found.body)})

    async def id_token(self, _: web.Request) -> web.Response:
        """A session token for the app in the frame: a minute long. Other sites can't read the answer."""
        return web.json_response({"token": self._sim.tokens.mint_id_token()}, headers={"Cache-Control": "no-store"})

    async def state(self, _: web.Request) -> web.Response:
        """Figures for the frame's clock and cards."""
        sim, store = self._sim, self._sim.world.store
        now = sim.settings.clock.now()
        return web.json_response(
            {
                "date": spoken(now),
                "business_time": iso(now),
                "speed": sim.settings.clock.speed,
                "sessions": sim.shoppers.sessions,
                "orders": len(store.orders),
                "customers": len(store.customers),
                "messages": sim.providers.ledger.sequence,
                "delivered": sim.webhooks.delivered,
                "failed": sim.webhooks.failed,
                "installed": "installed" if sim.webhooks.listening else "not installed",
                "journeys_on": sim.merchant.journeys_on,
                "app_url": sim.settings.app_url,
            }
        )

    async def static(self, request: web.Request) -> web.StreamResponse:
        """The frame's own script and style."""
        path = STATIC.get(request.match_info["name"])
        if path is None:
            return web.Response(status=404)
        return web.Response(text=path.read_text(encoding="utf-8"), content_type=KINDS[path.suffix])

    async def bridge(self, _: web.Request) -> web.Response:
        """The stand-in of App Bridge."""
        return web.Response(
            text=STATIC["app-bridge.js"].read_text(encoding="utf-8"),
            content_type="text/javascript",
            headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"},
        )


def spoken(moment: datetime) -> str:
    """A business moment in the shop's zone, for people."""
    return moment.astimezone(ZoneInfo("America/New_York")).strftime("%a %-d %b %Y, %H:%M")


def add_admin_frame(app: web.Application, sim: Simulation) -> None:
    """Serve the admin and the inboxes."""
    frame = AdminFrame(sim)
    app.add_routes([*frame.routes(), *Inboxes(sim, frame.page).routes()])
