"""Amounts as Shopify writes them ("19.99", 19.99, 20) to whole minor units, without floating point."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from app.platforms.shopify.normalise.reading import Unfit

LARGEST = 10**15
"""Minor units; a bigint holds nine thousand times as much, so that sums stay safe. More is a mistake."""

_AMOUNT = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{0,40}))?")
LONGEST = 82
"""As many characters as `_AMOUNT` may have; what is longer isn't kept, nor looked at."""
_CODE = re.compile(r"[A-Z]{3}")


def currency(value: Any) -> str | None:
    """An ISO 4217 code, or None."""
    return value if value.__class__ is str and _CODE.fullmatch(value) else None


def needed_currency(value: Any, name: str = "currency") -> str:
    """A currency code that a fact can't do without."""
    if value is None:
        raise Unfit(f"missing_field:{name}")
    found = currency(value)
    if found is None:
        raise Unfit(f"bad_field:{name}")
    return found


def minor(value: Any, decimals: int, name: str) -> int | None:
    """An amount in minor units, halves rounded up; None when it is missing.

    Raises:
        Unfit: when it is there but is no amount, is negative or is beyond `LARGEST`.
    """
    if value is None or value == "":
        return None
    if value.__class__ is float or value.__class__ is int:
        value = f"{value:f}" if value.__class__ is float else str(value)
    amount = _amount(value, decimals) if value.__class__ is str and len(value) <= LONGEST else None
    if amount is None:
        raise Unfit(f"bad_field:{name}")
    return amount


@lru_cache(maxsize=4_096)
def _amount(value: str, decimals: int) -> int | None:
    """The amount that a text says, or None. A shop has few prices, and each comes several times an order."""
    found = _AMOUNT.fullmatch(value)
    if found is None:
        return None
    sign, whole, fraction = found.groups()
    amount: int = int(whole) * 10**decimals
    if fraction:
        amount += int(fraction[:decimals].ljust(decimals, "0") or "0")
        amount += fraction[decimals : decimals + 1] >= "5"
    return None if (sign and amount) or amount > LARGEST else amount


def needed_minor(value: Any, decimals: int, name: str) -> int:
    """An amount that a fact can't do without."""
    found = minor(value, decimals, name)
    if found is None:
        raise Unfit(f"missing_field:{name}")
    return found
