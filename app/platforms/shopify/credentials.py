"""What makes this installation one particular Shopify app, and where stores are reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from config import Shopify


@dataclass(frozen=True, slots=True)
class Credentials:
    """The app's public key, its secrets newest first, and the pattern of a store's API address."""

    api_key: str
    secrets: tuple[str, ...] = field(repr=False)
    api_base: str = "https://{shop}"

    @classmethod
    def from_settings(cls, settings: Shopify) -> Credentials:
        """Read the settings; an empty secret is no secret, since anybody can sign with it."""
        secrets = tuple(each for each in (settings.api_secret, settings.api_secret_old) if each)
        return cls(settings.api_key, secrets, settings.api_base)

    def address(self, shop: str, path: str) -> str:
        """Where a store answers; `shop` must have passed `domains.shop_domain`."""
        return self.api_base.replace("{shop}", shop) + path

    def origin(self, shop: str) -> str:
        """Scheme, host and port of a store."""
        parts = urlsplit(self.address(shop, "/"))
        return f"{parts.scheme}://{parts.netloc}"
