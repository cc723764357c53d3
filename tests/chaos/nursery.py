"""Starts workers quickly: imports the app once, then forks one process for each line it reads.

A line is a JSON array: the module (`workers.run`, `workers.clock`), its argument, and environment variables of its own.
The answer is the new process's id. What runs is the module's own `main`, as `python -m` would run it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

import workers.clock
import workers.run
import wsgi  # noqa: F401 imported for what it loads
from tests.chaos.leash import end_with_parent


def _become(module: str, argument: str, env: dict[str, str]) -> None:
    end_with_parent(signal.SIGKILL)
    os.environ.update(env)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(env["LOG_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    try:
        if module == "workers.run":
            workers.run.main(argument)
        else:
            workers.clock.main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # As at the end of any program: threads are waited for, connections close.
        os._exit(sys.exc_info()[0] is not None)


def main() -> None:
    """Fork until the other side hangs up."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        module, argument, env = json.loads(line)
        child = os.fork()
        if child == 0:
            with contextlib.suppress(SystemExit):
                _become(module, argument, env)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
