"""Nobody takes the open pages for themselves: what one network may ask of them in a short time has an end.

For pages that anybody can reach without a session: links in messages, forms, ways in, the API's door. Webhooks and
receipts have signatures and are never held up; the admin has session tokens. Each web process counts for itself, in
memory: the limit is there to keep a flood from the database, so it must not need one.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from typing import TYPE_CHECKING

from flask import request
from werkzeug.exceptions import TooManyRequests

from app import clock
from app.keys.rules import Wait, spend

if TYPE_CHECKING:
    from flask import Flask, Response

OPEN = frozenset(["links", "confirming", "subscription", "preferences", "reviews", "proxy", "entrance", "api"])
CACHED_FOR_GOOD = "entrance.asset_file"
STEP = timedelta(milliseconds=10)
BURST = 2_000
"""A hundred a second for ever and two thousand at once: a company's mail gateway that opens every link of a large
mailing, or a mail provider that fetches its readers' pictures, stays well below; a flood doesn't."""
COST_OF_A_MISS = 20
"""A token that isn't genuine, a key nobody made: guessing is dearer than asking."""
REMEMBERED = 50_000
"""Networks; of more than that, those not heard of for longest are forgotten."""


class Allowances:
    """When each network's allowance will be whole again."""

    def __init__(self) -> None:
        self._busy_until: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    def wait(self, who: str, now: datetime) -> float:
        """Seconds until the next request; 0 when it may come now."""
        found = spend(self._busy_until.get(who), now, step=STEP, burst=BURST)
        return found.seconds if isinstance(found, Wait) else 0.0

    def take(self, who: str, cost: int, now: datetime) -> None:
        """Take from an allowance, also more than is left: whoever only guesses waits longer."""
        with self._lock:
            busy_until = max(self._busy_until.get(who, now), now) + cost * STEP
            self._busy_until[who] = min(busy_until, now + (BURST + COST_OF_A_MISS) * STEP)
            self._busy_until.move_to_end(who)
            while len(self._busy_until) > REMEMBERED:
                self._busy_until.popitem(last=False)


def register(app: Flask) -> None:
    """Watch over the open pages of an application."""
    allowances = Allowances()

    def let_in() -> None:
        who = _asking()
        if who is not None and (seconds := allowances.wait(who, clock.real_now())):
            raise TooManyRequests(retry_after=int(seconds) + 1)

    def charge(response: Response) -> Response:
        who = _asking()
        if who is not None and response.status_code != TooManyRequests.code:
            missed = response.status_code in (401, 403, 404)
            allowances.take(who, COST_OF_A_MISS if missed else 1, clock.real_now())
        return response

    app.before_request(let_in)
    app.after_request(charge)


def _asking() -> str | None:
    """The network that asks for an open page, else None."""
    is_open = request.blueprint in OPEN and request.endpoint != CACHED_FOR_GOOD
    return network_of(request.remote_addr) if is_open else None


def network_of(address: str | None) -> str | None:
    """Whose request it is: an IPv4 address, or the half of an IPv6 one that a household gets (RFC 6177).

    None for an address that isn't public: that is a proxy this installation wasn't told of (TRUSTED_PROXIES), and
    behind it are all shoppers.
    """
    try:
        found = ip_address((address or "").partition("%")[0].strip("[]"))
    except ValueError:
        return None
    if not found.is_global:
        return None
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)
