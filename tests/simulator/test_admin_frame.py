"""A browser sees the admin, the app within it, and the shoppers' inboxes."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

import jwt
import pytest
from aiohttp import web
from playwright.sync_api import sync_playwright

from local.chromium import executable
from local.ports import free_port
from simulator.admin_frame.views import add_admin_frame
from simulator.providers.postbox import Message
from simulator.world import Simulation, build_simulation
from tests.simulator.town import settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html><head><title>{title}</title>
<script src="{bridge}" data-api-key="{key}"></script></head><body>
<ui-title-bar title="{title}">
  <button variant="primary" onclick="shopify.toast.show('Saved')">Save all</button></ui-title-bar>
<ui-nav-menu><a href="/" rel="home">Home</a><a href="/second">Second page</a></ui-nav-menu>
<h1>{title}</h1><a id="link" href="/second?shop={shop}&host=x">Go on</a>
<p id="xhr"></p><p id="fetched"></p>
<script>
  const call = new XMLHttpRequest();
  call.open("POST", "/api");
  call.setRequestHeader("HX-Request", "true");
  call.onload = () => document.getElementById("xhr").textContent = call.status + " " + call.responseText;
  call.send("a=1");
  fetch("/api").then((answer) => answer.text()).then((text) => document.getElementById("fetched").textContent = text);
</script></body></html>"""


class MiniApp:
    """As little of an embedded app as shows the bridge at work: it trusts nothing but session tokens."""

    def __init__(self, sim: Simulation) -> None:
        self.keys, self.sim = sim.settings.keys, sim
        self.refused = 0

    def user(self, token: str | None) -> str | None:
        try:
            claims = jwt.decode(
                token or "", self.keys.shopify_api_secret, ["HS256"], audience=self.keys.shopify_api_key
            )
        except jwt.PyJWTError:
            return None
        return str(claims["sub"])

    async def page(self, request: web.Request) -> web.Response:
        if self.user(request.query.get("id_token")) is None:
            shop = request.query.get("shop", "")
            back = f"/patch?shop={shop}&shopify-reload={quote(request.path + '?shop=' + shop, safe='')}"
            raise web.HTTPFound(back)
        title = "Second" if request.path == "/second" else "First"
        return web.Response(text=self.text(title, request.query.get("shop", "")), content_type="text/html")

    async def patch(self, _: web.Request) -> web.Response:
        script = (
            f'<script src="{self.sim.settings.url}/app-bridge.js" data-api-key="{self.keys.shopify_api_key}"></script>'
        )
        return web.Response(text=script, content_type="text/html")

    def text(self, title: str, shop: str) -> str:
        bridge = f"{self.sim.settings.url}/app-bridge.js"
        return (
            PAGE.replace("{title}", title)
            .replace("{shop}", shop)
            .replace("{bridge}", bridge)
            .replace("{key}", self.keys.shopify_api_key)
        )

    async def api(self, request: web.Request) -> web.Response:
        user = self.user(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None or (request.method == "POST" and not self.refused):
            self.refused += 1
            return web.Response(status=401, headers={"X-Shopify-Retry-Invalid-Session-Request": "1"})
        body = await request.text()
        return web.Response(text=f"hello {user} {body} {request.headers.get('HX-Request', '')}")


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    app_port = free_port()
    settings = settings_for(tmp_path, app_port)
    simulation = build_simulation(settings)
    mini, served = web.Application(), simulation.application()
    page = MiniApp(simulation)
    mini.add_routes([web.get("/patch", page.patch), web.route("*", "/api", page.api), web.get("/{any:.*}", page.page)])
    add_admin_frame(served, simulation)
    loop, ready = asyncio.new_event_loop(), threading.Event()
    runners = [web.AppRunner(mini), web.AppRunner(served)]

    async def up() -> None:
        for runner, port in zip(runners, (app_port, settings.port), strict=True):
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
        ready.set()

    async def down() -> None:
        for runner in reversed(runners):
            await runner.cleanup()

    def serve() -> None:
        loop.run_until_complete(up())
        loop.run_forever()
        loop.run_until_complete(down())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(60)
    yield simulation
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)


@pytest.fixture
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(executable()), args=["--no-sandbox", "--disable-gpu"], env={**os.environ}
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_the_app_gets_tokens_navigates_and_shows_its_menu(sim: Simulation, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{sim.settings.url}/")
    inside = page.frame_locator("#app")
    inside.get_by_role("heading", name="First").wait_for()
    user = "98548380021"
    inside.locator("#xhr", has_text=f"200 hello {user} a=1 true").wait_for()
    inside.locator("#fetched", has_text=f"hello {user}").wait_for()
    page.get_by_role("button", name="Save all").click()
    page.get_by_role("status").get_by_text("Saved").wait_for()
    inside.locator("#link").click()
    inside.get_by_role("heading", name="Second").wait_for()
    page.wait_for_url("**/app/second")
    page.goto(f"{sim.settings.url}/app/second")
    inside.get_by_role("heading", name="Second").wait_for()
    page.goto(f"{sim.settings.url}/")
    page.get_by_role("navigation", name="Admin").get_by_role("link", name="Second page").click()
    inside.get_by_role("heading", name="Second").wait_for()


def test_the_bridge_answers_its_own_frame_only(sim: Simulation, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{sim.settings.url}/")
    page.frame_locator("#app").get_by_role("heading", name="First").wait_for()
    stranger = page.evaluate(
        """() => new Promise((resolve) => {
          const other = document.createElement("iframe");
          other.srcdoc = "<script>addEventListener('message', () => parent.postMessage('told', '*'));"
            + "parent.postMessage({bridge: 1, type: 'id-token', id: 1}, '*')<" + "/script>";
          addEventListener("message", (event) => { if (event.data === "told") resolve("told"); });
          document.body.append(other);
          setTimeout(() => resolve("silence"), 800);
        })"""
    )
    assert stranger == "silence"


def test_inboxes_show_a_mail_and_a_conversation(sim: Simulation, browser_page: Page) -> None:
    who = next(each for each in sim.world.store.customers.values() if each.phone and each.email)
    now, post = sim.settings.clock.now(), sim.providers.postbox
    mail = "<html><head></head><body><div style='display:none'>Still thinking?</div><h1>Your basket</h1></body></html>"
    post.put(Message(1, "email", "p1", "m1", who.email or "", "Sage <a@b.c>", now, subject="You left this", html=mail))
    post.put(Message(2, "sms", "p2", "m2", who.phone or "", "+18885550188", now, text="Your basket waits", segments=1))
    page = browser_page
    page.goto(f"{sim.settings.url}/inboxes")
    page.get_by_text("You left this").click()
    page.get_by_text("Still thinking?").wait_for()
    page.frame_locator(".sheet iframe").get_by_role("heading", name="Your basket").wait_for()
    page.get_by_role("button", name="Phone").click()
    assert page.locator(".sheet iframe").bounding_box()["width"] <= 390  # type: ignore[index]
    page.set_viewport_size({"width": 390, "height": 780})
    page.get_by_role("button", name="All messages").click()
    page.get_by_text("Your basket waits").click()
    page.get_by_label("Reply").fill("STOP")
    page.get_by_role("button", name="Send").click()
    page.locator(".bubble.inbound", has_text="STOP").wait_for()
    assert (sim.providers.twilio.service_sid, who.phone) in sim.providers.twilio.opted_out
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_controls_play_scenarios_and_set_faults(sim: Simulation, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{sim.settings.url}/controls")
    page.get_by_role("button", name="Abandon a checkout").click()
    page.locator("#outcome", has_text="@").wait_for()
    assert len(sim.world.store.checkouts) == 1
    page.locator("form[data-service=sendgrid] input[name=down]").check()
    page.get_by_text("Saved").wait_for()
    assert sim.faults["sendgrid"]["down"] is True
    page.goto(f"{sim.settings.url}/log")
    page.goto(f"{sim.settings.url}/home")
    page.locator("[data-state=orders]", has_text=str(len(sim.world.store.orders))).wait_for()
