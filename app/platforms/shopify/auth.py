"""Who is asking from the store's admin? Session tokens and what surrounds them. Answers are values.

Session tokens are verified by Shopify's library; what it leaves open is checked here: the store's name in `dest`, that
`iss` names the same store, and that the reload path stays on this app.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.platforms.shopify.domains import shop_domain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.platforms.shopify.credentials import Credentials

ADMIN = "https://admin.shopify.com"
RETRY_HEADER = ("X-Shopify-Retry-Invalid-Session-Request", "1")
LONGEST_QUERY = 8192

_ADMIN_HOST = re.compile(r"admin\.shopify\.com/store/[a-z0-9][a-z0-9-]{0,59}", re.ASCII)
_LEGACY_HOST = re.compile(r"([a-z0-9][a-z0-9-]{0,59}\.myshopify\.com)/admin", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """A verified session token: which store, which member of its staff, and the token, to be exchanged."""

    shop: str
    user_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Denied:
    """Not let in: the status to answer, the headers to send, and the reason's code for the log."""

    reason: str
    status: int = 401
    headers: tuple[tuple[str, str], ...] = ()


def enter(credentials: Credentials, target: str, authorization: str | None, patch_path: str) -> Session | Denied:
    """Let an App Home request in.

    `target` is the request's path with its query, `authorization` that header. A page without a good token is sent to
    `patch_path` (302, where App Bridge fetches a token and returns); a call by script gets 401 and the header that
    makes App Bridge try again with a fresh one.
    """
    # Here, since it brings an HTTP client and its command line, which no worker needs: a fifth of a second of start-up.
    from shopify_app.verify.app_home_req import verify_app_home_req

    if not credentials.secrets or not is_own_path(target) or len(target) > LONGEST_QUERY:
        return Denied("bad_request", 400)
    if authorization is not None and not authorization.isascii():
        return Denied("invalid_id_token", 401, (RETRY_HEADER,))
    result = verify_app_home_req(
        {
            "method": "GET",
            "headers": {"authorization": authorization} if authorization else {},
            "url": target,
            "body": "",
        },
        {
            "client_id": credentials.api_key,
            "client_secret": credentials.secrets[0],
            "old_client_secret": credentials.secrets[1] if len(credentials.secrets) > 1 else None,
        },
        patch_path,
    )
    if not result.ok or result.id_token is None:
        return _denied(result.log.code, result.response.status, result.response.headers)
    shop = _shop_of(result.id_token.claims)
    user_id = result.id_token.claims.get("sub")
    if shop is None or not isinstance(user_id, str | int):
        return Denied("bad_claims", 401, (RETRY_HEADER,) if authorization else ())
    return Session(shop=shop, user_id=str(user_id), token=result.id_token.token)


def _denied(reason: str, status: int, headers: Mapping[str, str]) -> Denied:
    """The library builds absolute addresses from the request's; ours have no host, so its `://` in front is cut."""
    kept = {name: value.removeprefix("://") if name == "Location" else value for name, value in headers.items()}
    return Denied(reason, status, tuple(kept.items()))


def _shop_of(claims: Mapping[str, object]) -> str | None:
    """The store a token speaks for: `dest` names one, `iss` the same one, and the token ends."""
    issuer, destination = claims.get("iss"), claims.get("dest")
    if not isinstance(issuer, str) or not isinstance(destination, str) or "exp" not in claims or "nbf" not in claims:
        return None
    shop = shop_domain(destination.removeprefix("https://"))
    return shop if shop and issuer == f"https://{shop}/admin" else None


def is_own_path(target: str) -> bool:
    r"""Whether a path stays on this app: `//e.tld` and `/\e.tld` lead a browser elsewhere."""
    return target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable()


@dataclass(frozen=True, slots=True)
class PatchPage:
    """What the patch-id-token page needs: App Bridge's script with this key, framed by this store only."""

    shop: str
    api_key: str
    frame_ancestors: str


def patch_page(credentials: Credentials, query: Mapping[str, str]) -> PatchPage | Denied:
    """Decide on the page that only loads App Bridge, which gets a token and reloads `shopify-reload`."""
    shop = shop_domain(query.get("shop"))
    if shop is None:
        return Denied("bad_shop_domain", 400)
    if not is_own_path(query.get("shopify-reload", "")):
        return Denied("bad_reload_path", 400)
    return PatchPage(shop, credentials.api_key, frame_ancestors(credentials, shop))


def frame_ancestors(credentials: Credentials, shop: str | None) -> str:
    """The Content-Security-Policy of a page: only the admin of its own store may frame it; nobody if there is none."""
    if shop is None:
        return "frame-ancestors 'none';"
    places = dict.fromkeys((f"https://{shop}", credentials.origin(shop), ADMIN))
    return f"frame-ancestors {' '.join(places)};"


def admin_host(credentials: Credentials, host: str | None, shop: str) -> str | None:
    """The admin's address that a `host` parameter stands for (base64), or None when it is another place's."""
    if not host or len(host) > 400 or not host.isascii():  # noqa: PLR2004 - a store's name has at most 60 letters
        return None
    try:
        place = base64.b64decode(host + "=" * (-len(host) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    legacy = _LEGACY_HOST.fullmatch(place)
    if _ADMIN_HOST.fullmatch(place) or (legacy and legacy[1] == shop):
        return f"https://{place}"
    own = credentials.origin(shop)
    return f"{own}{place[place.index('/') :]}" if place.startswith(own.partition("://")[2] + "/") else None


def embedded_url(credentials: Credentials, host: str | None, shop: str) -> str:
    """Where the app lives inside the store's admin."""
    place = admin_host(credentials, host, shop) or f"{ADMIN}/store/{shop.removesuffix('.myshopify.com')}"
    return f"{place}/apps/{credentials.api_key}"
