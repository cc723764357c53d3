"""Our own words in other languages: starters' messages, their parts, and the pages that shoppers see.

A language is a file, `languages/<language>.po`, which any translator's program opens: English on the left, the language
on the right. What a merchant has written isn't in any of them and stays as it is: a message is said in another language
only when every one of its phrases is ours. What is missing anywhere is said in English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.messages.pofile import read_po

from app.content.markup import Opening, Run, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ENGLISH: Final = "en"
FOLDER: Final = Path(__file__).parent / "languages"
_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ENTITY: Final = re.compile(r"&#?\w+;")
_SPOKEN: Final = ("alt", "aria-label", "title")
"""Attributes that people read or hear."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in a template, with the Liquid among them, and where they stand."""

    words: str
    start: int
    end: int


@cache
def languages() -> tuple[str, ...]:
    """Those there is a file for, and English."""
    return (ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.po")))


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """English -> the language."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string}


@lru_cache(maxsize=1024)
def chosen(locale: str | None) -> str:
    """The language to use for a locale such as `de-AT`: the nearest there is, else English."""
    tag = (locale or "").replace("_", "-").lower()
    return next((each for each in (tag, tag.partition("-")[0]) if each in languages()), ENGLISH)


def said(language: str, sentence: str, /, **values: object) -> str:
    """A sentence of a page in a language, its `{names}` filled in."""
    found = sentence if language == ENGLISH else catalogue(language).get(sentence, sentence)
    return found.format(**values) if values else found


def translated(channel: str, source: str, language: str) -> str:
    """A message's template in a language; the template as it is when not all of its words are ours."""
    if language == ENGLISH:
        return source
    known = catalogue(language)
    if channel == "sms":
        return known.get(source.strip(), source)
    found = list(phrases(source))
    root = next((part for part in read(source) if isinstance(part, Opening)), None)
    if not found or root is None or root.get("lang") != ENGLISH or any(each.words not in known for each in found):
        return source
    spoken = next(a for a in root.attributes if a.name == "lang")
    return _replaced(source, known, [Phrase(ENGLISH, spoken.start, spoken.end), *found], {ENGLISH: language})


def part_in(source: str, language: str) -> str:
    """One of our own parts (`partials`) in the language of the message that it stands in."""
    return source if language == ENGLISH else _replaced(source, catalogue(language), phrases(source), {})


def phrases(source: str) -> Iterator[Phrase]:
    """The phrases of an email's template, in their order: text between tags, and attributes that are read out."""
    for part in read(source):
        if isinstance(part, Opening):
            for attribute in part.attributes:
                if attribute.name in _SPOKEN and _has_words(attribute.value):
                    yield Phrase(attribute.value, attribute.start, attribute.end)
        elif isinstance(part, Run) and not part.style:
            text = source[part.start : part.end]
            words = text.strip()
            if _has_words(words):
                start = part.start + text.index(words)
                yield Phrase(words, start, start + len(words))


def _replaced(source: str, known: Mapping[str, str], found: Iterable[Phrase], more: Mapping[str, str]) -> str:
    made, position = [], 0
    for each in found:
        made += [source[position : each.start], more.get(each.words) or known.get(each.words, each.words)]
        position = each.end
    return "".join([*made, source[position:]])


def _has_words(text: str) -> bool:
    return any(letter.isalpha() for letter in _ENTITY.sub("", _LIQUID.sub("", text)))
