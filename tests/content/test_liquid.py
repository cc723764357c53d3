# ruff: noqa: E501  a template reads best in one line; shops write what they write
"""Liquid as we translate it: like python-liquid where both answer, bounded where python-liquid is not."""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

import liquid
import pytest
from hypothesis import given, settings, strategies as st

from app.content.email import CompiledEmail, RenderedEmail, compile_email
from app.content.faults import TemplateFault
from app.content.sms import CompiledSms, RenderedSms, compile_sms
from tests.content.helpers import WORDS, fault, lines, message, rendered

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTEXT: Mapping[str, object] = {
    "a": 3,
    "b": "text",
    "none": None,
    "yes": True,
    "no": False,
    "empty_list": [],
    "blank_text": "  ",
    "items": [{"t": "one", "n": 3, "ok": True}, {"t": "two", "n": 1}, {"t": "three", "n": 2, "ok": True}],
    "deep": {"er": {"list": [1, 2, [3]], "text": "x"}},
}
EQUAL_TO_PYTHON_LIQUID = [
    "{{ a }}{{ b }}{{ none }}{{ nothing }}{{ yes }}{{ deep.er.text }}{{ deep.er.list[1] }}{{ deep['er'].text }}",
    "{% if a %}1{% endif %}{% if none %}2{% endif %}{% if no %}3{% else %}4{% endif %}{% unless no %}5{% endunless %}",
    "{% if a == 3 and b == 'text' or none %}1{% endif %}{% if a > 2 %}2{% endif %}{% if a >= 3 and a <= 3 %}3{% endif %}",
    "{% if a == 1 %}x{% elsif a == 3 %}y{% else %}z{% endif %}{% unless a == 3 %}p{% elsif b %}q{% endunless %}",
    "{% if b contains 'ex' %}1{% endif %}{% if deep.er.list contains 2 %}2{% endif %}{% if a != 3 %}3{% endif %}",
    "{% if empty_list == empty %}1{% endif %}{% if blank_text == blank %}2{% endif %}{% if b != empty %}3{% endif %}",
    "{% if yes == 1 %}wrong{% else %}right{% endif %}{% if yes == true %}right{% endif %}",
    "{% for i in items %}{{ forloop.index }}/{{ forloop.length }} {{ i.t }}{% unless forloop.last %}, {% endunless %}{% endfor %}",
    "{% for i in items reversed %}{{ forloop.rindex0 }}{{ i.t }}{% endfor %}{% for i in items limit: 2 offset: 1 %}{{ i.t }}{% endfor %}",
    "{% for i in empty_list %}x{% else %}nothing{% endfor %}{% for i in (1..4) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in items %}{% for j in (1..2) %}{{ forloop.parentloop.index }}{{ forloop.index0 }}{{ i.n }}{{ j }} {% endfor %}{% endfor %}",
    "{% assign x = b %}{{ x }}{% assign x = a | plus: 2 %}{{ x }}{% capture c %}<{{ x }}>{% endcapture %}{{ c }}{{ c | size }}",
    "{% for i in items %}{% assign last = i.t %}{% endfor %}{{ last }}{{ i }}",
    "{% case a %}{% when 1, 2 %}low{% when 3 %}three{% else %}high{% endcase %}{% case b %}{% when 'x' or 'text' %}yes{% endcase %}",
    "{{ b | upcase | append: '!' | prepend: '-' }}{{ b | capitalize }}{{ ' x ' | strip }}{{ b | replace: 't', 'T' }}{{ b | remove: 't' }}",
    "{{ 'a,b,c' | split: ',' | join: '-' }}{{ items | map: 't' | join: ' ' }}{{ items | where: 'ok' | size }}{{ items | where: 't', 'two' | map: 'n' | join }}",
    "{{ a | times: 4 | minus: 2 | divided_by: 3 | modulo: 2 }}{{ 10 | divided_by: 4 }}{{ 10 | divided_by: 4.0 }}{{ 2.7 | round }}{{ 2.2 | ceil }}{{ 2.7 | floor }}{{ -3 | abs }}",
    "{{ items.size }}{{ items.first.t }}{{ items.last.t }}{{ b.size }}{{ items | first | size }}{{ b | slice: 1, 2 }}{{ b | slice: -2 }}",
    "{{ none | default: 'd' }}{{ b | default: 'd' }}{{ empty_list | default: 'd' }}{{ 3 | at_least: 5 }}{{ 3 | at_most: 2 }}",
    "{{ 'b,a,b' | split: ',' | sort | uniq | join }}{{ items | sort: 'n' | map: 't' | join }}{{ items | sum: 'n' }}{{ deep.er.list | first }}",
    "a {%- if yes -%} b {%- endif -%} c {{- a -}} d {% raw %}{{ a }}{% if %}{% endraw %} {% comment %}{{ a }}{% endcomment %}{% # note %}",
    "{% if yes %}\n  {% assign z = 1 %}\n{% endif %}{% for i in (1..2) %} {% endfor %}|",
    "{{ 'a b c d' | truncatewords: 2, '..' }}{{ 'abcdefgh' | truncate: 5, '..' }}{{ 'a/b c' | url_encode }}{{ '<b>x</b>' | strip_html }}",
]


def ours(template: str, context: Mapping[str, object] = CONTEXT) -> str:
    found = compile_sms(f"[{template}]")
    assert isinstance(found, CompiledSms), found
    made = found.render(context, *WORDS)
    assert isinstance(made, RenderedSms), made
    return made.text[1:-1]


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("template", EQUAL_TO_PYTHON_LIQUID)
def test_it_says_what_python_liquid_says(template: str) -> None:
    theirs = liquid.Environment().from_string(f"[{template}]").render(**CONTEXT)
    expected = squeezed(theirs[1:-1]).replace("/b+c", "/b%20c").replace("a%2Fb+c", "a%2Fb%20c")
    assert squeezed(ours(template)) == expected


@pytest.mark.parametrize("template", lines("literal"))
def test_other_languages_are_just_text(template: str) -> None:
    assert ours(template) == squeezed(template).replace("`", "'")


@pytest.mark.parametrize("probe", lines("hostile") + lines("literal"))
@pytest.mark.parametrize("kind", ["sms", "email body", "email subject", "email link"])
def test_a_hostile_template_ends_soon_and_small(probe: str, kind: str) -> None:
    """CPU at most 50 ms and memory at most 20 MB per message; nothing of Python's insides shows."""
    context = {"customer": {"first_name": "Ana", "last_name": "B"}, "shop": {"name": "Fern"}, "order": {"items": [1]}}
    sources = {
        "email body": message(probe.replace("&", "&amp;").replace("<", "&lt;")),
        "email subject": message(title=probe.replace("<", "&lt;")),
        "email link": message(f'<a href="https://a.example/{probe.replace(chr(34), chr(39)).replace("<", "")}">x</a>'),
    }
    found = compile_sms(probe) if kind == "sms" else compile_email(sources[kind])
    if isinstance(found, TemplateFault):
        assert found.line == 1
        return
    tracemalloc.start()
    made = found.render(context, *WORDS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    spent = []
    for _ in range(3):
        started = time.thread_time()
        found.render(context, *WORDS)
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.05
    shown = str(made)
    for inside in ("<class", "<module", "<function", "<built-in", "object at 0x", "mappingproxy", "uid=", "/bin"):
        assert inside not in shown


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("a\nb\n{{ x | nope }}", 3),
        ("a\n{% if x %}\nb", 2),
        ("\n\n{{ x", 3),
        ("a\n{% nope %}", 2),
        (
            "{% if a %}\n{% for i in (1..1000) %}\n{% for j in (1..1000) %}\n{{ i }}\n{% endfor %}{% endfor %}{% endif %}",
            3,
        ),
        ("ok\n{{ a\n | divided_by:\n 0 }}", 2),
        ("{% assign s = 'x' %}\n\n{% for i in (1..40) %}\n{% assign s = s | append: s %}{% endfor %}", 4),
    ],
)
def test_a_fault_names_the_line_that_its_author_wrote(template: str, line: int) -> None:
    found = compile_sms(template)
    made = found.render(CONTEXT, *WORDS) if isinstance(found, CompiledSms) else found
    assert isinstance(made, TemplateFault)
    assert made.line == line


def test_variables_are_listed_with_the_names_they_have_in_the_context() -> None:
    found = compile_sms(
        "{% assign things = order.items %}{% for i in things limit: 2 %}{{ i.title }}{{ i.price | money }}{% endfor %}"
        "{{ things.first.url }}{% assign made = shop.name | upcase %}{{ made }}{{ customer.first_name | default: nick }}"
    )
    assert isinstance(found, CompiledSms)
    assert found.variables == {
        "order.items", "order.items[].title", "order.items[].price", "order.items[].url", "shop.name",
        "customer.first_name", "nick",
    }  # fmt: skip


def test_nothing_but_data_can_be_reached() -> None:
    class Person:
        secret = "s3cret"

        def __str__(self) -> str:
            return self.secret

    assert ours("{{ p }}{{ p.secret }}{{ p['secret'] }}{{ p | upcase }}|", {"p": Person()}) == "|"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "size", "first"]), inner),
    max_leaves=8,
)
FILTER_CALLS = [
    "abs", "append: y", "at_least: y", "at_most: y", "capitalize", "ceil", "compact", "concat: y", "default: y",
    "divided_by: y", "downcase", "first", "floor", "img_width: y", "join: y", "last", "lstrip", "map: y", "minus: y",
    "modulo: y", "newline_to_br", "plus: y", "prepend: y", "remove: y", "remove_first: y", "replace: y, z",
    "replace_first: y, z", "reverse", "round: y", "rstrip", "size", "slice: y, z", "sort: y", "split: y", "strip",
    "strip_html", "strip_newlines", "sum: y", "times: y", "truncate: y, z", "truncatewords: y, z", "uniq", "upcase",
    "url_encode", "where: y, z", "money", "money: y", "date_local",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FILTER_CALLS), min_size=1, max_size=4), values, values, values)
def test_every_filter_answers_for_every_value(calls: list[str], x: object, y: object, z: object) -> None:
    """A message or a fault, never an exception, and never a raw tag in HTML."""
    piped = " | ".join(["x", *calls])
    found = compile_email(message(f"[{{{{ {piped} }}}}]{{% if x == y or x > z and x contains y %}}a{{% endif %}}"))
    assert isinstance(found, CompiledEmail)
    made = found.render({"x": x, "y": y, "z": z}, *WORDS)
    assert isinstance(made, RenderedEmail | TemplateFault)


FRAGMENTS = ["{{", "}}", "{%", "%}", "if", "endif", "for", "endfor", "x", "in", "|", ":", ",", ".", "[", "]", "(1..3)", "'", '"',
             "assign", "=", "==", "and", "else", "case", "when", "endcase", "capture", "endcapture", "raw", "endraw", " ", "\n",
             "<b>", "</b>", "<", ">", "upcase", "default", "-", "1", "<mj-text>", "</mj-text>", "&", "href=", "<a "]  # fmt: skip


@settings(max_examples=500)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25))
def test_any_text_compiles_or_is_a_fault(fragments: list[str]) -> None:
    text = "".join(fragments)
    for found in (compile_sms(text), compile_email(message(text)), compile_email(text)):
        if not isinstance(found, TemplateFault):
            assert found.render({"x": [1, {"x": "<b>"}]}, *WORDS) is not None


def test_too_long_a_template_is_refused() -> None:
    assert "longer" in fault("x" * 100_001).message
    assert "values and tags" in fault(message("{{ x }}" * 4_001)).message


def test_a_long_list_is_fine_when_the_template_limits_it() -> None:
    body = "{% for i in many limit: 3 %}{{ i }}{% endfor %}"
    assert "012" in rendered(message(body), {"many": list(range(5_000))}).text
    assert (
        "more than 1,000"
        in fault(message("{% for i in many %}{{ i }}{% endfor %}"), {"many": list(range(5_000))}).message
    )
