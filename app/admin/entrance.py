"""Ways in that no session token can guard: the page that fetches one, the authorization-code grant, and our assets."""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, redirect, render_template, request

from app import clock
from app.admin import guard, installing
from app.admin.assets import FILES, asset
from app.admin.guard import ONE_YEAR, PATCH_PATH, helpful, refused_by_store, settings, shopify
from app.admin.installing import NotInstalled
from app.platforms.shopify.auth import Denied, embedded_url, patch_page
from app.platforms.shopify.signed_queries import authorize_url, verify_query
from app.security import tokens
from app.shops import service as shops

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

bp = Blueprint("entrance", __name__, template_folder="templates")
bp.after_request(guard.protect)

STATE_COOKIE = "__Host-regulars_state"
STATE_SECONDS = 60
SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@bp.get(PATCH_PATH)
def patch_id_token() -> Response:
    """Load App Bridge, which fetches a session token and returns to where the browser wanted to go."""
    page = patch_page(shopify().credentials, request.args)
    if isinstance(page, Denied):
        return helpful(page.status)
    g.shop_domain = page.shop
    return Response(render_template("admin/patch.html", api_key=page.api_key, bridge=settings().shopify.app_bridge_url))


@bp.get("/auth/shopify")
def begin() -> BaseResponse:
    """An install from outside the admin: on to the store, where the merchant agrees."""
    if request.args.get("embedded") == "1":  # already in the admin's frame, where session tokens are the way
        return redirect(f"/?{request.query_string.decode('ascii', 'replace')}")
    platform = shopify()
    asked = verify_query(platform.credentials, request.query_string.decode("ascii", "replace"), clock.real_now())
    if isinstance(asked, Denied):
        return helpful(asked.status)
    shop_id = shops.find(asked.shop) or shops.find_or_create("shopify", asked.shop)
    if installing.standing(shop_id).is_ready:
        return redirect(embedded_url(platform.credentials, asked.host, asked.shop))
    # Signed by our own key, never by the store's secret: such a cookie could pass for a webhook (CONTRACT 1.1).
    state = tokens.make("oauth state", shop_id, _microseconds(clock.real_now()), secrets.randbits(62))
    response = redirect(
        authorize_url(platform.credentials, asked.shop, f"{settings().public_url}/auth/shopify/callback", state)
    )
    response.set_cookie(STATE_COOKIE, state, max_age=STATE_SECONDS, secure=True, httponly=True, samesite="Lax")
    return response


@bp.get("/auth/shopify/callback")
def callback() -> BaseResponse:
    """Back from the store with a code: the same browser, within a minute, once."""
    platform, now = shopify(), clock.real_now()
    answered = verify_query(platform.credentials, request.query_string.decode("ascii", "replace"), now)
    if isinstance(answered, Denied):
        return _forgotten(helpful(answered.status))
    given = request.cookies.get(STATE_COOKIE, "")
    named = tokens.read("oauth state", answered.state, 3)
    shop_id = shops.find(answered.shop)
    if (
        named is None
        or named[0] != shop_id
        or not 0 <= _microseconds(now) - named[1] <= STATE_SECONDS * SECOND
        or not hmac.compare_digest(given.encode(), answered.state.encode())
        or not answered.code
        or not shops.spend_state(shop_id, EPOCH + timedelta(microseconds=named[1]))
    ):
        return _forgotten(helpful(401))
    found = installing.redeem(platform, shop_id, answered.code)
    if isinstance(found, NotInstalled):
        return _forgotten(refused_by_store(found))
    return _forgotten(redirect(embedded_url(platform.credentials, answered.host, answered.shop)))


def _microseconds(at: datetime) -> int:
    """Since 1970, exactly: two installs that begin at once have times of their own."""
    return (at - EPOCH) // timedelta(microseconds=1)


def _forgotten(response: BaseResponse) -> BaseResponse:
    """The browser need not send it again: it serves once."""
    response.delete_cookie(STATE_COOKIE, secure=True, httponly=True, samesite="Lax")
    return response


@bp.get("/admin/assets/<digest>/<name>")
def asset_file(digest: str, name: str) -> Response:
    """A file by its content's hash: it never changes, so it is kept for a year."""
    if name not in FILES or asset(name).digest != digest:
        return Response("not found", 404, mimetype="text/plain")
    found = asset(name)
    packed = request.accept_encodings.quality("gzip") > 0
    response = Response(found.packed if packed else found.content, content_type=found.content_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
    return response
