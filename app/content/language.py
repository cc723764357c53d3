"""The Liquid we speak: python-liquid's grammar behind an allow-list, plus the block that holds a URL attribute."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from liquid import Environment
from liquid.ast import BlockNode, Node
from liquid.exceptions import LiquidError
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_CONTENT, TOKEN_EOF, TOKEN_EXPRESSION, TOKEN_OUTPUT, TOKEN_TAG, Token

from app.content.faults import Stop
from app.content.scan import Kind, Piece

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NESTING = 12
"""How deep blocks may stand in one another (Python itself allows 20 nested loops)."""

URL_TAG = "url attribute"
LINK_TAG = "link attribute"
PLAIN_LINK_TAG = "link in plain text"
"""Names with a space: no author can write them."""


class Place(Enum):
    """Where an output stands, which decides how its value is made safe."""

    HTML = "html"
    CSS = "css"
    URL = "url"
    TEXT = "text"


class UrlNode(Node):
    """A URL: a link that a person may follow, or an address that the mail program fetches; in HTML or in plain text."""

    __slots__ = ("block", "in_html", "link")

    def __init__(self, token: Token, block: BlockNode, *, link: bool, in_html: bool) -> None:
        """Hold what the attribute's value is made of."""
        super().__init__(token)
        self.block = block
        self.link = link
        self.in_html = in_html
        self.blank = False

    def render_to_output(self, context: object, buffer: object) -> int:
        """Never called: nodes are translated, not interpreted."""
        raise NotImplementedError


class _UrlTag(Tag):
    name = URL_TAG
    end = f"end {URL_TAG}"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        block = get_parser(self.env).parse_block(stream, (self.end, TOKEN_EOF))
        stream.expect(TOKEN_TAG, value=self.end)
        return UrlNode(token, block, link=self.name != URL_TAG, in_html=self.name != PLAIN_LINK_TAG)


class _LinkTag(_UrlTag):
    name = LINK_TAG
    end = f"end {LINK_TAG}"


class _PlainLinkTag(_UrlTag):
    name = PLAIN_LINK_TAG
    end = f"end {PLAIN_LINK_TAG}"


class _Liquid(Environment):
    block_nesting_limit = MAX_NESTING


def _environment() -> Environment:
    environment = _Liquid()
    environment.add_tag(_UrlTag)
    environment.add_tag(_LinkTag)
    environment.add_tag(_PlainLinkTag)
    return environment


_ENVIRONMENT = _environment()


def content(value: str, start: int) -> Token:
    """Literal text."""
    return Token(TOKEN_CONTENT, value, start, "")


def tag(name: str, start: int) -> Token:
    """A tag without a value, such as those around a URL attribute."""
    return Token(TOKEN_TAG, name, start, "")


def tokens_of(piece: Piece, place: Place) -> Iterable[Token]:
    """Say a piece in python-liquid's tokens; an output carries its place in its token."""
    if piece.kind is Kind.TEXT:
        yield content(piece.value, piece.start)
    elif piece.kind is Kind.OUTPUT or piece.name == "echo":
        yield Token(TOKEN_OUTPUT, place.value, piece.start, "")
        yield Token(TOKEN_EXPRESSION, piece.value, piece.start, "")
    else:
        yield tag(piece.name, piece.start)
        if piece.value:
            yield Token(TOKEN_EXPRESSION, piece.value, piece.start, "")


def parse(tokens: Iterable[Token]) -> list[Node]:
    """Parse tokens into nodes. Raises `Stop` with python-liquid's reason."""
    try:
        return get_parser(_ENVIRONMENT).parse(TokenStream(iter(tokens)))
    except LiquidError as error:
        reason = str(error.message or "This cannot be read as Liquid.")
        found = error.token.start_index if error.token and error.token.start_index >= 0 else None
        message = reason[:1].upper() + reason[1:] + ("" if reason.endswith(".") else ".")
        raise Stop(message, found) from error
