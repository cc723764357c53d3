"""`python -m local.run`: web, workers and clock on this machine, for a real store, until Ctrl-C.

Settings come from the environment, then from a file `.env`, then from what was generated once into `.local/run`.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from honcho import manager as honcho_manager
from honcho.environ import parse, parse_procfile
from honcho.manager import Manager

from local.ports import chosen_port
from local.postgres import CHECKOUT
from local.services import services
from local.trouble import Trouble, say, told_plainly

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

FOLDER: Final = CHECKOUT / ".local" / "run"
DEFAULT_PORT: Final = 8000
STOPPING_SECONDS: Final = 20
"""How long a process may take to end. honcho's own five are too few for a busy machine: seen, at a load of 17, a worker
killed with its chunk in hand, and the simulated store while it saved its world."""


def main() -> int:
    """Run until somebody stops it or a process ends by itself; the exit code of the first that ended."""
    settings = {**_from_file(CHECKOUT / ".env"), **os.environ}
    port = chosen_port("PORT", settings.get("PORT"), DEFAULT_PORT)
    settings["PORT"] = str(port)
    settings.setdefault("PUBLIC_URL", f"http://127.0.0.1:{port}")
    for name, value in generated(FOLDER / "secrets.env", {"SECRET_KEY": secrets.token_urlsafe(48)}).items():
        # A value that is there but empty counts as not set.
        settings[name] = settings.get(name) or value
    os.environ.update(settings)
    say("Starting PostgreSQL and Redis" if not settings.get("DATABASE_URL") else "Using the database you named")
    with services(FOLDER) as found:
        settings.update(DATABASE_URL=found.database_url, REDIS_URL=found.redis_url)
        release(settings)
        say(f"Listening on http://127.0.0.1:{port} (stop with Ctrl-C)")
        return processes(settings)


def generated(path: Path, fresh: Mapping[str, str]) -> dict[str, str]:
    """The values kept in a file only we can read; those it lacks are taken from `fresh` and kept from now on."""
    kept = {**fresh, **_from_file(path)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.writelines(f'{name}="{value}"\n' for name, value in kept.items())
    return kept


def release(settings: Mapping[str, str]) -> None:
    """Bring the database up to date.

    Raises:
        Trouble: it didn't work; what the command said stands above.
    """
    say("Bringing the database up to date")
    # A Procfile's commands are written for a shell.
    command = ["/bin/sh", "-c", procfile()["release"]]
    done = subprocess.run(command, cwd=CHECKOUT, env=_environment(settings), check=False)
    if done.returncode != 0:
        raise Trouble("The database could not be brought up to date; the reason stands above.")


def processes(settings: Mapping[str, str], beside: Mapping[str, str] | None = None) -> int:
    """Run the Procfile's processes, and those `beside` (name: command), until one ends; all are stopped then.

    Returns the exit code of the first that ended, 130 after Ctrl-C.
    """
    honcho_manager.KILL_WAIT = STOPPING_SECONDS
    manager = _Manager()
    environment = _environment(settings)
    for name, command in {**(beside or {}), **procfile()}.items():
        if name != "release":
            manager.add_process(name, command, env=environment, cwd=str(CHECKOUT))
    manager.loop()
    return int(manager.returncode or 0)


class _Manager(Manager):  # type: ignore[misc]  # honcho has no type hints
    """honcho's, except that a signal is only noted, and acted on by the loop.

    honcho 2.0 prints and kills inside the signal handler: that raises when the signal meets a line being printed
    (a reentrant call) or a process that is only starting (KeyError), and leaves everything running.
    """

    _asked_to_stop = False

    def _start(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)
        super()._start()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.returncode = 128 + number
        self._asked_to_stop = True

    def _any_stopped(self) -> bool:
        # Once all have started, the loop looks here for a reason to stop them.
        return self._asked_to_stop or bool(super()._any_stopped())


def procfile() -> dict[str, str]:
    """Name to command."""
    return dict(parse_procfile((CHECKOUT / "Procfile").read_text()).processes)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    return {
        **settings,
        "PATH": f"{programs}{os.pathsep}{settings.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }


def _from_file(path: Path) -> dict[str, str]:
    return dict(parse(path.read_text())) if path.exists() else {}


if __name__ == "__main__":
    with told_plainly():
        sys.exit(main())
