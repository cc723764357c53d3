"""The servers are started for real, in temporary folders."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from local.process import lives
from local.services import Postgres, Redis, services
from local.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres")
    with server:
        yield server
    server.wipe()


def one(url: str, query: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()


def test_the_apps_role_is_held_back_by_row_level_security(postgres: Postgres) -> None:
    assert one(
        postgres.url,
        "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
        " FROM pg_roles WHERE rolname = current_user",
    ) == ("regulars", False, False, True, False)
    assert one(postgres.url, "SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()") == (
        "regulars",
    )


def test_it_is_postgresql_18_with_durable_commits_and_the_same_order_everywhere(postgres: Postgres) -> None:
    assert one(
        postgres.url,
        "SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync'), datlocale, "
        "pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()",
    ) == (18, "on", "C.UTF-8", "UTF8")


def test_what_was_committed_outlives_a_crash_and_the_address_stays(postgres: Postgres) -> None:
    address = postgres.url
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE kept (value int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    unfinished = psycopg.connect(address)
    unfinished.execute("INSERT INTO kept VALUES (43)")
    postgres.crash()
    unfinished.close()
    postgres.start()
    assert postgres.url == address
    assert one(address, "SELECT array_agg(value) FROM kept") == ([42],)


def test_a_wrong_password_opens_nothing(postgres: Postgres) -> None:
    for role in ("regulars", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://{role}:guess@127.0.0.1:{postgres.port}/regulars")


def test_its_passwords_can_be_read_by_nobody_else(postgres: Postgres) -> None:
    assert stat.S_IMODE((postgres.folder / "passwords.json").stat().st_mode) == 0o600


def test_starting_it_opens_no_folder_to_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    server = Postgres(home / "checkout" / "postgres", durable=False)
    with server:
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert one(server.url, "SELECT 1") == (1,)
    server.wipe()


def test_a_second_start_in_the_same_folder_says_who_uses_it(postgres: Postgres) -> None:
    with pytest.raises(Trouble, match=f"in use by process {os.getpid()}"):
        Postgres(postgres.folder).start()
    assert one(postgres.url, "SELECT 1") == (1,)


def test_a_taken_port_is_told_with_the_servers_own_words(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = Postgres(tmp_path / "postgres", port=other.getsockname()[1], durable=False)
        with pytest.raises(Trouble, match="Address already in use"):
            server.start()
    server.wipe()


def test_tests_may_make_databases_and_turn_off_fsync(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", durable=False, creates_databases=True)
    with server:
        assert one(server.url, "SHOW fsync") == ("off",)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE worker_1")
        other = server.create_database("worker_2")
        assert one(other, "SELECT current_database(), current_user") == ("worker_2", "regulars")
    server.wipe()


def test_half_made_files_of_an_interrupted_start_are_made_again(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", durable=False)
    with server:
        pass
    (server.folder / "passwords.json").unlink()
    with server:
        assert one(server.url, "SELECT 1") == (1,)
    server.wipe()


def test_two_run_side_by_side(postgres: Postgres, tmp_path: Path) -> None:
    other = Postgres(tmp_path / "other", durable=False)
    with other:
        assert other.port != postgres.port
        assert one(other.url, "SELECT 1") == one(postgres.url, "SELECT 1")
    other.wipe()


def test_both_servers_end_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    program = f"""
        from pathlib import Path
        import time
        from local.services import services
        with services(Path({str(tmp_path)!r}), durable=False) as found:
            print(found.postgres._server.pid, found.redis._server.pid, flush=True)
            time.sleep(60)
    """
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        servers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while any(lives(server) for server in servers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [lives(server) for server in servers] == [False, False]
    # And the folder is free for the next start.
    server = Postgres(tmp_path / "postgres", durable=False)
    with server:
        assert one(server.url, "SELECT 1") == (1,)
    server.wipe()


def test_redis_wants_a_password_and_never_drops_a_key(tmp_path: Path) -> None:
    with Redis(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("save") == {"save": ""}
        with (
            redis.Redis(host="127.0.0.1", port=server.port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        command = psutil.Process(server._server.pid).cmdline() if server._server else []
        assert not any(server._password in word for word in command)


def test_redis_comes_back_empty_at_the_same_address(tmp_path: Path) -> None:
    with Redis(tmp_path) as server:
        address = server.url
        with redis.Redis.from_url(address) as client:
            client.set("bell", "rung")
        server.crash()
        server.start()
        assert server.url == address
        with redis.Redis.from_url(address) as client:
            assert client.get("bell") is None


def test_addresses_in_the_environment_replace_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/else")
    monkeypatch.setenv("REDIS_URL", "redis://somewhere/0")
    with services(tmp_path) as found:
        assert (found.database_url, found.redis_url) == ("postgresql://somewhere/else", "redis://somewhere/0")
        assert (found.postgres, found.redis) == (None, None)
    assert list(tmp_path.iterdir()) == []
