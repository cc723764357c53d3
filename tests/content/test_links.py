"""Which addresses of a message are the same for everybody, and where they stand."""

from __future__ import annotations

import pytest

from app.content.email import CompiledEmail, compile_email
from app.content.links import Link, links
from app.content.sms import CompiledSms, compile_sms

SHOP = "https://acme.example"


def mail(body: str) -> CompiledEmail:
    made = compile_email(
        "<mjml><mj-head><mj-title>Hi</mj-title></mj-head><mj-body>\n"
        f'<mj-include path="header"/>\n{body}</mj-body></mjml>'
    )
    assert isinstance(made, CompiledEmail), made
    return made


def column(inside: str) -> str:
    return f"<mj-section><mj-column>\n{inside}</mj-column></mj-section>"


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        ('<mj-button href="https://a.example/x?b=1&amp;c=2">Go</mj-button>', [Link("https://a.example/x?b=1&c=2", 4)]),
        ('<mj-button href="{{ shop.url }}/sale">Go</mj-button>', [Link(f"{SHOP}/sale", 4)]),
        ('<mj-text>\n<a href="http://a.example">Go</a></mj-text>', [Link("http://a.example", 5)]),
        ('<mj-image src="https://a.example/i.png" alt="" />', [Link("https://a.example/i.png", 4, is_picture=True)]),
        ('<mj-button href="{{ checkout.url }}">Go</mj-button>', []),
        ('<mj-button href="https://a.example/{{ customer.first_name }}">Go</mj-button>', []),
        ('<mj-button href="mailto:us@a.example">Go</mj-button>', []),
        ("<mj-text>Nothing</mj-text>", []),
    ],
)
def test_links_of_a_mail(inside: str, found: list[Link]) -> None:
    assert links(mail(column(inside)), SHOP) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Look (https://a.example/x). Or not", [Link("https://a.example/x", 1)]),
        ("New:\n{{ shop.url }}/new!", [Link(f"{SHOP}/new", 2)]),
        ("{{ checkout.url }} https://a.example/{{ customer.first_name }}", []),
    ],
)
def test_links_of_a_text(source: str, found: list[Link]) -> None:
    made = compile_sms(source)
    assert isinstance(made, CompiledSms)
    assert links(made, SHOP) == found
