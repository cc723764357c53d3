"""What our rendering is measured against: the same email in Jinja2, and the obvious way with python-liquid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import jinja2
import liquid
import mrml
from markupsafe import Markup

from app.content import email as content_email
from app.content.body import html_tokens, set_text, text_tokens
from app.content.brand import full_brand
from app.content.email import RenderedEmail
from app.content.filters import FILTERS, Words
from app.content.runtime import one_line
from app.content.scan import Kind, Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.content.samples import Sample


class Jinja:
    """The same message in Jinja2 with autoescape, made from our tokens."""

    def __init__(self, source: str) -> None:
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.ChainableUndefined)
        plain = jinja2.Environment(autoescape=False, undefined=jinja2.ChainableUndefined)  # noqa: S701  plain text
        words = Words("en-US", "USD", "America/New_York")
        for each in (environment, plain):
            each.filters |= {
                name: rule.call for name, rule in FILTERS.items() if name not in ("default", "first", "last")
            }
            each.filters["newline_to_br"] = lambda value: Markup(FILTERS["newline_to_br"].call(value))  # noqa: S704  it escapes
            each.filters |= {"money": words.money, "default": lambda value, other="": value or other}
        plain.filters["newline_to_br"] = str
        origin = content_email._with_partials(source)  # noqa: SLF001  the benchmark takes our compiler apart
        marked = content_email._marked(origin)  # noqa: SLF001
        html = content_email._compile_mjml(marked)  # noqa: SLF001
        self.body = environment.from_string(_as_jinja(html_tokens(html, marked)))
        self.text = plain.from_string(_as_jinja(text_tokens(html, marked)))
        found = (re.findall(rf"<{name}>(.*?)</{name}>", source, re.DOTALL) for name in ("mj-title", "mj-preview"))
        title, preview = (texts[0] for texts in found)
        self.subject = plain.from_string(_expression(title))
        self.preheader = plain.from_string(_expression(preview))

    def render(self, sample: Sample) -> RenderedEmail:
        """Render the four texts."""
        context = content_email._readable(sample.context, full_brand(sample.context.get("brand")))  # noqa: SLF001
        return RenderedEmail(
            one_line(self.subject.render(context), 200),
            one_line(self.preheader.render(context), 255),
            self.body.render(context),
            set_text(self.text.render(context)),
        )


class PythonLiquid:
    """The obvious way: mrml, then python-liquid with autoescape. HTML only, so it does less than the others."""

    def __init__(self, source: str) -> None:
        self.marked = content_email._marked(content_email._with_partials(source))  # noqa: SLF001
        self.environment = liquid.Environment(autoescape=True)
        words = Words("en-US", "USD", "America/New_York")
        self.environment.add_filter("money", words.money)
        self.environment.add_filter("img_width", FILTERS["img_width"].call)
        self.template = self.compile()

    def compile(self) -> liquid.BoundTemplate:
        """MJML to HTML, and Liquid parsed."""
        html = mrml.to_html(self.marked.text).content
        pieces = (piece if isinstance(piece, str) else _as_liquid(piece) for piece in self.marked.split(html))
        return self.environment.from_string("".join(pieces))

    def each_time(self, sample: Sample) -> str:
        """Compile and render."""
        return self.compile().render(**content_email._readable(sample.context, full_brand(sample.context.get("brand"))))  # noqa: SLF001

    def cached(self, sample: Sample) -> str:
        """Only render."""
        return self.template.render(**content_email._readable(sample.context, full_brand(sample.context.get("brand"))))  # noqa: SLF001


def _as_liquid(piece: Piece) -> str:
    return f"{{{{ {piece.value} }}}}" if piece.kind is Kind.OUTPUT else f"{{% {piece.name} {piece.value} %}}"


def _as_jinja(tokens: Sequence[object]) -> str:
    """Write our Liquid tokens as a Jinja2 template; URL blocks are transparent."""
    built: list[str] = []
    pending = ""
    for token in tokens:
        kind, value = token.kind, token.value  # type: ignore[attr-defined]
        if kind == "content":
            built.append(value)
        elif kind == "output":
            pending = "{{ VALUE }}"
        elif kind == "tag":
            pending = "" if "url" in value or "link" in value else f"{{% {value} VALUE %}}"
            if value.startswith(("end", "else")) and pending:
                built.append(pending.replace("VALUE", ""))
                pending = ""
        elif kind == "expression" and pending:
            built.append(_expression(pending.replace("VALUE", value)))
            pending = ""
    return "".join(built)


def _expression(text: str) -> str:
    """Write Liquid's few words as Jinja2's."""
    text = re.sub(r"\{%\s*assign ", "{% set ", text).replace("{% elsif", "{% elif")
    text = re.sub(r" ([^ ]+) != blank", r" \1", text)
    text = re.sub(r"\.items\b", "['items']", text)
    text = re.sub(r"\.size\b", "|length", re.sub(r"\.first\b", "[0]", text))
    text = re.sub(r"for (\w+) in (\w+) limit: (\d+)", r"for \1 in \2[:\3]", text)
    return re.sub(r"\| *(\w+): ([^|}]*?) (?=\||\}\})", r"| \1(\2) ", text)
