"""Nobody gets in without a session token of their store. Every admin route hangs on `bp`, and `bp` asks first.

No cookie is set or read. Which shop it is comes from the verified token and from nothing else in the request.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

import orjson
from flask import Blueprint, Response, current_app, g, render_template, request

from app import registry
from app.admin import installing, record
from app.admin.installing import NotInstalled
from app.admin.roles import needed
from app.admin.words import ROLES_NEEDED, _
from app.platforms.shopify.auth import RETRY_HEADER, Denied, enter, frame_ancestors
from app.shops import service as shops
from app.team import rules as team_rules, service as team

if TYPE_CHECKING:
    from app.platforms.shopify.auth import Session
    from app.platforms.shopify.platform import ShopifyPlatform
    from app.team.rules import Role
    from config import Settings

PATCH_PATH = "/auth/patch-id-token"
ONE_YEAR = 31_536_000
LARGEST_ID = 2**63 - 1

bp = Blueprint("admin", __name__, template_folder="templates")


def settings() -> Settings:
    """The installation's settings."""
    return cast("Settings", current_app.extensions["settings"])


def shopify() -> ShopifyPlatform:
    """The platform whose admin this is."""
    return cast("ShopifyPlatform", registry.platform("shopify"))


@bp.before_request
def let_in() -> Response | None:
    """Let a request in, install the app on the first one, or say how to get in."""
    platform, by_script = shopify(), is_by_script()
    authorization = request.headers.get("Authorization")
    if by_script and not authorization:
        return _refused(Denied("no_session_token"), by_script=True)
    # For a script only the header counts: what stands in its address may have been put there by anybody.
    target = quote(request.path) if by_script else _target()
    entered = enter(platform.credentials, target, authorization, PATCH_PATH)
    if isinstance(entered, Denied):
        return _refused(entered, by_script=by_script)
    return _welcome(platform, entered, by_script=by_script)


def _welcome(platform: ShopifyPlatform, entered: Session, *, by_script: bool) -> Response | None:
    g.shop_domain = entered.shop
    shop_id = shops.find(entered.shop) or shops.find_or_create("shopify", entered.shop)
    found = installing.ensure(platform, shop_id, entered.token)
    if isinstance(found, NotInstalled):
        if found.code == "invalid_subject_token":  # it ended on the way: fetch a fresh one
            return _fresh_token(by_script=by_script)
        return refused_by_store(found)
    g.shop, g.shop_id, g.user_id = found, found.id, entered.user_id
    installing.keep_up(found.id)
    ask = partial(platform.tokens.staff_member, entered.shop, entered.token)
    g.member, is_new = team.enter(found.id, entered.user_id, ask)
    if is_new:
        record.newcomer()
    role = needed(request.endpoint or "", request.method)
    if not team_rules.allows(g.member.role, role):
        return _not_theirs(role, by_script=by_script)
    return _too_large() if any(is_too_large(value) for value in (request.view_args or {}).values()) else None


def is_too_large(value: object) -> bool:
    """Whether a number of an address is none that a row can have."""
    return isinstance(value, int) and value > LARGEST_ID


def _too_large() -> Response:
    from app.admin import showing  # it asks this module for the settings

    return showing.missing(_("There is no such page"))


def _not_theirs(role: Role, *, by_script: bool) -> Response:
    """Somebody of the staff whose role doesn't allow this. A page they are on stays as it is, with what they typed."""
    sentence = ROLES_NEEDED[role]
    if by_script and request.method != "GET":
        headers = {"HX-Reswap": "none", "HX-Trigger": orjson.dumps({"said": {"message": sentence}}).decode()}
        return Response(sentence, 403, headers, mimetype="text/plain")
    from app.admin import showing  # it asks this module for the settings

    return showing.page("not_theirs.html", title=_("Not yours to open"), status=403, what=sentence)


def is_by_script() -> bool:
    """Whether a script asks, not a browser that opens a page: scripts get 401, pages are sent to fetch a token."""
    return (
        request.method not in ("GET", "HEAD")
        or "HX-Request" in request.headers
        or "X-Requested-With" in request.headers
        or request.path.endswith(".json")
        or request.headers.get("Sec-Fetch-Mode") in ("cors", "same-origin")
    )


def _target() -> str:
    query = request.query_string.decode("ascii", "replace")
    return quote(request.path) + (f"?{query}" if query else "")


def _refused(denied: Denied, *, by_script: bool) -> Response:
    if by_script:
        return Response("session token needed", 401, [RETRY_HEADER], mimetype="text/plain")
    if denied.status == 302:  # noqa: PLR2004 HTTP
        return Response(status=302, headers=[*denied.headers, ("Cache-Control", "no-store")])
    return helpful(denied.status)


def _fresh_token(*, by_script: bool) -> Response:
    if by_script:
        return Response("session token needed", 401, [RETRY_HEADER], mimetype="text/plain")
    denied = enter(shopify().credentials, _without_token(_target()), None, PATCH_PATH)
    return _refused(cast("Denied", denied), by_script=False)


def _without_token(target: str) -> str:
    path, _, query = target.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("id_token=")]
    return f"{path}?{'&'.join(kept)}" if kept else path


def helpful(status: int) -> Response:
    """Who comes without a store learns how to come with one."""
    return Response(render_template("admin/outside.html"), status)


def refused_by_store(found: NotInstalled) -> Response:
    """The store did not give us a token: what that means and what to do."""
    response = Response(
        render_template(
            "admin/refused.html",
            api_key=settings().shopify.api_key,
            bridge=settings().shopify.app_bridge_url,
            found=found,
        ),
        403 if found.is_final else 503,
    )
    if not found.is_final:
        response.headers["Retry-After"] = str(int(found.retry_after) + 1)
    return response


@bp.after_request
def protect(response: Response) -> Response:
    """Headers of every answer; pages may be framed by the admin of their own store only."""
    record.whatever_was_done(response.status_code)
    headers = response.headers
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"  # addresses may carry a session token
    if request.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}"
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = content_policy(g.get("shop_domain"))
    return response


def content_policy(shop: str | None) -> str:
    """What a page may load, and who may frame it.

    Styles: App Bridge writes some of its own into the page, and previews show mails, whose styles are all inline.
    Scripts come from us and from App Bridge's own folder (the rest of that host holds anybody's files).
    """
    bridge = settings().shopify.app_bridge_url
    parts = urlsplit(bridge)
    origin = f"{parts.scheme}://{parts.netloc}"
    talks = f"'self' {origin}" + (" https://*.shopify.com" if parts.netloc.endswith("shopify.com") else "")
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {bridge.rpartition('/')[0]}/",
            "style-src 'self' 'unsafe-inline'",
            "img-src https: http: data:",
            f"connect-src {talks}",
            "font-src 'self'",
            "frame-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            frame_ancestors(shopify().credentials, shop),
        )
    )
