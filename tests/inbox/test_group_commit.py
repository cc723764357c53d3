"""Many requests, few commits, and still every answer comes after its row is durable."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest

from app.inbox.accept import Intake, Taken, row_of
from app.platforms.base import Envelope
from tests.inbox.traffic import DOMAIN

if TYPE_CHECKING:
    from app.inbox.accept import ThreadedIntake
    from tests.inbox.conftest import House

ENVELOPE = Envelope(DOMAIN, "orders/create", "w", "2026-10", "", datetime(2026, 6, 1, tzinfo=UTC))


def count(url: str, webhook_id: str | None = None) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM delivery WHERE %(id)s::text IS NULL OR webhook_id = %(id)s", {"id": webhook_id}
        ).fetchone()
        assert found is not None
        return int(found[0])


def test_each_of_64_threads_finds_its_row_at_the_moment_of_its_answer(
    house: House, intake: ThreadedIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from another connection, so it is committed; and fewer commits than deliveries."""
    commits: list[int] = []
    insert = Intake._insert

    async def counted(self: Intake, rows: list[object]) -> None:
        commits.append(len(rows))
        await insert(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Intake, "_insert", counted)
    gate = threading.Barrier(64)
    connections = [psycopg.connect(house.url, autocommit=True) for _ in range(8)]
    locks = [threading.Lock() for _ in connections]

    def deliver(thread: int) -> list[bool]:
        gate.wait()
        seen = []
        for number in range(4):
            name = f"w-{thread}-{number}"
            assert intake.take(row_of("shopify", replace(ENVELOPE, webhook_id=name), b"{}")) is Taken.STORED
            with locks[thread % 8]:
                found = connections[thread % 8].execute("SELECT 1 FROM delivery WHERE webhook_id = %s", [name])
                seen.append(found.fetchone() is not None)
        return seen

    with ThreadPoolExecutor(64) as pool:
        seen = [each for found in pool.map(deliver, range(64)) for each in found]
    for connection in connections:
        connection.close()
    assert seen == [True] * 256
    assert count(house.url) == sum(commits) == 256
    assert len(commits) < 128


@pytest.mark.parametrize("spoilt", ["\x00", "\ud800"])
def test_a_row_that_spoils_its_group_fails_alone(house: House, intake: ThreadedIntake, spoilt: str) -> None:
    bad = replace(ENVELOPE, webhook_id="bad", api_version=spoilt)

    def deliver(number: int) -> Taken:
        envelope = bad if number == 20 else replace(ENVELOPE, webhook_id=f"w-{number}")
        return intake.take(row_of("shopify", envelope, b"{}"))

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(deliver, range(40)))
    assert [n for n, taken in enumerate(answers) if taken is not Taken.STORED] == [20]
    assert answers[20] is Taken.NEVER
    assert count(house.url) == 39


def test_50_identical_deliveries_at_once_are_one_row_20_times_over(house: House, intake: ThreadedIntake) -> None:
    with ThreadPoolExecutor(50) as pool:
        for turn in range(20):
            row = row_of("shopify", replace(ENVELOPE, webhook_id=f"same-{turn}"), b"{}")
            assert set(pool.map(intake.take, [row] * 50)) == {Taken.STORED}
            assert count(house.url, f"same-{turn}") == 1
    assert count(house.url) == 20


def test_bodies_are_sealed(house: House, intake: ThreadedIntake) -> None:
    intake.take(row_of("shopify", ENVELOPE, b'{"email": "canary@shopper.example"}'))
    with psycopg.connect(house.url) as connection:
        rows = connection.execute("SELECT body FROM delivery").fetchall()
    assert len(rows) == 1
    assert b"canary" not in rows[0][0]
