"""Do the merchant's pages stay as fast when a shop grows? The same pages at 10^3 and at 10^6 customers."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
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
    "customers": "/admin/customers",
    "customers, searched": "/admin/customers?q=p77",
    "messages": "/admin/messages",
    "journeys": "/admin/journeys",
}
VISITS = 15
DOMAINS = {"small": "small.myshopify.com", "large": "large.myshopify.com"}


def rows(house: House, small: int, large: int) -> list[Row]:
    """Lines for the table: each page's median time in the large shop beside that in the small one."""
    for name, size in (("small", small), ("large", large)):
        _fill(house, house.make_shop(DOMAINS[name]), size)
    house.settle()
    found: dict[tuple[str, str], list[float]] = {}
    client = house.app.test_client()
    for _ in range(VISITS):
        for page, path in PAGES.items():
            for name, domain in DOMAINS.items():
                begun = time.perf_counter()
                answer = client.get(path, headers={"Authorization": f"Bearer {_id_token(domain)}"})
                found.setdefault((page, name), []).append(time.perf_counter() - begun)
                if answer.status_code != 200:
                    raise SystemExit(f"{path} of {domain}: {answer.status}")
    house.empty()
    made = []
    for page in PAGES:
        one, other = (statistics.median(found[page, name]) * 1000 for name in ("large", "small"))
        made.append(
            Row(
                f"admin page at {large:,} customers: {page}",
                f"{one:.1f} ms",
                f"at {small:,} customers: {other:.1f} ms",
                one / other,
                Target(2, "x", at_most=True),
            )
        )
    return made


def _fill(house: House, shop: int, size: int) -> None:
    """So many people; each with an order and a message of last month that was accepted."""
    town.starters(house, shop)
    town.people(house, shop, size)
    house.sql("ANALYZE")
    town.orders(house, shop, lines=town.LINES[:1])
    house.sql("ANALYZE")
    town.messages(house, shop)
    house.fill(
        "UPDATE message SET state = 'accepted', planned_at = since - id %% %s * interval '3 seconds', "
        "accepted_at = since - id %% %s * interval '3 seconds' WHERE shop_id = %s",
        size,
        size,
        shop,
    )
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


def _id_token(domain: str) -> str:
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
