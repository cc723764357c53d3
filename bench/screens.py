"""How Lighthouse judges the pages: as it judges pages on mobile, a middling phone on a slow connection.

How long until the largest thing on the page is drawn (LCP), how much moves after it was drawn (CLS), how much script
comes. Lighthouse looks at whole pages, not into frames: a page is opened by itself, with the token in its address that
the store's admin puts there. The admin's own script would leave for the admin at once, so an empty one takes its place.
"""

from __future__ import annotations

import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson

from bench import pages
from bench.house import ROOT
from bench.table import Row, Target
from local.chromium import executable
from local.node import environment, node
from local.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.house import House

PAGES = {
    "home": "/",
    "journeys": "/admin/journeys",
    "customers": "/admin/customers",
    "messages": "/admin/messages",
    "reports": "/admin/reports",
    "settings": "/admin/settings",
}
MESSAGES = 5
"""For everybody."""
LIGHTHOUSE = ROOT / "node_modules" / "lighthouse" / "cli" / "index.js"
AUDITS = {"lcp": "largest-contentful-paint", "cls": "cumulative-layout-shift", "requests": "network-requests"}
LCP_MS, CLS, SCRIPT_BYTES = 2_500, 0.1, 100_000
LONGEST_SECONDS = 180


def rows(house: House, people: int, most: int) -> list[Row]:
    """Lines for the table: of so many pages the slowest, the least steady and the heaviest."""
    shop = house.make_shop(pages.domain_of("screens"))
    pages.fill(house, shop, people, MESSAGES)
    port = free_port()
    app = f"http://127.0.0.1:{port}"
    server = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "wsgi:app")
    with _bridge() as bridge, house.process(*server, PUBLIC_URL=app, SHOPIFY_APP_BRIDGE_URL=bridge):
        wait(f"{app}/healthz")
        found = {name: _look(app + path, bridge) for name, path in list(PAGES.items())[:most]}
    house.empty()
    made = []
    for title, key, unit, limit, digits in (
        ("largest paint", "lcp", " ms", LCP_MS, 0),
        ("layout shift", "cls", "", CLS, 3),
        ("script, packed", "script", " bytes", SCRIPT_BYTES, 0),
    ):
        worst = max(found, key=lambda name: found[name][key])
        others = ", ".join(f"{name} {value[key]:,.{digits}f}" for name, value in found.items() if name != worst)
        made.append(
            Row(
                f"on a phone, says Lighthouse: {title}",
                f"{found[worst][key]:,.{digits}f}{unit} ({worst})",
                others,
                found[worst][key],
                Target(limit, unit, at_most=True),
            )
        )
    return made


def _look(address: str, bridge: str) -> dict[str, float]:
    """What Lighthouse, as it is set up when nothing is said, finds on one page."""
    domain = pages.domain_of("screens")
    query = urlencode({"shop": domain, "id_token": pages.id_token(domain)})
    done = subprocess.run(
        [
            node(),
            LIGHTHOUSE,
            f"{address}?{query}",
            f"--only-audits={','.join(AUDITS.values())}",
            "--output=json",
            "--quiet",
            "--no-enable-error-reporting",
            "--chrome-flags=--headless=new --no-sandbox",
        ],
        env={**environment(), "CHROME_PATH": str(executable())},
        capture_output=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"Lighthouse, at {address}: {done.stderr.decode()[-2_000:]}")
    audits = orjson.loads(done.stdout)["audits"]
    ours = [
        request
        for request in audits[AUDITS["requests"]]["details"]["items"]
        if request.get("resourceType") == "Script" and request["url"] != bridge
    ]
    return {
        "lcp": audits[AUDITS["lcp"]]["numericValue"],
        "cls": audits[AUDITS["cls"]]["numericValue"],
        "script": sum(request["transferSize"] for request in ours),
    }


class Nothing(BaseHTTPRequestHandler):
    """A script that does nothing."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def _bridge() -> Iterator[str]:
    """The address of what stands in for the admin's own script."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/app-bridge.js"
        server.shutdown()


def wait(address: str) -> None:
    """Until a server answers there."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310 our own server
            return
        time.sleep(0.1)
    raise SystemExit("the server did not start")
