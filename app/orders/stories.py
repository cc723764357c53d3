"""All that a batch says about one thing, so that a batch of many states leaves what single states would have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from app.platforms.events import Version


class Versioned(Protocol):
    """A state of a thing."""

    @property
    def version(self) -> Version:
        """Its place among the thing's states."""
        ...


F = TypeVar("F", bound=Versioned)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Story(Generic[F]):
    """The states of one thing, newest first."""

    states: list[F]

    @property
    def newest(self) -> F:
        """The state that counts."""
        return self.states[0]

    def told(self, pick: Callable[[F], V | None]) -> V | None:
        """What the newest state that tells it says: some leave out what others told."""
        return next((value for state in self.states if (value := pick(state)) is not None), None)

    def first(self, pick: Callable[[F], datetime | None]) -> datetime | None:
        """The earliest moment that any state gives, for what happens once."""
        return min((at for state in self.states if (at := pick(state)) is not None), default=None)


def stories(facts: Iterable[F], key: Callable[[F], str]) -> list[Story[F]]:
    """One story a thing."""
    found: dict[str, list[F]] = {}
    for fact in sorted(facts, key=lambda f: (f.version.at, f.version.tie), reverse=True):
        found.setdefault(key(fact), []).append(fact)
    return [Story(states) for states in found.values()]
