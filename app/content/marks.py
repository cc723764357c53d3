"""Carry Liquid through the MJML compiler: each piece becomes a harmless word, and is put back afterwards.

mrml would escape, fold or refuse Liquid in many places. A word survives everywhere, also doubled (a colour goes into an
attribute and a style), and the place in the author's text stays with the piece.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from app.content.scan import Kind, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Marked:
    """A template whose Liquid is words. `pattern` finds them, group 1 is the number of the piece."""

    text: str
    pattern: re.Pattern[str]
    pieces: tuple[Piece, ...]
    starts: tuple[tuple[int, int], ...]

    def place(self, offset: int) -> int:
        """Answer where in the source a character of `text` comes from."""
        at, source = self.starts[max(0, bisect_right(self.starts, (offset, 1 << 60)) - 1)]
        return source + offset - at

    def split(self, text: str) -> Iterator[str | Piece]:
        """Cut a text that holds marks into plain stretches and pieces."""
        position = 0
        for found in self.pattern.finditer(text):
            if found.start() > position:
                yield text[position : found.start()]
            yield self.pieces[int(found.group(1))]
            position = found.end()
        if position < len(text):
            yield text[position:]


def mark(source: str, pieces: Sequence[Piece]) -> Marked:
    """Replace the Liquid of a scanned template by words that the template does not contain itself."""
    salt = next(f"lq{n}x" for n in count() if f"lq{n}x" not in source.lower())
    built: list[str] = []
    starts = [(0, 0)]
    liquid: list[Piece] = []
    length = 0
    for piece in pieces:
        starts.append((length, piece.start))
        if piece.kind is Kind.TEXT:
            built.append(piece.value)
        else:
            built.append(f"{salt}{len(liquid)}z")
            liquid.append(piece)
        length += len(built[-1])
    return Marked("".join(built), re.compile(salt + r"(\d+)z"), tuple(liquid), tuple(starts))
