"""Which messages go next: claimed in batches with a lease, fairly between shops."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import faults
from app.transaction import across_shops

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from config import Settings

BATCH = 200
"""Messages claimed at once."""
LARGE_BATCH = 1_000
"""As many where a whole batch was waiting: mails of one template then leave many in a call."""


@dataclass(slots=True)
class Claim:
    """Messages that are ours for the length of a lease. Nothing is promised yet: an expired lease is simply due."""

    token: int
    by_shop: dict[int, list[list[int]]]
    """Of each shop, person by person, the most important message first: who may get only one gets that one."""
    template: dict[int, int] = field(default_factory=dict)
    """Of emails that go out for the first time: which template each is made of. What had trouble once goes alone."""

    def __len__(self) -> int:
        """How many messages."""
        return sum(len(ids) for people in self.by_shop.values() for ids in people)

    def chunks(self, size: int, together: int = 0) -> list[tuple[int, list[int]]]:
        """Parts of one shop each, of about `size` messages; all messages of a person are in the same one.

        With `together`, people who get only an email of the same template make parts of up to so many.
        """
        found: list[tuple[int, list[int]]] = []
        for shop_id, people in self.by_shop.items():
            alike: dict[int | None, list[list[int]]] = defaultdict(list)
            for ids in people:
                alike[self.template.get(ids[0]) if len(ids) == 1 else None].append(ids)
            many = [some for template, some in alike.items() if template is not None and len(some) > size]
            few = [ids for some in alike.values() if some not in many for ids in some]
            found += [(shop_id, part) for part in _parts(few, size)]
            found += [(shop_id, part) for some in many for part in _parts(some, max(size, together))]
        return found


def _parts(people: Sequence[list[int]], size: int) -> list[list[int]]:
    found: list[list[int]] = []
    for ids in people:
        if found and len(found[-1]) + len(ids) <= size:
            found[-1] = found[-1] + ids
        else:
            found.append(ids)
    return found


def claim(now: datetime, channels: Sequence[str], lease_seconds: float, size: int = BATCH) -> Claim:
    """Claim due messages: of every shop its share, so that a shop with many cannot hold up a shop with few."""
    token = secrets.randbits(62)
    with across_shops() as session:
        rows = session.execute(
            text("""
                WITH RECURSIVE hop AS (
                    SELECT c.channel, (
                        SELECT m.shop_id FROM message m
                        WHERE m.state IN ('due', 'deferred') AND m.channel = c.channel
                        ORDER BY m.shop_id LIMIT 1
                    ) AS shop_id
                    FROM unnest(CAST(:channels AS text[])) AS c (channel)
                    UNION ALL
                    SELECT h.channel, (
                        SELECT m.shop_id FROM message m
                        WHERE m.state IN ('due', 'deferred') AND m.channel = h.channel AND m.shop_id > h.shop_id
                        ORDER BY m.shop_id LIMIT 1
                    )
                    FROM hop h WHERE h.shop_id IS NOT NULL
                ),
                -- Shops whose messages all wait for tomorrow take no share of today.
                waiting AS (
                    SELECT channel, shop_id FROM hop h WHERE shop_id IS NOT NULL AND EXISTS (
                        SELECT 1 FROM message m WHERE m.channel = h.channel AND m.shop_id = h.shop_id
                            AND m.state IN ('due', 'deferred') AND m.due_at <= :now)
                ),
                share AS (SELECT GREATEST(5, CAST(:size AS int) / GREATEST(1, count(*)))::int AS each FROM waiting),
                -- Rows that another worker is claiming at this moment are passed over, not waited for.
                mine AS (
                    SELECT w.shop_id, d.id, d.due_at, row_number() OVER (PARTITION BY w.shop_id ORDER BY d.due_at) AS nr
                    FROM waiting w CROSS JOIN share, LATERAL (
                        SELECT m.id, m.due_at FROM message m
                        WHERE m.channel = w.channel AND m.shop_id = w.shop_id AND m.state IN ('due', 'deferred')
                            AND m.due_at <= :now
                        ORDER BY m.due_at, m.id LIMIT share.each FOR UPDATE OF m SKIP LOCKED
                    ) d
                ),
                turn AS (SELECT shop_id, id FROM mine ORDER BY nr, due_at LIMIT :size)
                UPDATE message m SET state = 'claimed', lease_token = :token,
                    lease_until = clock_timestamp() + CAST(:lease AS interval), updated_at = :now
                FROM turn WHERE m.shop_id = turn.shop_id AND m.id = turn.id AND m.state IN ('due', 'deferred')
                RETURNING m.shop_id, m.id, m.customer_id, m.priority, m.due_at,
                    CASE WHEN m.channel = 'email' AND m.repeats = 0 THEN m.template_id END AS alike
            """),
            {
                "channels": list(channels),
                "size": size,
                "now": now,
                "token": token,
                "lease": timedelta(seconds=lease_seconds),
            },
        ).all()
        faults.point("before_claim_commit")
    faults.point("after_claim_commit")
    people: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: (-r.priority, r.due_at, r.id)):
        people[row.shop_id, row.customer_id].append(row.id)
    by_shop: dict[int, list[list[int]]] = defaultdict(list)
    for (shop_id, _), ids in people.items():
        by_shop[shop_id].append(ids)
    return Claim(token, by_shop, {row.id: row.alike for row in rows if row.alike is not None})


def release(token: int) -> None:
    """Give back what was claimed and not begun, at a clean stop."""
    with across_shops() as session:
        session.execute(
            text(
                "UPDATE message SET state = 'due', lease_token = NULL, lease_until = NULL "
                "WHERE state = 'claimed' AND lease_token = :token"
            ),
            {"token": token},
        )


def sweep(now: datetime, settings: Settings) -> tuple[int, int]:
    """What dead workers left behind: a claim is due again, a hand-over under way is unknown from now on.

    Returns:
        How many went back to due, and how many became unknown.
    """
    with across_shops() as session:
        again = session.execute(
            text("""
                UPDATE message SET state = 'due', lease_token = NULL, lease_until = NULL, updated_at = :now
                WHERE (shop_id, id) IN (
                    SELECT shop_id, id FROM message WHERE state = 'claimed' AND lease_until < clock_timestamp()
                    ORDER BY lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED)
                RETURNING 1
            """),
            {"now": now},
        ).all()
        lost = session.execute(
            text("""
                UPDATE message SET state = 'unknown', reason = 'worker_lost', lease_token = NULL,
                    lease_until = clock_timestamp() + CASE channel WHEN 'sms' THEN CAST(:sms AS interval)
                        ELSE CAST(:email AS interval) END, updated_at = :now
                WHERE (shop_id, id) IN (
                    SELECT shop_id, id FROM message WHERE state = 'sending' AND lease_until < clock_timestamp()
                    ORDER BY lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED)
                RETURNING 1
            """),
            {"now": now, **{c: timedelta(seconds=settings.grace_seconds(c)) for c in ("sms", "email")}},
        ).all()
    return len(again), len(lost)
