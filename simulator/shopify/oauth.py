"""Install and tokens: token exchange, refresh with rotation, the authorization-code grant.

Everything here runs on real time, as the app's checks do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import jwt
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.settings import Settings

GRANT_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name, not a secret
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
ONLINE = "urn:shopify:params:oauth:token-type:online-access-token"
ID_TOKEN_SECONDS = 60
REFRESH_SECONDS = 90 * 24 * 3600
LEEWAY_SECONDS = 10
USER_ID = 98_548_380_021
CODE_SECONDS = 60


@dataclass(slots=True)
class Grant:
    """One access token, with the refresh token it came with."""

    access_token: str
    scope: str
    expires_at: float | None
    refresh_token: str | None = None
    refresh_expires_at: float = 0.0
    predecessor: str | None = None
    """The refresh token that was used to get this; it works again until this grant is used."""


@dataclass(slots=True)
class Tokens:
    """Which tokens are alive."""

    settings: Settings
    scopes: str
    grants: dict[str, Grant] = field(default_factory=dict)
    by_refresh: dict[str, Grant] = field(default_factory=dict)
    codes: dict[str, float] = field(default_factory=dict)
    on_install: Callable[[], None] = lambda: None

    def alive(self, access_token: str) -> bool:
        """Whether the Admin API accepts this token now; using a grant retires what came before it."""
        grant = self.grants.get(access_token)
        if grant is None or (grant.expires_at is not None and grant.expires_at <= time.time()):
            return False
        if grant.predecessor:
            self.by_refresh.pop(grant.predecessor, None)
            grant.predecessor = None
        return True

    def kill_all(self) -> None:
        """The app is uninstalled: every token is dead at once."""
        self.grants.clear()
        self.by_refresh.clear()
        self.codes.clear()

    def issue(self, *, expiring: bool, predecessor: str | None = None) -> Grant:
        """A new offline token. An expiring one ends every older refresh token, save the one it replaces."""
        now = time.time()
        grant = Grant(
            f"shpat_{secrets.token_hex(16)}", self.scopes, now + self.settings.token_life if expiring else None
        )
        if expiring:
            grant.refresh_token = f"shprt_{secrets.token_hex(16)}"
            grant.refresh_expires_at = now + REFRESH_SECONDS
            grant.predecessor = predecessor
            kept = self.by_refresh.get(predecessor) if predecessor else None
            self.by_refresh = {grant.refresh_token: grant}
            if predecessor and kept:
                self.by_refresh[predecessor] = kept
        self.grants[grant.access_token] = grant
        return grant

    def mint_id_token(self) -> str:
        """A session token as App Bridge gives it to the app: one minute long."""
        settings, now = self.settings, int(time.time())
        shop = f"https://{settings.identity.domain}"
        claims = {
            "iss": f"{shop}/admin",
            "dest": shop,
            "aud": settings.keys.shopify_api_key,
            "sub": str(USER_ID),
            "exp": now + ID_TOKEN_SECONDS,
            "nbf": now,
            "iat": now,
            "jti": secrets.token_hex(16),
            "sid": secrets.token_hex(16),
            "sig": secrets.token_hex(32),
        }
        return jwt.encode(claims, settings.keys.shopify_api_secret, algorithm="HS256")

    def signed_query(self, params: Mapping[str, str]) -> str:
        """A query string with the HMAC that proves it comes from the platform."""
        values = {**params, "timestamp": str(int(time.time()))}
        return urlencode({**values, "hmac": query_hmac(self.settings.keys.shopify_api_secret, values)}, quote_via=quote)

    def entry_query(self) -> str:
        """What the admin appends to the app's address when it opens it."""
        domain = self.settings.identity.domain
        return self.signed_query(
            {
                "shop": domain,
                "host": admin_host(self.settings),
                "embedded": "1",
                "locale": "en",
                "session": secrets.token_hex(32),
                "id_token": self.mint_id_token(),
            }
        )


def admin_host(settings: Settings) -> str:
    """The `host` parameter: where in the admin the app lives."""
    text = f"admin.shopify.com/store/{settings.identity.handle}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def query_hmac(secret: str, params: Mapping[str, str]) -> str:
    """Hex HMAC over the sorted, percent-encoded parameters without `hmac` and `signature`."""
    signed = "&".join(
        f"{quote(key, safe='')}={quote(value, safe='')}"
        for key, value in sorted(params.items())
        if key not in {"hmac", "signature"}
    )
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


class OAuth:
    """The endpoints under /admin/oauth."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._settings = tokens.settings

    async def access_token(self, request: web.Request) -> web.Response:
        """POST /admin/oauth/access_token: three grants."""
        form = await _fields(request)
        keys = self._settings.keys
        if form.get("client_id") != keys.shopify_api_key or form.get("client_secret") != keys.shopify_api_secret:
            return _error("invalid_client", "Client authentication failed")
        grant_type = form.get("grant_type", "")
        if grant_type == GRANT_EXCHANGE:
            return self._exchange(form)
        if grant_type == "refresh_token":
            return self._refresh(form)
        if form.get("code"):
            return self._code(form)
        return _error("unsupported_grant_type", "The grant type is not supported")

    def _exchange(self, form: Mapping[str, str]) -> web.Response:
        if form.get("subject_token_type") != ID_TOKEN_TYPE or not self._valid_id_token(form.get("subject_token", "")):
            return _error("invalid_subject_token", "The id token is invalid or has expired")
        wanted = form.get("requested_token_type")
        if wanted not in {OFFLINE, ONLINE}:
            return _error("invalid_request", "requested_token_type is not supported")
        grant = self._tokens.issue(expiring=form.get("expiring") == "1" and wanted == OFFLINE)
        self._tokens.on_install()
        body = _answer(grant)
        if wanted == ONLINE:
            body |= {
                "expires_in": 86399,
                "associated_user_scope": grant.scope,
                "associated_user": {
                    "id": USER_ID,
                    "first_name": "Robin",
                    "last_name": "Sage",
                    "email": self._settings.identity.email,
                    "email_verified": True,
                    "account_owner": True,
                    "locale": "en",
                    "collaborator": False,
                },
            }
        return web.json_response(body)

    def _valid_id_token(self, token: str) -> bool:
        try:
            claims = jwt.decode(
                token,
                self._settings.keys.shopify_api_secret,
                algorithms=["HS256"],
                leeway=LEEWAY_SECONDS,
                audience=self._settings.keys.shopify_api_key,
            )
        except jwt.PyJWTError:
            return False
        return bool(claims.get("dest") == f"https://{self._settings.identity.domain}")

    def _refresh(self, form: Mapping[str, str]) -> web.Response:
        old = form.get("refresh_token", "")
        grant = self._tokens.by_refresh.get(old)
        if grant is None or grant.refresh_expires_at <= time.time():
            return _error("invalid_grant", "The refresh token is invalid or has expired")
        return web.json_response(_answer(self._tokens.issue(expiring=True, predecessor=old)))

    def _code(self, form: Mapping[str, str]) -> web.Response:
        expires = self._tokens.codes.pop(form["code"], 0.0)
        if expires <= time.time():
            return _error("invalid_request", "The authorization code was not found or was already used")
        grant = self._tokens.issue(expiring=form.get("expiring") == "1")
        self._tokens.on_install()
        return web.json_response(_answer(grant))

    async def authorize(self, request: web.Request) -> web.Response:
        """GET /admin/oauth/authorize: the merchant always agrees."""
        query = request.query
        if query.get("client_id") != self._settings.keys.shopify_api_key:
            return web.Response(status=400, text="Oauth error invalid_client: unknown app")
        target = query.get("redirect_uri", "")
        if not target.startswith(f"{self._settings.app_url}/"):
            return web.Response(status=400, text="Oauth error invalid_request: the redirect_uri is not whitelisted")
        code = secrets.token_hex(16)
        self._tokens.codes[code] = time.time() + CODE_SECONDS
        back = self._tokens.signed_query(
            {
                "code": code,
                "shop": self._settings.identity.domain,
                "state": query.get("state", ""),
                "host": admin_host(self._settings),
            }
        )
        return web.Response(status=302, headers={"Location": f"{target}?{back}"})


async def _fields(request: web.Request) -> dict[str, str]:
    if request.content_type == "application/json":
        body = await request.json()
        return {key: str(value) for key, value in body.items()} if isinstance(body, dict) else {}
    return {key: str(value) for key, value in (await request.post()).items()}


def _answer(grant: Grant) -> dict[str, Any]:
    body: dict[str, Any] = {"access_token": grant.access_token, "scope": grant.scope}
    if grant.expires_at is not None:
        body["expires_in"] = max(0, round(grant.expires_at - time.time()))
        body["refresh_token"] = grant.refresh_token
        body["refresh_token_expires_in"] = REFRESH_SECONDS
    return body


def _error(code: str, description: str) -> web.Response:
    return web.json_response({"error": code, "error_description": description}, status=400)
