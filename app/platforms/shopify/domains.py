"""What a store's permanent address may look like."""

from __future__ import annotations

import re

_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\.myshopify\.com", re.ASCII)


def shop_domain(value: object) -> str | None:
    """A `*.myshopify.com` name in lower case, matched from end to end; None for anything else.

    It is a tenant's key and part of addresses we call, so `a.myshopify.com.evil.tld` and a trailing newline, which
    the pattern in Shopify's documentation lets pass, must not.
    """
    if not isinstance(value, str):
        return None
    name = value.lower()
    return name if _SHOP.fullmatch(name) else None
