"""A store's looks become the shop's, except where the merchant chose."""

from __future__ import annotations

from typing import Any

import pytest

from app.shops import service as shops, settings
from app.shops.brand import StoreBrand, take_over
from app.transaction import transaction

GREEN, RED, BLUE = "#114d3c", "#aa2211", "#1122aa"
FIRST = settings.Brand().color


def read(shop: int, color: str = "", logo: str = "") -> Any:
    with transaction(shop) as session:
        return take_over(session, shops.get(session), StoreBrand(logo, color))


def choose(shop: int, **values: str) -> None:
    with transaction(shop) as session:
        row = shops.get(session)
        row.settings = settings.changed(row, "brand", settings.of(row).brand.model_dump() | values)


def brand(shop: int) -> settings.Brand:
    with transaction(shop) as session:
        return settings.read(session).brand


@pytest.mark.parametrize(
    ("deeds", "color"),
    [
        ([("reads", GREEN)], GREEN),
        ([("reads", GREEN), ("reads", RED)], RED),
        ([("reads", GREEN), ("reads", "")], GREEN),
        ([("chooses", BLUE), ("reads", GREEN)], BLUE),
        ([("reads", GREEN), ("chooses", BLUE), ("reads", RED)], BLUE),
        ([("reads", GREEN), ("chooses", FIRST), ("reads", RED)], FIRST),
        ([("chooses", FIRST), ("reads", GREEN)], GREEN),
        ([("reads", GREEN), ("chooses", BLUE), ("reads", BLUE), ("reads", RED)], BLUE),
        ([("reads", "url(x)")], FIRST),
    ],
)
def test_what_the_merchant_chose_stays(shop: int, deeds: list[tuple[str, str]], color: str) -> None:
    for deed, value in deeds:
        if deed == "reads":
            read(shop, value)
        else:
            choose(shop, color=value)
    assert brand(shop).color == color


def test_each_part_goes_by_itself_and_what_changed_is_told(shop: int) -> None:
    choose(shop, color=BLUE, font="Georgia")
    assert read(shop, GREEN, "https://cdn.example/logo.png") == (
        {"logo_url": ""}, {"logo_url": "https://cdn.example/logo.png"},
    )  # fmt: skip
    assert read(shop, GREEN, "https://cdn.example/logo.png") == ({}, {})
    found = brand(shop)
    assert (found.color, found.font, found.logo_url) == (BLUE, "Georgia", "https://cdn.example/logo.png")
