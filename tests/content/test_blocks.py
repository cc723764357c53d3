"""A message taken apart for an editor of blocks and put together again says the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.content.blocks import Blocks, from_blocks, to_blocks
from app.content.canvas import canvas
from app.content.email import RenderedEmail
from app.content.samples import samples
from tests.content.helpers import LIBRARY, compiled, message

if TYPE_CHECKING:
    from pathlib import Path

STARTERS = sorted(LIBRARY.glob("*/*.mjml"))


def blocks(mjml: str) -> Blocks:
    found = to_blocks(mjml)
    assert found is not None
    return found


def shown(mjml: str) -> list[RenderedEmail]:
    template = compiled(mjml)
    made = [template.render(s.context, s.locale, s.currency, s.zone) for s in samples().values()]
    assert all(isinstance(each, RenderedEmail) for each in made)
    return [each for each in made if isinstance(each, RenderedEmail)]


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_starter_comes_back_as_it_was(path: Path) -> None:
    source = path.read_text("utf-8")
    assert shown(from_blocks(source, blocks(source))) == shown(source)


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_liquid_stands_between_the_elements(path: Path) -> None:
    body = blocks(path.read_text("utf-8")).body
    assert "<mj-include" in body
    for line in body.splitlines():
        assert not line.strip().startswith("{"), line


def test_liquid_between_elements_is_an_element() -> None:
    source = message().replace("<mj-text>", '{% if a > 1 and b == "x" %}<mj-text>')
    source = source.replace("</mj-text>", "</mj-text>{% endif %}")
    found = blocks(source)
    assert '<mj-liquid code="{% if a &gt; 1 and b == &quot;x&quot; %}"></mj-liquid><mj-text>' in found.body
    assert from_blocks(source, found) == source


def test_tables_and_raw_markup_travel_whole() -> None:
    table = "<mj-table>{% for x in order.items %}<tr><td>{{ x.title }}</td></tr>{% endfor %}</mj-table>"
    source = message().replace("<mj-text></mj-text>", table)
    found = blocks(source)
    assert "<tr>" not in found.body
    assert from_blocks(source, found) == source


def test_the_two_lines_are_edited_apart() -> None:
    source = message(title="A &amp; B {{ shop.name }}", head="<mj-preview>Look</mj-preview>")
    found = blocks(source)
    assert (found.subject, found.preheader) == ("A & B {{ shop.name }}", "Look")
    changed = from_blocks(source, replace(found, subject='<3 {{ a | default: "b" }}', preheader=""))
    assert '<mj-title>&lt;3 {{ a | default: "b" }}</mj-title>' in changed
    assert "mj-preview" not in changed
    again = from_blocks(changed, replace(found, preheader="New"))
    assert blocks(again).preheader == "New"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("{% if a &gt; 1 %}x{% endif %}", "{% if a > 1 %}x{% endif %}"),
        ("{{ a | default: &quot;b&quot; }}", "{{ a | default: 'b' }}"),
        ("{{\u00a0a }}", "{{ a }}"),
        ('<b id="ix1" data-gjs-type="text">x</b>', "<b>x</b>"),
        ('<mj-include path="footer" id="i2"></mj-include>', '<mj-include path="footer"/>'),
    ],
)
def test_what_an_editor_writes_is_made_straight(written: str, kept: str) -> None:
    source = message("old")
    body = blocks(source).body.replace("old", written)
    assert kept in from_blocks(source, replace(blocks(source), body=body))


def test_a_message_without_a_body_has_no_blocks() -> None:
    assert to_blocks("<mjml></mjml>") is None


def test_the_canvas_shows_our_parts_and_what_travels_whole() -> None:
    source = (LIBRARY / "abandoned_checkout" / "last_email.mjml").read_text("utf-8")
    made = canvas(blocks(source), {"color": "#123456"}, {"name": "Tea & Co"})
    assert made.brand["color"] == "#123456"
    assert "{{" not in made.head
    assert "#123456" in made.head
    assert set(made.parts) == {"header", "lines", "footer"}
    assert "Unsubscribe" in made.parts["footer"]
    assert "Tea &amp; Co" in made.parts["footer"]
    assert "Stoneware mug" in made.parts["lines"]
    assert len(made.kept) == 1
    assert all("discount" not in shown and "%" in shown for shown in made.kept.values())
