"""How fast do stored webhooks become orders, people and enrolments? Beside one ORM transaction per event.

The same orders for both, by people the shop knows already, the starter journeys listening; what the reference does is
told in `naive_applying`.
"""

from __future__ import annotations

import itertools
import random
import time
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import orjson
import psycopg

from app.inbox.accept import INSERT, row_of
from app.inbox.service import apply_pending
from app.platforms.base import Envelope
from bench import town
from bench.naive_applying import apply_one
from bench.normalise import order
from bench.table import Row, Target, interleaved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.house import House

NAIVE_SHARE = 10
"""The reference gets a tenth of the events: it needs that much longer."""


class _Store:
    """Makes the webhooks of one shop."""

    numbers = itertools.count(1)

    def __init__(self, house: House, customers: int, name: str = "of") -> None:
        self.house, self.customers = house, customers
        self.domain = f"{name}-{customers}.myshopify.com"
        self.shop = house.make_shop(self.domain)
        town.starters(house, self.shop)
        first = house.sql("SELECT COALESCE(max(id), 0) FROM customer")[0][0]
        town.people(house, self.shop, customers)
        self.people = range(first + 1, first + customers + 1)
        self.template = orjson.loads(order())

    def orders(self, count: int) -> list[bytes]:
        """New orders of known people, placed a moment ago."""
        return [self._order(next(self.numbers)) for _ in range(count)]

    def _order(self, number: int) -> bytes:
        person = random.choice(self.people)
        now = datetime.now(UTC).isoformat()
        email = f"p{person}@shopper.example"
        lines = [{**line, "id": number * 10 + i} for i, line in enumerate(self.template["line_items"])]
        return orjson.dumps(
            self.template
            | {"id": number, "name": f"#{number}", "email": email, "contact_email": email}
            | {"created_at": now, "processed_at": now, "updated_at": now, "line_items": lines}
            | {"checkout_token": f"k{number}", "cart_token": f"c{number}"}
            | {"customer": {**self.template["customer"], "id": person, "email": email, "phone": None}}
        )

    def deliver(self, bodies: Sequence[bytes]) -> None:
        """As the intake stores them."""
        now = datetime.now(UTC)
        rows = [
            row_of("shopify", Envelope(self.domain, "orders/create", str(uuid.uuid4()), "2026-10", "", now), body)
            for body in bodies
        ]
        with psycopg.connect(self.house.postgres.url) as connection:
            connection.execute(INSERT, [list(column) for column in zip(*rows, strict=True)])


def rows(house: House, count: int, sizes: Sequence[int], rounds: int) -> list[Row]:
    """Lines for the table: beside the reference, and in shops of each size beside the smallest."""
    stores = {size: _Store(house, size) for size in sizes}
    plain = _Store(house, sizes[0], "plainly")
    house.settle()

    def ours(store: _Store) -> float:
        store.deliver(store.orders(count))
        begun = time.perf_counter()
        with house.app.app_context():
            apply_pending()
        spent = time.perf_counter() - begun
        _check(house, store)
        return count / spent

    def naive(store: _Store) -> float:
        store.deliver(store.orders(count // NAIVE_SHARE))
        waiting = house.sql("SELECT id FROM delivery WHERE shop_id = %s AND state = 'pending'", store.shop)
        begun = time.perf_counter()
        for (delivery,) in waiting:
            apply_one(store.shop, delivery)
        spent = time.perf_counter() - begun
        _check(house, store)
        return len(waiting) / spent

    smallest = stores[sizes[0]]
    ours(smallest)  # the first batch of a process compiles and connects
    found = interleaved(
        rounds,
        {
            **{str(size): partial(ours, store) for size, store in stores.items()},
            "naive": partial(naive, plain),
        },
    )
    house.empty()
    first = found[str(sizes[0])]
    path = "webhook applied"
    beside = Row(
        f"{path}, one process",
        f"{first:,.0f}/s",
        f"one ORM transaction per event: {found['naive']:,.0f}/s",
        first / found["naive"],
        Target(20, "x"),
    )
    flat = [
        Row(
            f"{path}: time per event at {size:,} customers",
            f"{1e6 / found[str(size)]:,.0f} us",
            f"at {sizes[0]:,}: {1e6 / first:,.0f} us",
            first / found[str(size)],
            Target(1.5, "x", at_most=True),
        )
        for size in sizes[1:]
    ]
    return [beside, *flat]


def _check(house: House, store: _Store) -> None:
    """Whoever did the work, all of it is there: for every order its lines, a word of consent and two enrolments."""
    states = dict(house.sql("SELECT state, count(*) FROM delivery WHERE shop_id = %s GROUP BY 1", store.shop))
    if set(states) != {"applied"}:
        raise SystemExit(f"not every delivery was applied: {states}")
    done = house.sql(
        """
        SELECT (SELECT count(*) FROM orders WHERE shop_id = s.id),
            (SELECT count(*) FROM purchase WHERE shop_id = s.id) / 3,
            (SELECT count(*) FROM consent_entry WHERE shop_id = s.id AND source = 'checkout' AND about <> ''),
            (SELECT count(*) FROM enrolment WHERE shop_id = s.id) / 2,
            (SELECT count(*) FROM decision WHERE shop_id = s.id AND outcome = 'entered') / 2,
            (SELECT sum(orders_count) FROM customer WHERE shop_id = s.id AND first_order_at > now() - interval '1 day')
        FROM shop s WHERE s.id = %s
        """,
        store.shop,
    )[0]
    if set(done) != {states["applied"]}:
        raise SystemExit(f"orders, lines, consent, enrolments, decisions, totals of {states['applied']}: {done}")
