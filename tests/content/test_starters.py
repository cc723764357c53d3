"""Every starter message, for every sample: it compiles, says what it must, and fits where it is read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from app.content.email import CompiledEmail, RenderedEmail, compile_email
from app.content.samples import Sample, samples
from app.content.sms import CompiledSms, RenderedSms, compile_sms
from tests.content.helpers import LIBRARY

if TYPE_CHECKING:
    from pathlib import Path

EMAILS = sorted(LIBRARY.glob("*/*.mjml"))
TEXTS = sorted(LIBRARY.glob("*/*.txt"))
CASES = samples()
KNOWN = {
    "shop.name", "shop.url", "shop.email", "shop.address", "shop.logo_url",
    "brand.color", "brand.text_color", "brand.background", "brand.font", "brand.button_radius",
    "brand.on_color", "brand.dark_color", "brand.on_dark_color", "customer.first_name", "customer.last_name",
    "discount", "discount.code", "discount.percent", "discount.expires_at",
    "order.name", "order.total", "order.subtotal", "order.status_url", "order.placed_at",
    "product.title", "product.variant_title", "product.price", "product.image_url",
    "product.url", "product.reorder_url",
    "products", "products[].title", "products[].price", "products[].image_url", "products[].url",
    "review.items", "review.items[]", "review.items[].title", "review.items[].image_url", "review.items[].rate_urls",
    "review.items[].rate_urls[]", "review.url", "unsubscribe_url", "preferences_url", "open_pixel_url",
    "trap_url",
    *(f"{bag}.{name}" for bag in ("checkout", "cart") for name in ("url", "total", "subtotal")),
    *(
        f"{bag}.{name}"
        for bag in ("checkout", "cart", "order")
        for name in (
            "items", "items[]", "items[].title", "items[].variant_title", "items[].quantity", "items[].price",
            "items[].line_price", "items[].image_url", "items[].url",
        )
    ),
}  # fmt: skip


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def email(path: Path) -> CompiledEmail:
    found = compile_email(path.read_text("utf-8"))
    assert isinstance(found, CompiledEmail), found
    return found


class Balanced(HTMLParser):
    """Sees that tags close in order, and that pictures have an alternative text."""

    VOID = frozenset(["meta", "br", "img", "hr", "link", "col"])

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" and "alt" not in dict(attrs):
            self.wrong.append("img without alt")
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and (not self.stack or self.stack.pop() != tag):
            self.wrong.append(f"</{tag}>")


def test_there_are_the_messages_the_journeys_need() -> None:
    assert {name_of(path) for path in EMAILS + TEXTS} >= {
        "abandoned_checkout/first_email", "abandoned_checkout/second_email", "abandoned_checkout/last_email",
        "abandoned_checkout/reminder_sms", "abandoned_cart/first_email", "abandoned_cart/second_email",
        "post_purchase/thank_you", "post_purchase/tips", "post_purchase/cross_sell", "replenishment/running_low",
        "replenishment/time_to_reorder", "replenishment/reorder_sms", "review_request/request",
        "review_request/reminder", "review_request/request_sms", "sunset/still_welcome", "sunset/goodbye",
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("path", EMAILS, ids=name_of)
def test_a_starter_email_is_whole_for_every_sample(path: Path, case: str) -> None:
    sample: Sample = CASES[case]
    made = email(path).render(sample.context, sample.locale, sample.currency, sample.zone)
    assert isinstance(made, RenderedEmail), made
    assert 5 < len(made.subject) <= 90
    assert 10 < len(made.preheader) <= 140
    assert len(made.html.encode()) < 60_000
    parser = Balanced()
    parser.feed(made.html)
    assert parser.wrong == []
    assert parser.stack == []
    for needed in ("https://mail.fernandoak.example/u/sample", "https://mail.fernandoak.example/p/sample"):
        assert needed in made.html
        assert needed in made.text
    for address_line in str(sample.context["shop"]["address"]).splitlines():  # type: ignore[index]
        assert address_line.replace("&", "&amp;") in made.html
        assert address_line in made.text
    for remains in ("{{", "{%", "lq0x", 'href=""', 'src=""', "None", "  ,", "()"):
        assert remains not in made.html.split("<body")[1], remains
    assert "color-scheme" in made.html
    assert not re.search(r"<\w+[ >]|\bNone\b|https?://\S+\.png", made.text)


@pytest.mark.parametrize("path", EMAILS, ids=name_of)
def test_a_starter_email_reads_only_names_it_is_given(path: Path) -> None:
    assert email(path).variables <= KNOWN


@pytest.mark.parametrize("path", EMAILS, ids=name_of)
def test_outlook_parts_are_closed(path: Path) -> None:
    """Conditional comments hold half tables: their tags must balance too."""
    sample = CASES["four items"]
    made = email(path).render(sample.context, sample.locale, sample.currency, sample.zone)
    assert isinstance(made, RenderedEmail)
    body = re.sub(r"<!--\[if !mso.*?<!\[endif\]-->", "", made.html, flags=re.DOTALL).split("<body")[1]
    opened = re.sub(r"<!--\[if [^\]]*\]>|<!\[endif\]-->", "", body)
    for tag in ("table", "tr", "td"):
        assert len(re.findall(rf"<{tag}[ >]", opened)) == opened.count(f"</{tag}>"), tag


def test_a_discount_is_spoken_of_only_where_there_is_one() -> None:
    template = email(LIBRARY / "abandoned_checkout/last_email.mjml")
    texts = {}
    for case in ("one item", "four items"):
        sample = CASES[case]
        made = template.render(sample.context, sample.locale, sample.currency, sample.zone)
        assert isinstance(made, RenderedEmail)
        texts[case] = made.html + made.text + made.subject
    assert "WELCOME-BACK-7Q2M" in texts["one item"]
    assert "% off" not in texts["four items"]


def test_every_star_leads_to_its_own_rating() -> None:
    sample = CASES["four items"]
    made = email(LIBRARY / "review_request/request.mjml").render(sample.context, "en", "USD", "UTC")
    assert isinstance(made, RenderedEmail)
    for item in range(3):
        for stars in range(1, 6):
            assert f"/c/review-{item}-{stars}" in made.html
            assert re.search(rf"{stars} stars?: \S+/c/review-{item}-{stars}\n", made.text)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_a_starter_text_is_short_and_says_who_and_how_to_stop(path: Path, case: str) -> None:
    sample = CASES[case]
    found = compile_sms(path.read_text("utf-8"))
    assert isinstance(found, CompiledSms), found
    assert found.variables <= KNOWN
    made = found.render(sample.context, sample.locale, sample.currency, sample.zone)
    assert isinstance(made, RenderedSms), made
    assert made.text.startswith("Fern & Oak: ")
    assert made.text.endswith("Reply STOP to opt out")
    assert "https://" in made.text
    assert made.segments.count == 1 if made.segments.encoding == "GSM-7" else made.segments.count <= 3
