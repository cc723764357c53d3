"""Queries that Shopify signed: the authorization-code grant (for use outside the admin) and app proxy requests."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from app.platforms.shopify.auth import LONGEST_QUERY, Denied
from app.platforms.shopify.domains import shop_domain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from app.platforms.shopify.credentials import Credentials

OLDEST_SECONDS = 90
ONCE_ONLY = ("shop", "hmac", "signature", "timestamp")


def authorize_url(credentials: Credentials, shop: str, redirect_uri: str, state: str) -> str:
    """Where the merchant grants access. Scopes stand in shopify.app.toml, so none are named here.

    `state` may hold letters, digits, `-`, `_` and `.` only: Shopify's libraries sign other characters differently.
    """
    query = {"client_id": credentials.api_key, "redirect_uri": redirect_uri, "state": state}
    return credentials.address(shop, "/admin/oauth/authorize?") + urlencode(query)


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """A query that Shopify signed: of an install request (without `code`) or of the grant's callback."""

    shop: str
    code: str = field(default="", repr=False)
    state: str = ""
    host: str | None = None


def verify_query(credentials: Credentials, query_string: str, now: datetime) -> SignedQuery | Denied:
    """Check the HMAC, age (90 s) and store of an install request or callback. `state` is the caller's to compare."""
    parameters = _parameters(query_string)
    if parameters is None or any(len(values) > 1 for values in parameters.values()):
        return Denied("bad_request", 400)
    given = {name: values[0] for name, values in parameters.items()}
    claimed = given.pop("hmac", "")
    given.pop("signature", None)
    if not claimed or not any(_matches(credentials, message, claimed) for message in _oauth_messages(given)):
        return Denied("bad_signature")
    if not _is_recent(given.get("timestamp", ""), now):
        return Denied("too_old")
    shop = shop_domain(given.get("shop"))
    if shop is None:
        return Denied("bad_shop_domain", 400)
    return SignedQuery(shop, given.get("code", ""), given.get("state", ""), given.get("host"))


def _parameters(query_string: str) -> dict[str, list[str]] | None:
    """The parameters of a query with all their values; None when it can't be read or repeats one that is signed for."""
    if len(query_string) > LONGEST_QUERY:
        return None
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        return None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return None if any(len(found.get(name, ())) > 1 for name in ONCE_ONLY) else found


def _oauth_messages(given: Mapping[str, str]) -> tuple[str, str]:
    """What may have been signed: Shopify's libraries encode either everything or only what separates the pairs.

    Both ways are unambiguous, so that accepting either lets no changed query pass.
    """
    pairs = sorted(given.items())
    everything = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return everything, "&".join(f"{_escape(name).replace('=', '%3D')}={_escape(value)}" for name, value in pairs)


def _escape(value: str) -> str:
    return value.replace("%", "%25").replace("&", "%26")


def _matches(credentials: Credentials, message: str, claimed: str) -> bool:
    """Whether any secret signed the message; hexadecimal, in constant time."""
    data, wanted = message.encode(), claimed.encode()
    made = [hmac.digest(secret.encode(), data, "sha256").hex().encode() for secret in credentials.secrets]
    return any([hmac.compare_digest(each, wanted) for each in made])  # noqa: C419 - each secret costs the same time


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):  # noqa: PLR2004 - until year 33658
        return False
    return abs(now.timestamp() - int(timestamp)) <= OLDEST_SECONDS


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """A shopper's request that came through the store; `customer_id` when they are logged in there."""

    shop: str
    customer_id: str | None
    parameters: Mapping[str, str]


def verify_proxy(credentials: Credentials, query_string: str, now: datetime) -> ProxyRequest | Denied:
    """Check an app proxy request: sorted `name=value` without separators, repeated values joined by commas."""
    given = _parameters(query_string)
    if given is None:
        return Denied("bad_request", 400)
    claimed = given.pop("signature", [""])[0]
    message = "".join(f"{name}={','.join(values)}" for name, values in sorted(given.items()))
    if not claimed or not _matches(credentials, message, claimed):
        return Denied("bad_signature")
    if not _is_recent(given.get("timestamp", [""])[0], now):
        return Denied("too_old")
    shop = shop_domain(given.get("shop", [""])[0])
    if shop is None:
        return Denied("bad_shop_domain", 400)
    customer_id = given.get("logged_in_customer_id", [""])[0]
    return ProxyRequest(
        shop,
        customer_id if customer_id.isascii() and customer_id.isdigit() else None,
        {name: values[0] for name, values in given.items()},
    )
