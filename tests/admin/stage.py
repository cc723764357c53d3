"""What browser tests play on: the Procfile's processes and a simulated store, each a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time as wall
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import requests

from app.shops import service as shops
from local.ports import free_port
from local.postgres import CHECKOUT
from local.run import procfile
from tests.admin.conftest import rows
from tests.conftest import environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from playwright.sync_api import Frame, FrameLocator, Page

    from local.services import Postgres, Redis

STORE = "sage-and-stone.myshopify.com"
KEY, SECRET = "5afe0000000000000000000000000001", "simulated-shopify-secret-for-this-machine"
PATIENCE = 120.0


@contextmanager
def playing(
    services: tuple[Postgres, Redis], folder: Path, names: Sequence[str], *words: str, **more: str
) -> Iterator[str]:
    """Run these of the Procfile's processes and a simulated store told by `words`; yields its admin's address."""
    port, simulator_port = free_port(), free_port()
    simulator = f"http://127.0.0.1:{simulator_port}"
    settings = environment(
        services[0].url,
        services[1].url,
        PORT=str(port),
        PUBLIC_URL=f"http://127.0.0.1:{port}",
        SHOPIFY_API_KEY=KEY,
        SHOPIFY_API_SECRET=SECRET,
        SHOPIFY_API_BASE=f"{simulator}/shopify/{{shop}}",
        SHOPIFY_APP_BRIDGE_URL=f"{simulator}/app-bridge.js",
        SENDGRID_API_BASE=f"{simulator}/sendgrid",
        TWILIO_API_BASE=f"{simulator}/twilio",
        DNS_RESOLVER=f"127.0.0.1:{simulator_port}",
        PATH=f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",  # noqa: PTH120 a link stays a link
        **more,
    )
    store = ["--port", str(simulator_port), "--app-url", settings["PUBLIC_URL"], "--data", str(folder), *words]
    commands = [["/bin/sh", "-c", f"exec {procfile()[name]}"] for name in names]
    running = [
        subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=os.environ | settings,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in [*commands, [sys.executable, "-m", "simulator", "--customers", "50", "--no-shoppers", *store]]
    ]
    try:
        for address in (f"{settings['PUBLIC_URL']}/healthz", simulator):
            _until_it_answers(address)
        yield simulator
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in running:
            _ended(process)


def _until_it_answers(address: str) -> None:
    deadline = wall.monotonic() + PATIENCE
    while wall.monotonic() < deadline:
        with suppress(requests.ConnectionError, requests.Timeout):
            if requests.get(address, timeout=5).ok:
                return
        wall.sleep(0.1)
    pytest.fail(f"{address} does not answer")


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end; a web server told to stop while it is starting may not have heard."""
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def installed(simulator: str) -> int:
    """The shop's number, once the store has let the app in."""
    deadline = wall.monotonic() + PATIENCE
    while wall.monotonic() < deadline:
        shop_id = shops.find(STORE)
        if shop_id is not None and rows(shop_id, "SELECT 1 FROM shop WHERE id = :shop AND version_at IS NOT NULL"):
            return shop_id
        wall.sleep(0.2)
    pytest.fail(f"the store at {simulator} did not install the app")


def inside(page: Page) -> FrameLocator:
    """The app, within the admin's page."""
    return page.frame_locator("#app")


def app_frame(page: Page) -> Frame:
    """The same, to run scripts in."""
    return next(f for f in page.frames if re.search(r"[?&]|/admin", f.url) and f.parent_frame == page.main_frame)
