"""Access tokens: got, exchanged, refreshed. Pure calls; the caller keeps the tokens and the per-shop lock.

Shopify's library makes these calls too, but only to `https://{shop}`; this one takes the address from the settings.

Rules the caller keeps (CONTRACT 1.3): exchange only when no usable token is stored, since each new one ends the life of
the older refresh token; write both tokens in one transaction; token times are real time, not business time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.platforms.base import StaffMember, TokenGranted, TokenRefused, TokenResult, TokenUnavailable
from app.platforms.shopify.transport import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from app.platforms.shopify.credentials import Credentials
    from app.platforms.shopify.transport import Answer, Transport

PATH = "/admin/oauth/access_token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a token's kind
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
ONLINE = "urn:shopify:params:oauth:token-type:online-access-token"
STAFF_SECONDS = 3.0
"""Somebody waits in front of a screen."""
REFRESH_AHEAD = timedelta(minutes=5)
"""A token is refreshed when it has less than this left, as Shopify's own libraries do."""

FINAL_CODES = frozenset(
    {
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "unauthorized_client",
        "access_denied",
        "invalid_refresh_token",
    }
)


def needs_refresh(expires_at: datetime | None, now: datetime) -> bool:
    """Whether a token ends within five minutes (of real time)."""
    return expires_at is not None and expires_at - now < REFRESH_AHEAD


class TokenEndpoint:
    """The store's token endpoint, for one app."""

    def __init__(self, credentials: Credentials, transport: Transport, real_now: Callable[[], datetime]) -> None:
        self._credentials, self._transport, self._real_now = credentials, transport, real_now

    def exchange(self, shop: str, id_token: str) -> TokenResult:
        """A session token for an expiring offline token: the normal way in.

        `expiring` is 0 by default on the wire, and a token without an end is then refused on every call.
        """
        return self._ask(
            shop,
            {
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": id_token,
                "subject_token_type": ID_TOKEN,
                "requested_token_type": OFFLINE,
                "expiring": 1,
            },
        )

    def redeem(self, shop: str, code: str) -> TokenResult:
        """The code of the authorization grant's callback for an expiring offline token."""
        return self._ask(shop, {"code": code, "expiring": 1})

    def refresh(self, shop: str, refresh_token: str) -> TokenResult:
        """A new pair. The one used keeps working until the new one is, so a lost answer loses nothing."""
        return self._ask(shop, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def staff_member(self, shop: str, id_token: str) -> StaffMember | None:
        """Who the session token's user is; None when the store doesn't say.

        The store tells it only along with an online token. That is thrown away: it leaves the offline pair alone.
        """
        if not self._credentials.secrets:
            return None
        payload = {
            "client_id": self._credentials.api_key,
            "client_secret": self._credentials.secrets[0],
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": id_token,
            "subject_token_type": ID_TOKEN,
            "requested_token_type": ONLINE,
        }
        answer = self._transport.post(self._credentials.address(shop, PATH), payload, read_seconds=STAFF_SECONDS)
        return None if isinstance(answer, NoAnswer) or answer.status != 200 else read_staff(answer.data)  # noqa: PLR2004 HTTP

    def _ask(self, shop: str, payload: dict[str, Any]) -> TokenResult:
        if not self._credentials.secrets:
            return TokenRefused("no_api_secret", final=True)
        identity = {"client_id": self._credentials.api_key, "client_secret": self._credentials.secrets[0]}
        asked_at = self._real_now()
        answer = self._transport.post(self._credentials.address(shop, PATH), identity | payload)
        if isinstance(answer, NoAnswer):
            return TokenUnavailable(answer.reason, 5.0)
        return read_answer(answer, asked_at)


def read_answer(answer: Answer, asked_at: datetime) -> TokenResult:
    """What an answer of the token endpoint means. Lifetimes count from when it was asked, so never too long."""
    if answer.status == 429 or answer.status >= 500:  # noqa: PLR2004 - HTTP
        return TokenUnavailable(f"http_{answer.status}", answer.retry_after or 5.0)
    data = answer.data
    if answer.status != 200:  # noqa: PLR2004 - HTTP
        code = data.get("error")
        code = code[:80] if isinstance(code, str) and code else f"http_{answer.status}"
        return TokenRefused(code, final=code in FINAL_CODES or not isinstance(data.get("error"), str))
    token = data.get("access_token")
    if not isinstance(token, str) or not token:
        return TokenUnavailable("unreadable_answer", 5.0)
    refresh_token = data.get("refresh_token")
    scope = data.get("scope")
    return TokenGranted(
        access_token=token,
        expires_at=_after(asked_at, data.get("expires_in")),
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        refresh_expires_at=_after(asked_at, data.get("refresh_token_expires_in")),
        scopes=tuple(part.strip() for part in scope.split(",") if part.strip()) if isinstance(scope, str) else (),
    )


def read_staff(data: dict[str, Any]) -> StaffMember | None:
    """The member of the staff an online token was given for."""
    user = data.get("associated_user")
    if not isinstance(user, dict):
        return None
    parts = [user.get("first_name"), user.get("last_name")]
    email = user.get("email")
    return StaffMember(
        name=" ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())[:120],
        email=email[:254] if isinstance(email, str) else "",
        is_account_owner=user.get("account_owner") is True,
    )


def _after(begun: datetime, life: object) -> datetime | None:
    if not isinstance(life, int | float) or not 0 < life < 10**9:
        return None
    return begun + timedelta(seconds=life)
