"""Made-up people, carts and orders for previews and tests: one calm case, and the ones that break layouts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOP: Final = "https://fernandoak.example"
_APP: Final = "https://mail.fernandoak.example"
_PLACED: Final = datetime(2026, 3, 4, 15, 20, tzinfo=UTC)
_EXPIRES: Final = datetime(2026, 3, 9, 23, 0, tzinfo=UTC)


_PICTURE: Final = re.compile(re.escape(_SHOP) + r"/cdn/shop/files/[^\"\s]+")
A_PICTURE: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 6'%3E%3Crect width='8' height='6' "
    "fill='%23e4e2dc'/%3E%3Cpath d='M1 5l2-2.4 1.4 1.5L5.6 3 7 5z' fill='%23b9b6ad'/%3E%3C/svg%3E"
)
"""What stands for the made-up things' pictures, which nobody has."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A context as the message pipeline builds it, with how the shop writes amounts and moments."""

    context: Mapping[str, object]
    locale: str
    currency: str
    zone: str


@dataclass(frozen=True, slots=True)
class Thing:
    """A product of the made-up shop; `price` in minor units."""

    title: str
    variant: str
    price: int
    quantity: int = 1
    image: str = "image"


_MUG: Final = Thing("Stoneware mug", "Oat", 2_400)
_THINGS: Final = (
    Thing("Linen throw", "Sage / 130 × 170 cm", 8_900),  # noqa: RUF001  as shops write it
    Thing("Stoneware mug", "Oat", 2_400, quantity=2),
    Thing("Beeswax candle", "", 1_850),
    Thing("House blend coffee", "250 g, whole bean", 1_400),
)
_LONG: Final = (
    Thing(
        "The extraordinarily comfortable hand-woven merino and alpaca blanket for long winter evenings by the fire",
        "Forest green with natural undyed stripes / Extra large / Gift wrapped with a handwritten card",
        24_900,
    ),
    Thing("Donaudampfschifffahrtsgesellschaftskapitänsmützenständer", "Eiche", 5_900, quantity=12),
)


def samples(image_base: str = f"{_SHOP}/cdn/shop/files") -> dict[str, Sample]:
    """Answer every sample by name. Pictures are asked for under `image_base`."""
    plain = [Thing(t.title, t.variant, t.price, t.quantity, image="") for t in _THINGS[:3]]
    return {
        "one item": _sample([_MUG], image_base),
        "four items": _sample(_THINGS, image_base, first_name="Marguerite", discount=False),
        "seven items": _sample([*_THINGS, *_THINGS[:3]], image_base, brand={"color": "#b4532a", "button_radius": 28}),
        "long titles": _sample(_LONG, image_base, first_name="Wolfeschlegelsteinhausenbergerdorff"),
        "no images": _sample(plain, image_base, logo=False, brand={"color": "#f6c945"}),
        "right to left": _sample([_MUG, _THINGS[0]], image_base, first_name="شريف", last_name="عبد الله"),
        "nameless": _sample(_THINGS[:2], image_base, first_name="", address="", email="", logo=False),
        "euro": _sample(_THINGS[:2], image_base, first_name="Jürgen", words=("de-DE", "EUR", "Europe/Berlin")),
        "yen": _sample(
            [Thing("抹茶セット", "", 4_800)], image_base, first_name="花子", words=("ja", "JPY", "Asia/Tokyo")
        ),
        "dinar": _sample([_MUG], image_base, first_name="Noura", words=("en-KW", "KWD", "Asia/Kuwait")),
    }


def with_pictures(html: str) -> str:
    """A rendered sample to be looked at: its pictures are drawn ones, not broken."""
    return _PICTURE.sub(A_PICTURE, html)


def _sample(  # noqa: PLR0913  each is one thing a preview may want different
    things: Sequence[Thing],
    image_base: str,
    *,
    first_name: str = "Ana",
    last_name: str = "Lindqvist",
    words: tuple[str, str, str] = ("en-US", "USD", "America/New_York"),
    brand: Mapping[str, object] | None = None,
    logo: bool = True,
    discount: bool = True,
    address: str = "12 Mill Lane\nBristol BS1 4RW, United Kingdom",
    email: str = "hello@fernandoak.example",
) -> Sample:
    items = [_item(thing, image_base) for thing in things]
    subtotal = sum(thing.price * thing.quantity for thing in things)
    bag = {"url": f"{_APP}/r/sample", "items": items, "subtotal": subtotal, "total": subtotal + 600}
    suggestions = [_item(thing, image_base) for thing in (_THINGS[0], _THINGS[2], _THINGS[3])]
    context: dict[str, object] = {
        "shop": {
            "name": "Fern & Oak",
            "url": _SHOP,
            "email": email,
            "address": address,
            "logo_url": f"{image_base}/logo.png" if logo else "",
        },
        "brand": dict(brand or {}),
        "customer": {"first_name": first_name, "last_name": last_name, "language": words[0]},
        "checkout": bag,
        "cart": bag,
        "order": {
            "name": "#1042",
            "items": items,
            "subtotal": subtotal,
            "total": subtotal + 600,
            "status_url": f"{_SHOP}/orders/1042",
            "placed_at": _PLACED,
        },
        "products": suggestions,
        "product": {**items[0], "reorder_url": f"{_APP}/c/reorder"},
        "review": {
            "url": f"{_APP}/review/sample",
            "items": [_to_review(item, number) for number, item in enumerate(items[:3])],
        },
        "unsubscribe_url": f"{_APP}/u/sample",
        "preferences_url": f"{_APP}/p/sample",
        "open_pixel_url": "",
        "trap_url": "",
    }
    if discount:
        context["discount"] = {"code": "WELCOME-BACK-7Q2M", "percent": 10, "expires_at": _EXPIRES}
    return Sample(context, *words)


def _item(thing: Thing, image_base: str) -> dict[str, object]:
    handle = "".join(c if c.isascii() and c.isalnum() else "-" for c in thing.title.lower())[:40].strip("-") or "thing"
    return {
        "title": thing.title,
        "variant_title": thing.variant,
        "quantity": thing.quantity,
        "price": thing.price,
        "line_price": thing.price * thing.quantity,
        "image_url": f"{image_base}/{handle}.png" if thing.image else "",
        "url": f"{_SHOP}/products/{handle}",
    }


def _to_review(item: Mapping[str, object], number: int) -> dict[str, object]:
    return {
        "title": item["title"],
        "image_url": item["image_url"],
        "rate_urls": [f"{_APP}/c/review-{number}-{stars}" for stars in range(1, 6)],
    }
