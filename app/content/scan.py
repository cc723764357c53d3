"""Find the Liquid markup in a template, in one pass over its text.

python-liquid's own lexer is one regular expression that needs quadratic time on hostile text (`{{` repeated), so this
scanner feeds its parser instead. It also says, before anything is parsed, which tags an author may use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from app.content.faults import Stop

MAX_SOURCE = 100_000
"""Characters a template may have."""

MAX_MARKUP = 1_000
"""Characters one `{{ }}` or `{% %}` may have."""

MAX_PIECES = 4_000
"""Values and tags one template may have, which bounds how long it takes to compile."""

MAX_BRACKETS = 12
"""`[` in one `{{ }}` or `{% %}`: python-liquid reads nested ones by recursion."""

BLOCK_TAGS = frozenset({"if", "unless", "case", "for", "capture"})
TAGS = BLOCK_TAGS | {
    "endif",
    "endunless",
    "endcase",
    "endfor",
    "endcapture",
    "elsif",
    "else",
    "when",
    "break",
    "continue",
    "assign",
    "echo",
}

_OPEN = re.compile(r"\{\{|\{%")
_TAG_NAME = re.compile(r"#|\w+")


class Kind(Enum):
    """What a piece of a template is."""

    TEXT = "text"
    OUTPUT = "output"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of a template: literal text, `{{ value }}`, or `{% name value %}`."""

    kind: Kind
    value: str
    start: int
    name: str = ""


def scan(text: str) -> list[Piece]:
    """Cut a template into pieces, in order; comments are gone, whitespace control is applied. Raises `Stop`."""
    if len(text) > MAX_SOURCE:
        raise Stop(f"The template is longer than {MAX_SOURCE:,} characters.", MAX_SOURCE)
    pieces: list[Piece] = []
    position, trim = 0, False
    while position < len(text):
        found = _OPEN.search(text, position)
        end = found.start() if found else len(text)
        _add_text(pieces, text[position:end], position, trim_left=trim, trim_right=text[end + 2 : end + 3] == "-")
        if not found:
            break
        piece, position, trim = _markup(text, found.start())
        if piece.kind is Kind.TAG and piece.name in ("raw", "comment"):
            body_end, after, trim_inner, trim_after = _skip_to(text, position, f"end{piece.name}", found.start())
            if piece.name == "raw":
                _add_text(pieces, text[position:body_end], position, trim_left=trim, trim_right=trim_inner)
            position, trim = after, trim_after
        elif piece.name != "#":
            pieces.append(piece)
        if len(pieces) > MAX_PIECES:
            raise Stop(f"The template has more than {MAX_PIECES:,} values and tags.", position)
    _check_blocks(pieces)
    return pieces


def _check_blocks(pieces: list[Piece]) -> None:
    """See that every block is closed, in order; said here, where the opening tag's place is known."""
    stack: list[Piece] = []
    for piece in pieces:
        if piece.name in BLOCK_TAGS:
            stack.append(piece)
        elif piece.name.startswith("end"):
            if not stack:
                raise Stop(f"{{% {piece.name} %}} closes nothing.", piece.start)
            opened = stack.pop()
            if piece.name != f"end{opened.name}":
                raise Stop(f"{{% {opened.name} %}} is never closed; {{% {piece.name} %}} comes first.", opened.start)
    if stack:
        raise Stop(f"{{% {stack[-1].name} %}} is never closed.", stack[-1].start)


def _add_text(pieces: list[Piece], value: str, start: int, *, trim_left: bool, trim_right: bool) -> None:
    if trim_left:
        start += len(value) - len(value.lstrip())
        value = value.lstrip()
    if trim_right:
        value = value.rstrip()
    if value:
        pieces.append(Piece(Kind.TEXT, value, start))


def _markup(text: str, start: int) -> tuple[Piece, int, bool]:
    """Read the markup that opens at `start`: answer it, the place after it, and whether it trims what follows."""
    is_tag = text[start + 1] == "%"
    closing = "%}" if is_tag else "}}"
    end = text.find(closing, start + 2, start + MAX_MARKUP)
    if end < 0:
        raise Stop(f"This is opened with {text[start : start + 2]} and never closed with {closing}.", start)
    inner_start = start + 2 + (text[start + 2 : start + 3] == "-")
    trims = end > inner_start and text[end - 1] == "-"
    inner = text[inner_start : end - trims]
    value_start = inner_start + len(inner) - len(inner.lstrip())
    inner = inner.strip()
    if inner.count("[") > MAX_BRACKETS:
        raise Stop("This name is too complicated.", start)
    if not is_tag:
        if not inner:
            raise Stop("There is nothing between {{ and }}.", start)
        return Piece(Kind.OUTPUT, inner, value_start), end + 2, trims
    return _tag(inner, value_start, start), end + 2, trims


def _tag(inner: str, value_start: int, start: int) -> Piece:
    name = _TAG_NAME.match(inner)
    if not name or (name.group() not in TAGS and name.group() not in ("raw", "comment", "#")):
        shown = name.group() if name else inner[:20]
        raise Stop(f"There is no tag called '{shown}'." if shown else "There is nothing between {% and %}.", start)
    rest = inner[name.end() :]
    value = rest.lstrip()
    return Piece(Kind.TAG, value, value_start + name.end() + len(rest) - len(value), name.group())


def _skip_to(text: str, start: int, name: str, opened_at: int) -> tuple[int, int, bool, bool]:
    """Find `{% name %}`: answer where the body ends, the place after the tag, and its two whitespace controls."""
    found = re.compile(r"\{%(-?)[ \t\r\n]*" + name + r"[ \t\r\n]*(-?)%\}").search(text, start)
    if not found:
        raise Stop(f"This is never closed with {{% {name} %}}.", opened_at)
    return found.start(), found.end(), bool(found.group(1)), bool(found.group(2))
