"""Asking a store: what changed since, who it is, and whether somebody has bought meanwhile."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.platforms.base import StoreSilentError
from app.platforms.shopify.graphql import PATIENCE_SECONDS, TOO_EXPENSIVE, GraphQLFault, quoted, stamp
from app.platforms.shopify.nodes import CHILDREN, READERS, nested, shop
from app.platforms.shopify.normalise import people
from app.platforms.shopify.normalise.reading import Json, Unfit, child, instant
from app.platforms.shopify.operations import operation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from app.platforms.base import ShopAccess
    from app.platforms.events import Fact, ShopChanged
    from app.platforms.shopify.graphql import GraphQLClient

log = logging.getLogger(__name__)

PAGE_SIZES = {"customers": 100, "products": 20, "orders": 20}
EXISTS_PATIENCE = 3.0
"""A message waits no longer for this answer; without one the sender decides by what it knows."""


def changes_since(client: GraphQLClient, access: ShopAccess, kind: str, since: datetime) -> Iterator[Fact]:
    """All things of a kind changed since then, oldest change first.

    Raises:
        StoreSilentError: when the store stops answering midway; what was yielded is good.
    """
    search, first, after = f"updated_at:>='{stamp(since)}'", PAGE_SIZES[kind], None
    while True:
        page = client.execute(access, operation(f"{kind}_since"), {"filter": search, "first": first, "after": after})
        if isinstance(page, GraphQLFault):
            if page.code == TOO_EXPENSIVE and first > 1:
                first = max(1, first // 2)
                continue
            raise StoreSilentError(page.code)
        for node in nested(page, kind):
            yield from _facts(client, access, kind, node)
        after = _next(child(page.get(kind)))
        if after is None:
            return


def _next(connection: Json) -> str | None:
    """Where the next page begins; None at the end."""
    info = child(connection.get("pageInfo"))
    cursor = info.get("endCursor")
    return cursor if info.get("hasNextPage") is True and isinstance(cursor, str) else None


def _facts(client: GraphQLClient, access: ShopAccess, kind: str, node: Json) -> tuple[Fact, ...]:
    try:
        return READERS[kind](node, _children(client, access, kind, node))
    except Unfit as unfit:
        log.warning("%s left out: %s", kind, unfit.reason)
        return ()


def _children(client: GraphQLClient, access: ShopAccess, kind: str, node: Json) -> list[Json]:
    """A node's lines or variants; those beyond the first page are asked for."""
    if kind not in CHILDREN:
        return []
    name, more = CHILDREN[kind]
    found, after = nested(node, name), _next(child(node.get(name)))
    while after is not None:
        answer = client.execute(access, operation(more), {"id": node.get("id"), "after": after})
        if isinstance(answer, GraphQLFault):
            raise StoreSilentError(answer.code)
        owner = child(answer.get(kind.removesuffix("s")))
        found += nested(owner, name)
        after = _next(child(owner.get(name)))
    return found


def order_exists(
    client: GraphQLClient, access: ShopAccess, *, checkout_token: str | None, email: str | None, since: datetime
) -> bool | None:
    """Whether the checkout was bought, or this address ordered since; None when the store can't tell in time.

    A filter that the store doesn't know matches every order, so each answer is compared with the question.
    """
    if not checkout_token and not email:
        return None
    data = client.execute(
        access,
        operation("order_exists"),
        {
            "byToken": f"checkout_token:{quoted(checkout_token or '')}",
            "hasToken": bool(checkout_token),
            "byEmail": f"email:{quoted(email or '')} AND created_at:>='{stamp(since)}'",
            "hasEmail": bool(email),
        },
        patience=EXISTS_PATIENCE,
    )
    if isinstance(data, GraphQLFault):
        return None
    bought = any(each.get("checkoutToken") == checkout_token for each in nested(data, "byToken"))
    return bought or any(_is_of(each, email, since) for each in nested(data, "byEmail"))


def _is_of(order: Json, email: str | None, since: datetime) -> bool:
    buyer = child(child(order.get("customer")).get("defaultEmailAddress")).get("emailAddress")
    at = instant(order.get("createdAt"))
    return (
        at is not None
        and at >= since.replace(microsecond=0)
        and email in (people.email(order.get("email")), people.email(buyer))
    )


@dataclass(frozen=True, slots=True)
class ShopInfo:
    """A store as it is now, and what the app may do there."""

    changed: ShopChanged
    scopes: tuple[str, ...]


def shop_info(
    client: GraphQLClient, access: ShopAccess, at: datetime, *, patience: float = PATIENCE_SECONDS
) -> ShopInfo | GraphQLFault:
    """Who the store is; asked after install and after a change of scopes. Takes about `patience` real seconds."""
    data = client.execute(access, operation("shop"), patience=patience)
    if isinstance(data, GraphQLFault):
        return data
    granted: Any = child(data.get("currentAppInstallation")).get("accessScopes")
    scopes = tuple(str(child(each).get("handle")) for each in granted) if isinstance(granted, list) else ()
    return ShopInfo(shop(child(data.get("shop")), at), scopes)
