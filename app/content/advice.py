"""What a good colleague would say about a message before it is published. Faults stop a message; advice doesn't.

Each piece of advice has a stable code; the merchant's words for it belong to the pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median_low
from typing import TYPE_CHECKING, Final

from app.content.markup import Opening, Run, read
from app.content.samples import samples
from app.content.scan import Kind, scan
from app.content.segments import plain_letters, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from app.content.email import CompiledEmail, RenderedEmail
    from app.content.sms import CompiledSms, RenderedSms

    _Locate = Callable[[int], tuple[str, int]]

GMAIL_CLIPS_AT: Final = 102 * 1024
"""Bytes of HTML after which Gmail hides the rest behind a link, and with it the way out (seen by every sender)."""

LONGEST_SUBJECT: Final = 70
"""Characters; phones show some 40, desktops some 70."""

FEWEST_WORDS: Final = 20
"""In the plain text: a mail with less is read as a picture, by filters and by people who see none."""

MOST_SEGMENTS: Final = 3
SHORTENERS: Final = ("bit.ly/", "tinyurl.com/", "goo.gl/", "ow.ly/", "t.co/", "is.gd/", "buff.ly/")
"""Carriers filter texts with public shorteners (Twilio error 30007)."""

_DROPPED: Final = re.compile(
    r"(?:^|[;{\s])(position|float|flex(?:-\w+)?|grid(?:-\w+)*|transform|animation(?:-\w+)*|transition|filter|clip-path|"
    r"object-fit|z-index)\s*:|display\s*:\s*(flex|grid)|(@keyframes|@font-face)|(var|calc)\(|\d(vw|vh)\b",
    re.IGNORECASE,
)
"""What Outlook or Gmail drop, of what merchants try (caniemail.com)."""

_GUARD: Final = re.compile(r"[\w.]+")
_OPT_OUT: Final = re.compile(r"\bstop\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to look at. `line` counts from 1 in the author's text; None when it is about the whole."""

    code: str
    line: int | None = None
    detail: str = ""


def about_email(compiled: CompiledEmail, shown: Iterable[RenderedEmail], *, marketing: bool) -> list[Advice]:
    """Look at an email as written and as `shown` to somebody."""
    mails = list(shown)
    found = [*_about_names(compiled.source.text, compiled.variables, compiled.source.locate)]
    if marketing and "unsubscribe_url" not in compiled.variables:
        found.append(Advice("no_way_out"))
    if marketing and "shop.address" not in compiled.variables:
        found.append(Advice("no_postal_address"))
    if compiled.preheader is None:
        found.append(Advice("no_preheader"))
    found.extend(_about_markup(compiled))
    heaviest = max((len(mail.html.encode()) for mail in mails), default=0)
    if heaviest > GMAIL_CLIPS_AT:
        found.append(Advice("too_heavy", detail=f"{heaviest // 1024} kB"))
    usual = median_low([len(mail.subject) for mail in mails] or [0])  # one customer's long words are no reason
    if usual > LONGEST_SUBJECT:
        found.append(Advice("long_subject", detail=str(usual)))
    if any(not mail.subject for mail in mails):
        found.append(Advice("empty_subject"))
    if any("<img" in mail.html and len(mail.text.split()) < FEWEST_WORDS for mail in mails):
        found.append(Advice("only_pictures"))
    return found


def about_sms(compiled: CompiledSms, shown: Iterable[RenderedSms], *, marketing: bool) -> list[Advice]:
    """Look at a text as written and as `shown` to somebody."""
    texts = list(shown)
    found = [*_about_names(compiled.source.text, compiled.variables, compiled.source.locate)]
    if marketing and any(not _OPT_OUT.search(text.text) for text in texts):
        found.append(Advice("no_opt_out_words"))
    if marketing and "shop.name" not in compiled.variables:
        found.append(Advice("no_sender_name"))
    most = max((text.segments.count for text in texts), default=0)
    if most > MOST_SEGMENTS:
        found.append(Advice("many_segments", detail=str(most)))
    strange = _letters_that_cost(compiled.source.text)
    if strange:
        found.append(Advice("dear_letters", detail=strange))
    found.extend(
        Advice("public_shortener", detail=each.rstrip("/"))
        for each in SHORTENERS
        if any(each in text.text.lower() for text in texts)
    )
    return found


@cache
def known_names() -> frozenset[str]:
    """Every name the made-up cases hold, `order.items[].title` for what lists hold."""
    return frozenset(name for sample in samples().values() for name, _ in _paths(sample.context))


@cache
def names_that_may_be_empty() -> frozenset[str]:
    """The names that some made-up case lacks or has empty, while others have it; what a brand lacks has defaults."""
    cases = [dict(_paths(sample.context)) for sample in samples().values()]
    asked = [name for name in known_names() if not name.startswith("brand")]
    return frozenset(name for name in asked if any(case.get(name) in (None, "") for case in cases))


def _paths(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        if path:
            yield path, value
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield path, value
        for inner in value:
            yield from _paths(inner, f"{path}[]")
    else:
        yield path, value


def _about_names(text: str, variables: Iterable[str], locate: _Locate) -> Iterator[Advice]:
    for name in sorted(variables):
        owner = name.partition(".")[0].removesuffix("[]")
        is_ours = any(known.partition(".")[0].removesuffix("[]") == owner for known in known_names())
        # What a brand holds has defaults, and `size`, `first` and numbers are Liquid's own.
        if owner != "brand" and not (is_ours and _is_known(name)):
            yield Advice("unknown_name", _line_of(text, name, locate), name)
    guards: list[str] = []
    for piece in scan(text):
        if piece.name in ("if", "unless", "case"):
            guards.append(piece.value)
        elif piece.name in ("elsif", "when") and guards:
            guards[-1] += f" {piece.value}"
        elif piece.name in ("endif", "endunless", "endcase") and guards:
            guards.pop()
        elif piece.kind is Kind.OUTPUT:
            name = piece.value.partition("|")[0].strip()
            guarded = any(f"{name}.".startswith(f"{asked}.") for guard in guards for asked in _GUARD.findall(guard))
            has_fallback = "default" in piece.value.partition("|")[2]
            if name in names_that_may_be_empty() and not guarded and not has_fallback and name not in _MAY_VANISH:
                part, line = locate(piece.start)
                if part in ("body", "sms"):
                    yield Advice("may_be_empty", line, name)


_MAY_VANISH: Final = frozenset({"open_pixel_url", "shop.logo_url", "shop.email", "shop.address"})
"""Empty without anybody noticing, or answered for by the settings."""


def _is_known(name: str) -> bool:
    plain = re.sub(r"\.(?:size|first|last)\b", lambda found: "" if found.group() == ".size" else "[]", name)
    plain = re.sub(r"\[\d+\]", "[]", plain)
    return plain in known_names() or plain.removesuffix("[]") in known_names()


def _line_of(text: str, name: str, locate: _Locate) -> int | None:
    last = name.rpartition(".")[2].removesuffix("[]")
    found = re.search(rf"\{{[{{%][^}}]*\b{re.escape(last)}\b", text)
    if found is None:
        return None
    part, line = locate(found.start())
    return line if part in ("body", "sms") else None


def _about_markup(compiled: CompiledEmail) -> Iterator[Advice]:
    """Look at pictures, links and styles, in what the author wrote: our own parts are looked at by tests."""
    text, locate = compiled.source.text, compiled.source.locate
    for part in read(text):
        where, line = locate(part.start)
        if where != "body":
            continue
        if isinstance(part, Opening):
            names = {attribute.name for attribute in part.attributes}
            if part.name in ("mj-image", "img") and "alt" not in names:
                yield Advice("picture_without_words", line)
            if (part.name in ("mj-button", "a") and part.get("href") in ("", "#")) or (
                part.name == "mj-image" and part.get("href") == "#"
            ):
                yield Advice("link_leads_nowhere", line)
            if dropped := _DROPPED.search(part.get("style")):
                yield Advice("style_is_dropped", line, dropped.group().strip(" ;{:"))
        elif isinstance(part, Run) and part.style:
            for each in _DROPPED.finditer(text, part.start, part.end):
                yield Advice("style_is_dropped", locate(each.start() + 1)[1], each.group().strip(" ;{:\n"))


def _letters_that_cost(text: str) -> str:
    """The letters an author wrote, outside Liquid, that make a text cost more than twice as much."""
    written = "".join(piece.value for piece in scan(text) if piece.kind is Kind.TEXT)
    dear = dict.fromkeys(each for each in plain_letters(written) if segments(each).encoding != "GSM-7")
    return "".join(list(dear)[:8])
