"""What the README promises to whoever hosts this, a database whose owner may not make roles among it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.conftest import environment
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from local.services import Postgres, Redis

README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def plain_login(app: Flask, services: tuple[Postgres, Redis]) -> Iterator[str]:
    """A database of a role that is nothing but its owner, on a server where the two roles were made beforehand."""
    del app  # its migrations have made the roles
    postgres = services[0]
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE plain LOGIN PASSWORD 'plain' NOCREATEROLE NOCREATEDB NOSUPERUSER")
        admin.execute("GRANT regulars_app, regulars_clerk TO plain")
        admin.execute("CREATE DATABASE plain OWNER plain")
        yield f"postgresql://plain:plain@127.0.0.1:{postgres.port}/plain"
        admin.execute("DROP DATABASE plain WITH (FORCE)")
        admin.execute("DROP ROLE plain")


def upgrade(database_url: str, redis_url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "regulars", "upgrade"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment(database_url, redis_url)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_an_owner_without_createrole_can_host_when_the_roles_are_there(
    plain_login: str, services: tuple[Postgres, Redis]
) -> None:
    for _ in range(2):
        done = upgrade(plain_login, services[1].url)
        assert done.returncode == 0, done.stderr
        assert "up to date" in done.stdout
    with psycopg.connect(plain_login) as connection:
        connection.execute("SELECT set_config('role', 'regulars_app', true), set_config('app.shop_id', '7', true)")
        assert connection.execute("SELECT count(*) FROM shop").fetchone() == (0,)


def test_the_readme_names_the_roles_that_must_be_made() -> None:
    assert "CREATE ROLE regulars_app NOLOGIN NOBYPASSRLS" in README
    assert "CREATE ROLE regulars_clerk NOLOGIN NOBYPASSRLS" in README


def test_a_start_without_settings_says_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode != 0
    assert "Regulars can't start" in done.stderr
    assert "openssl rand -hex 32" in done.stderr
    assert "Traceback" not in done.stderr
