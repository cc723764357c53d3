"""Shopify as a store platform: what the rest of the app calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock
from app.platforms.shopify import asking, webhooks
from app.platforms.shopify.credentials import Credentials
from app.platforms.shopify.graphql import GraphQLClient
from app.platforms.shopify.importing import Exports
from app.platforms.shopify.normalise import normalise
from app.platforms.shopify.tokens import TokenEndpoint
from app.platforms.shopify.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import config
    from app.platforms.base import Envelope, Refused, ShopAccess
    from app.platforms.events import Fact, Normalised
    from app.platforms.shopify.budget import CostBudget
    from app.platforms.shopify.graphql import GraphQLFault


class ShopifyPlatform:
    """`base.Platform` for Shopify. Its parts are public, for the install flow and the import need more than that."""

    key = "shopify"

    def __init__(self, settings: config.Shopify, budget: CostBudget | None = None) -> None:
        transport = Transport()
        self.credentials = Credentials.from_settings(settings)
        self.tokens = TokenEndpoint(self.credentials, transport, clock.real_now)
        self.graphql = GraphQLClient(self.credentials, transport, budget)
        self.exports = Exports(self.graphql)

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

    def order_exists(
        self, access: ShopAccess, *, checkout_token: str | None, email: str | None, since: datetime
    ) -> bool | None:
        """See `base.Platform`. Answers within a few seconds or not at all."""
        return asking.order_exists(self.graphql, access, checkout_token=checkout_token, email=email, since=since)

    def changes_since(self, access: ShopAccess, kind: str, since: datetime) -> Iterator[Fact]:
        """See `base.Platform`.

        Raises:
            CallFailed: when the store stops answering midway.
        """
        return asking.changes_since(self.graphql, access, kind, since)

    def shop_info(self, access: ShopAccess, at: datetime) -> asking.ShopInfo | GraphQLFault:
        """Who the store is and what the app may do there."""
        return asking.shop_info(self.graphql, access, at)
