"""Starters and pages in every language there is: nothing missing, nothing left over, and texts that stay cheap."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from app import errors
from app.content import localise
from app.content.email import RenderedEmail, compile_email
from app.content.samples import samples
from app.content.segments import segments
from app.content.sms import CompiledSms, RenderedSms, compile_sms
from app.messages import inbound
from app.storefront import preference_views, subscription_views
from tests.content.helpers import LIBRARY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = LIBRARY.parents[1]
EMAILS = sorted(LIBRARY.glob("*/*.mjml"))
TEXTS = sorted(LIBRARY.glob("*/*.txt"))
PARTS = sorted((APP / "content" / "partials").glob("*.mjml"))
PAGES = sorted((APP / "storefront" / "templates" / "storefront").glob("*.html"))
OTHERS = localise.languages()[1:]
CASES = samples()
LIQUID = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}")
NAME = re.compile(r"\b[a-z_]+(?:\.[a-z_]+)+\b")
SAME = {"SMS"}
"""What is said alike in some language and in English."""


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def on_pages() -> Iterator[str]:
    for path in PAGES:
        yield from (found[1] or found[2] for found in re.finditer(r'\b_\((?:"([^"]+)"|\'([^\']+)\')', path.read_text()))
    yield from (words for told in errors.TO_SHOPPERS.values() for words in told)
    yield inbound.CONFIRMATION
    for words in (preference_views.TOPICS, preference_views.FREQUENCIES, subscription_views.CHANNELS):
        yield from words.values()
    for views in ("preference_views.py", "review_views.py"):
        source = (APP / "storefront" / views).read_text()
        yield from re.findall(r'(?:errors\[.*\]|problem) = "(.+)"', source)


def in_use() -> set[str]:
    mails = {each.words for path in (*EMAILS, *PARTS) for each in localise.phrases(path.read_text("utf-8"))}
    return mails | {path.read_text("utf-8").strip() for path in TEXTS} | set(on_pages())


def placeholders(phrase: str) -> set[str]:
    liquid = " ".join("".join(found.groups("")) for found in LIQUID.finditer(phrase))
    return {*NAME.findall(liquid), *re.findall(r"\{\w+\}", LIQUID.sub("", phrase))}


def test_german_french_and_spanish_are_there() -> None:
    assert set(OTHERS) >= {"de", "es", "fr"}
    assert len(in_use()) > 150


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_says_all_there_is_to_say_and_nothing_else(language: str) -> None:
    assert localise.catalogue(language).keys() ^ in_use() == set()


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_names_the_same_things_as_english(language: str) -> None:
    for english, said in localise.catalogue(language).items():
        assert placeholders(said) == placeholders(english), english
        assert (said != english) or said in SAME, english
        assert said == said.strip(), said
        assert english[-1] in ".?!" or said[-1] != ".", said


@pytest.mark.parametrize("path", EMAILS, ids=name_of)
@pytest.mark.parametrize("language", OTHERS)
def test_every_starters_mail_renders_in_every_language_without_english(language: str, path: Path) -> None:
    english = path.read_text("utf-8")
    source = localise.translated("email", english, language)
    assert f'<mjml lang="{language}"' in source
    template = compile_email(source)
    for case in CASES.values():
        made = template.render(case.context, case.locale, case.currency, case.zone)  # type: ignore[union-attr]
        assert isinstance(made, RenderedEmail), made
        assert made.subject.strip()
        assert f'lang="{language}"' in made.html
        for each in (*localise.phrases(english), *(p for part in PARTS for p in localise.phrases(part.read_text()))):
            for stretch in LIQUID.split(each.words):
                if stretch and len(stretch.strip()) > 8 and "{" not in stretch and " " in stretch.strip():
                    assert stretch.strip() not in made.text, stretch


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
@pytest.mark.parametrize("language", OTHERS)
def test_every_starters_text_stays_in_the_cheap_alphabet_and_says_how_to_stop(language: str, path: Path) -> None:
    english = path.read_text("utf-8")
    source = localise.translated("sms", english, language)
    assert source != english
    assert segments(LIQUID.sub("", source)).encoding == "GSM-7"
    assert "STOP" in source
    ours, theirs = compile_sms(english), compile_sms(source)
    assert isinstance(ours, CompiledSms)
    assert isinstance(theirs, CompiledSms)
    usual = next(iter(CASES.values()))
    made = theirs.render(usual.context, usual.locale, usual.currency, usual.zone)
    assert isinstance(made, RenderedSms)
    assert made.segments.count == 1, f"{made.segments.units} letters"
    for case in CASES.values():
        words = (case.locale, case.currency, case.zone)
        one, other = ours.render(case.context, *words), theirs.render(case.context, *words)
        assert isinstance(one, RenderedSms)
        assert isinstance(other, RenderedSms)
        assert other.segments.count <= one.segments.count + 1


@pytest.mark.parametrize("language", OTHERS)
def test_the_answer_to_a_stop_in_ones_own_words_is_one_cheap_text(language: str) -> None:
    cost = segments(localise.said(language, inbound.CONFIRMATION))
    assert (cost.encoding, cost.count) == ("GSM-7", 1)


def test_what_a_merchant_wrote_stays_and_what_only_looks_otherwise_is_said_in_the_language() -> None:
    source = (LIBRARY / "sunset" / "goodbye.mjml").read_text("utf-8")
    assert localise.translated("email", source.replace("Goodbye for now", "Farewell"), "de").count('lang="en"') == 1
    moved = source.replace('padding="20px 0 0"', 'padding="40px 0 0"')
    assert "Bis irgendwann" in localise.translated("email", moved, "de")
    text = (LIBRARY / "replenishment" / "reorder_sms.txt").read_text("utf-8")
    assert localise.translated("sms", text.replace("one tap", "a tap"), "de") == text.replace("one tap", "a tap")


def test_our_own_parts_are_in_the_language_a_merchant_writes_in() -> None:
    source = (LIBRARY / "sunset" / "goodbye.mjml").read_text("utf-8").replace("Goodbye for now", "Adieu")
    case = next(iter(CASES.values()))
    for root, said in (("en", "Unsubscribe"), ("fr-CA", "Se désabonner"), ("xx", "Unsubscribe")):
        made = compile_email(source.replace('lang="en"', f'lang="{root}"')).render(  # type: ignore[union-attr]
            case.context, case.locale, case.currency, case.zone
        )
        assert isinstance(made, RenderedEmail)
        assert said in made.text


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de", "de"), ("de-AT", "de"), ("fr_CA", "fr"), ("ES", "es"), ("it", "en"), ("", "en"), (None, "en"), ("d", "en")],
)
def test_the_nearest_language_is_chosen(locale: str | None, language: str) -> None:
    assert localise.chosen(locale) == language
