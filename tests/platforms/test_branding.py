"""How a store says it looks, and what of that can be used in a mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import config
from app.platforms.shopify.platform import ShopifyPlatform
from app.shops.brand import StoreBrand

if TYPE_CHECKING:
    from tests.platforms.conftest import Reply, Store

SHOP = "acme.myshopify.com"
LOGO = {"image": {"url": "https://cdn.example/logo.png"}}
SQUARE = {"image": {"url": "https://cdn.example/square.png"}}


@pytest.fixture
def platform(store: Store) -> ShopifyPlatform:
    return ShopifyPlatform(config.Shopify("key", "secret", "", store.url + "/shopify/{shop}", ""))


def colors(*primary: tuple[str | None, str | None], secondary: tuple[str | None, str | None] = (None, None)) -> Any:
    pairs = [{"background": each[0], "foreground": each[1]} for each in primary]
    return {"primary": pairs, "secondary": [{"background": secondary[0], "foreground": secondary[1]}]}


@pytest.mark.parametrize(
    ("brand", "found"),
    [
        ({"logo": LOGO, "squareLogo": SQUARE, "colors": colors(("#0A4D3C", "#FFFFFF"))},
         StoreBrand("https://cdn.example/logo.png", "#0a4d3c")),
        ({"logo": None, "squareLogo": SQUARE, "colors": colors()}, StoreBrand("https://cdn.example/square.png", "")),
        ({"logo": {"image": None}, "squareLogo": None, "colors": colors(("#FFFFFF", "#111111"))},
         StoreBrand("", "#111111")),
        ({"logo": None, "colors": colors((None, None), secondary=("#f6c945", None))}, StoreBrand("", "#f6c945")),
        ({"logo": {"image": {"url": "javascript:alert(1)"}}, "colors": colors(("red", "url(x)"))}, StoreBrand()),
        ({"logo": "?", "colors": {"primary": ["?", 7], "secondary": "?"}}, StoreBrand()),
        (None, StoreBrand()),
    ],
)  # fmt: skip
def test_what_a_store_says(
    platform: ShopifyPlatform, store: Store, reply: type[Reply], brand: Any, found: StoreBrand
) -> None:
    store.replies = [reply(200, {"data": {"shop": {"brand": brand}}})]
    assert platform.brand(SHOP, patience=3) == found
    (call,) = store.calls
    assert call.path == f"/shopify/{SHOP}/api/2026-10/graphql.json"
    assert "x-shopify-access-token" not in call.headers, "the token of the Admin API belongs there only"


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, {}), (430, {}), (503, b"<html>"), (200, b"?"), (200, {"errors": [{"message": "no"}]}), (200, {"data": {}})],
)
def test_no_answer_is_none(platform: ShopifyPlatform, store: Store, reply: type[Reply], status: int, body: Any) -> None:
    store.replies = [reply(status, body)]
    assert platform.brand(SHOP, patience=3) is None
