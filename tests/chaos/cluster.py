"""A small installation that may be broken: PostgreSQL with fsync, Redis, providers with a ledger, real workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from base64 import urlsafe_b64decode
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import redis

from app.messages.states import OPEN_STATES
from app.security import tokens
from local.ports import free_port
from local.services import Postgres, Redis
from simulator.providers.keys import load_or_make, public_text
from tests.chaos.leash import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
EMAIL = """<mjml><mj-head><mj-title>Hello {{ customer.first_name }}</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>Hello {{ customer.first_name }}, this is {{ shop.name }}.</mj-text>
</mj-column></mj-section></mj-body></mjml>"""
SMS = "{{ shop.name }}: hello {{ customer.first_name }}. Reply STOP to opt out"


@dataclass
class Cluster:
    """Everything that runs, in one folder."""

    folder: Path
    lease: float = 10.0
    grace: float = 4.0
    speed: float = 1.0
    """How fast business time runs, for everybody."""
    postgres: Postgres = field(init=False)
    redis: Redis = field(init=False)
    env: dict[str, str] = field(init=False)
    children: dict[str, int] = field(default_factory=dict)
    """Name -> process id, of those who may be killed."""
    _programs: list[subprocess.Popen[str]] = field(default_factory=list)
    _web: subprocess.Popen[str] | None = None
    _connection: psycopg.Connection[Any] | None = None

    def start(self) -> Cluster:
        self.postgres = Postgres(self.folder / "postgres", creates_databases=True).start()
        self.redis = Redis(self.folder / "redis").start()
        self.providers_port, self.web_port = free_port(), free_port()
        key = self.folder / "providers" / "sendgrid-events.pem"
        self.env = self._environment(public_text(load_or_make(key)))
        self._nursery = self._program("-m", "tests.chaos.nursery", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.start_providers()
        self.run("-m", "flask", "--app", "wsgi", "regulars", "upgrade")
        self.start_web()
        return self

    def start_web(self, **env: str) -> None:
        """Start the web server, as the Procfile does."""
        self._web = self._program("-m", "granian", "--interface", "rsgi", "--http", "1", "--no-ws", "--host",
                                  "127.0.0.1", "--port", str(self.web_port), "--workers", "1", "--log-level",
                                  "warning", "rsgi:app", env=env)  # fmt: skip
        self._wait_for(f"http://127.0.0.1:{self.web_port}/healthz")

    def stop_web(self) -> None:
        """Stop the web server, if it hasn't ended already."""
        if self._web is not None:
            self._programs.remove(self._web)
            self._web.terminate()
            self._web.wait(60)

    def web_has_died(self) -> bool:
        """Whether the server has ended: its one worker process took it along."""
        return self._web is not None and self._web.poll() is not None

    def _environment(self, sendgrid_key: str) -> dict[str, str]:
        base = f"http://127.0.0.1:{self.providers_port}"
        return {
            "PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url, "LOG_LEVEL": "WARNING",
            "PUBLIC_URL": f"http://127.0.0.1:{self.web_port}", "SENDER_EMAIL": "hello@shop.example",
            "SECRET_KEY": "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d", "SHOPIFY_API_KEY": "key-of-the-app",
            "SHOPIFY_API_SECRET": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "SENDGRID_API_KEY": "SG.test",
            "SHOPIFY_API_BASE": "http://127.0.0.1:9/{shop}", "SENDGRID_API_BASE": f"{base}/sendgrid",
            "SENDGRID_WEBHOOK_PUBLIC_KEY": sendgrid_key, "TWILIO_API_BASE": f"{base}/twilio",
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "12345", "TRUSTED_PROXIES": "0",
            "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32, "LEASE_SECONDS": str(self.lease),
            "CLOCK_SPEED": str(self.speed), "CLOCK_EPOCH": datetime.now(UTC).isoformat(),
            "EMAIL_GRACE_SECONDS": str(self.grace), "SMS_GRACE_SECONDS": str(self.grace),
        }  # fmt: skip

    def start_providers(self) -> None:
        self._program("-m", "simulator.providers", "--port", str(self.providers_port), "--app-url",
                      self.env["PUBLIC_URL"], "--ledger", str(self.folder / "ledger"), "--data",
                      str(self.folder / "providers"), "--speed", str(self.speed))  # fmt: skip
        self._wait_for(f"http://127.0.0.1:{self.providers_port}/faults")

    def _program(self, *arguments: str, env: dict[str, str] | None = None, **pipes: Any) -> subprocess.Popen[str]:
        with (self.folder / "programs.log").open("a") as log:
            options = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL, **pipes}
            program = subprocess.Popen(
                [sys.executable, *arguments],
                env={**self.env, **(env or {})},
                cwd=ROOT,
                text=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 one system call
                **options,
            )
        self._programs.append(program)
        return program

    def run(self, *arguments: str) -> None:
        """Run a program of the house to its end."""
        done = subprocess.run([sys.executable, *arguments], env=self.env, cwd=ROOT, capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]

    def _wait_for(self, url: str) -> None:
        def answers() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 our own loopback address
                    return bool(answer.status == 200)
            except OSError:
                return False

        until(answers, 90, url)

    def spawn(self, name: str, module: str = "workers.run", argument: str = "send", **env: str) -> int:
        """Start a worker under a name; one of that name that was killed before is forgotten."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        own = {"LOG_FILE": str(self.folder / f"{name}.log"), "FAULT_POINT": "", **env}
        self._nursery.stdin.write(json.dumps([module, argument, own]) + "\n")
        self._nursery.stdin.flush()
        self.children[name] = int(self._nursery.stdout.readline())
        return self.children[name]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        try:
            os.kill(self.children[name], number)
        except ProcessLookupError:
            return

    def is_alive(self, name: str) -> bool:
        try:
            os.kill(self.children[name], 0)
        except ProcessLookupError:
            return False
        return True

    def reap(self) -> None:
        """End all workers, and wait until they are gone."""
        for name in self.children:
            self.kill(name)
        until(lambda: not any(self.is_alive(name) for name in self.children), 60, "workers to end")
        self.children.clear()

    def restart_database(self, *, gently: bool = False) -> None:
        """PostgreSQL goes and comes back: by a clean stop, or by a crash as a power cut would make it."""
        self._hang_up()
        if gently:
            self.postgres.stop()
        else:
            self.postgres.crash()
        self.postgres.start()

    def move_to(self, database_url: str) -> str:
        """Use another database of this server from now on; what runs already stays where it is."""
        self._hang_up()
        self.env["DATABASE_URL"] = database_url
        return database_url

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def stop(self) -> None:
        self.reap()
        self._hang_up()
        for program in reversed(self._programs):
            program.terminate()
            if program.stdin is not None:
                program.stdin.close()
        for program in self._programs:
            program.wait(60)
            if program.stdout is not None:
                program.stdout.close()
        self.redis.stop()
        self.postgres.wipe()

    def faults(self, **switches: dict[str, Any]) -> None:
        """Set the providers' fault switches."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.providers_port}/faults", json.dumps(switches).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            assert answer.status == 200

    def healthy(self) -> None:
        well = {"429": 0.0, "5xx": 0.0, "drop_after_accept": 0.0, "delay_ms": 0, "down": False, "receipts": "on"}
        self.faults(sendgrid=well, twilio=well)

    def flush(self) -> None:
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """A statement of its own transaction, as the superuser; over one connection, since each new one costs 10 ms."""
        if self._connection is None or self._connection.closed:
            database = self.env["DATABASE_URL"].rpartition("/")[2]
            url = f"{self.postgres.admin_url.rpartition('/')[0]}/{database}"
            self._connection = psycopg.connect(url, autocommit=True)
        cursor = self._connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def clear(self) -> None:
        """An empty database and ledger, healthy providers, no workers."""
        self.reap()
        self.healthy()
        for _ in range(20):
            # Statements of the killed may still be running, and late receipts come in between.
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'regulars'")
            with suppress(psycopg.errors.DeadlockDetected):
                self.sql("LOCK TABLE shop, message, receipt, breaker, delivery; DELETE FROM shop WHERE id <> 0; "
                         "TRUNCATE breaker, delivery CASCADE")  # fmt: skip
                break
        assert self.sql("SELECT count(*) FROM message") == [(0,)]
        self.flush()
        self.seen = len(self.ledger_lines())

    seen: int = 0

    def ledger_lines(self) -> list[dict[str, Any]]:
        path = self.folder / "ledger"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def ledger(self) -> Counter[int]:
        """Message -> how often a provider took it. The only witness that counts."""
        found: Counter[int] = Counter()
        for line in self.ledger_lines()[self.seen :]:
            named = tokens._varints(urlsafe_b64decode(line["message_id"] + "==")[1:-16])
            found[named[1]] += 1
        return found

    def states(self, shop_id: int | None = None) -> dict[str, int]:
        rows = self.sql("SELECT state, count(*) FROM message WHERE %s::bigint IS NULL OR shop_id = %s GROUP BY state",
                        shop_id, shop_id)  # fmt: skip
        return dict(rows)

    def left(self) -> int:
        return int(self.sql("SELECT count(*) FROM message WHERE state = ANY(%s)", list(OPEN_STATES))[0][0])

    def make_shop(self, domain: str = "acme.myshopify.com") -> int:
        rows = self.sql(
            "INSERT INTO shop (platform, domain, state, name, currency, timezone, country, locale, address, "
            "storefront_url, installed_at, created_at, settings) VALUES ('shopify', %s, 'installed', %s, 'USD', "
            "'America/New_York', 'US', 'en', '1 Main St', 'https://acme.example', now(), now(), '{\"texting\": "
            "{\"daily_cap\": 100000, \"monthly_cap\": 1000000, \"new_numbers_per_hour\": 0}}') RETURNING id", domain,
            domain.partition(".")[0],  # texts of two shops differ: a look-up knows a text by its words
        )  # fmt: skip
        shop_id = int(rows[0][0])
        for channel, source in (("email", EMAIL), ("sms", SMS)):
            self.sql("INSERT INTO template (shop_id, channel, source, digest, created_at) VALUES (%s, %s, %s, "
                     "sha256(%s::bytea), now())", shop_id, channel, source, channel.encode())  # fmt: skip
        return shop_id

    def make_messages(self, shop_id: int, emails: int, texts: int) -> None:
        """So many people, each with one due message that no window or quiet hour holds back."""
        self.sql(
            """
            WITH people AS (
                INSERT INTO customer (shop_id, email, phone, first_name, last_name, first_seen_at)
                SELECT %s, 'p' || n || '@shopper.example', '+1212' || (2000000 + n), 'P' || n, 'L', now()
                FROM generate_series(1, %s) AS s (k), LATERAL (SELECT s.k + (
                    SELECT count(*) FROM customer WHERE shop_id = %s) AS n) AS numbers RETURNING id
            ), numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM people)
            INSERT INTO message (shop_id, customer_id, step, template_id, channel, purpose, audience, subject_kind,
                subject_key, since, state, planned_at, due_at, useful_until, updated_at)
            SELECT t.shop_id, p.id, 'hello', t.id, t.channel, 'transactional', 'anyone', 'none', '', now(), 'due',
                now(), now(), now() + interval '1 day', now()
            FROM numbered p JOIN template t ON t.shop_id = %s
                AND t.channel = CASE WHEN p.n <= %s THEN 'email' ELSE 'sms' END
            """,
            shop_id, emails + texts, shop_id, shop_id, emails,
        )  # fmt: skip


def until(holds: Callable[[], bool], seconds: float, what: str, every: float = 0.1) -> float:
    """Wait until something holds; returns how long it took."""
    begun = time.monotonic()
    while not holds():
        waited = time.monotonic() - begun
        assert waited < seconds, f"waited {waited:.0f} s in vain for {what}"
        time.sleep(every)
    return time.monotonic() - begun
