"""A message as blocks that an editor can move about, and back to the MJML its author wrote.

An editor of blocks knows elements and nothing of Liquid. So between elements Liquid becomes an element of its own
(`<mj-liquid code="{% if ... %}">`), and what a browser's parser would take apart (tables, raw markup) travels whole
(`<mj-kept code="...">`). Liquid inside texts and attributes is text to an editor and stays as it is.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(
    r"<!--.*?-->|\{%.*?%\}|\{\{.*?\}\}|</?([a-zA-Z][\w:.-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.DOTALL
)
_LIQUID: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_BODY: Final = re.compile(r"<mj-body\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>.*</mj-body\s*>", re.DOTALL)
_TITLE: Final = re.compile(r"<mj-title>(.*?)</mj-title>", re.DOTALL)
_PREVIEW: Final = re.compile(r"<mj-preview>(.*?)</mj-preview>", re.DOTALL)
_OURS: Final = re.compile(r"<mj-(?:liquid|kept)\b[^>]*?\bcode=\"([^\"]*)\"[^>]*>\s*(?:</mj-(?:liquid|kept)>)?")
_INCLUDE: Final = re.compile(r"<mj-include\b[^>]*?\bpath=\"(\w{1,40})\"[^>]*>\s*(?:</mj-include>)?")
_EDITORS_OWN: Final = re.compile(r"\s(?:id|data-gjs-[\w-]+|draggable|data-highlightable)=\"[^\"]*\"")

_HOLDS_BLOCKS: Final = frozenset(
    ["mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero", "mj-social", "mj-navbar"]
)
_TRAVELS_WHOLE: Final = frozenset(["mj-table", "mj-raw"])
_WORDS: Final = frozenset(["mj-text", "mj-button", "mj-navbar-link", "mj-social-element"])


@dataclass(frozen=True, slots=True)
class Blocks:
    """A message for an editor: two lines, and the body's elements."""

    subject: str
    preheader: str
    body: str


def to_blocks(mjml: str) -> Blocks | None:
    """Take a message apart; None when it has no `<mj-body>` with an end, so that only its source can be edited."""
    body = _BODY.search(mjml)
    if body is None:
        return None
    return Blocks(_line(_TITLE, mjml), _line(_PREVIEW, mjml), "".join(_elements(body.group())))


def from_blocks(mjml: str, blocks: Blocks) -> str:
    """Put what an editor made back in its place in `mjml`: its head stays, but for the two lines."""
    made = _with_line(mjml, "mj-title", _TITLE, blocks.subject)
    made = _with_line(made, "mj-preview", _PREVIEW, blocks.preheader)
    parts = _OURS.split(blocks.body)  # in turn: what the editor wrote, and what only travelled with it
    body = "".join(html.unescape(part) if turn % 2 else _written(part) for turn, part in enumerate(parts))
    return _BODY.sub(lambda _: body, made, count=1)


def _written(part: str) -> str:
    straight = _LIQUID.sub(_straight, _EDITORS_OWN.sub("", part))
    return _INCLUDE.sub(r'<mj-include path="\1"/>', straight)


def _line(pattern: re.Pattern[str], mjml: str) -> str:
    found = pattern.search(mjml)
    return html.unescape(found.group(1)).strip() if found else ""


def _with_line(mjml: str, element: str, pattern: re.Pattern[str], line: str) -> str:
    """Set the text of an element in the head, adding the element where there is none and the line says something."""
    parts = _LIQUID.split(line)
    kept = [*_LIQUID.findall(line), ""]
    escaped = "".join(html.escape(text, quote=False) + liquid for text, liquid in zip(parts, kept, strict=True))
    written = f"<{element}>{escaped}</{element}>"
    if pattern.search(mjml):
        return pattern.sub(lambda _: written if line else "", mjml, count=1)
    return mjml.replace("<mj-head>", f"<mj-head>{written}", 1) if line else mjml


def _straight(found: re.Match[str]) -> str:
    """Liquid as its author would write it: an editor writes `&gt;` and `&quot;` wherever it sees text."""
    return (
        html.unescape(found.group()).replace('"', "'").replace("\u00a0", " ")
        if "&" in found.group()
        else (found.group().replace("\u00a0", " "))
    )


def _elements(body: str) -> Iterator[str]:
    stack: list[str] = []
    position = 0
    while found := _TOKEN.search(body, position):
        yield body[position : found.start()]
        token, name = found.group(), found.group(1)
        position = found.end()
        inside = stack[-1] if stack else ""
        if name is None:
            between = inside in _HOLDS_BLOCKS and not token.startswith("<!--")
            yield _carried("mj-liquid", token) if between else token
        elif token.startswith("</"):
            if stack and stack[-1] == name:
                stack.pop()
            yield token
        elif _is_whole(name, body, found.end(), closed=token.endswith("/>")):
            position = _end_of(name, body, found.end())
            yield _carried("mj-kept", body[found.start() : position])
        elif token.endswith("/>"):
            yield f"<{name}{found.group(2).rstrip('/').rstrip()}></{name}>" if name.startswith("mj") else token
        else:
            if name.startswith("mj"):
                stack.append(name)
            yield token
    yield body[position:]


def _is_whole(name: str, body: str, start: int, *, closed: bool) -> bool:
    if closed or not name.startswith("mj"):
        return False
    return name in _TRAVELS_WHOLE or (name in _WORDS and "<table" in body[start : _end_of(name, body, start)])


def _end_of(name: str, body: str, start: int) -> int:
    closing = f"</{name}>"
    at = body.find(closing, start)
    return len(body) if at < 0 else at + len(closing)


def _carried(element: str, code: str) -> str:
    return f'<{element} code="{html.escape(code)}"></{element}>'
