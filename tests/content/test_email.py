# ruff: noqa: E501, RUF001  a template reads best in one line; shops write what they write
"""A compiled email: faults at the author's line, data that stays data, links, headers, and the plain text."""

from __future__ import annotations

import re
from html import escape, unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings, strategies as st

from app.content.email import CompiledEmail, RenderedEmail, compile_email
from app.content.people import clean_name
from tests.content.helpers import WORDS, compiled, fault, lines, message, rendered

DATA = message(
    '<p>{{ v }}</p><p title="{{ v }}" style="color:{{ v }}">x</p><a href="{{ v }}">link</a>'
    '<a href="https://shop.example/?q={{ v }}">part</a><a href="{% if v %}{{ v }}{% else %}https://x.example{% endif %}">if</a>'
    '<img src="{{ v }}" alt="{{ v }}" />{% capture c %}<b>{{ v }}</b>{% endcapture %}{{ c }}{{ v | newline_to_br }}'
    "<p>{{ v | upcase }}{{ v | append: v | replace: 'a', v | split: ' ' | join: v }}</p>",
    title="About {{ v }}",
    head="<mj-preview>{{ v }}</mj-preview><mj-style>.x {{ '{' }} color: {{ v }}; }</mj-style>",
)


class Danger(HTMLParser):
    """Collects what must not be in a message: the list of S18."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.tags.append(tag)
        if tag in {"script", "form", "iframe", "base", "object", "embed", "svg", "math", "input", "link"}:
            self.found.append(f"<{tag}>")
        if tag == "meta" and any(name == "http-equiv" and "refresh" in (value or "").lower() for name, value in attrs):
            self.found.append("refresh")
        for name, value in attrs:
            squeezed = re.sub(r"[\s\x00-\x1f]", "", value or "").lower()
            if name.startswith("on") or name == "srcdoc":
                self.found.append(name)
            if name in {"href", "src", "background"} and not re.match(r"(https?://|mailto:|tel:|\Z)", squeezed):
                self.found.append(f"{name}={value}")
            if name == "style" and ("url(" in squeezed or "expression(" in squeezed):
                self.found.append(f"style={value}")


def danger(html: str) -> Danger:
    parser = Danger()
    parser.feed(html)
    parser.close()
    return parser


CLEAN = danger(rendered(DATA, {"v": "https://a.example/x"}).html).tags


@pytest.mark.parametrize("value", lines("markup") + lines("literal"))
def test_markup_in_data_stays_text_wherever_it_stands(value: str) -> None:
    made = rendered(DATA, {"v": value})
    found = danger(made.html)
    assert found.found == []
    assert found.tags == CLEAN
    assert f"<p>{escape(value)}</p>" in made.html.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


@settings(max_examples=200)
@given(st.text(alphabet=st.sampled_from("<>\"'&=/:; \n\tjavascript(){}%#-x!é\u2028\x00"), max_size=40))
def test_no_text_becomes_markup(value: str) -> None:
    found = danger(rendered(DATA, {"v": value}).html)
    assert found.found == []
    assert found.tags == CLEAN


@pytest.mark.parametrize("value", lines("markup"))
def test_a_name_is_never_a_link_or_markup(value: str) -> None:
    made = rendered(message("Hi {{ customer.first_name }}!"), {"customer": {"first_name": value}})
    shown = made.text.removeprefix("Hi ").strip().removesuffix("!")
    assert not re.search(r"://|www\.|[<>@/]|\w\.\w", shown)
    assert danger(made.html).found == []


def test_names_keep_what_names_have() -> None:
    for name in ("Ana", "O'Neil", "Jean-Luc", "José María", "李小龙", "שרה", "J. R.", "Łukasz"):
        assert clean_name(name) == name
    assert clean_name("St.John") == "St. John"
    assert clean_name("evil.com") == "evil. com"
    assert clean_name("A\u202enna\u0000\r\nBcc: x") == "Anna Bcc: x"
    assert clean_name(None) == ""
    assert len(clean_name("x" * 10_000)) == 60


@pytest.mark.parametrize(
    "nasty", ["a\r\nBcc: b@x.example", "a\u2028b\u2029c", "a\x00b", "x" * 10_000, "a\x0b\x0c\x85\x1cb"]
)
def test_subject_and_preheader_are_one_line(nasty: str) -> None:
    """S19."""
    made = rendered(message(title="{{ v }}", head="<mj-preview>{{ v }}</mj-preview>"), {"v": nasty})
    for line in (made.subject, made.preheader):
        assert len(line.splitlines()) == 1
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line)
        assert len(line) <= 255
    assert len(made.subject) <= 200


@pytest.mark.parametrize(
    ("mjml", "line", "word"),
    [
        ("", 1, "<mjml>"),
        ("hello", 1, "<mjml>"),
        (message("x\n\n{{ a | nope }}"), 3, "nope"),
        (message("x\n<b>\n</i>"), 2, "<b>"),
        (message("x\n<script>1</script>"), 2, "script"),
        (message('x\n<a\nhref="javascript:x">y</a>'), 3, "https"),
        (message('x\n<a href="java&#x0A;script:x">y</a>'), 2, "https"),
        (message("x\n<b onclick='1'>y</b>"), 2, "onclick"),
        (message("x\n<a href={{ y }}>y</a>"), 2, "quotes"),
        (message("x\n<b {{ y }}>y</b>"), 2, "attribute"),
        (message("x\n<{{ y }}>y</b>"), 2, "name of an element"),
        (message("x\n<b style='width:expression(1)'>y</b>"), 2, "expression"),
        (message("x\n<!-- {{ y }} -->"), 2, "comment"),
        (message("x\n1 < 2"), 2, "&lt;"),
        ("<mjml>\n<mj-body>\n<mj-nope></mj-nope></mj-body></mjml>", 3, "mj-nope"),
        ("<mjml>\n<mj-body>\n<mj-section></mj-body></mjml>", 3, "mj-section"),
        ("<mjml>\n<mj-body></mj-body></mjml>", 1, "mj-title"),
        ('<mjml>\n<mj-include path="../../etc/passwd"/></mjml>', 2, "include"),
        ('<mjml>\n<mj-include path="nope"/></mjml>', 2, "nope"),
        (message("x\n\n<a href='{% if a %}https://x.example'>y</a>{% endif %}"), 3, ""),
        (message("x\n{{ 1 | divided_by: 0 }}"), 2, "zero"),
        (message("x\n{% for a in (1..900) %}{% for b in (1..900) %}\n{{ a }}{% endfor %}{% endfor %}"), 2, "too much"),
    ],
)
def test_a_fault_names_the_line_of_the_authors_own_source(mjml: str, line: int, word: str) -> None:
    found = fault(mjml)
    assert (found.line, found.template_part) == (line, "body")
    assert word in found.message


def test_lines_are_right_after_an_included_part() -> None:
    source = (
        message()
        .replace("<mj-section>", '<mj-include path="footer"/>\n<mj-section>')
        .replace("</mj-text>", "\n{{ a | nope }}</mj-text>")
    )
    assert fault(source).line == 3


def test_links_are_wrapped_once_except_the_way_out() -> None:
    asked: list[str] = []

    def wrap(url: str) -> str:
        asked.append(url)
        return f"https://t.example/c/{len(asked)}"

    source = message(
        '<a href="https://shop.example/a?x=1&amp;y=2">static</a><a href="https://shop.example/a?x=1&amp;y=2">again</a>'
        '<a href="{{ shop.url }}/pages/help">built</a><a href="mailto:a@b.example">mail</a><img src="https://i.example/a.png" />'
        '<a href="{{ unsubscribe_url }}">Unsubscribe</a><a href="{{ preferences_url }}">Preferences</a>'
    )
    context = {
        "shop": {"url": "https://shop.example"},
        "unsubscribe_url": "https://m.example/u/1",
        "preferences_url": "https://m.example/p/1",
    }
    made = compiled(source).render(context, *WORDS, wrap_link=wrap)
    assert isinstance(made, RenderedEmail)
    assert asked == ["https://shop.example/a?x=1&y=2", "https://shop.example/pages/help"]
    hrefs = re.findall(r'<a href="([^"]*)"', made.html)
    assert hrefs == [
        "https://t.example/c/1", "https://t.example/c/1", "https://t.example/c/2", "mailto:a@b.example",
        "https://m.example/u/1", "https://m.example/p/1",
    ]  # fmt: skip
    assert 'src="https://i.example/a.png"' in made.html
    assert "static: https://t.example/c/1" in made.text
    assert "Unsubscribe: https://m.example/u/1" in made.text


def test_the_plain_text_reads_like_a_letter() -> None:
    source = message(
        "<h1>Hello &amp; welcome</h1><p>Two   words,<br />{{ a }} lines.</p>"
        "<table><tr><td>Mug</td><td>{{ n }} ×</td></tr><tr><td>Bowl</td><td>1 ×</td></tr></table>"
        '{% if a %}<p><a href="https://x.example/?a=1&amp;b=2">Go on</a></p>{% endif %}'
        '<a href="https://x.example"><img src="https://x.example/i.png" alt="a picture" /></a>'
        '<div class="skip-text">not here</div><div style="display:none">nor this</div>'
        "<ul><li>one</li><li>two</li></ul>{{ address | newline_to_br }}"
    )
    made = rendered(source, {"a": "three", "n": 2, "address": "1 High St\nLeeds"})
    assert made.text == (
        "Hello & welcome\n\nTwo words,\nthree lines.\n\nMug 2 ×\nBowl 1 ×\n\nGo on: https://x.example/?a=1&b=2\n\n"
        "- one\n- two\n\n1 High St\nLeeds\n"
    )


def test_values_in_the_plain_text_cannot_lay_it_out() -> None:
    made = rendered(message("<p>{{ v }}</p>"), {"v": "a\x1eb\x1fc\x00\x1b[31md"})
    assert made.text == "abc[31md\n"


def test_a_value_that_looks_like_a_template_is_not_one() -> None:
    made = rendered(message("<p>{{ v }}</p>"), {"v": "{{ 7 | times: 7 }}{% raw %}"})
    assert made.text == "{{ 7 | times: 7 }}{% raw %}\n"
    assert "49" not in made.text


def test_a_brand_is_readable_whatever_it_is() -> None:
    source = message("<p>{{ brand.color }} {{ brand.on_color }} {{ brand.dark_color }} {{ brand.font }}</p>")
    assert rendered(source, {"brand": {"color": "#fff"}}).text.startswith("#fff #16191d #fff")
    assert rendered(source, {"brand": {"color": "#000000"}}).text.startswith("#000000 #ffffff #f2f2f0")
    assert rendered(source, {"brand": {"color": "red;}"}}).text == rendered(source).text


def test_missing_values_are_empty_and_their_names_are_listed() -> None:
    found = compile_email(message("[{{ nothing.at.all }}]<a href='{{ nowhere }}'>x</a>"))
    assert isinstance(found, CompiledEmail)
    assert found.variables == {"nothing.at.all", "nowhere"}
    assert "[]" in rendered(message("[{{ nothing.at.all }}]")).text


def test_html_and_text_say_the_same_words() -> None:
    made = rendered(message("<p>Über {{ v }} &lt;3</p>"), {"v": "<Größe>"})
    shown = unescape(re.sub(r"<[^>]+>", " ", made.html.split("<body", 1)[1].split(">", 1)[1]))
    assert made.text.strip() in " ".join(shown.split())
