"""Text messages: Liquid in, one plain text and its segments out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.content.faults import Source, Stop, TemplateFault
from app.content.filters import words
from app.content.language import Place, tokens_of
from app.content.people import clean_customer
from app.content.runtime import Meter
from app.content.scan import scan
from app.content.segments import Segments, plain_letters, segments
from app.content.translate import translate

if TYPE_CHECKING:
    from app.content.program import Program

MAX_UNITS = 1_530
"""Ten joined GSM-7 segments: more is a mistake, and dear."""

_PART = "sms"
_BLANKS = re.compile(r"[ \t]+")
_LINES = re.compile(r" ?\n ?")
_GAPS = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class RenderedSms:
    """A text as it goes out."""

    text: str
    segments: Segments


@dataclass(frozen=True, slots=True)
class CompiledSms:
    """A template ready to be rendered for anybody. `variables` are the names it reads."""

    source: Source
    program: Program

    @property
    def variables(self) -> frozenset[str]:
        """The dotted names this template reads."""
        return self.program.variables

    def render(
        self, context: Mapping[str, object], locale: str, currency: str, zone: str
    ) -> RenderedSms | TemplateFault:
        """Render for one person: typographic marks made plain, blanks tidied, segments counted."""
        try:
            said = words(locale, currency, zone)
            text = self.program.run(reader(context), Meter(), said, None)
        except Stop as stop:
            return self.source.fault(stop.message, stop.offset)
        text = _GAPS.sub("\n\n", _LINES.sub("\n", _BLANKS.sub(" ", plain_letters(text)))).strip()
        cost = segments(text)
        if cost.units > MAX_UNITS:
            return self.source.fault(f"This text would take {cost.count} segments; at most 10 are sent.", 0)
        if not text:
            return self.source.fault("This text is empty.", 0)
        return RenderedSms(text, cost)


def compile_sms(source: str) -> CompiledSms | TemplateFault:
    """Compile a text message's template, or say what is wrong with it."""
    origin = Source.of(source, _PART)
    try:
        tokens = [token for piece in scan(source) for token in tokens_of(piece, Place.TEXT)]
        return CompiledSms(origin, translate(tokens, markup=False))
    except Stop as stop:
        return origin.fault(stop.message, stop.offset)


def reader(context: Mapping[str, object]) -> Callable[[str], object]:
    """Answer how a template reads a context: names of customers cleaned first."""
    customer = context.get("customer")
    if not isinstance(customer, Mapping):
        return context.get
    return {**context, "customer": clean_customer(customer)}.get
