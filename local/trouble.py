"""The one error a person at a terminal is meant to read."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Trouble(Exception):  # noqa: N818  it is read as a sentence, not caught as an error
    """Something the person can put right; the message says what happened and what to do."""


@contextmanager
def told_plainly() -> Iterator[None]:
    """Print a Trouble as its sentence and leave with code 1; Ctrl-C leaves with 130. No stack traces for people."""
    try:
        yield
    except Trouble as trouble:
        print(f"\n  {trouble}\n", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def say(line: str) -> None:
    """One short line of progress, at once."""
    print(f"  {line}", flush=True)


def is_root() -> bool:
    """Whether this process may do anything (and PostgreSQL therefore refuses to run as it)."""
    return os.geteuid() == 0
