"""Which products of an order to ask about. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MOST_PER_ORDER = 3
NOT_AGAIN_FOR = timedelta(days=365)


def reviewable(
    lines: Sequence[dict[str, Any]], asked: Collection[str], reviewed: Collection[str]
) -> list[dict[str, Any]]:
    """The most expensive products first, at most three; none twice, none asked about or reviewed within a year."""
    best: dict[str, dict[str, Any]] = {}
    for line in lines:
        product = line["product_id"]
        if product and line["quantity"] > 0 and not line["is_gift_card"] and product not in asked:
            held = best.get(product)
            if product not in reviewed and (held is None or line["price"] > held["price"]):
                best[product] = line
    return sorted(best.values(), key=lambda line: (-line["price"], line["product_id"]))[:MOST_PER_ORDER]
