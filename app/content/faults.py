"""What is wrong with a template, and where its author should look."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """One thing a template's author has to mend. `line` counts from 1 within `template_part`."""

    line: int
    message: str
    template_part: str


class Stop(Exception):  # noqa: N818  control flow inside this package: it never leaves `compile_*` or `render`
    """Ends compiling or rendering. `offset` points into the `Source`; None when the place is known from elsewhere."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        """Keep the message for the author and the place it is about."""
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of source text that came from one part, beginning at that part's line `line`."""

    start: int
    part: str
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """Template text, perhaps put together from several parts, that still knows where each character was written."""

    text: str
    stretches: tuple[Stretch, ...]

    @classmethod
    def of(cls, text: str, part: str) -> Source:
        """Text that is one part as written."""
        return cls(text, (Stretch(0, part, 1),))

    def locate(self, offset: int) -> tuple[str, int]:
        """Answer (part, line) of a character."""
        offset = max(0, min(offset, len(self.text)))
        found = self.stretches[bisect_right([s.start for s in self.stretches], offset) - 1]
        return found.part, found.line + self.text.count("\n", found.start, offset)

    def fault(self, message: str, offset: int | None) -> TemplateFault:
        """Describe `message` at the place of `offset` (the first line when it is unknown)."""
        part, line = self.locate(offset or 0)
        return TemplateFault(line, message, part)
