"""What an editor of blocks needs to show a mail as it will be: head, colours, and our parts with made-up things."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.content.brand import full_brand
from app.content.email import CompiledEmail, RenderedEmail, compile_email, partials
from app.content.samples import samples, with_pictures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.content.blocks import Blocks

_BRAND: Final = re.compile(r"\{\{\s*brand\.(\w+)\s*\}\}")
_KEPT: Final = re.compile(r"<mj-kept code=\"([^\"]*)\"")
_INSIDE: Final = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)
_ALONE: Final = (
    '<mjml><mj-head><mj-title>x</mj-title><mj-include path="head"/></mj-head><mj-body width="600px">{}</mj-body></mjml>'
)
_LINES: Final = "{% assign lines = order.items %}{% assign lines_url = order.status_url %}"
_IN_A_COLUMN: Final = "<mj-section><mj-column>{}</mj-column></mj-section>"
SHOWN: Final = ("header", "lines", "footer")


@dataclass(frozen=True, slots=True)
class Canvas:
    """`head` is MJML with the brand filled in; `parts` and `kept` are HTML, by part's name and by source."""

    head: str
    brand: dict[str, str]
    parts: dict[str, str]
    kept: dict[str, str]


def canvas(blocks: Blocks, brand: Mapping[str, Any], shop: Mapping[str, Any]) -> Canvas:
    """Prepare the canvas for a message of a shop; `brand` and `shop` as a message's context has them."""
    colors = {name: str(value) for name, value in full_brand(brand).items()}
    head = _BRAND.sub(lambda found: html.escape(colors.get(found.group(1), "")), partials()["head"])
    sample = next(iter(samples().values()))
    context = {**sample.context, "brand": brand, "shop": {**_mapping(sample.context["shop"]), **shop}}

    def shown(part: str) -> str:
        compiled = compile_email(_ALONE.format(part))
        if not isinstance(compiled, CompiledEmail):
            return ""
        made = compiled.render(context, sample.locale, sample.currency, sample.zone)
        inside = _INSIDE.search(made.html) if isinstance(made, RenderedEmail) else None
        return with_pictures(inside.group(1)) if inside else ""

    codes = {html.unescape(found) for found in _KEPT.findall(blocks.body)}
    return Canvas(
        head=f"<mj-head>{head}</mj-head>",
        brand=colors,
        parts={name: shown(f'{_LINES}<mj-include path="{name}"/>') for name in SHOWN},
        kept={code: shown(_IN_A_COLUMN.format(code)) for code in codes},
    )


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
