"""Read tags and attributes of MJML and HTML in one linear pass, keeping every place.

A real HTML parser repairs what it reads; here nothing may be repaired, since the text goes on and Liquid stands in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAG: Final = re.compile(r"<(/?)([a-zA-Z][\w:.-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_ATTRIBUTE: Final = re.compile(r"([^\s=/>\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+)))?")
_BARE: Final = 4
"""Which group of `_ATTRIBUTE` is a value without quotes."""

MAX_TAG: Final = 8_000
"""Characters one tag may have: what bounds the search when quotes never close."""

_RAW: Final = frozenset({"style", "mj-style"})

URL_ATTRIBUTES: Final = frozenset(
    {"href", "src", "background", "background-url", "poster", "cite", "action", "xlink:href"}
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `start` and `end` enclose its value in the whole text. `quoted` unless it stands bare."""

    name: str
    value: str
    start: int
    end: int
    quoted: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """`<name ...>`; `closed` when it ends itself."""

    name: str
    attributes: tuple[Attribute, ...]
    start: int
    end: int
    closed: bool

    def get(self, name: str) -> str:
        """Answer an attribute's value, empty when absent."""
        return next((a.value for a in self.attributes if a.name == name), "")


@dataclass(frozen=True, slots=True)
class Closing:
    """`</name>`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Run:
    """Text between tags; `style` is the inside of a style element."""

    start: int
    end: int
    style: bool


@dataclass(frozen=True, slots=True)
class Aside:
    """A comment, a conditional comment's edge, or a doctype."""

    start: int
    end: int


Part = Opening | Closing | Run | Aside


def read(text: str) -> Iterator[Part]:
    """Cut a text into parts that cover it wholly. A `<` that opens nothing is text."""
    position = start = 0
    while (found := text.find("<", position)) >= 0:
        aside = _aside(text, found)
        match = None if aside else _TAG.match(text, found, found + MAX_TAG)
        if not aside and not match:
            position = found + 1
            continue
        if found > start:
            yield Run(start, found, style=False)
        if aside:
            yield aside
            start = position = aside.end
            continue
        assert match is not None  # noqa: S101  the branch above
        part = _tag(match)
        yield part
        start = position = part.end
        if isinstance(part, Opening) and part.name in _RAW and not part.closed:
            close = text.lower().find(f"</{part.name}", position)
            close = len(text) if close < 0 else close
            if close > position:
                yield Run(position, close, style=True)
            start = position = close
    if start < len(text):
        yield Run(start, len(text), style=False)


def _aside(text: str, at: int) -> Aside | None:
    if text.startswith("<!--", at):
        if text.startswith("<!--[if", at):
            return Aside(at, _after(text, "]>", at))
        if text.startswith("<!--<![endif]-->", at):
            return Aside(at, at + len("<!--<![endif]-->"))
        if text.startswith("<!-->", at):
            return Aside(at, at + len("<!-->"))
        return Aside(at, _after(text, "-->", at))
    if text.startswith(("<![", "<!", "<?"), at):
        return Aside(at, _after(text, ">", at))
    return None


def _after(text: str, end: str, at: int) -> int:
    found = text.find(end, at)
    return len(text) if found < 0 else found + len(end)


def _tag(match: re.Match[str]) -> Opening | Closing:
    name = match.group(2).lower()
    if match.group(1):
        return Closing(name, match.start(), match.end())
    inside = match.group(3)
    offset = match.start(3)
    attributes = []
    for found in _ATTRIBUTE.finditer(inside):
        group = next((g for g in (2, 3, 4) if found.group(g) is not None), 0)
        start, end = found.span(group) if group else (found.end(), found.end())
        attributes.append(
            Attribute(found.group(1).lower(), inside[start:end], offset + start, offset + end, group != _BARE)
        )
    return Opening(name, tuple(attributes), match.start(), match.end(), closed=inside.rstrip().endswith("/"))
