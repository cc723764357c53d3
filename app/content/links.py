"""Where a message's author lets it lead: the addresses of links and pictures, each with its line."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.content.email import CompiledEmail
from app.content.markup import Opening, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.content.sms import CompiledSms

_SHOP: Final = re.compile(r"\{\{-?\s*shop\.url\s*-?\}\}")
_IN_TEXT: Final = re.compile(r"(?:https?://|\{\{-?\s*shop\.url\s*-?\}\})[^\s{}<>\"']*")
_AFTER: Final = ".,;:!?)"
"""What ends a sentence, not the address before it."""


@dataclass(frozen=True, slots=True)
class Link:
    """An address that a message holds for everybody. `line` counts from 1 in the author's text."""

    url: str
    line: int
    is_picture: bool = False


def links(template: CompiledEmail | CompiledSms, shop_url: str) -> list[Link]:
    """The http(s) addresses that an author wrote, `{{ shop.url }}` filled in, in their order.

    Addresses made for one person (a cart, a way to unsubscribe) are ours to keep whole, and asking for one would open
    somebody's cart; so what holds any other Liquid is left out, as is what stands in our own parts.
    """
    found = []
    for written, offset, is_picture in _written(template):
        part, line = template.source.locate(offset)
        url = _SHOP.sub(shop_url, written).strip()
        if part in ("body", "sms") and url.startswith(("https://", "http://")) and "{{" not in url and "{%" not in url:
            found.append(Link(url, line, is_picture))
    return found


def _written(template: CompiledEmail | CompiledSms) -> Iterator[tuple[str, int, bool]]:
    text = template.source.text
    if not isinstance(template, CompiledEmail):
        for match in _IN_TEXT.finditer(text):
            goes_on = text.startswith("{", match.end())
            yield ("" if goes_on else match.group().rstrip(_AFTER)), match.start(), False
        return
    for part in read(text):
        if isinstance(part, Opening):
            for attribute in part.attributes:
                if attribute.name in ("href", "src"):
                    yield html.unescape(attribute.value), attribute.start, attribute.name == "src"
