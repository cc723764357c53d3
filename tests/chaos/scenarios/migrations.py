"""Every migration runs while webhooks come in and people are read: nobody waits for a lock for long."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from app.migrate import FOLDER
from tests.chaos.scenarios.seen import Seen, none, seconds
from tests.chaos.store import Store

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.chaos.cluster import Cluster

FIRST_RELEASE = "0002"
"""The tables and the walls between shops."""
LONGEST_LOCK_SECONDS = 4
PAUSE_SECONDS = 0.02
STRONG = ("AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock")
"""What keeps others from writing, or from reading too."""
LOCKS = """
    SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE l.granted AND l.mode = ANY(%s) AND n.nspname = 'public' AND c.relkind = 'r' AND l.pid <> pg_backend_pid()
        AND c.relname = ANY(%s)
"""
READS = (
    "SELECT count(*) FROM message WHERE state = 'due'",
    "SELECT c.email, m.state FROM message m JOIN customer c ON c.shop_id = m.shop_id AND c.id = m.customer_id LIMIT 50",
    "SELECT count(*) FROM enrolment",
    "SELECT count(*) FROM orders",
    "SELECT state, count(*) FROM delivery GROUP BY state",
)
WRITE = "UPDATE message SET updated_at = clock_timestamp() WHERE id = (SELECT id FROM message OFFSET %s LIMIT 1)"


@dataclass(slots=True)
class _Beside:
    """Somebody who works on while the tables change under them."""

    work: Callable[[Any], None]
    url: str
    slowest: float = 0.0
    turns: int = 0
    errors: list[str] = field(default_factory=list)

    def run(self, over: threading.Event) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not over.wait(PAUSE_SECONDS):
                begun = time.monotonic()
                try:
                    self.work(connection)
                except psycopg.Error as error:
                    self.errors.append(str(error))
                self.slowest, self.turns = max(self.slowest, time.monotonic() - begun), self.turns + 1


@dataclass(slots=True)
class _Watch:
    """Notes how long each table that the load uses is locked without a break."""

    tables: list[str]
    since: dict[str, float] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=dict)

    def __call__(self, connection: Any) -> None:
        now = time.monotonic()
        held = {row[0] for row in connection.execute(LOCKS, [list(STRONG), self.tables])}
        self.since = {table: self.since.get(table, now) for table in held}
        for table, begun in self.since.items():
            self.longest[table] = max(self.longest.get(table, 0.0), now - begun)


def under_load(cluster: Cluster, rng: random.Random, messages: int = 40_000, pace: float = 50) -> Seen:
    """From the first release's tables to the newest, in one go."""
    url = cluster.move_to(cluster.postgres.create_database("moving"))
    cluster.run("-m", "tests.chaos.moving", FIRST_RELEASE)
    cluster.stop_web()
    cluster.start_web()
    cluster.make_messages(cluster.make_shop(), messages // 2, messages // 2)
    store = Store(cluster)
    old = [row[0] for row in cluster.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    watch = _Watch(old)
    reader = _Beside(lambda connection: connection.execute(rng.choice(READS)).fetchall(), url)
    writer = _Beside(lambda connection: connection.execute(WRITE, [rng.randrange(messages)]), url)
    watcher = _Beside(watch, url)
    over = threading.Event()
    threads = [threading.Thread(target=one.run, args=[over]) for one in (reader, writer, watcher)]
    for thread in threads:
        thread.start()
    try:
        with store.delivering(pace):
            time.sleep(2)
            begun = time.monotonic()
            cluster.run("-m", "flask", "--app", "wsgi", "regulars", "upgrade")
            took = time.monotonic() - begun
            time.sleep(1)
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    statuses = store.statuses()
    last = max(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.py"))
    table, longest = max(watch.longest.items(), key=lambda item: item[1], default=("none", 0.0))
    return Seen(
        f"migrations {FIRST_RELEASE} to {last} in {took:.0f} s over {messages:,} messages, beside {reader.turns} reads,"
        f" {writer.turns} writes and {len(store.ids):,} webhooks; the longest lock was on `{table}`",
        (
            seconds("longest lock", longest, LONGEST_LOCK_SECONDS),
            seconds("slowest read", reader.slowest, LONGEST_LOCK_SECONDS),
            seconds("slowest write", writer.slowest, LONGEST_LOCK_SECONDS),
            seconds("slowest webhook", store.share(1) / 1000, LONGEST_LOCK_SECONDS),
            none("errors", len(reader.errors) + len(writer.errors) + len(watcher.errors)),
            none("webhooks refused", sum(statuses.values()) - statuses[200]),
            none("promised but not there", len(store.promised() - store.kept())),
            none("not migrated to the end", int(cluster.sql("SELECT version_num FROM alembic_version") != [(last,)])),
        ),
    )
