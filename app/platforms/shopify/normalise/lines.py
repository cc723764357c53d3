"""Lines of carts, checkouts and orders."""

from __future__ import annotations

from app.platforms.events import Line
from app.platforms.shopify.normalise.money import minor
from app.platforms.shopify.normalise.reading import Json, children, count, identifier, image, text


def of_order(data: Json, decimals: int) -> tuple[Line, ...]:
    """The lines that remain after edits and returns, at what was paid per unit after every discount."""
    found = []
    for line in children(data, "line_items"):
        bought = count(line.get("quantity")) or 0
        left = count(line.get("current_quantity"))
        remaining = bought if left is None else left
        if remaining < 1:
            continue
        price = minor(line.get("price"), decimals, "line_items.price") or 0
        discount = _discount(line, decimals)
        if discount:
            price = max(0, price - round(discount / max(bought, 1)))
        found.append(_line(line, remaining, price))
    return tuple(found)


def of_checkout(data: Json, decimals: int) -> tuple[Line, ...]:
    """The lines of a checkout; their ids are keys, since they have no numbers yet."""
    found = []
    for line in children(data, "line_items"):
        quantity = count(line.get("quantity")) or 0
        if quantity < 1:
            continue
        price = minor(line.get("price"), decimals, "line_items.price") or 0
        discount = _discount(line, decimals)
        if discount:
            price = max(0, price - round(discount / quantity))
        found.append(_line(line, quantity, price))
    return tuple(found)


def of_cart(data: Json, decimals: int) -> tuple[Line, ...]:
    """The lines of a cart."""
    found = []
    for line in children(data, "line_items"):
        quantity = count(line.get("quantity")) or 0
        if quantity < 1:
            continue
        price = minor(line.get("discounted_price"), decimals, "line_items.discounted_price")
        if price is None:
            price = minor(line.get("price"), decimals, "line_items.price") or 0
        found.append(_line(line, quantity, price))
    return tuple(found)


def _discount(line: Json, decimals: int) -> int:
    """What is taken off the whole line, this line's share of order discounts included."""
    if line.get("discount_allocations"):
        taken = 0
        for each in children(line, "discount_allocations"):
            taken += minor(each.get("amount"), decimals, "line_items.discount_allocations") or 0
        return taken
    return minor(line.get("total_discount"), decimals, "line_items.total_discount") or 0


def _line(line: Json, quantity: int, price: int) -> Line:
    return Line(
        title=text(line.get("title") or line.get("presentment_title") or line.get("name")),
        quantity=quantity,
        price=price,
        line_id=identifier(line.get("id")) or text(line.get("key") or line.get("id")),
        product_id=identifier(line.get("product_id")),
        variant_id=identifier(line.get("variant_id")),
        variant_title=text(line.get("variant_title")),
        sku=text(line.get("sku")),
        image_url=image(line.get("image_url") or line.get("featured_image") or line.get("image")),
        is_gift_card=line.get("gift_card") is True,
        requires_shipping=line.get("requires_shipping") is not False,
    )
