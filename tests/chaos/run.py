"""Breaks an installation of its own on purpose, prints what came of it, and adds it to RESULTS.md beside this file.

    python -m tests.chaos.run                              the long storm, then every scenario
    python -m tests.chaos.run storm [MESSAGES [SEED]]      a storm
    python -m tests.chaos.run scenarios [NAME ...] [SEED]  the scenarios named, or all of them
    python -m tests.chaos.run list                         their names

Exits with 1 when anything was lost, doubled, left without a story, or came later than promised.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chaos import results
from tests.chaos.cluster import Cluster
from tests.chaos.scenarios.all import FASTER, SCENARIOS
from tests.chaos.storm import Storm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MESSAGES = 100_000
CRASH_EVERY = 30_000


@contextmanager
def installation(**options: Any) -> Iterator[Cluster]:
    """PostgreSQL, Redis, providers and web server in a folder of their own, for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    cluster = Cluster(folder, **options)
    try:
        cluster.start()
        cluster.clear()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def storm(messages: int, seed: int) -> bool:
    """One storm; whether it left everything whole."""
    with installation() as cluster:
        crashes = max(1, messages // CRASH_EVERY)
        count = Storm(cluster, messages, seed, crashes, patience=120 + messages / 25).run()
    print(count, flush=True)  # noqa: T201 the result line
    results.storm(count)
    return not (count.missing or count.doubled or count.without_a_story)


def scenario(name: str, seed: int) -> bool:
    """One scenario; whether every promise was kept."""
    begun = time.monotonic()
    try:
        with installation(speed=FASTER.get(name, 1.0)) as cluster:
            seen = SCENARIOS[name](cluster, random.Random(seed))
    except AssertionError as error:
        print(f"{name} seed={seed}: BROKEN OFF: {error}", flush=True)  # noqa: T201 the result line
        results.scenario(name, seed, str(error))
        return False
    figures = "; ".join(f"{f.text} ({'' if f.kept else 'MISSED: '}{f.target})" for f in seen.figures)
    print(f"{name} seed={seed} ({time.monotonic() - begun:.0f} s): {seen.done}: {figures}", flush=True)  # noqa: T201 the result line
    results.scenario(name, seed, seen)
    return seen.kept


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 1 on any breach."""
    what, *rest = arguments or ("all",)
    if what == "list":
        print("\n".join(SCENARIOS))  # noqa: T201 asked for
        return 0
    numbers = [int(word) for word in rest if word.isdecimal()]
    names = [word for word in rest if not word.isdecimal()]
    if what not in ("all", "storm", "scenarios") or set(names) - set(SCENARIOS):
        print(__doc__, file=sys.stderr)  # noqa: T201 how to call it
        return 2
    kept = []
    if what in ("all", "storm"):
        kept.append(storm(numbers[0] if numbers else MESSAGES, numbers[1] if len(numbers) > 1 else _any_seed()))
    if what in ("all", "scenarios"):
        seed = numbers[0] if numbers and what == "scenarios" else _any_seed()
        kept += [scenario(name, seed) for name in names or SCENARIOS]
    return int(not all(kept))


def _any_seed() -> int:
    return random.SystemRandom().randrange(1_000_000)


if __name__ == "__main__":
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(variable, None)
    sys.exit(main(sys.argv[1:]))
