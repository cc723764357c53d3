"""What is taken in at `POST /webhooks/shopify`, what is refused, and what happens while a neighbour is away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time as wall
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import create_engine

from app import doorbell, transaction
from app.inbox import accept, views
from app.inbox.accept import Intake, Taken
from local.services import Postgres
from tests.conftest import API_SECRET, environment
from tests.inbox.conftest import signed
from tests.inbox.traffic import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from app.inbox.accept import ThreadedIntake
    from local.services import Redis
    from tests.inbox.conftest import House

BODY = b'{"id": 1}'


@pytest.fixture
def client(house: House, app: Flask) -> Any:
    del house
    return app.test_client()


def stored(house: House) -> int:
    with psycopg.connect(house.url) as connection:
        found = connection.execute("SELECT count(*) FROM delivery").fetchone()
        assert found is not None
        return int(found[0])


@pytest.mark.parametrize("family", ["X-Shopify-", "Shopify-", "x-shopify-", "SHOPIFY-"])
def test_both_families_of_headers_are_understood_in_any_case(client: Any, house: House, family: str) -> None:
    assert (
        client.post("/webhooks/shopify", data=BODY, headers=signed(BODY, API_SECRET, family=family)).status_code == 200
    )
    assert stored(house) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"X-Shopify-Hmac-Sha256": "AAAA"}, 401),
        ({"X-Shopify-Hmac-Sha256": ""}, 400),
        ({"X-Shopify-Topic": ""}, 400),
        ({"X-Shopify-Shop-Domain": ""}, 400),
        ({"X-Shopify-Webhook-Id": ""}, 400),
        ({"X-Shopify-Shop-Domain": "evil.example"}, 400),
    ],
)
def test_a_forged_or_incomplete_webhook_leaves_nothing(
    client: Any, house: House, change: dict[str, str], status: int
) -> None:
    answer = client.post("/webhooks/shopify", data=BODY, headers=signed(BODY, API_SECRET) | change)
    assert answer.status_code == status
    assert stored(house) == 0


def test_a_changed_body_is_refused(client: Any, house: House) -> None:
    assert client.post("/webhooks/shopify", data=BODY + b" ", headers=signed(BODY, API_SECRET)).status_code == 401
    assert stored(house) == 0


def test_a_body_over_the_limit_is_refused_before_anybody_computes_its_signature(
    client: Any, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was verified")

    monkeypatch.setattr(views, "verified", never)
    assert client.post("/webhooks/shopify", data=b"x" * (5 * 1024 * 1024 + 1)).status_code == 413
    assert stored(house) == 0


def test_a_webhook_of_a_store_nobody_knows_is_parked(client: Any, house: House) -> None:
    headers = signed(BODY, API_SECRET, domain="stranger.myshopify.com")
    assert client.post("/webhooks/shopify", data=BODY, headers=headers).status_code == 200
    assert house.apply() == 1
    with psycopg.connect(house.url) as connection:
        assert connection.execute("SELECT shop_id, state, reason FROM delivery").fetchall() == [
            (0, "parked", "unknown_shop")
        ]


def test_a_body_that_names_another_shop_than_its_headers_is_parked(client: Any, house: House) -> None:
    body = b'{"id": 548380009, "myshopify_domain": "other.myshopify.com", "name": "Other"}'
    client.post("/webhooks/shopify", data=body, headers=signed(body, API_SECRET, topic="shop/update"))
    house.apply()
    assert [(r.state, r.reason) for r in house.rows("SELECT * FROM delivery")] == [("parked", "foreign_shop")]
    assert house.rows("SELECT name FROM shop")[0].name == "Acme"


def test_a_delivery_that_comes_again_is_welcome_and_stays_one(client: Any, house: House) -> None:
    for _ in range(5):
        assert client.post("/webhooks/shopify", data=BODY, headers=signed(BODY, API_SECRET)).status_code == 200
    assert stored(house) == 1


def test_a_full_queue_answers_503_at_once(client: Any, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "LONGEST_QUEUE", 0)
    began = wall.monotonic()
    answer = client.post("/webhooks/shopify", data=BODY, headers=signed(BODY, API_SECRET))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert wall.monotonic() - began < 30, "it waited"
    assert stored(house) == 0


def test_a_queue_whose_oldest_waits_too_long_takes_no_more(
    house: House, intake: ThreadedIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that hangs must not gather deliveries that their stores have long given up on."""

    async def hanging(_self: Intake, _rows: object) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(accept, "LONGEST_WAIT_SECONDS", 0.4)
    monkeypatch.setattr(Intake, "_insert", hanging)
    row = _row()
    began = wall.monotonic()
    answers: list[Taken] = []
    threads = [threading.Thread(target=lambda: answers.append(intake.take(row))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [Taken.LATER] * 20
    assert wall.monotonic() - began < 15, "they waited for the writer"
    assert stored(house) == 0


def _row() -> accept.Row:
    from app.platforms.base import Envelope

    return accept.row_of("shopify", Envelope(DOMAIN, "orders/create", "w-9"), BODY)


def test_redis_away_costs_nothing_but_a_count(client: Any, house: House) -> None:
    bell = doorbell.FAILED_RINGS.labels("inbox")._value
    before, bound = bell.get(), doorbell._Bound.queues
    doorbell.bind("redis://127.0.0.1:9/0")
    try:
        assert client.post("/webhooks/shopify", data=BODY, headers=signed(BODY, API_SECRET)).status_code == 200
        assert stored(house) == 1
        assert house.apply() == 1
        deadline = wall.monotonic() + 30
        while bell.get() == before and wall.monotonic() < deadline:
            wall.sleep(0.01)
        assert bell.get() > before
    finally:
        doorbell._Bound.queues = bound


@pytest.fixture
def own_database(tmp_path_factory: pytest.TempPathFactory, app: Flask) -> Iterator[Postgres]:
    """A server that may be stopped, with the tables in it."""
    from app import migrate

    del app
    server = Postgres(tmp_path_factory.mktemp("own") / "postgres", durable=False, creates_databases=True)
    server.start()
    before = transaction.engine()
    engine = create_engine(
        server.url.replace("postgresql://", "postgresql+psycopg://"),
        pool_pre_ping=True,
        connect_args={"connect_timeout": 3},
    )
    transaction.bind(engine)
    migrate.upgrade()
    yield server
    transaction.bind(before)
    engine.dispose()
    server.wipe()


def test_while_the_database_is_away_the_answer_is_503_within_3_seconds(
    own_database: Postgres, intake: ThreadedIntake, stores_patience: float
) -> None:
    assert stores_patience < 3
    assert intake.take(_row()) is Taken.STORED
    own_database.stop()
    for _ in range(3):
        began = wall.monotonic()
        assert intake.take(_row()) is Taken.LATER
        assert wall.monotonic() - began < 15, "it waited although nobody is there"
    own_database.start()
    assert intake.take(_row()) is Taken.STORED
    with psycopg.connect(own_database.url) as connection:
        assert connection.execute("SELECT count(*) FROM delivery").fetchone() == (1,)


def test_a_database_connection_that_hangs_is_left_behind_in_time(
    own_database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelling what hangs would take psycopg ten seconds, and the store has long given up by then."""

    async def story() -> None:
        intake = Intake()
        assert await intake.offer(_row()) is Taken.STORED
        monkeypatch.setattr(accept, "LONGEST_WAIT_SECONDS", 1.0)
        with psycopg.connect(own_database.admin_url) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename = 'regulars'"
            ).fetchall()
        for (pid,) in rows:
            os.kill(pid, signal.SIGSTOP)
        try:
            began = wall.monotonic()
            assert await intake.offer(_row()) is Taken.LATER
            assert wall.monotonic() - began < 9
            # A busy machine may need more than one patience for a new connection.
            tries = 0
            while await intake.offer(_row()) is not Taken.STORED:
                tries += 1
                assert tries < 60
        finally:
            for (pid,) in rows:
                os.kill(pid, signal.SIGCONT)
            await intake.close()

    asyncio.run(story())


@pytest.mark.usefixtures("own_database")
def test_an_intake_that_ends_while_its_database_hangs_leaves_no_connection_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        intake = Intake()
        assert await intake.offer(_row()) is Taken.STORED
        monkeypatch.setattr(accept, "LONGEST_WAIT_SECONDS", 0.5)
        used = intake._connection
        assert used is not None
        pid = used.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            assert await intake.offer(_row()) is Taken.LATER
            assert not used.closed, "nothing to see: the connection is gone already"
            await intake.close()
            assert used.closed
        finally:
            os.kill(pid, signal.SIGCONT)

    asyncio.run(story())


def test_commands_work_while_redis_is_away(services: tuple[Postgres, Redis], app: Flask) -> None:
    del app
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "regulars", "replay", "--shop", "nobody.myshopify.com"],
        cwd=root,
        env=environment(services[0].url, "redis://127.0.0.1:9/0"),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert result.returncode == 1
    assert "No shop with the address nobody.myshopify.com is known." in result.stderr
