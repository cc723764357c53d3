"""Writes what was seen into RESULTS.md beside this file: one line per run, under the heading it belongs to."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.cluster import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.scenarios.seen import Seen
    from tests.chaos.storm import Count

PAGE = Path(__file__).with_name("RESULTS.md")
STORMS, SCENARIOS = "## Storms", "## Scenarios"


def storm(count: Count) -> None:
    """Add a storm."""
    _add(
        STORMS,
        [
            count.seed, f"{count.messages:,}", count.seconds, count.kills, count.flushes, count.database_crashes,
            count.missing, count.doubled, count.without_a_story, count.parked, count.unknown_on_the_way,
            count.repeated_emails,
        ],
    )  # fmt: skip


def scenario(name: str, seed: int, seen: Seen | str) -> None:
    """Add a scenario, or the words it broke off with."""
    if isinstance(seen, str):
        _add(SCENARIOS, [seed, name, seen, "", "BROKEN OFF"])
        return
    figures = "; ".join(figure.text for figure in seen.figures)
    targets = "; ".join(figure.target for figure in seen.figures)
    _add(SCENARIOS, [seed, f"`{name}` {seen.done}", figures, targets, "kept" if seen.kept else "MISSED"])


def _add(heading: str, cells: Sequence[object]) -> None:
    """Put a row at the end of the table below a heading."""
    line = "| " + " | ".join(str(cell) for cell in (f"{datetime.now(UTC):%Y-%m-%d}", _commit(), *cells)) + " |"
    lines = PAGE.read_text("utf-8").splitlines()
    begin = lines.index(heading)
    end = next((n for n in range(begin + 1, len(lines)) if lines[n].startswith("## ")), len(lines))
    last = max(n for n in range(begin, end) if lines[n].startswith("|"))
    PAGE.write_text("\n".join([*lines[: last + 1], line, *lines[last + 1 :]]) + "\n", "utf-8")


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "-"
