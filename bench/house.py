"""What the benchmarks run against: PostgreSQL with fsync and Redis of their own, in a folder that goes away after."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from app import create_app, garbage, migrate, transaction
from config import Settings
from local.ports import free_port
from local.services import Postgres, Redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

ROOT = Path(__file__).resolve().parent.parent
SECRET = "hush_a_secret_for_benchmarks_of_full_length"  # noqa: S105 it opens nothing
NOWHERE = "http://127.0.0.1:9"


@dataclass
class House:
    """An installation of the app, without its processes; a benchmark starts those it measures."""

    postgres: Postgres
    redis: Redis
    environment: dict[str, str]
    app: Flask
    settings: Settings
    provider_port: int

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Run a statement as the superuser, past the walls between shops."""
        with psycopg.connect(self._address, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def fill(self, statement: str, *parameters: Any) -> None:
        """Write rows that are known to refer to what exists, without looking each of them up."""
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statement, parameters or None)

    @property
    def _address(self) -> str:
        return self.postgres.admin_url.rpartition("/")[0] + "/regulars"

    def empty(self) -> None:
        """Forget every shop and all that is theirs, and settle down."""
        tables = self.sql(
            "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename NOT IN ('alembic_version', 'shop')"
        )[0][0]
        self.sql(f"TRUNCATE {tables}")
        self.sql("DELETE FROM shop WHERE id <> 0")  # everything of theirs is gone already

    def settle(self) -> None:
        """Statistics and a checkpoint, so that what was prepared isn't paid for by what is measured."""
        self.sql("VACUUM ANALYZE")
        self.sql("CHECKPOINT")

    def make_shop(self, domain: str = "bench.myshopify.com") -> int:
        """An installed shop in New York."""
        made = self.sql(
            "INSERT INTO shop (platform, domain, state, name, currency, timezone, country, locale, address, "
            "storefront_url, installed_at, created_at, version_at) VALUES ('shopify', %s, 'installed', 'Bench', 'USD', "
            "'America/New_York', 'US', 'en', '1 Main St, New York', 'https://bench.example', now(), now(), now()) "
            "RETURNING id",
            domain,
        )
        return int(made[0][0])

    @contextmanager
    def provider(self, milliseconds: int) -> Iterator[None]:
        """An email provider that answers after so long."""
        with self.process("-m", "bench.provider", str(self.provider_port), str(milliseconds)):
            until = time.monotonic() + 60
            while time.monotonic() < until:
                with suppress(OSError), socket.create_connection(("127.0.0.1", self.provider_port), 1):
                    break
                time.sleep(0.05)
            yield

    @contextmanager
    def process(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A Python program of ours, ended with the block."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def house() -> Iterator[House]:
    """Both servers, an empty database with all its tables, and the app of this very process set up to use them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = Postgres(folder / "postgres")
        stack.callback(postgres.wipe)
        stack.enter_context(postgres)
        redis = stack.enter_context(Redis(folder / "redis"))
        provider_port = free_port()
        named = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "PUBLIC_URL": "http://127.0.0.1:1",
            "SECRET_KEY": "5f2b9c0d1e3a4f6789ab0c1d2e3f4a5b6c7d8e9f",
            "SHOPIFY_API_KEY": "key-of-the-app",
            "SHOPIFY_API_SECRET": SECRET,
            "SHOPIFY_API_BASE": NOWHERE + "/{shop}",
            "SENDGRID_API_KEY": "SG.bench",
            "SENDGRID_API_BASE": f"http://127.0.0.1:{provider_port}",
            "TWILIO_API_BASE": NOWHERE,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "12345",
            "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32,
            "SENDER_EMAIL": "hello@bench.example",
            "TRUSTED_PROXIES": "0",
            "LOG_LEVEL": "WARNING",
        }
        read = Settings.from_env(named)
        app = create_app(read)
        stack.callback(lambda: transaction.engine().dispose())
        migrate.upgrade()
        garbage.settle()  # as every worker of ours does; what is measured beside it has the use of it, too
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT), **named}
        yield House(postgres, redis, environment, app, read, provider_port)
