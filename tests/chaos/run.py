"""`python -m tests.chaos.run [messages] [seed]`: the long storm. Its figures are added to RESULTS.md beside this file.

Prints one line; exits with 1 when anything was lost, doubled, or left without a story.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.cluster import ROOT, Cluster
from tests.chaos.storm import Count, Storm

MESSAGES = 100_000
CRASH_EVERY = 30_000
RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# What the storm left

Each line is one run of `python -m tests.chaos.run`: messages go out by email and SMS over real PostgreSQL (fsync on), Redis
and HTTP, while a worker or clock is killed (`kill -9`) every 0.8 to 2 s, Redis is flushed every 5 s, PostgreSQL is
crashed, and the providers answer 429 to 2 %, 500 to 2 %, and accept 3 % without answering. The providers' fsynced
ledger is the only witness. *Missing*: at no provider, and not parked for the merchant to see. *Parked*: an email whose
second hand-over was of unknown outcome too; it may have arrived or not, and is shown. Leases and graces are seconds
here, minutes in production; texts can be looked up at the provider at once and without error, which real ones don't
promise.

| when | commit | seed | messages | seconds | kills | flushes | crashes | missing | doubled | no story | parked | unknown at first | emails repeated |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""  # noqa: E501 a table has long lines


def storm(messages: int, seed: int) -> Count:
    """One storm in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        cluster.clear()
        crashes = max(1, messages // CRASH_EVERY)
        return Storm(cluster, messages, seed, crashes, patience=120 + messages / 25).run()
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def line(count: Count) -> str:
    """A run as a row of the table."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    cells = [
        f"{datetime.now(UTC):%Y-%m-%d}", commit.stdout.strip() or "-", count.seed, f"{count.messages:,}", count.seconds,
        count.kills, count.flushes, count.database_crashes, count.missing, count.doubled, count.without_a_story,
        count.parked, count.unknown_on_the_way, count.repeated_emails,
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def main(messages: int, seed: int) -> int:
    """Run, print, write down; 1 on any breach."""
    count = storm(messages, seed)
    print(count, flush=True)  # noqa: T201 the result line
    kept = RESULTS.read_text() if RESULTS.exists() else HEAD
    RESULTS.write_text(kept + line(count))
    return int(bool(count.missing or count.doubled or count.without_a_story))


if __name__ == "__main__":
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
    wanted = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(wanted[0] if wanted else MESSAGES, wanted[1] if len(wanted) > 1 else int(time.time())))
