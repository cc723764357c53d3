"""Two Liquid templates out of one compiled HTML: the HTML itself with every output at its place, and its plain text.

The plain text is derived here, once per template, so that for a person it costs a few string joins and no parsing.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from app.content.language import LINK_TAG, PLAIN_LINK_TAG, URL_TAG, Place, content, tag, tokens_of
from app.content.markup import URL_ATTRIBUTES, Aside, Closing, Opening, Run, read
from app.content.scan import Kind, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liquid.token import Token

    from app.content.marks import Marked

_SPACES: Final = re.compile(r"[ \t\r\n]+")
_PARAGRAPHS: Final = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "div", "ul", "ol", "blockquote", "hr"])
_LINES: Final = frozenset(["tr", "br", "li"])
_UNSEEN: Final = frozenset(["head", "style", "title"])
_VOID: Final = frozenset(["img", "br", "hr", "meta", "link", "col", "wbr"])
_HIDDEN: Final = re.compile(r"display\s*:\s*none")

PARAGRAPH: Final = "\x1e"
LINE: Final = "\x1f"
"""Marks in the plain text before it is set; values cannot hold them (`runtime.plain`)."""

_GAP: Final = re.compile(r"[ \x1e\x1f]+")

SKIP_CLASS: Final = "skip-text"
"""An element with this class is left out of the plain text."""


def html_tokens(text: str, marked: Marked) -> list[Token]:
    """Say the compiled HTML in Liquid tokens. Links and image addresses become URL blocks, styles are CSS."""
    tokens: list[Token] = []
    for part in read(text):
        if isinstance(part, Opening):
            tokens.extend(_opening(part, text, marked))
        else:
            style = isinstance(part, Run) and part.style
            tokens.extend(_pieces(text[part.start : part.end], marked, Place.CSS if style else Place.HTML))
    return list(_joined(tokens))


def _pieces(text: str, marked: Marked, place: Place) -> Iterator[Token]:
    for piece in marked.split(text):
        if isinstance(piece, str):
            yield content(piece, 0)
        else:
            yield from tokens_of(piece, place)


def _opening(part: Opening, text: str, marked: Marked) -> Iterator[Token]:
    position = part.start
    for attribute in part.attributes:
        is_link = part.name in ("a", "area") and attribute.name == "href" and bool(attribute.value)
        if not is_link and not marked.pattern.search(attribute.value):
            continue
        yield content(text[position : attribute.start], 0)
        if attribute.name in URL_ATTRIBUTES:
            yield from _url(attribute.value, marked, LINK_TAG if is_link else URL_TAG)
        else:
            yield from _pieces(attribute.value, marked, Place.CSS if attribute.name == "style" else Place.HTML)
        position = attribute.end
    yield content(text[position : part.end], 0)


def _url(value: str, marked: Marked, name: str) -> Iterator[Token]:
    pieces = list(marked.split(value))
    start = next((piece.start for piece in pieces if isinstance(piece, Piece)), 0)
    yield tag(name, start)
    for piece in pieces:
        if isinstance(piece, str):
            yield content(html.unescape(piece), start)
        else:
            yield from tokens_of(piece, Place.URL)
    yield tag(f"end {name}", start)


def _joined(tokens: list[Token]) -> Iterator[Token]:
    """Run neighbouring texts together, so that a message is put together from few pieces."""
    texts: list[str] = []
    for token in tokens:
        if token.kind == "content":
            texts.append(token.value)
            continue
        if texts:
            yield content("".join(texts), 0)
            texts.clear()
        yield token
    if texts:
        yield content("".join(texts), 0)


def text_tokens(text: str, marked: Marked) -> list[Token]:
    """Derive the plain text: what can be read, with each link behind its words."""
    whole = _joined(list(_PlainText(text, marked).tokens()))
    return [content(_GAP.sub(_one_gap, token.value), 0) if token.kind == "content" else token for token in whole]


def _one_gap(gap: re.Match[str]) -> str:
    """Fold a run of blanks and marks, so that little is left to lay out for each person."""
    found = gap.group()
    return PARAGRAPH if PARAGRAPH in found else LINE if LINE in found else " "


class _PlainText:
    """Walks the HTML once; `hidden` counts how deep inside something unseen it is."""

    def __init__(self, text: str, marked: Marked) -> None:
        self.text = text
        self.marked = marked
        self.hidden: list[str] = []
        self.outlook = False
        self.link: Opening | None = None
        self.words_in_link = False

    def tokens(self) -> Iterator[Token]:
        """Answer the tokens of the plain text."""
        for part in read(self.text):
            if isinstance(part, Aside):
                self.aside(self.text[part.start : part.end])
            elif isinstance(part, Run):
                yield from self.run(part)
            elif isinstance(part, Opening):
                yield from self.opening(part)
            else:
                yield from self.closing(part)

    def aside(self, value: str) -> None:
        """Leave out what only Outlook shows."""
        if value.startswith("<!--[if"):
            self.outlook = "!mso" not in value
        elif "endif" in value:
            self.outlook = False

    def run(self, part: Run) -> Iterator[Token]:
        """Write text; Liquid tags stay even where nothing is seen, so that their blocks stay whole."""
        seen = not self.hidden and not self.outlook and not part.style
        for piece in self.marked.split(self.text[part.start : part.end]):
            if isinstance(piece, str):
                words = html.unescape(_SPACES.sub(" ", piece))
                if seen and words:
                    self.words_in_link = self.words_in_link or bool(words.strip())
                    yield content(words.replace("\u00a0", " ").replace("\u200c", "").replace("\u034f", ""), 0)
            elif piece.kind is Kind.TAG and piece.name != "echo":
                yield from tokens_of(piece, Place.TEXT)
            elif seen:
                self.words_in_link = True
                yield from tokens_of(piece, Place.TEXT)

    def opening(self, part: Opening) -> Iterator[Token]:
        """Begin a line, a paragraph or a link, or something unseen."""
        if self.hidden or self._unseen(part):
            if not part.closed and part.name not in _VOID:
                self.hidden.append(part.name)
            return
        yield from self._break(part.name, closing=False)
        if part.name == "a" and not self.outlook:
            self.link, self.words_in_link = part, False
            if label := html.unescape(part.get("aria-label")):
                yield from _pieces(label, self.marked, Place.TEXT)
                self.hidden.append("a")

    def closing(self, part: Closing) -> Iterator[Token]:
        """End what `opening` began; a link's address follows its words."""
        labelled = self.hidden == ["a"] and part.name == "a"
        if self.hidden:
            if part.name in self.hidden:
                while self.hidden.pop() != part.name:
                    pass
            if not labelled:
                return
        if part.name == "a" and self.link and not self.outlook:
            href = self.link.get("href")
            if href and (labelled or self.words_in_link) and not href.startswith(("#", "mailto:", "tel:")):
                yield content(": ", 0)
                yield from _url(href, self.marked, PLAIN_LINK_TAG)
                yield content(LINE, 0)
            self.link = None
        yield from self._break(part.name, closing=True)

    def _unseen(self, part: Opening) -> bool:
        return (
            part.name in _UNSEEN
            or SKIP_CLASS in part.get("class").split()
            or _HIDDEN.search(part.get("style")) is not None
        )

    def _break(self, name: str, *, closing: bool) -> Iterator[Token]:
        if self.outlook:
            return
        if name in _PARAGRAPHS:
            yield content(PARAGRAPH, 0)
        elif name in _LINES:
            yield content(LINE + ("- " if name == "li" and not closing else ""), 0)
        elif name in ("td", "th") and closing:
            yield content(" ", 0)


def set_text(text: str) -> str:
    """Lay out the rendered plain text: paragraphs apart, no empty lines within, one blank between words."""
    paragraphs = []
    for paragraph in text.replace("\n", LINE).split(PARAGRAPH):
        if paragraph and not paragraph.isspace():
            lines = [" ".join(line.split()) for line in paragraph.split(LINE)]
            paragraphs.append("\n".join([line for line in lines if line]))
    return "\n\n".join(paragraphs) + "\n"
