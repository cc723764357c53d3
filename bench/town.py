"""People, orders, enrolments and messages in any number, made in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from app.journeys import service as journeys
from app.journeys.models import Journey
from app.reports import counting
from app.security.keyring import keyring
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.house import House

LINES = [
    {
        "product_id": str(7_000 + n),
        "variant_id": str(41_000 + n),
        "line_id": str(n),
        "title": f"House blend {n}",
        "variant_title": "250 g",
        "quantity": 1 + n % 2,
        "price": 1490 + n,
        "is_gift_card": False,
        "image_url": f"https://cdn.bench.example/{n}.jpg",
        "sku": f"HB-{n}",
    }
    for n in range(3)
]


def people(house: House, shop: int, count: int) -> None:
    """So many more customers, each with an address and consent to emails; their ids follow each other."""
    house.fill(
        """
        WITH made AS (
            INSERT INTO customer (shop_id, external_id, email, first_name, last_name, country, province, orders_count,
                spent, first_order_at, last_order_at, first_seen_at)
            SELECT %s, (s.n + b.most)::text, 'p' || s.n + b.most || '@shopper.example', 'Person', 'Number ' || s.n,
                'US', 'NY', 1, 4477, now() - interval '90 days', now() - s.n %% 90 * interval '1 day',
                now() - interval '1 year'
            FROM generate_series(1, %s) AS s (n),
                (SELECT COALESCE(max(id), 0) AS most FROM customer) AS b
            RETURNING id
        )
        INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, double_opt_in,
            recorded_at)
        SELECT %s, id, 'email', 'marketing', 'subscribed', now() - interval '90 days', 'checkout', false,
            now() FROM made
        """,
        shop,
        count,
        shop,
    )


def orders(house: House, shop: int, lines: Sequence[object] = LINES) -> None:
    """One order of three lines for everybody, placed an hour ago."""
    house.fill(
        """
        INSERT INTO orders (shop_id, external_id, name, customer_id, currency, total, payment, status_url, lines,
            discount_codes, placed_at, version_at, version_tie, channel, is_test, fulfilled)
        SELECT c.shop_id, 'o' || c.id, '#' || c.id, c.id, 'USD', 5963, 'paid', %s, %s::jsonb, '{}',
            now() - interval '1 hour', now() - interval '1 hour', '', 'online', false, false
        FROM customer c WHERE c.shop_id = %s
        """,
        keyring().seal(b"https://bench.example/orders/1/authenticate?key=0a1b2c3d4e5f", "orders.status_url"),
        orjson.dumps(lines).decode(),
        shop,
    )


def starters(house: House, shop: int) -> None:
    """Every starter journey, turned on a day ago."""
    with house.app.app_context(), transaction(shop) as session:
        journeys.install_starters(session)
        for journey in session.query(Journey):
            journeys.turn_on(session, journey)
    house.sql("UPDATE journey SET turned_on_at = now() - interval '1 day' WHERE shop_id = %s", shop)


def enrolments(house: House, shop: int) -> None:
    """Every order's buyer stands at the first step of the post-purchase journey, due now."""
    house.fill(
        """
        INSERT INTO enrolment (shop_id, journey_id, version_id, customer_id, subject_kind, subject_key, round, state,
            step, anchor_at, since, due_at, entered_at)
        SELECT o.shop_id, j.id, j.version_id, o.customer_id, 'order', o.id::text, 1, 'active', 'thanks', o.placed_at,
            o.placed_at, now(), now()
        FROM orders o JOIN journey j ON j.shop_id = o.shop_id AND j.key = 'post_purchase'
        WHERE o.shop_id = %s
        """,
        shop,
    )


def messages(house: House, shop: int, most: int | None = None) -> None:
    """A thank-you email for every order, due now, as the planner writes it."""
    house.fill(
        """
        INSERT INTO message (shop_id, customer_id, step, template_id, journey_id, channel, priority, purpose, audience,
            subject_kind, subject_key, since, conditions, state, planned_at, due_at, useful_until, updated_at)
        SELECT o.shop_id, o.customer_id, 'thanks', (v.templates->>'thank_you')::bigint, j.id, 'email', 60,
            'transactional', 'anyone', 'order', o.id::text, o.placed_at, %s::jsonb, 'due', now(), now(),
            now() + interval '1 day', now()
        FROM orders o JOIN journey j ON j.shop_id = o.shop_id AND j.key = 'post_purchase'
            JOIN journey_version v ON v.shop_id = j.shop_id AND v.id = j.version_id
        WHERE o.shop_id = %s LIMIT %s
        """,
        conditions_text(),
        shop,
        most,
    )


def history(house: House, shop: int, each: int) -> None:
    """A past: so many messages of the last month for everybody, of every journey; most went, some didn't or still wait.

    A few of the people are under way; one order in a hundred was brought by a click, and as many said goodbye.
    """
    house.fill(
        """
        WITH way AS (
            SELECT row_number() OVER (ORDER BY j.id, t.key) - 1 AS nr, count(*) OVER () AS ways, j.id AS journey_id,
                t.key AS step, t.value::bigint AS template_id, f.channel
            FROM journey j JOIN journey_version v ON v.shop_id = j.shop_id AND v.id = j.version_id,
                jsonb_each_text(v.templates) t JOIN template f ON f.shop_id = %s AND f.id = t.value::bigint
            WHERE j.shop_id = %s
        ), fate (lot, state, reason) AS (
            SELECT lot, CASE WHEN lot < 10 THEN 'delivered' WHEN lot < 14 THEN 'accepted' WHEN lot < 17 THEN 'skipped'
                    WHEN lot = 17 THEN 'bounced' WHEN lot = 18 THEN 'cancelled' ELSE 'expired' END,
                CASE WHEN lot < 14 THEN NULL WHEN lot < 16 THEN 'no_consent' WHEN lot = 16 THEN 'weekly_cap'
                    WHEN lot = 17 THEN '5.1.1' WHEN lot = 18 THEN 'bought' ELSE 'too_late' END
            FROM generate_series(0, 19) AS lot
        ), life AS (
            SELECT c.id AS customer_id, w.*, f.*,
                now() - (c.id * 7919 + n * 104729) %% (30 * 86400) * interval '1 second' AS at
            FROM customer c CROSS JOIN generate_series(1, %s) AS n
            JOIN fate f ON f.lot = (c.id * 31 + n * 7) %% 20 JOIN way w ON w.nr = (c.id + n) %% w.ways
            WHERE c.shop_id = %s
        )
        INSERT INTO message (shop_id, customer_id, step, template_id, journey_id, channel, priority, purpose, audience,
            subject_kind, subject_key, since, conditions, state, reason, planned_at, due_at, useful_until, accepted_at,
            opened_at, clicked_at, machine_opened_at, updated_at)
        SELECT %s, customer_id, step, template_id, journey_id, channel, 50, 'marketing', 'subscribers', 'none', '', at,
            '{}', state, reason, at, at, at + interval '1 day', CASE WHEN lot < 14 OR lot = 17 THEN at END,
            CASE WHEN lot < 4 THEN at + interval '1 hour' END, CASE WHEN lot = 0 THEN at + interval '1 hour' END,
            CASE WHEN lot IN (3, 4, 5) THEN at + interval '1 minute' END, at + interval '1 hour'
        FROM life
        """,
        shop,
        shop,
        each,
        shop,
        shop,
    )
    house.fill(
        """
        UPDATE message SET state = 'deferred', reason = 'quiet_hours', due_at = now() + interval '8 hours',
            accepted_at = NULL, opened_at = NULL, clicked_at = NULL, machine_opened_at = NULL
        WHERE shop_id = %s AND planned_at > now() - interval '12 hours' AND id %% 3 = 0
        """,
        shop,
    )
    house.fill(
        """
        INSERT INTO enrolment (shop_id, journey_id, version_id, customer_id, subject_kind, subject_key, round, state,
            step, anchor_at, since, due_at, entered_at)
        SELECT c.shop_id, j.id, j.version_id, c.id, 'none', c.id::text, 1, 'active', 'thanks', now(), now(),
            now() + c.id %% 1000 * interval '1 minute', now()
        FROM customer c JOIN journey j ON j.shop_id = c.shop_id AND j.id %% 5 = c.id %% 5
        WHERE c.shop_id = %s AND c.id %% 33 = 0
        """,
        shop,
    )
    house.fill(
        """
        INSERT INTO attribution (shop_id, order_id, model, message_id, journey_id, step, channel, clicked_at, placed_at,
            made_at)
        SELECT o.shop_id, o.id, 'last_human_click_5d_v1', m.id, m.journey_id, m.step, m.channel, m.clicked_at,
            o.placed_at, now()
        FROM orders o LEFT JOIN LATERAL (
            SELECT * FROM message m WHERE m.shop_id = o.shop_id AND m.customer_id = o.customer_id
                AND o.customer_id %% 100 = 3 AND m.clicked_at IS NOT NULL LIMIT 1
        ) m ON true
        WHERE o.shop_id = %s
        """,
        shop,
    )
    house.fill(
        """
        INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, double_opt_in,
            recorded_at)
        SELECT shop_id, id, 'email', 'marketing', 'unsubscribed', now() - id %% 30 * interval '1 day', 'link', false,
            now()
        FROM customer WHERE shop_id = %s AND id %% 100 = 0
        """,
        shop,
    )
    with house.app.app_context():
        counting.recompute(shop)


def conditions_text() -> str:
    """What a thank-you email must still find true at hand-over, as JSON."""
    definition = journeys.library()["post_purchase"].definition
    return orjson.dumps(
        {
            "filters": [c.model_dump(by_alias=True, mode="json") for c in definition.trigger.filters],
            "only_if": [],
            "needs": [],
            "exits": [
                {"if": [c.model_dump(by_alias=True, mode="json") for c in x.when], "reason": x.reason}
                for x in definition.exits
            ],
        }
    ).decode()


def again(house: House, *, alone: bool = False) -> None:
    """Every message is due once more, as if nothing had happened to it.

    With `alone`, as if its outcome had been unknown once: such a message is handed over in a call of its own.
    """
    house.sql("TRUNCATE attempt, message_content, decision, engagement, receipt, breaker")
    house.sql(
        "UPDATE message SET state = 'due', due_at = now(), tries = 0, lease_token = NULL, lease_until = NULL, "
        "attempt_id = NULL, provider = NULL, provider_ref = NULL, accepted_at = NULL, repeats = %s",
        int(alone),
    )
    house.settle()
