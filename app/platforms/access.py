"""Getting into a store: its token, kept fresh. One refresh at a time for a shop, with no connection held meanwhile."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock, registry
from app.platforms.base import Platform, ShopAccess, TokenGranted, TokenRefused
from app.shops.models import Shop, ShopToken
from app.transaction import transaction

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

REFRESH_AHEAD = timedelta(minutes=5)
LONGEST_REFRESH = timedelta(seconds=20)
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Look:
    """A shop's token at one moment."""

    platform: Platform
    access: ShopAccess
    refresh_token: str | None
    fresh: bool
    usable: bool
    my_turn: bool
    """It has to be refreshed, and that is ours to do."""


def open_store(shop_id: int, *, patience: float = 10.0) -> tuple[Platform, ShopAccess] | None:
    """The shop's platform and a token that works for some minutes; None when the merchant has to open the app again.

    Waits at most `patience` seconds for another process's refresh.
    """
    deadline = clock.monotonic() + patience
    while (look := _look(shop_id)) is not None:
        if look.my_turn and look.refresh_token is not None:
            renewed = _refresh(look, look.refresh_token)
            if renewed is not None:
                return look.platform, renewed
            return (look.platform, look.access) if look.usable else None
        if look.fresh or look.usable:
            return look.platform, look.access
        if look.refresh_token is None or clock.monotonic() > deadline:
            return None
        clock.pause(POLL_SECONDS)
    return None


def _look(shop_id: int) -> _Look | None:
    with transaction(shop_id) as session:
        shop = session.get_one(Shop, shop_id)
        token = session.get(ShopToken, shop_id)
        if token is None or not shop.active:
            return None
        now = clock.real_now()
        fresh = token.expires_at is None or token.expires_at - now > REFRESH_AHEAD
        return _Look(
            platform=registry.platform(shop.platform),
            access=ShopAccess(shop_id, shop.domain, token.access_token),
            refresh_token=token.refresh_token,
            fresh=fresh,
            usable=token.expires_at is None or token.expires_at > now,
            my_turn=not fresh and token.refresh_token is not None and _take_turn(session, token.expires_at),
        )


def _take_turn(session: Session, expires_at: datetime | None) -> bool:
    """Be the one who refreshes the token that was just read: not while somebody does, nor after somebody has."""
    return (
        session.execute(
            text(
                "UPDATE shop_token SET refreshing_until = clock_timestamp() + :longest WHERE shop_id = :shop "
                "AND (refreshing_until IS NULL OR refreshing_until < clock_timestamp()) "
                "AND expires_at IS NOT DISTINCT FROM :seen RETURNING 1"
            ),
            {"shop": session.info["shop_id"], "longest": LONGEST_REFRESH, "seen": expires_at},
        ).first()
        is not None
    )


def _refresh(look: _Look, refresh_token: str) -> ShopAccess | None:
    shop_id, domain = look.access.shop_id, look.access.domain
    result = look.platform.refresh(domain, refresh_token)
    if isinstance(result, TokenGranted):
        keep(shop_id, result)
        return ShopAccess(shop_id, domain, result.access_token)
    with transaction(shop_id) as session:
        session.execute(text("UPDATE shop_token SET refreshing_until = NULL WHERE shop_id = :shop"), {"shop": shop_id})
        if isinstance(result, TokenRefused) and result.final:
            log.warning("store_needs_reauthorization", extra={"shop": shop_id, "code": result.code})
            session.get_one(Shop, shop_id).needs_reauthorization = True
    return None


def keep(shop_id: int, granted: TokenGranted) -> None:
    """Store both tokens in one transaction; a token pair replaces the one before it.

    Reconciliation opens every store each 15 minutes, so that no refresh token comes near its end of 90 days.
    """
    with transaction(shop_id) as session:
        session.merge(
            ShopToken(
                shop_id=shop_id,
                access_token=granted.access_token,
                refresh_token=granted.refresh_token,
                expires_at=granted.expires_at,
                refresh_expires_at=granted.refresh_expires_at,
                refreshing_until=None,
                updated_at=clock.now(),
            )
        )
