"""The demo's host: says when it is ready and where to look, then keeps its clock until it is told to stop."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import requests

from local.demo_clock import Line, keep
from local.trouble import Trouble, told_plainly

PATIENCE: Final = 120.0
"""Seconds the system may take to be ready; the simulated store first writes a year of history."""


def main(arguments: list[str]) -> None:
    """Wait for the app and the simulator, print the address, keep the clock. Ends by a signal only."""
    folder, app_address, simulator_address = arguments
    line = Line(datetime.fromisoformat(os.environ["CLOCK_EPOCH"]), float(os.environ["CLOCK_SPEED"]))
    deadline = time.monotonic() + PATIENCE
    announced = False
    while True:
        keep(Path(folder), line)
        if not announced:
            announced = _answers(f"{app_address}/healthz") and _answers(simulator_address)
            if announced:
                print(f"\n\n    Open {simulator_address}\n\n    An hour there takes {3600 / line.speed:.0f} s here.\n")
            elif time.monotonic() > deadline:
                raise Trouble(f"The demo was not ready within {PATIENCE:.0f} s; the reason stands above.")
        time.sleep(1)


def _answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).ok
    except requests.RequestException:
        return False


if __name__ == "__main__":
    with told_plainly():
        main(sys.argv[1:])
