"""Meta: every queue has a process and a job of ours, and nothing else is ever run."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
import rq
from rq.serializers import PickleSerializer

from app import doorbell
from workers import jobs
from workers.queues import NAMES
from workers.run import Guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.services import Postgres, Redis

PROCFILE = (Path(__file__).parents[2] / "Procfile").read_text()


def test_every_queue_has_a_process_and_every_process_a_queue() -> None:
    processes = re.findall(r"^worker-\w+: python -m workers\.run (\w+)$", PROCFILE, re.MULTILINE)
    assert sorted(processes) == sorted(NAMES)
    assert re.search(r"^clock: python -m workers\.clock$", PROCFILE, re.MULTILINE)


def test_every_queues_job_exists_and_takes_no_arguments() -> None:
    for path in doorbell.JOBS.values():
        module, _, name = path.rpartition(".")
        assert module == "workers.jobs"
        assert getattr(jobs, name).__code__.co_argcount == 0


@pytest.fixture
def connection(services: tuple[Postgres, Redis]) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(services[1].url) as client:
        client.flushall()
        yield client
        client.flushall()


def work(connection: redis.Redis, queue: rq.Queue) -> None:
    del queue
    ours = rq.Queue("send", connection=connection, serializer="json")
    Guarded([ours], connection=connection, serializer="json", worker_ttl=60).work(burst=True, logging_level="CRITICAL")


def test_our_own_job_runs(connection: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(jobs, "send", lambda: ran.append("send"))
    queue = rq.Queue("send", connection=connection, serializer="json")
    queue.enqueue_call(doorbell.JOBS["send"])
    work(connection, queue)
    assert ran == ["send"]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("os.system", ("touch {}",)), ("subprocess.check_call", (["touch", "{}"],)), ("pathlib.Path.touch", ("{}",)),
        ("workers.jobs.prepare", ({},)), ("workers.jobs.plan", ()), ("workers.jobs.send", ("extra",)),
        ("no.such.thing", ()), ("", ()),
    ],
)  # fmt: skip
def test_somebody_elses_job_is_never_run(
    connection: redis.Redis,
    tmp_path: Path,
    function: str,
    arguments: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []
    for name in ("send", "plan", "prepare"):
        monkeypatch.setattr(jobs, name, lambda *_: ran.append(""))
    mark = tmp_path / "mark"
    filled = json.loads(json.dumps(arguments).replace("{}", str(mark)) if function.startswith(("os", "sub", "path"))
                        else json.dumps(arguments))  # fmt: skip
    queue = rq.Queue("send", connection=connection, serializer="json")
    queue.enqueue_call(function, args=filled)
    work(connection, queue)
    assert not mark.exists()
    assert ran == []
    assert queue.count == 0


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def test_a_pickle_is_never_opened(connection: redis.Redis, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    queue = rq.Queue("send", connection=connection, serializer=PickleSerializer)
    queue.enqueue_call("workers.jobs.send", args=(Bomb(mark),))
    work(connection, queue)
    assert not mark.exists()


def test_rubbish_in_redis_kills_no_worker(connection: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(jobs, "send", lambda: ran.append("send"))
    queue = rq.Queue("send", connection=connection, serializer="json")
    for n in range(30):
        connection.hset(f"rq:job:j{n}", mapping={"data": os.urandom(n), "created_at": "2026-01-01T00:00:00.000000Z"})
        connection.rpush(queue.key, f"j{n}")
        connection.rpush(queue.key, os.urandom(8).hex())
    queue.enqueue_call(doorbell.JOBS["send"])
    for _ in range(70):  # as the worker's own loop does: RQ leaves off at what it can't read at all
        work(connection, queue)
    assert ran == ["send"]
    assert queue.count == 0


def test_a_ring_that_waits_already_is_not_rung_again(connection: redis.Redis, app: object) -> None:
    del app
    for _ in range(5):
        assert doorbell.ring("send")
    assert connection.llen("rq:queue:send") == 1
