"""What a benchmark found, beside what it was measured against, and how it is written down."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
HEADS = ("hot path", "measured", "reference in the same run", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that was promised."""

    limit: float
    unit: str = ""
    at_most: bool = False

    def met_by(self, found: float) -> bool:
        """Whether a figure keeps the promise."""
        return found <= self.limit if self.at_most else found >= self.limit

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.limit:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    path: str
    measured: str
    reference: str
    ratio: float
    target: Target | None = None
    """None: a figure to know, without a promise."""

    @property
    def verdict(self) -> str:
        """met, MISSED, or nothing where nothing was promised."""
        if self.target is None:
            return ""
        return "met" if self.target.met_by(self.ratio) else "MISSED"

    def cells(self) -> tuple[str, ...]:
        """As text, column by column."""
        unit = self.target.unit if self.target else ""
        digits = f"{self.ratio:,.0f}" if abs(self.ratio) >= 100 else f"{self.ratio:.3g}"
        return (
            self.path,
            self.measured,
            self.reference,
            f"{digits}{unit}",
            str(self.target or ""),
            self.verdict,
        )


def interleaved(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Run every contender once a round; returns the median of what each gave back."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            found[name].append(contender())
    return {name: statistics.median(some) for name, some in found.items()}


def as_text(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def as_markdown(rows: Sequence[Row]) -> str:
    """The table for a page."""
    lines = [HEADS, ("---",) * len(HEADS), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """What all of it ran on."""
    name = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    ) if Path("/proc/cpuinfo").exists() else platform.processor()  # fmt: skip
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores ({name}), {memory:.0f} GB, Python {platform.python_version()}"


def commit() -> str:
    """Which state of the tree this is."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def today() -> str:
    """The date, UTC."""
    return datetime.now(UTC).date().isoformat()
