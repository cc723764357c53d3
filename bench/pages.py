"""Do the merchant's pages stay as fast when a shop grows? The same pages at 10^3 and at 10^6 customers.

And are they fast in a shop of 100,000 customers that sent a million messages in a month?
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import jwt

from app.shops.models import ShopToken
from app.transaction import transaction
from bench import town
from bench.house import SECRET
from bench.table import Row, Target

if TYPE_CHECKING:
    from bench.house import House

PAGES = {
    "home": "/",
    "home, refreshed": "/admin/home/pulse",
    "customers": "/admin/customers",
    "customers, searched": "/admin/customers?q=p77",
    "messages": "/admin/messages",
    "messages, of one reason": "/admin/messages?reason=weekly_cap",
    "messages, still waiting": "/admin/messages?state=waiting",
    "messages, why they didn't go": "/admin/messages/reasons",
    "journeys": "/admin/journeys",
    "reports": "/admin/reports",
    "health": "/admin/health",
}
MANY_MESSAGES = 10
"""For everybody in the shop that sends a lot."""
SLOWEST_MS = 150


def rows(house: House, shops: tuple[int, int, int], visits: tuple[int, int]) -> list[Row]:
    """Lines for the table: each page's median in the large shop beside that in the small one, and in a busy one.

    `shops`: customers of a small, a middling and a large one; `visits`: how many for a median, and for a percentile.
    """
    small, middling, large = shops
    few, many = visits
    sizes = {"small": (small, 1), "large": (large, 1), "busy": (middling, MANY_MESSAGES)}
    for name, (size, each) in sizes.items():
        fill(house, house.make_shop(domain_of(name)), size, each)
    house.settle()
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(few):
        for page in PAGES:
            for name in ("small", "large"):
                found.setdefault((page, name), []).append(_visit(house, page, name))
    for _ in range(many):
        for page in PAGES:
            found.setdefault((page, "busy"), []).append(_visit(house, page, "busy"))
    house.empty()
    made = []
    for page in PAGES:
        one, other = (statistics.median(found[page, name]) for name in ("large", "small"))
        made.append(
            Row(
                f"admin page at {large:,} customers: {page}",
                f"{one:.1f} ms",
                f"at {small:,} customers: {other:.1f} ms",
                one / other,
                Target(2, "x", at_most=True),
            )
        )
    for page in PAGES:
        slow = sorted(found[page, "busy"])[int(many * 0.95)]
        made.append(
            Row(
                f"admin page, {middling:,} customers, {middling * MANY_MESSAGES:,} messages: {page}",
                f"p95 {slow:.1f} ms",
                f"p50 {statistics.median(found[page, 'busy']):.1f} ms",
                slow,
                Target(SLOWEST_MS, " ms", at_most=True),
            )
        )
    return made


def domain_of(name: str) -> str:
    """The address of one of the shops."""
    return f"{name}.myshopify.com"


def _visit(house: House, page: str, name: str) -> float:
    """Milliseconds of the server's time."""
    begun = time.perf_counter()
    answer = house.app.test_client().get(PAGES[page], headers={"Authorization": f"Bearer {id_token(domain_of(name))}"})
    spent = time.perf_counter() - begun
    if answer.status_code != HTTPStatus.OK:
        raise SystemExit(f"{page} of {name}: {answer.status}")
    return spent * 1000


def fill(house: House, shop: int, size: int, each: int) -> None:
    """So many people with an order, and so many messages for each."""
    town.starters(house, shop)
    town.people(house, shop, size)
    house.sql("ANALYZE")
    town.orders(house, shop, lines=town.LINES[:1])
    house.sql("ANALYZE")
    town.history(house, shop, each)
    open_store(house, shop)


def open_store(house: House, shop: int) -> None:
    """Give the shop a token of its store's, without which its pages ask the store for one."""
    with house.app.app_context(), transaction(shop) as session:
        session.add(
            ShopToken(
                shop_id=shop,
                access_token="shpat_bench",  # noqa: S106 it opens nothing
                refresh_token=None,
                expires_at=datetime.now(UTC) + timedelta(days=1),
                refresh_expires_at=None,
                refreshing_until=None,
                updated_at=datetime.now(UTC),
            )
        )


def id_token(domain: str) -> str:
    """A session token as the store's admin gives it."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": f"https://{domain}/admin",
        "dest": f"https://{domain}",
        "aud": "key-of-the-app",
        "sub": "42",
        "exp": now + 60,
        "nbf": now,
        "iat": now,
        "jti": "one",
        "sid": "session",
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")
