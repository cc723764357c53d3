"""What Sage & Stone sells: small things that run out, a few that last, and a gift card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.store.models import Product, Variant

if TYPE_CHECKING:
    import random
    from datetime import datetime

    from simulator.ids import Ids

VENDOR = "Sage & Stone"


@dataclass(frozen=True, slots=True)
class _Size:
    title: str
    price: int
    grams: int
    lasts_days: float | None
    love: float = 1.0
    compare_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Offer:
    title: str
    product_type: str
    description: str
    shape: str
    palette: tuple[str, str, str]
    sizes: tuple[_Size, ...]
    tags: tuple[str, ...] = ()


_OFFERS = (
    _Offer(
        "Hearth House Blend",
        "Coffee beans",
        "Cocoa, toasted hazelnut and a soft finish. Our everyday cup.",
        "bag",
        ("#7a4a32", "#f3e3d0", "#d98e4f"),
        (_Size("250 g", 1450, 260, 14, 1.6), _Size("1 kg", 4600, 1020, 45, 0.8, 5200)),
        ("everyday",),
    ),
    _Offer(
        "Guji Morning",
        "Coffee beans",
        "Washed Ethiopian beans: jasmine, peach, bright as a window.",
        "bag",
        ("#c8553d", "#fdf0e1", "#588b8b"),
        (_Size("250 g", 1850, 260, 15, 1.1), _Size("1 kg", 5900, 1020, 48, 0.4)),
    ),
    _Offer(
        "Sundown Decaf",
        "Coffee beans",
        "Sugar-cane decaf for the second cup you shouldn't have.",
        "bag",
        ("#3d405b", "#f4f1de", "#e07a5f"),
        (_Size("250 g", 1650, 260, 18, 0.6),),
    ),
    _Offer(
        "Cold Brew Bottles",
        "Coffee beans",
        "Six small bottles, steeped for twenty hours.",
        "bottle",
        ("#2b2d42", "#edf2f4", "#a98467"),
        (_Size("6 bottles", 2100, 1900, 7, 0.9),),
        ("chilled",),
    ),
    _Offer(
        "Earl Grey Bloom",
        "Tea",
        "Ceylon leaves with bergamot oil and cornflower.",
        "tin",
        ("#31572c", "#ecf39e", "#90a955"),
        (_Size("50 g", 1100, 90, 26, 1.0), _Size("150 g", 2700, 220, 70, 0.5)),
    ),
    _Offer(
        "Sencha First Light",
        "Tea",
        "First-flush green tea, grassy and sweet.",
        "tin",
        ("#52796f", "#f1faee", "#84a98c"),
        (_Size("50 g", 1500, 90, 24, 0.8),),
    ),
    _Offer(
        "Chamomile Dusk",
        "Tea",
        "Whole flowers, honey and apple. No caffeine.",
        "tin",
        ("#b08968", "#fff8e8", "#f2c14e"),
        (_Size("40 g", 950, 80, 30, 0.9),),
    ),
    _Offer(
        "Oat Milk Cleanser",
        "Skincare",
        "A quiet cleanser for skin that complains.",
        "pump",
        ("#cbbfa8", "#fffaf0", "#8a9a5b"),
        (_Size("150 ml", 2400, 210, 45, 1.0), _Size("300 ml", 4200, 380, 85, 0.4)),
    ),
    _Offer(
        "Rosehip Night Oil",
        "Skincare",
        "Cold-pressed, five drops, good night.",
        "dropper",
        ("#9d4e4e", "#fdf0ee", "#e5989b"),
        (_Size("30 ml", 3600, 110, 60, 0.7),),
    ),
    _Offer(
        "Daylight Cream SPF 30",
        "Skincare",
        "Light, unscented, no white cast.",
        "jar",
        ("#e9c46a", "#fffdf5", "#f4a261"),
        (_Size("50 ml", 3200, 140, 40, 0.9),),
    ),
    _Offer(
        "Cedar & Smoke Candle",
        "Candles",
        "A cabin, a fire, nobody calling. Burns for 45 hours.",
        "candle",
        ("#4a4e69", "#f8f4ef", "#f2a65a"),
        (_Size("220 g", 3400, 480, 42, 0.8),),
    ),
    _Offer(
        "Fig Leaf Candle",
        "Candles",
        "Green fig, warm stone, late summer.",
        "candle",
        ("#606c38", "#fefae0", "#dda15e"),
        (_Size("220 g", 3400, 480, 42, 0.7), _Size("90 g", 1600, 210, 20, 0.5)),
    ),
    _Offer(
        "Salmon & Rice Kibble",
        "Dog food",
        "Cold-pressed and grain-gentle, for dogs with opinions.",
        "sack",
        ("#bc6c25", "#fff4e6", "#457b9d"),
        (_Size("2 kg", 2600, 2050, 16, 1.2), _Size("6 kg", 6400, 6100, 44, 0.9)),
    ),
    _Offer(
        "Lamb & Oat Kibble",
        "Dog food",
        "Slow-cooked lamb with oats and rosemary.",
        "sack",
        ("#6b705c", "#f5ebe0", "#a44a3f"),
        (_Size("2 kg", 2700, 2050, 16, 0.9), _Size("6 kg", 6600, 6100, 44, 0.5)),
    ),
    _Offer(
        "Fresh Chicken Trays",
        "Dog food",
        "Seven trays, one a day, kept cold.",
        "tray",
        ("#d08c60", "#fdf8f3", "#7f9c96"),
        (_Size("7 trays", 2300, 2800, 7, 1.1),),
        ("chilled",),
    ),
    _Offer(
        "Dental Chews",
        "Dog food",
        "Mint and parsley, twenty-eight days of better mornings.",
        "sack",
        ("#3a7d44", "#f1f8e9", "#9dc08b"),
        (_Size("28 pieces", 1900, 620, 28, 0.8),),
    ),
    _Offer(
        "Stoneware Mug",
        "Homeware",
        "Thrown by hand in two glazes, 320 ml.",
        "mug",
        ("#84a59d", "#f7ede2", "#f28482"),
        (_Size("Sage", 2800, 420, None, 0.7), _Size("Sand", 2800, 420, None, 0.5)),
    ),
    _Offer(
        "Pour-Over Dripper",
        "Homeware",
        "Ceramic dripper with sixty paper filters.",
        "dripper",
        ("#577590", "#f5f3ef", "#cdb4a0"),
        (_Size("One size", 3900, 700, None, 0.4),),
    ),
    _Offer(
        "Ceramic Dog Bowl",
        "Homeware",
        "Heavy enough to stay where you put it.",
        "bowl",
        ("#6d6875", "#fbf5f3", "#e5989b"),
        (_Size("Medium", 3200, 900, None, 0.4), _Size("Large", 3900, 1300, None, 0.3)),
    ),
    _Offer(
        "Gift Card",
        "Gift cards",
        "For people who know what they like.",
        "card",
        ("#606c38", "#fefae0", "#dda15e"),
        (_Size("$25", 2500, 0, None, 0.1), _Size("$50", 5000, 0, None, 0.12)),
    ),
)


def build_catalogue(ids: Ids, rng: random.Random, opened_at: datetime) -> list[Product]:
    """All products with variants, prices, stock and habits; `opened_at` is when the shop opened."""
    return [_product(offer, ids, rng, opened_at) for offer in _OFFERS]


def _product(offer: _Offer, ids: Ids, rng: random.Random, opened_at: datetime) -> Product:
    created = opened_at - timedelta(days=rng.randint(5, 200))
    handle = offer.title.lower().replace("&", "and").replace(" ", "-")
    product = Product(
        id=ids.next("Product"),
        title=offer.title,
        handle=handle,
        product_type=offer.product_type,
        vendor=VENDOR,
        tags=[offer.product_type.lower().replace(" ", "-"), *offer.tags],
        description=offer.description,
        is_gift_card=offer.shape == "card",
        created_at=created,
        updated_at=created,
        shape=offer.shape,
        palette=offer.palette,
    )
    stem = "".join(word[0] for word in offer.title.replace("&", "").split()).upper()
    product.variants = [
        Variant(
            id=ids.next("ProductVariant"),
            product=product,
            title=size.title,
            sku=f"SS-{stem}-{position:02d}",
            price=size.price,
            compare_at_price=size.compare_at,
            grams=size.grams,
            inventory_item_id=ids.next("InventoryItem"),
            inventory_quantity=rng.randint(120, 900),
            position=position,
            updated_at=created,
            lasts_days=size.lasts_days,
            love=size.love,
        )
        for position, size in enumerate(offer.sizes, start=1)
    ]
    return product
