"""How a store looks, as it says itself in its settings under "Brand".

Only the Storefront API tells (`Shop.brand`), and it does so without a token: of what a shopper's browser may ask, only
customers, product tags, menus and metafields need one (shopify.dev/docs/api/storefront, "Authentication").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from app.platforms.shopify.graphql import API_VERSION
from app.platforms.shopify.normalise.reading import child, link
from app.platforms.shopify.operations import operation
from app.platforms.shopify.transport import NoAnswer
from app.shops.brand import StoreBrand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.platforms.shopify.credentials import Credentials
    from app.platforms.shopify.normalise.reading import Json
    from app.platforms.shopify.transport import Transport

OK: Final = 200
_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_ALMOST_WHITE: Final = 0xE6
"""A colour whose every part is at least this isn't seen as a button on a white card."""


def read(transport: Transport, credentials: Credentials, shop: str, seconds: float) -> StoreBrand | None:
    """What the store says of its looks, or None when it gives no answer in time. What it doesn't say is empty."""
    address = credentials.address(shop, f"/api/{API_VERSION}/graphql.json")
    answer = transport.post(address, {"query": operation("storefront/brand")}, None, seconds)
    if isinstance(answer, NoAnswer) or answer.status != OK:
        return None
    data = answer.data.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("shop"), dict):
        return None
    brand = child(data["shop"].get("brand"))
    logos = (link(child(child(brand.get(name)).get("image")).get("url")) for name in ("logo", "squareLogo"))
    colors = child(brand.get("colors"))
    return StoreBrand(next(filter(None, logos), ""), next(_seen_on_white(colors), ""))


def _seen_on_white(colors: Json) -> Iterator[str]:
    """The colours for buttons, the best first: what the store itself puts things on, then what it writes in."""
    for group in ("primary", "secondary"):
        pairs = colors.get(group)
        for pair in pairs if isinstance(pairs, list) else []:
            for name in ("background", "foreground"):
                value: Any = child(pair).get(name)
                if isinstance(value, str) and _COLOR.fullmatch(value) and _is_dark_enough(value):
                    yield value.lower()


def _is_dark_enough(color: str) -> bool:
    return min(bytes.fromhex(color[1:])) < _ALMOST_WHITE
