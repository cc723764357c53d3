"""Everything this tree needs, into .venv and node_modules: `python3 -m local.setup run` (or `test`).

Needs nothing but Python's standard library. What is already there is left alone: a second run takes a moment.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local.trouble import Trouble, say, told_plainly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CHECKOUT: Final = Path(__file__).resolve().parent.parent
VENV: Final = CHECKOUT / ".venv"
PYTHON: Final = VENV / "bin" / "python"
LOG: Final = CHECKOUT / ".local" / "setup.log"
OLDEST: Final = (3, 11)
NEWEST: Final = (3, 13)

REQUIREMENTS: Final = {
    "run": ("requirements.txt", "requirements-local.txt"),
    "test": ("requirements.txt", "requirements-local.txt", "requirements-dev.txt"),
}
ROOM_NEEDED: Final = {"run": 1_200 * 1024**2, "test": 2_000 * 1024**2}
"""Bytes, generous: a full disk in the middle of an installation is a bad place to be."""

PIP_OPTIONS: Final = (
    "--require-hashes",
    "--only-binary=:all:",
    "--disable-pip-version-check",
    "--no-input",
    "--progress-bar=off",
    "--retries=2",
)
CHOSEN: Final = ("Collecting ", "Processing ")
"""How pip's lines begin that name a package, from a registry or from a mirror in a folder."""
NPM: Final = (
    "import os, sys; from local.node import environment, npm; os.execve(npm()[0], npm() + sys.argv[1:], environment())"
)

# What pip and npm say, and what it means for the person who reads it.
SIGNS: Final = (
    (
        ("No space left on device", "ENOSPC"),
        "The disk is full. Make room, then run the same command again; it goes on where it stopped.",
    ),
    (
        ("DO NOT MATCH THE HASHES", "EINTEGRITY"),
        (
            "A downloaded package is not the one this tree pins, so it was not installed. "
            "Try again; if it stays so, whatever serves your packages changes them."
        ),
    ),
    (
        (
            "Temporary failure in name resolution",
            "Name or service not known",
            "Failed to establish a new connection",
            "Network is unreachable",
            "Connection refused",
            "Read timed out",
            "ConnectTimeout",
            "ProxyError",
            "ENOTFOUND",
            "EAI_AGAIN",
            "ECONNREFUSED",
            "ETIMEDOUT",
            "ENETUNREACH",
        ),
        (
            "The packages can't be downloaded: no network, or it doesn't reach the package registry. "
            "Check the connection (or the proxy settings of pip and npm), then run the same command again."
        ),
    ),
    (
        ("No matching distribution found", "EBADPLATFORM"),
        "One package has no build for this machine. Linux on x86-64 with Python 3.11 or 3.12 is what we support.",
    ),
)


def main(arguments: Sequence[str]) -> None:
    """Set up for running (`run`) or for running and testing (`test`)."""
    purpose = arguments[0] if arguments else "run"
    if purpose not in REQUIREMENTS:
        raise Trouble(f"Set up for what? One of: {', '.join(REQUIREMENTS)}.")
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise Trouble(
            f"This is Python {sys.version_info[0]}.{sys.version_info[1]}; Regulars needs 3.11 or 3.12. "
            "Install one of them, or name it: PYTHON=/path/to/python3.12 before the command."
        )
    LOG.parent.mkdir(exist_ok=True)
    with _alone():
        _make_venv(purpose)
        _install_python_packages(purpose)
        _install_node_packages(purpose)


def _make_venv(purpose: str) -> None:
    if PYTHON.exists() and _version_of(PYTHON) is not None:
        return
    free = shutil.disk_usage(CHECKOUT).free
    if free < ROOM_NEEDED[purpose]:
        raise Trouble(
            f"{free // 1024**2} MB are free on this disk, {ROOM_NEEDED[purpose] // 1024**2} MB are needed. Make room."
        )
    say(f"Making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}")
    made = _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if made is not None:
        shutil.rmtree(VENV, ignore_errors=True)
        if "ensurepip" in made:
            raise Trouble(
                "This Python can't make virtual environments. On Debian and Ubuntu the missing part is called "
                f"python{sys.version_info[0]}.{sys.version_info[1]}-venv; install it, then try again."
            )
        _explain("Making .venv failed", made)


def _version_of(python: Path) -> str | None:
    """Its version, or None when it doesn't start or is not one we support (its Python was removed or replaced)."""
    asked = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], capture_output=True, text=True, check=False
    )
    version = asked.stdout.strip()
    supported = version in {f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)}
    return version if asked.returncode == 0 and supported else None


def _install_python_packages(purpose: str) -> None:
    files = REQUIREMENTS[purpose]
    version = _version_of(PYTHON) or ""
    missing = [name for name in files if not _is_done(_stamp(name), _fingerprint(name, version))]
    if not missing:
        return
    lines = "\n".join((CHECKOUT / name).read_text() for name in files).splitlines()
    total = len({line.split("==", 1)[0] for line in lines if "==" in line and not line.startswith((" ", "#"))})
    say(f"Installing Python packages ({total} at most; once, a minute or two)")
    started = time.monotonic()
    words = [word for name in files for word in ("-r", name)]
    failure = _run(
        [str(PYTHON), "-m", "pip", "install", *PIP_OPTIONS, *words],
        progress=(CHOSEN, total),
    )
    if failure is not None:
        _explain("Installing Python packages failed", failure)
    for name in files:
        _stamp(name).write_text(_fingerprint(name, version))
    say(f"Python packages are ready ({time.monotonic() - started:.0f} s)")


def _install_node_packages(purpose: str) -> None:
    stamp = CHECKOUT / "node_modules" / ".regulars"
    everything = _fingerprint("package-lock.json", "all")
    wanted = everything if purpose == "test" else _fingerprint("package-lock.json", "run")
    # An installation for tests holds all that running needs.
    if _is_done(stamp, everything) or _is_done(stamp, wanted):
        return
    say("Installing front-end packages" + (" and what browser tests need (once)" if purpose == "test" else ""))
    words = [] if purpose == "test" else ["--omit=dev"]
    failure = _run([str(PYTHON), "-c", NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *words])
    if failure is not None:
        _explain("Installing front-end packages failed", failure)
    stamp.write_text(wanted)


def _stamp(name: str) -> Path:
    return VENV / f".installed-{name}"


def _is_done(stamp: Path, fingerprint: str) -> bool:
    return stamp.exists() and stamp.read_text() == fingerprint


def _fingerprint(name: str, variant: str) -> str:
    return hashlib.sha256((CHECKOUT / name).read_bytes() + variant.encode()).hexdigest()


def _run(command: Sequence[str], progress: tuple[tuple[str, ...], int] | None = None) -> str | None:
    """Run it, its output into the log; None when it worked, else the output. `progress`: what to count, of how many."""
    output: list[str] = []
    with (
        LOG.open("a") as log,
        subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as child,
    ):
        log.write(f"\n$ {' '.join(command[:4])}\n")
        for line in _counted(child.stdout or (), progress):
            log.write(line)
            output.append(line)
    return None if child.returncode == 0 else "".join(output)


def _counted(lines: Iterable[str], progress: tuple[tuple[str, ...], int] | None) -> Iterator[str]:
    seen = 0
    for line in lines:
        if progress and line.startswith(progress[0]):
            seen += 1
            if seen % 25 == 0:
                say(f"  {seen} of {progress[1]}")
        yield line


def _explain(headline: str, output: str) -> None:
    for signs, sentence in SIGNS:
        if any(sign in output for sign in signs):
            raise Trouble(f"{sentence}\n  (All of what was said: {LOG})")
    tail = "".join(f"\n    {line}" for line in output.splitlines()[-12:])
    raise Trouble(f"{headline}; the end of what was said (all of it: {LOG}):{tail}")


@contextmanager
def _alone() -> Iterator[None]:
    """Let only one setup work in this tree at a time."""
    with (CHECKOUT / ".local" / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is setting things up here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    os.chdir(CHECKOUT)
    with told_plainly():
        main(sys.argv[1:])
