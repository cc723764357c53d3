"""Email: MJML with Liquid in; subject, preheader, HTML and plain text out."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import mrml

from app.content.body import html_tokens, set_text, text_tokens
from app.content.brand import full_brand
from app.content.check import check
from app.content.faults import Source, Stop, Stretch, TemplateFault
from app.content.filters import words
from app.content.language import Place, content, parse, tokens_of
from app.content.localise import chosen, part_in
from app.content.marks import Marked, mark
from app.content.markup import Opening, read
from app.content.people import clean_customer
from app.content.runtime import Meter, one_line
from app.content.scan import scan
from app.content.translate import translate

if TYPE_CHECKING:
    from app.content.program import Fixed, Program, Wrap

MAX_SUBJECT: Final = 200
MAX_PREHEADER: Final = 255
_BOTH_SCHEMES: Final = (
    '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
)
_BODY: Final = "body"
_PARTIALS: Final = Path(__file__).parent / "partials"
_OPTIONS: Final = mrml.RenderOptions(fonts={})
"""No fonts that a mail program would fetch from somebody else unasked."""

_INCLUDE: Final = re.compile(r"<mj-include\s+path=\"(\w{1,40})\"\s*/>")
_KEPT_LINKS: Final = ("unsubscribe_url", "preferences_url")


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """A message as it goes out. `subject` and `preheader` are one line each, whatever went into them."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class CompiledEmail:
    """A template ready to be rendered for anybody.

    `variables` are the dotted names it reads, `checkout.items[].title` for what a loop reads.
    """

    source: Source
    subject: Program
    preheader: Program | None
    body: Program
    text: Program
    variables: frozenset[str]
    kept: list[_OfShop] = field(default_factory=list, compare=False, repr=False)
    """What the last message's shop had; messages come shop by shop."""

    def render(
        self,
        context: Mapping[str, object],
        locale: str,
        currency: str,
        zone: str,
        wrap_link: Wrap | None = None,
    ) -> RenderedEmail | TemplateFault:
        """Render for one person, within `runtime`'s limits.

        `wrap_link` is asked once per message for each http(s) link (`a href`) except unsubscribe and preferences, and
        answers the address to use; it must answer addresses that it has already wrapped as they are.
        """
        said, wrap = words(locale, currency, zone), _once(wrap_link, context)
        meter = Meter()
        try:
            of_shop = self._of_shop(context)
            read = _readable(context, of_shop.full_brand).get
            subject = self.subject.run(read, meter, said, None, of_shop.subject)
            preheader = self.preheader.run(read, meter, said, None, of_shop.preheader) if self.preheader else ""
            body = self.body.run(read, meter, said, wrap, of_shop.body)
            text = self.text.run(read, meter, said, wrap, of_shop.text)
        except Stop as stop:
            return self.source.fault(stop.message, stop.offset)
        return RenderedEmail(one_line(subject, MAX_SUBJECT), one_line(preheader, MAX_PREHEADER), body, set_text(text))

    def _of_shop(self, context: Mapping[str, object]) -> _OfShop:
        """Put together what is the same for everybody, unless it was for the message before."""
        shop, brand = context.get("shop"), context.get("brand")
        for kept in self.kept:
            if kept.shop == shop and kept.brand == brand:
                return kept
        full = full_brand(brand)
        read, meter = {"shop": shop, "brand": full}.get, Meter()
        made = _OfShop(
            copy(shop),
            copy(brand),
            full,
            self.subject.fixed(read, meter),
            self.preheader.fixed(read, meter) if self.preheader else (),
            self.body.fixed(read, meter),
            self.text.fixed(read, meter),
        )
        self.kept[:] = [made]
        return made


@dataclass(frozen=True, slots=True)
class _OfShop:
    """A shop's part of a template: what stands between the values that differ from person to person."""

    shop: object
    brand: object
    full_brand: Mapping[str, object]
    subject: Fixed
    preheader: Fixed
    body: Fixed
    text: Fixed


def compile_email(mjml: str) -> CompiledEmail | TemplateFault:
    """Compile an email's template, or say what is wrong with it and in which line."""
    origin = Source.of(mjml, _BODY)
    try:
        origin = _with_partials(mjml)
        marked = _marked(origin)
        compiled = _compile_mjml(marked)
        subject = _line_program(marked, "mj-title")
        if subject is None:
            raise Stop("A message needs its subject: <mj-title> in <mj-head>.", 0)  # noqa: TRY301  one way out for faults
        preheader = _line_program(marked, "mj-preview")
        body = translate(html_tokens(compiled, marked), markup=True)
        text = translate(text_tokens(compiled, marked), markup=False)
    except Stop as stop:
        return origin.fault(stop.message, stop.offset)
    names = subject.variables | body.variables | text.variables
    return CompiledEmail(origin, subject, preheader, body, text, names | (preheader.variables if preheader else set()))


@cache
def partials() -> Mapping[str, str]:
    """Our own parts by name: MJML that `<mj-include path="..."/>` asks for."""
    return {path.stem: path.read_text("utf-8") for path in sorted(_PARTIALS.glob("*.mjml"))}


@cache
def _part(name: str, language: str) -> str | None:
    source = partials().get(name)
    return None if source is None else part_in(source, language)


def _with_partials(mjml: str) -> Source:
    """Put our own parts where `<mj-include path="footer"/>` asks for them; each line remembers its part.

    They are in the language that `<mjml lang="...">` says the message is in, where we have it.
    """
    root = next((part for part in read(mjml) if isinstance(part, Opening)), None)
    language = chosen(root.get("lang") if root else None)
    texts: list[str] = []
    stretches: list[Stretch] = []
    position = length = 0
    for found in _INCLUDE.finditer(mjml):
        partial = _part(found.group(1), language)
        if partial is None:
            raise Stop(f"There is no part called '{found.group(1)}' to include.", found.start())
        for text, part, line in (
            (mjml[position : found.start()], _BODY, mjml.count("\n", 0, position) + 1),
            (partial, f"partials/{found.group(1)}", 1),
        ):
            stretches.append(Stretch(length, part, line))
            texts.append(text)
            length += len(text)
        position = found.end()
    stretches.append(Stretch(length, _BODY, mjml.count("\n", 0, position) + 1))
    return Source("".join([*texts, mjml[position:]]), tuple(stretches))


def _marked(origin: Source) -> Marked:
    """Scan and check the template as its author wrote it."""
    pieces = scan(origin.text)
    parse(token for piece in pieces for token in tokens_of(piece, Place.HTML))
    marked = mark(origin.text, pieces)
    try:
        check(marked.text, marked.pattern)
    except Stop as stop:
        raise Stop(stop.message, None if stop.offset is None else marked.place(stop.offset)) from None
    return marked


def _compile_mjml(marked: Marked) -> str:
    try:
        compiled = str(mrml.to_html(marked.text, render_options=_OPTIONS).content)
    except OSError as error:
        raise Stop(f"This is not MJML as it should be: {error}.", 0) from error
    return compiled.replace("<head>", f"<head>{_BOTH_SCHEMES}", 1) if "prefers-color-scheme" in compiled else compiled


def _line_program(marked: Marked, element: str) -> Program | None:
    """Compile the text inside an element of the head as one line of plain text."""
    start = marked.text.find(f"<{element}>")
    end = marked.text.find(f"</{element}>", start)
    if start < 0 or end < 0:
        return None
    inside = marked.text[start + len(element) + 2 : end]
    tokens = [
        token
        for piece in marked.split(inside)
        for token in ([content(html.unescape(piece), 0)] if isinstance(piece, str) else tokens_of(piece, Place.TEXT))
    ]
    return translate(tokens, markup=False)


def _readable(context: Mapping[str, object], brand: Mapping[str, object]) -> dict[str, object]:
    """Copy a context for a template: brand with its defaults, customers' names cleaned."""
    customer = context.get("customer")
    return {
        **context,
        "brand": brand,
        "customer": clean_customer(customer) if isinstance(customer, Mapping) else {},
    }


def _once(wrap_link: Wrap | None, context: Mapping[str, object]) -> Callable[[str], str] | None:
    """Ask `wrap_link` once per address and message, and never about the way out."""
    if wrap_link is None:
        return None
    known = {str(context[name]): str(context[name]) for name in _KEPT_LINKS if context.get(name)}

    def wrap(url: str) -> str:
        if url not in known:
            known[url] = wrap_link(url)
        return known[url]

    return wrap
