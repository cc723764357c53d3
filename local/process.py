"""Starting a server as a child that never outlives us, and stopping it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import psutil

from local.trouble import Trouble

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PR_SET_PDEATHSIG = 1
NOBODY = 65534
"""The user and group that own nothing, on every Linux."""


def start(
    command: Sequence[str],
    *,
    log: Path,
    stop_signal: signal.Signals,
    as_nobody: bool = False,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C reaches us first and we stop things in order.

    When started from the main thread the kernel sends it `stop_signal` if we die without a word. `stdin` may carry
    what must not be seen in the list of processes.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=dict(env or {"PATH": os.defpath, "LC_ALL": "C"}),
            start_new_session=True,
            preexec_fn=_dies_with_parent(stop_signal),  # noqa: PLW1509  only a system call, no lock is touched
            user=NOBODY if as_nobody else None,
            group=NOBODY if as_nobody else None,
            extra_groups=[] if as_nobody else None,
        )
    pipe: IO[bytes] | None = child.stdin
    if pipe is not None:
        pipe.write(stdin)
        pipe.close()
    return child


def _dies_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    # The kernel watches the thread that forked; one that ends early would take the server with it.
    if threading.current_thread() is not threading.main_thread():
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(stop_signal))


def stop(child: subprocess.Popen[bytes], stop_signal: signal.Signals, *, patience: float = 30.0) -> None:
    """Ask it to stop, wait `patience` seconds, then kill it and its children."""
    if child.poll() is None:
        child.send_signal(stop_signal)
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        kill(child)


def kill(child: subprocess.Popen[bytes]) -> None:
    """Kill it and all its children at once, as a power cut would; returns when none is left."""
    if child.poll() is None:
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        child.wait()
        deadline = time.monotonic() + 30
        while any(lives(member) for member in family[1:]) and time.monotonic() < deadline:
            time.sleep(0.005)
    child.wait()


def lives(member: psutil.Process) -> bool:
    """Whether it does anything. The dead children of a dead parent may wait a while for the system to collect them."""
    try:
        return member.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, indented, for a sentence about what went wrong."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "".join(f"\n    {line}" for line in lines[-count:])


class FolderLock:
    """Held while a server uses a folder, so that a second start says so instead of breaking the first one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take it.

        Raises:
            Trouble: another process holds it.
        """
        handle = self._path.open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "?"
            handle.close()
            raise Trouble(
                f"{self._path.parent} is in use by process {holder}. Stop that one first (is it already running?)."
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._file = handle

    def release(self) -> None:
        """Let go; nothing happens when it isn't held."""
        if self._file is not None:
            self._file.close()
            self._file = None
