"""The first verified visit of a store installs the app there: a token, the starters, the store's own facts.

A token is asked for only when none that works is stored, since each new one ends the life of the older refresh token
(CONTRACT 1.3), and by one process at a time for a shop.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import select, text

from app import clock
from app.journeys import service as journeys
from app.journeys.models import Journey
from app.platforms import access
from app.platforms.base import TokenGranted, TokenUnavailable
from app.platforms.shopify.asking import ShopInfo
from app.privacy import audit
from app.shops import brand, service as shops
from app.shops.models import Shop, ShopToken
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.platforms.base import TokenRefused, TokenResult
    from app.platforms.shopify.platform import ShopifyPlatform

log = logging.getLogger(__name__)

INSTALL_LOCK = 7_261_602
"""With the shop's number: one process at a time installs a shop."""
PATIENCE = 10.0
PAUSE = 0.2
IN_FRONT_OF_A_SCREEN = 3.0
"""Somebody waits: a worker's half minute would be too long."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a shop stands with its store."""

    shop: Shop
    has_token: bool
    """A stored token works, or can be refreshed."""

    @property
    def is_ready(self) -> bool:
        """Nothing is left to do."""
        return self.shop.active and self.has_token and not self.shop.needs_reauthorization


@dataclass(frozen=True, slots=True)
class NotInstalled:
    """The store didn't let us in: its code, whether another try may help, and when (seconds)."""

    code: str
    is_final: bool
    retry_after: float = 5.0


def standing(shop_id: int) -> Standing:
    """The shop with the one thing about its token that matters here."""
    now = clock.real_now()
    with transaction(shop_id) as session:
        token = session.execute(
            select(
                ShopToken.expires_at,
                ShopToken.refresh_expires_at,
                ShopToken.refresh_token.isnot(None).label("refreshes"),
            ).where(ShopToken.shop_id == shop_id)
        ).first()
        works = token is not None and (
            token.expires_at is None
            or token.expires_at > now
            or (token.refreshes and (token.refresh_expires_at is None or token.refresh_expires_at > now))
        )
        return Standing(shops.get(session), works)


def ensure(platform: ShopifyPlatform, shop_id: int, id_token: str) -> Shop | NotInstalled:
    """The shop, installed. A store that was let in before stays so when it doesn't answer just now."""
    found = standing(shop_id)
    if found.is_ready:
        return found.shop
    return _one_at_a_time(platform, found, lambda: platform.tokens.exchange(found.shop.domain, id_token))


def keep_up(shop_id: int) -> None:
    """Give a shop the starters that came with a newer release: once for each shop in a process, a release being one."""
    if shop_id in _Seen.shops:
        return
    with transaction(shop_id) as session:
        have = set(session.scalars(select(Journey.key).where(Journey.shop_id == shop_id)))
        if any(folder.parent.name not in have for folder in journeys.LIBRARY.glob("*/definition.yaml")):
            # One process at a time: a journey's key is unique in its shop.
            session.execute(
                text("SELECT pg_advisory_xact_lock(CAST(:lock AS int), CAST(:shop AS int))"),
                {"lock": INSTALL_LOCK, "shop": shop_id % 2**31},
            )
            journeys.install_starters(session)
    _Seen.shops.add(shop_id)


class _Seen:
    """Shops that have every starter of this release."""

    shops: ClassVar[set[int]] = set()


def redeem(platform: ShopifyPlatform, shop_id: int, code: str) -> Shop | NotInstalled:
    """The same by the code of an authorization grant."""
    found = standing(shop_id)
    return _one_at_a_time(platform, found, lambda: platform.tokens.redeem(found.shop.domain, code))


def _one_at_a_time(platform: ShopifyPlatform, found: Standing, ask: Callable[[], TokenResult]) -> Shop | NotInstalled:
    """Install, or wait for the process that does. The lock ends with its transaction, also when the process dies."""
    deadline = clock.monotonic() + PATIENCE
    while not found.is_ready:
        installed: Shop | NotInstalled | None = None
        with across_shops() as session:
            mine = session.scalar(
                text("SELECT pg_try_advisory_xact_lock(CAST(:lock AS int), CAST(:shop AS int))"),
                {"lock": INSTALL_LOCK, "shop": found.shop.id % 2**31},
            )
            if mine:
                found = standing(found.shop.id)  # another process may just have done it
                if found.is_ready:
                    return found.shop
                installed = _install(platform, found, ask)
        if installed is not None:
            return installed if isinstance(installed, NotInstalled) else _with_its_looks(platform, installed)
        if clock.monotonic() > deadline:
            return NotInstalled("another_install_under_way", is_final=False)
        clock.pause(PAUSE)
        found = standing(found.shop.id)
    return found.shop


def _install(platform: ShopifyPlatform, found: Standing, ask: Callable[[], TokenResult]) -> Shop | NotInstalled:
    shop, scopes = found.shop, tuple(found.shop.scopes)
    if not found.has_token or shop.needs_reauthorization:
        result = ask()
        if not isinstance(result, TokenGranted):
            log.warning("store_refused_token", extra={"shop": shop.id, "code": _code(result)})
            return shop if shop.active else _not_installed(result)
        access.keep(shop.id, result)
        scopes = result.scopes
    first = shops.install(shop.id, scopes)
    with transaction(shop.id) as session:
        journeys.install_starters(session)
        if first:
            audit.note(session, "store", audit.Action.SHOP_INSTALLED, targets={"shop": shop.id})
    learn_about_store(platform, shop.id)
    log.info("store_installed", extra={"shop": shop.id, "first": first})
    return standing(shop.id).shop


def _with_its_looks(platform: ShopifyPlatform, shop: Shop) -> Shop:
    """The shop as its mails will show it, outside the lock: nobody waits for a picture."""
    return standing(shop.id).shop if read_brand(platform, shop.id, "store") else shop


def read_brand(platform: ShopifyPlatform, shop_id: int, actor: str) -> dict[str, Any] | None:
    """Take over from the store how it looks; what changed, None when the store gave no answer."""
    with transaction(shop_id) as session:
        domain = shops.get(session).domain
    found = platform.brand(domain, patience=IN_FRONT_OF_A_SCREEN)
    if found is None:
        log.warning("store_brand_missing", extra={"shop": shop_id})
        return None
    with transaction(shop_id) as session:
        before, after = brand.take_over(session, shops.get(session), found)
        if after:
            changed = audit.Action.SETTINGS_CHANGED
            audit.note(session, actor, changed, targets={"part": "brand"}, before=before, after=after)
    return after


def learn_about_store(platform: ShopifyPlatform, shop_id: int) -> bool:
    """Ask the store its name, zone, currency and what it lets us do. False when it gave no answer: ask again later."""
    opened = access.open_store(shop_id)
    info = opened and platform.shop_info(opened[1], clock.now(), patience=IN_FRONT_OF_A_SCREEN)
    if not isinstance(info, ShopInfo):
        log.warning("store_facts_missing", extra={"shop": shop_id, "code": info.code if info else "no_access"})
        return False
    with transaction(shop_id) as session:
        shops.record(session, [info.changed])
        _keep_scopes(shops.get(session), info.scopes)
    return True


def _keep_scopes(shop: Shop, scopes: Sequence[str]) -> None:
    if scopes:
        shop.scopes = sorted(scopes)


def _code(result: TokenRefused | TokenUnavailable) -> str:
    return result.reason if isinstance(result, TokenUnavailable) else result.code


def _not_installed(result: TokenRefused | TokenUnavailable) -> NotInstalled:
    if isinstance(result, TokenUnavailable):
        return NotInstalled(result.reason, is_final=False, retry_after=result.retry_after)
    return NotInstalled(result.code, is_final=result.final)
