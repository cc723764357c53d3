"""Getting into a store: its token, kept fresh. One refresh at a time for a shop, with no connection held meanwhile."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock, registry
from app.platforms.base import Platform, ShopAccess, TokenGranted, TokenRefused
from app.shops.models import Shop, ShopToken
from app.transaction import transaction

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)

REFRESH_AHEAD = timedelta(minutes=5)
LONGEST_REFRESH = timedelta(seconds=20)
POLL_SECONDS = 0.1


def open_store(shop_id: int, *, patience: float = 10.0) -> tuple[Platform, ShopAccess] | None:
    """The shop's platform and a token that works for some minutes; None when the merchant has to open the app again.

    Waits at most `patience` seconds for another process's refresh.
    """
    deadline = clock.monotonic() + patience
    while True:
        with transaction(shop_id) as session:
            shop = session.get_one(Shop, shop_id)
            token = session.get(ShopToken, shop_id)
            if token is None or not shop.active:
                return None
            platform, domain = registry.platform(shop.platform), shop.domain
            fresh = token.expires_at is None or token.expires_at - clock.real_now() > REFRESH_AHEAD
            usable = token.expires_at is None or token.expires_at > clock.real_now()
            access = ShopAccess(shop_id, domain, token.access_token)
            refresh_token = token.refresh_token
            mine = not fresh and refresh_token is not None and _take_turn(session)
        if fresh:
            return platform, access
        if mine and refresh_token is not None:
            renewed = _refresh(platform, shop_id, domain, refresh_token)
            if renewed is not None:
                return platform, ShopAccess(shop_id, domain, renewed)
            return (platform, access) if usable else None
        if usable:
            return platform, access
        if refresh_token is None or clock.monotonic() > deadline:
            return None
        clock.pause(POLL_SECONDS)


def _take_turn(session: object) -> bool:
    from sqlalchemy.orm import Session

    assert isinstance(session, Session)  # noqa: S101
    return session.execute(
        text("UPDATE shop_token SET refreshing_until = clock_timestamp() + :longest WHERE shop_id = :shop "
             "AND (refreshing_until IS NULL OR refreshing_until < clock_timestamp()) RETURNING 1"),
        {"shop": session.info["shop_id"], "longest": LONGEST_REFRESH},
    ).first() is not None


def _refresh(platform: Platform, shop_id: int, domain: str, refresh_token: str) -> str | None:
    result = platform.refresh(domain, refresh_token)
    if isinstance(result, TokenGranted):
        keep(shop_id, result)
        return result.access_token
    with transaction(shop_id) as session:
        token = session.get(ShopToken, shop_id)
        if token is not None:
            token.refreshing_until = None
        if isinstance(result, TokenRefused) and result.final:
            log.warning("store_needs_reauthorization", extra={"shop": shop_id, "code": result.code})
            session.get_one(Shop, shop_id).needs_reauthorization = True
    return None


def keep(shop_id: int, granted: TokenGranted) -> None:
    """Store both tokens in one transaction; a token pair replaces the one before it."""
    with transaction(shop_id) as session:
        session.merge(
            ShopToken(
                shop_id=shop_id, access_token=granted.access_token, refresh_token=granted.refresh_token,
                expires_at=granted.expires_at, refresh_expires_at=granted.refresh_expires_at, refreshing_until=None,
                updated_at=clock.now(),
            )
        )


def expires_soon(shop_ids_before: datetime) -> list[int]:
    """Shops whose refresh token ends before then: refreshed by the clock, or they would be lost."""
    from app.transaction import across_shops

    with across_shops() as session:
        rows = session.execute(
            text("SELECT shop_id FROM shop_token WHERE refresh_expires_at < :before"), {"before": shop_ids_before}
        )
        return [row.shop_id for row in rows]
