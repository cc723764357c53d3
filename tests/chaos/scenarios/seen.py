"""What a scenario did and saw: figures, each with the limit it must stay under."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and the most it may be."""

    what: str
    value: float
    at_most: float
    unit: str = ""
    timed: bool = False
    """Moves with what else the machine does: shown and judged, but no reason to fail a commit."""

    @property
    def kept(self) -> bool:
        """Whether it stayed within its limit."""
        return self.value <= self.at_most

    @property
    def text(self) -> str:
        """The figure as a reader wants it."""
        return f"{self.what} {_number(self.value)}{self.unit}"

    @property
    def target(self) -> str:
        """The limit, likewise."""
        return f"{_number(self.at_most)}{self.unit}" if not self.at_most else f"≤ {_number(self.at_most)}{self.unit}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was done, in a phrase with its sizes, and what came of it."""

    done: str
    figures: tuple[Figure, ...]

    @property
    def kept(self) -> bool:
        """Whether every figure stayed within its limit."""
        return all(figure.kept for figure in self.figures)

    def broken(self) -> list[str]:
        """The promises that weren't kept, those of speed left aside: a busy machine may break them."""
        return [f"{f.text} (at most {f.target})" for f in self.figures if not f.kept and not f.timed]


def seconds(what: str, value: float, at_most: float) -> Figure:
    """How long something took."""
    return Figure(what, value, at_most, " s", timed=True)


def none(what: str, value: float) -> Figure:
    """Something there must be none of."""
    return Figure(what, value, 0)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.1f}"
