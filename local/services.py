"""The database and the queue: those the environment names, else servers of our own.

    with services(Path(".local/run")) as found:
        connect(found.database_url)

`Postgres` and `Redis` can be used alone, several at once, each in a folder of its own; see their docstrings.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.postgres import Postgres
from local.redis_server import Redis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Postgres", "Redis", "Services", "services"]


@dataclass(frozen=True, slots=True)
class Services:
    """Where they are. The servers themselves are None when the environment gave the address."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    postgres: Postgres | None
    redis: Redis | None


@contextmanager
def services(folder: Path, *, durable: bool = True, creates_databases: bool = False) -> Iterator[Services]:
    """Both services for as long as the block runs. DATABASE_URL and REDIS_URL replace ours, each on its own.

    Raises:
        Trouble: one of ours can't be started; the message says what to do.
    """
    database_url = os.environ.get("DATABASE_URL", "")
    redis_url = os.environ.get("REDIS_URL", "")
    with ExitStack() as running:
        postgres = queue = None
        if not database_url:
            postgres = running.enter_context(
                Postgres(folder / "postgres", durable=durable, creates_databases=creates_databases)
            )
        if not redis_url:
            queue = running.enter_context(Redis(folder / "redis"))
        yield Services(
            database_url=postgres.url if postgres else database_url,
            redis_url=queue.url if queue else redis_url,
            postgres=postgres,
            redis=queue,
        )
