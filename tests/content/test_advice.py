"""What is said about a message before it is published."""

from __future__ import annotations

import pytest

from app.content.advice import Advice, about_email, about_sms, known_names, names_that_may_be_empty
from app.content.email import CompiledEmail, RenderedEmail, compile_email
from app.content.samples import samples
from app.content.sms import CompiledSms, RenderedSms, compile_sms
from tests.content.helpers import LIBRARY

WAY_OUT = '<mj-text>{{ shop.address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>'
WORDS = " ".join(["word"] * 30)


def mail(body: str = "", *, title: str = "Hello", preview: str = "<mj-preview>Hi</mj-preview>", rest: str = "") -> str:
    return (
        f"<mjml><mj-head><mj-title>{title}</mj-title>{preview}{rest}</mj-head><mj-body>\n<mj-section><mj-column>\n"
        f"<mj-text>{WORDS}</mj-text>\n{body}\n{WAY_OUT}</mj-column></mj-section></mj-body></mjml>"
    )


def advice(mjml: str, *, marketing: bool = True) -> list[Advice]:
    compiled = compile_email(mjml)
    assert isinstance(compiled, CompiledEmail), compiled
    shown = [compiled.render(s.context, s.locale, s.currency, s.zone) for s in samples().values()]
    return about_email(compiled, [each for each in shown if isinstance(each, RenderedEmail)], marketing=marketing)


def text_advice(source: str, *, marketing: bool = True) -> list[Advice]:
    compiled = compile_sms(source)
    assert isinstance(compiled, CompiledSms), compiled
    shown = [compiled.render(s.context, s.locale, s.currency, s.zone) for s in samples().values()]
    return about_sms(compiled, [each for each in shown if isinstance(each, RenderedSms)], marketing=marketing)


def test_a_good_mail_gets_no_advice() -> None:
    assert advice(mail()) == []


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*/*.mjml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_our_own_mails_get_none(path: object) -> None:
    assert advice(path.read_text("utf-8")) == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*/*.txt")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_our_own_texts_get_none(path: object) -> None:
    assert text_advice(path.read_text("utf-8")) == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("mjml", "expected"),
    [
        (mail("<mj-text>Hi {{ customer.first_name }}</mj-text>"), Advice("may_be_empty", 4, "customer.first_name")),
        (mail("<mj-text>{{ customer.fist_name }}</mj-text>"), Advice("unknown_name", 4, "customer.fist_name")),
        (mail("<mj-text>{{ coupon }}</mj-text>"), Advice("unknown_name", 4, "coupon")),
        (mail('<mj-image src="https://a.example/x.png" />'), Advice("picture_without_words", 4)),
        (mail('<mj-text><img src="https://a.example/x.png" /></mj-text>'), Advice("picture_without_words", 4)),
        (mail('<mj-button href="#">Go</mj-button>'), Advice("link_leads_nowhere", 4)),
        (mail("<mj-button>Go</mj-button>"), Advice("link_leads_nowhere", 4)),
        (mail('<mj-text><a href="">Go</a></mj-text>'), Advice("link_leads_nowhere", 4)),
        (mail('<mj-text><b style="position:absolute">x</b></mj-text>'), Advice("style_is_dropped", 4, "position")),
        (mail('<mj-text><b style="display: flex">x</b></mj-text>'), Advice("style_is_dropped", 4, "display: flex")),
        (mail(rest="<mj-style>\n.a { grid-template: x }</mj-style>"), Advice("style_is_dropped", 2, "grid-template")),
        (mail(title="x" * 71), Advice("long_subject", None, "71")),
        (mail(title="{{ discount.code }}"), Advice("may_be_empty", 1, "discount.code")),
        (mail(preview=""), Advice("no_preheader")),
        (mail().replace("{{ unsubscribe_url }}", "https://a.example/"), Advice("no_way_out")),
        (mail().replace("{{ shop.address }}", ""), Advice("no_postal_address")),
    ],
    ids=lambda value: value.code if isinstance(value, Advice) else None,
)
def test_each_thing_to_mend_is_named_with_its_line(mjml: str, expected: Advice) -> None:
    assert expected in advice(mjml)


@pytest.mark.parametrize(
    "body",
    [
        '{{ customer.first_name | default: "there" }}',
        "{% if customer.first_name != blank %}{{ customer.first_name }}{% endif %}",
        "{% if discount %}{{ discount.code }}{% endif %}",
        "{% for item in order.items %}{{ item.title }}{% endfor %}",
        "{{ order.items.size }} {{ order.items.first.title }} {{ order.items[0].title }}",
        "{{ brand.color }}",
    ],
)
def test_a_name_with_a_fallback_or_a_guard_is_fine(body: str) -> None:
    assert advice(mail(f"<mj-text>{body}</mj-text>")) == []


def test_a_mail_of_pictures_is_told_so() -> None:
    source = mail('<mj-image src="https://a.example/x.png" alt="Sale" />').replace(WORDS, "Sale")
    assert Advice("only_pictures") in advice(source)


def test_a_mail_that_gmail_would_clip_is_told_so() -> None:
    rows = "".join(f"<mj-text>{'y' * 900}</mj-text>\n" for _ in range(98))
    found = [each for each in advice(mail(rows)) if each.code == "too_heavy"]
    assert len(found) == 1
    assert int(found[0].detail.split()[0]) >= 102


def test_what_only_marketing_needs_is_not_asked_of_other_messages() -> None:
    bare = mail().replace("{{ unsubscribe_url }}", "https://a.example/").replace("{{ shop.address }}", "")
    assert advice(bare, marketing=False) == []
    assert text_advice("Your code is 1234", marketing=False) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ shop.name }}: hello", Advice("no_opt_out_words")),
        ("Hello. Reply STOP to opt out", Advice("no_sender_name")),
        ("{{ shop.name }}: " + "words " * 80 + "STOP", Advice("many_segments", None, "4")),
        ("{{ shop.name }}: \u017b\u00f3\u0142w STOP", Advice("dear_letters", None, "\u017b\u00f3\u0142")),
        ("{{ shop.name }}: https://bit.ly/x STOP", Advice("public_shortener", None, "bit.ly")),
        ("{{ shop.name }}: {{ customer.first_name }} STOP", Advice("may_be_empty", 1, "customer.first_name")),
    ],
    ids=lambda value: value.code if isinstance(value, Advice) else None,
)  # fmt: skip
def test_texts_are_looked_at_too(source: str, expected: Advice) -> None:
    assert expected in text_advice(source)


def test_names_come_from_the_made_up_cases() -> None:
    assert {"customer.first_name", "checkout.items[].title", "unsubscribe_url"} <= known_names()
    assert names_that_may_be_empty() <= known_names()
