"""The shared bucket in a real Redis."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from app.platforms.shopify.budget import NoBudget, RedisBudget, Throttle

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = Path(sys.executable).parent / "redis-server"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    if not SERVER.exists():
        pytest.skip("no redis-server in this environment")
    socket = tmp_path_factory.mktemp("redis") / "s"
    process = subprocess.Popen([SERVER, "--port", "0", "--unixsocket", socket, "--save", ""], stdout=subprocess.DEVNULL)
    found = redis.Redis(unix_socket_path=str(socket))
    for _ in range(600):
        try:
            found.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    yield found
    found.close()
    process.terminate()
    process.wait()


def test_workers_share_one_bucket_and_the_stores_word_replaces_it(client: redis.Redis) -> None:
    one, other = RedisBudget(client), RedisBudget(client)
    one.report("a", Throttle(100.0, 2000.0, 0.1))
    assert one.reserve("a", 80) == 0.0
    wait = other.reserve("a", 80)
    assert 500 < wait <= 600
    one.report("a", Throttle(2000.0, 2000.0, 10.0))
    assert other.reserve("a", 80) == 0.0


def test_stores_do_not_share(client: redis.Redis) -> None:
    budget = RedisBudget(client)
    budget.report("b", Throttle(0.0, 2000.0, 1.0))
    assert budget.reserve("b", 50) > 0
    assert budget.reserve("c", 50) == 0.0


def test_points_come_back_with_time_up_to_the_maximum(client: redis.Redis) -> None:
    budget = RedisBudget(client)
    budget.report("d", Throttle(0.0, 100.0, 1000.0))
    time.sleep(0.15)
    assert budget.reserve("d", 100) == 0.0
    assert budget.reserve("d", 5000) <= 0.1


def test_without_redis_every_call_goes_out() -> None:
    budget = RedisBudget.connect("redis://127.0.0.1:1/0")
    begun = time.monotonic()
    for _ in range(100):
        budget.report("a", Throttle(0.0, 1.0, 1.0))
        assert budget.reserve("a", 1000) == 0.0
    assert time.monotonic() - begun < 10, "each of two hundred calls waited for Redis"
    assert NoBudget().reserve("a", 1000) == 0.0
