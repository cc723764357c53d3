"""A shop's looks, read from its store. What the merchant chose stays."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from app.shops import settings as shop_settings
from app.shops.settings import Brand

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.shops.models import Shop


@dataclass(frozen=True, slots=True)
class StoreBrand:
    """What a store says of its looks; empty where it says nothing."""

    logo_url: str = ""
    color: str = ""


def take_over(session: Session, shop: Shop, found: StoreBrand) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make what a store says the shop's own where the merchant chose nothing. Returns what changed, before and after.

    The merchant chose what is neither as it was at first nor as it was last read. What the store says nothing about,
    or what can't be used, stays as it is.
    """
    session.refresh(shop, with_for_update=True)  # a form saved at the same time must not be undone
    chosen = shop_settings.of(shop)
    brand, read = chosen.brand.model_dump(), chosen.brand_read.model_dump()
    first = Brand().model_dump()
    said = {name: value for name, value in asdict(found).items() if value and _fits(name, value)}
    free = {name: value for name, value in said.items() if brand[name] == (read[name] or first[name])}
    after = {name: value for name, value in free.items() if value != brand[name]}
    if free:
        shop.settings = {**shop.settings, "brand_read": read | free}
    if after:
        shop.settings = shop_settings.changed(shop, "brand", brand | after)
    return {name: brand[name] for name in after}, after


def _fits(name: str, value: str) -> bool:
    try:
        Brand.model_validate({name: value})
    except ValidationError:
        return False
    return True
