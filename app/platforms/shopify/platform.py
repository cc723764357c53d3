"""Shopify as a store platform: what the rest of the app calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock
from app.platforms.shopify import asking, branding, exports, importing, telling, webhooks
from app.platforms.shopify.budget import RedisBudget
from app.platforms.shopify.credentials import Credentials
from app.platforms.shopify.graphql import PATIENCE_SECONDS, GraphQLClient
from app.platforms.shopify.normalise import normalise
from app.platforms.shopify.signed_queries import ProxyRequest, verify_proxy
from app.platforms.shopify.tokens import TokenEndpoint
from app.platforms.shopify.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import config
    from app.platforms.base import (
        Envelope,
        ExportFailed,
        ExportReady,
        ExportRunning,
        ExportStarted,
        Normalised,
        Refused,
        ShopAccess,
        TellAnswer,
        TokenResult,
        ToldConsent,
    )
    from app.platforms.events import Fact
    from app.platforms.shopify.budget import CostBudget
    from app.platforms.shopify.graphql import GraphQLFault
    from app.shops.brand import StoreBrand


def build(settings: config.Settings) -> ShopifyPlatform:
    """The platform as this installation is set up, its budget shared through Redis."""
    return ShopifyPlatform(settings.shopify, RedisBudget.connect(settings.redis_url))


class ShopifyPlatform:
    """`base.Platform` for Shopify. Its parts are public, for the install flow needs more than that."""

    key = "shopify"

    def __init__(self, settings: config.Shopify, budget: CostBudget | None = None) -> None:
        transport = Transport()
        self._transport = transport
        self.credentials = Credentials.from_settings(settings)
        self.tokens = TokenEndpoint(self.credentials, transport, clock.real_now)
        self.graphql = GraphQLClient(self.credentials, transport, budget)

    def receive(self, headers: Mapping[str, str], body: bytes) -> Envelope | Refused:
        """See `base.Platform`."""
        return webhooks.receive(headers, body, self.credentials.secrets)

    def normalise(
        self,
        topic: str,
        body: bytes,
        triggered_at: datetime | None,
        received_at: datetime,
        *,
        shop_currency: str | None = None,
        shop_domain: str | None = None,
    ) -> Normalised:
        """See `base.Platform`; `normalise.normalise` tells what the two optional facts about the shop are for."""
        return normalise(topic, body, triggered_at, received_at, shop_currency=shop_currency, shop_domain=shop_domain)

    def refresh(self, shop: str, refresh_token: str) -> TokenResult:
        """See `base.Platform`."""
        return self.tokens.refresh(shop, refresh_token)

    def start_export(
        self, access: ShopAccess, kind: str, since: datetime | None, until: datetime | None
    ) -> ExportStarted | ExportFailed:
        """See `base.Platform`."""
        return importing.start(self.graphql, access, kind, since, until)

    def export_status(self, access: ShopAccess, export_id: str) -> ExportRunning | ExportReady | ExportFailed:
        """See `base.Platform`."""
        return importing.status(self.graphql, access, export_id)

    def read_export(self, url: str, kind: str, done: int = 0) -> Iterator[tuple[int, tuple[Fact, ...]]]:
        """See `base.Platform`.

        Raises:
            StoreSilentError: the download broke off.
        """
        return exports.read_export(url, kind, done)

    def order_exists(
        self, access: ShopAccess, *, checkout_token: str | None, email: str | None, since: datetime
    ) -> bool | None:
        """See `base.Platform`. Answers within a few seconds or not at all."""
        return asking.order_exists(self.graphql, access, checkout_token=checkout_token, email=email, since=since)

    def changes_since(self, access: ShopAccess, kind: str, since: datetime) -> Iterator[Fact]:
        """See `base.Platform`.

        Raises:
            StoreSilentError: when the store stops answering midway.
        """
        return asking.changes_since(self.graphql, access, kind, since)

    def shop_info(
        self, access: ShopAccess, at: datetime, *, patience: float = PATIENCE_SECONDS
    ) -> asking.ShopInfo | GraphQLFault:
        """Who the store is and what the app may do there."""
        return asking.shop_info(self.graphql, access, at, patience=patience)

    def brand(self, shop: str, *, patience: float) -> StoreBrand | None:
        """How the store looks; None when it gave no answer within `patience` seconds."""
        return branding.read(self._transport, self.credentials, shop, patience)

    def tell_consent(self, access: ShopAccess, told: ToldConsent) -> TellAnswer:
        """See `base.Platform`."""
        return telling.tell_consent(self.graphql, access, told)

    def storefront_call(self, query_string: str) -> ProxyRequest | None:
        """A shopper's request that came through the store's own pages; None when the store didn't sign it."""
        found = verify_proxy(self.credentials, query_string, clock.real_now())
        return found if isinstance(found, ProxyRequest) else None
