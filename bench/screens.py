"""What a merchant's browser makes of the pages, on a middling phone and a slow connection.

As Lighthouse judges mobile pages: a processor slowed down to a quarter, 1.6 Mbit/s with 150 ms to the server; how long
until the largest thing on the page is drawn (LCP), how much moves after it was drawn (CLS), how much script comes.
The script of the store's admin around us is the simulator's and isn't counted: it is the admin's own.
"""

from __future__ import annotations

import time
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

from bench import pages
from bench.house import ROOT
from bench.table import Row, Target
from local.chromium import executable
from local.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from bench.house import House

PAGES = {
    "home": "/",
    "journeys": "/admin/journeys",
    "customers": "/admin/customers",
    "messages": "/admin/messages",
    "reports": "/admin/reports",
    "settings": "/admin/settings",
}
BRIDGE = ROOT / "simulator" / "admin_frame" / "static" / "app-bridge.js"
MESSAGES = 5
"""For everybody."""
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
SLOWER = 4
LINE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
LOOK = """
    window.found = { lcp: 0, cls: 0 };
    new PerformanceObserver((list) => { for (const e of list.getEntries()) found.lcp = e.startTime; })
        .observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((list) => {
        for (const e of list.getEntries()) if (!e.hadRecentInput) found.cls += e.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
SCRIPTS = """
    () => performance.getEntriesByType("resource").filter((e) => e.initiatorType === "script"
        && new URL(e.name).origin === location.origin).reduce((sum, e) => sum + e.encodedBodySize, 0)
"""
BROWSER = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"]
"""The page around the app's comes from us, so from nowhere, and may frame one of this machine all the same."""
LCP_MS, CLS, SCRIPT_BYTES = 2_500, 0.1, 100_000
SETTLED_MS = 500
"""How long a page is watched after it has loaded."""


def rows(house: House, people: int, rounds: int) -> list[Row]:
    """Lines for the table: the slowest, the least steady and the heaviest page."""
    shop = house.make_shop(pages.domain_of("screens"))
    pages.fill(house, shop, people, MESSAGES)
    port, admin_port = free_port(), free_port()
    admin = f"http://127.0.0.1:{admin_port}"  # nobody listens there: the browser is given its page by us
    server = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "wsgi:app")
    app = f"http://127.0.0.1:{port}"
    told = {"PUBLIC_URL": app, "SHOPIFY_API_BASE": f"{admin}/{{shop}}"}
    with house.process(*server, **told), sync_playwright() as playwright:
        _wait(f"{app}/healthz")
        browser = playwright.chromium.launch(executable_path=str(executable()), args=BROWSER)
        found = {name: [_visit(browser, admin, app + path) for _ in range(rounds)] for name, path in PAGES.items()}
        browser.close()
    house.empty()
    made = []
    for title, key, unit, limit, digits in (
        ("largest paint", "lcp", " ms", LCP_MS, 0),
        ("layout shift", "cls", "", CLS, 3),
        ("script, packed", "script", " bytes", SCRIPT_BYTES, 0),
    ):
        each = {name: sorted(visit[key] for visit in visits)[len(visits) // 2] for name, visits in found.items()}
        worst = max(each, key=lambda name: each[name])
        others = ", ".join(f"{name} {value:,.{digits}f}" for name, value in each.items() if name != worst)
        made.append(
            Row(
                f"on a phone: {title}",
                f"{each[worst]:,.{digits}f}{unit} ({worst})",
                others,
                each[worst],
                Target(limit, unit, at_most=True),
            )
        )
    return made


def _visit(browser: Browser, admin: str, address: str) -> dict[str, float]:
    """One page, opened as the store's admin opens it, by a browser that has nothing of it."""
    context: Any = browser.new_context(**PHONE)
    page = context.new_page()
    page.route("**/app-bridge.js", lambda route: route.fulfill(path=BRIDGE, content_type="text/javascript"))
    page.add_init_script(LOOK)
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.emulateNetworkConditions", LINE)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    domain = pages.domain_of("screens")
    query = urlencode({"shop": domain, "id_token": pages.id_token(domain)})
    framed = f'<iframe name="app" width="390" height="844" src="{address}?{query}"></iframe>'
    page.route(f"{admin}/", lambda route: route.fulfill(body=framed, content_type="text/html"))
    page.goto(admin)
    frame = page.frame(name="app")
    frame.wait_for_selector("main h1")
    page.wait_for_timeout(SETTLED_MS)
    found: dict[str, float] = {**frame.evaluate("found"), "script": frame.evaluate(SCRIPTS)}
    context.close()
    return found


def _wait(address: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310 our own server
            return
        time.sleep(0.1)
    raise SystemExit("the server did not start")
