"""What all tests stand on: real PostgreSQL and Redis, a database built by the migrations, no outside sockets."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings as tries
from sqlalchemy import text

from app import clock, create_app, migrate, transaction
from app.inbox import accept
from config import Settings
from local.services import Postgres, Redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

SHARED = Path(__file__).parent.parent.parent / "shared"
API_SECRET = "shpss_hush_secret_for_tests_as_long_as_real"
NOON = datetime(2026, 6, 10, 16, 0, tzinfo=UTC)
"""A Wednesday at noon in New York: outside quiet hours everywhere the tests' people live."""

# How long an example takes says more about the machine than about us; each shares its test's database on purpose.
tries.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
tries.load_profile("house")

_connect = socket.socket.connect


def _only_loopback(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"a test tried to reach {address[0]}: nothing leaves this machine")
    _connect(self, address)


@pytest.fixture(scope="session", autouse=True)
def stores_patience() -> Iterator[float]:
    """Seconds that the intake allows itself; tests on a slow machine have more, or set their own."""
    with pytest.MonkeyPatch.context() as patch:
        usual = accept.LONGEST_WAIT_SECONDS
        patch.setattr(accept, "LONGEST_WAIT_SECONDS", 60.0)
        yield usual


@pytest.fixture(scope="session", autouse=True)
def no_outside_sockets() -> Iterator[None]:
    socket.socket.connect = _only_loopback  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Redis]]:
    """This worker's own servers. No fsync: nothing here pulls the plug (the chaos tests have servers of their own)."""
    folder = tmp_path_factory.mktemp("services")
    postgres = Postgres(folder / "postgres", durable=False, creates_databases=True)
    redis = Redis(folder / "redis")
    postgres.start()
    redis.start()
    yield postgres, redis
    redis.stop()
    postgres.wipe()


def environment(postgres_url: str, redis_url: str, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "PUBLIC_URL": "http://127.0.0.1:5999",
        "SECRET_KEY": "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d",
        "SHOPIFY_API_KEY": "key-of-the-app",
        "SHOPIFY_API_SECRET": API_SECRET,
        "SENDGRID_API_KEY": "SG.test",
        "SENDER_EMAIL": "hello@shop.example",
        "SENDGRID_API_BASE": "http://127.0.0.1:9",
        "TWILIO_API_BASE": "http://127.0.0.1:9",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "12345",
        "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32,
        "TRUSTED_PROXIES": "0",
        "LOG_LEVEL": "WARNING",
        "SHOPIFY_API_BASE": "http://127.0.0.1:9/{shop}",
        **more,
    }


@pytest.fixture(scope="session")
def settings(services: tuple[Postgres, Redis]) -> Settings:
    postgres, redis = services
    return Settings.from_env(environment(postgres.url, redis.url))


@pytest.fixture(scope="session")
def app(settings: Settings) -> Flask:
    made = create_app(settings)
    migrate.upgrade()
    made.config["TESTING"] = True
    return made


GROWN = """
    SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY(%s) AND pg_relation_size(oid) > 8192
"""


@pytest.fixture(scope="session")
def sweep(app: Flask, services: tuple[Postgres, Redis]) -> Iterator[Callable[[], None]]:
    """Empties every table but the migrations' own, once nobody writes any more.

    By deleting, as the superuser and without triggers: the tables are all but empty, and truncating 65 of them with
    their indexes costs seven times as much. A table that has grown beyond a page is cut back, so that rows come in the
    order in which they were written, as in a new one.
    """
    del app
    with psycopg.connect(services[0].admin_url, dbname="regulars", autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        found = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename NOT IN ('alembic_version', 'shop')"
        ).fetchall()
        tables = [name for (name,) in found]
        statements = [f"LOCK TABLE shop, {', '.join(tables)}", *(f"DELETE FROM {name}" for name in tables)]  # noqa: S608
        everything = "; ".join([*statements, "DELETE FROM shop WHERE id <> 0"])

        def empty() -> None:
            connection.execute(everything)
            grown = connection.execute(GROWN, [tables]).fetchone()
            if grown and grown[0]:
                connection.execute(f"VACUUM (TRUNCATE) {grown[0]}")

        yield empty


@pytest.fixture
def database(app: Flask, sweep: Callable[[], None]) -> Iterator[str]:
    """An empty database: cleared after the test."""
    yield app.config["SQLALCHEMY_DATABASE_URI"]
    sweep()


class Time:
    """Business time in a test's hands."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, **span: float) -> datetime:
        self.at += timedelta(**span)
        return self.at


@pytest.fixture
def time() -> Iterator[Time]:
    hands = Time(NOON)
    clock.use_source(hands.now)
    yield hands
    clock.use(clock.Clock())


@pytest.fixture
def shop(database: str, time: Time) -> int:
    """An installed shop in New York, without its import."""
    del database, time
    return make_shop("acme.myshopify.com")


def make_shop(domain: str, *, verified: bool = True) -> int:
    """An installed shop, with a sending domain in order where `verified`."""
    with transaction.engine().begin() as connection:
        made: int = connection.execute(
            text(
                "INSERT INTO shop (platform, domain, state, name, currency, timezone, country, locale, address, "
                "storefront_url, installed_at, created_at) VALUES ('shopify', :domain, 'installed', 'Acme', 'USD', "
                "'America/New_York', 'US', 'en', '1 Main St, New York', 'https://acme.example', :now, :now) "
                "RETURNING id"
            ),
            {"domain": domain, "now": NOON - timedelta(days=400)},
        ).scalar_one()
        if verified:
            connection.execute(
                text(
                    "INSERT INTO sending_domain (shop_id, domain, state, verified_at, looked_at) "
                    "VALUES (:shop, 'shop.example', 'verified', :now, :now)"
                ),
                {"shop": made, "now": NOON - timedelta(days=400)},
            )
        return made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that no worker begins one when the other is about to end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_configure(config: pytest.Config) -> None:
    del config
    # A proxy of the machine's must not come between a test and its own servers.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
