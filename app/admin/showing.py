"""How pages are drawn: templates with the shop's zone, money and words at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from babel.numbers import format_decimal
from flask import Response, g, render_template, request
from markupsafe import Markup, escape

from app import clock
from app.admin import words
from app.admin.assets import asset
from app.admin.guard import settings
from app.admin.words import _
from app.content.dates import local_date, zone_of
from app.content.money import locale_of, money_format
from app.reports.rules import last_days
from app.team import rules
from app.team.rules import Role

if TYPE_CHECKING:
    from datetime import date, datetime

    from flask import Flask

    from app.reports.rules import Period

NAVIGATION = (
    ("/", "Home"),
    ("/admin/journeys", _("Journeys")),
    ("/admin/messages", _("Messages")),
    ("/admin/customers", _("Customers")),
    ("/admin/reports", _("Reports")),
    ("/admin/deliveries", _("Deliveries")),
    ("/admin/settings", _("Settings")),
)
SETTINGS_PAGES = (
    ("/admin/settings", _("General")),
    ("/admin/settings/sending", _("Sending")),
    ("/admin/settings/team", _("Team")),
    ("/admin/settings/keys", _("API keys")),
    ("/admin/settings/hooks", _("Webhooks")),
    ("/admin/settings/privacy", _("Privacy")),
    ("/admin/settings/audit", _("Audit log")),
    ("/admin/settings/plan", _("Plan and usage")),
)
"""The tabs of the settings."""
COUNTED_DAYS = 30
"""What pages count that don't let one choose."""
MINUTE, HOUR, DAY = 60, 3600, 86_400
UNITS = ((DAY, _("{n} days"), _("1 day")), (HOUR, _("{n} hours"), _("1 hour")), (MINUTE, _("{n} min"), _("1 min")))


def install(app: Flask) -> None:
    """Give templates their words and filters."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        reason=words.reason,
        spelled=words.spelled,
        moment=moment,
        day=day,
        ago=ago,
        money=money,
        number=number,
        address=address,
    )
    app.jinja_env.globals.update(_=_, words=words, as_document=as_document)


def last(days: int) -> Period:
    """The last so many days by the shop's clock, today included."""
    return last_days(days, clock.now(), zone_of(g.shop.timezone))


def page(
    name: str, *, title: str, status: int = 200, toast: str | None = None, address: str | None = None, **values: Any
) -> Response:
    """A whole page. `toast` is said by the admin once it is there.

    `address` is the page's own: what the browser shows when the page is the answer to a form, which went elsewhere.
    """
    response = Response(
        render_template(
            f"admin/{name}",
            title=title,
            api_key=settings().shopify.api_key,
            asset=asset,
            bridge=settings().shopify.app_bridge_url,
            navigation=_navigation(),
            settings_pages=SETTINGS_PAGES,
            shop=g.shop,
            looks_only=not rules.allows(g.member.role, Role.EDITOR),
            role=g.member.role,
            **values,
        ),
        status,
    )
    if toast:
        response.headers["HX-Trigger"] = orjson.dumps({"said": {"message": toast}}).decode()
    if address and request.method == "POST":
        response.headers["HX-Replace-Url"] = address
    return response


def part(name: str, **values: Any) -> Response:
    """A part of a page, to be put in place by htmx."""
    return Response(render_template(f"admin/{name}", shop=g.shop, **values))


def missing(what: str) -> Response:
    """There is no such thing in this shop (there may be one in another: the answer is the same)."""
    return page("missing.html", title=_("Not found"), status=404, what=what)


def as_document(path: str) -> str:
    """An address that a browser opens without a token: with shop and host, the page that fetches one knows whose."""
    known = {name: request.args[name] for name in ("host",) if name in request.args}
    return f"{path}?{urlencode({'shop': g.shop.domain, **known})}"


def _navigation() -> list[tuple[str, str]]:
    """The admin opens these as documents."""
    return [(as_document(path), label) for path, label in NAVIGATION]


def moment(at: datetime | None) -> str:
    """A time in the shop's zone: `Mar 4, 2026, 3:20 PM`."""
    if at is None:
        return ""
    return f"{local_date(at, 'medium', g.shop.locale, g.shop.timezone)}, {_time(at)}"


def _time(at: datetime) -> str:
    return local_date(at, "time", g.shop.locale, g.shop.timezone).replace("\u202f", "\u00a0")


def day(at: date | None) -> str:
    """A date in the shop's zone."""
    return "" if at is None else local_date(at, "medium", g.shop.locale, g.shop.timezone)


def ago(at: datetime | None) -> str:
    """How long since, or until: `5 min ago`, `in 2 hours`."""
    if at is None:
        return ""
    seconds = (clock.now() - at).total_seconds()
    for size, many, one in UNITS:
        count = round(abs(seconds) / size)
        if abs(seconds) >= size * 0.95:
            text = one if count == 1 else many.format(n=count)
            return _("{span} ago", span=text) if seconds > 0 else _("in {span}", span=text)
    return _("just now") if seconds >= 0 else _("in a moment")


def money(minor: int | None, currency: str | None = None) -> str:
    """An amount as the shop writes it."""
    return "" if minor is None else money_format(g.shop.locale, currency or g.shop.currency).format(minor)


def number(value: int) -> str:
    """A count as the shop's language writes it."""
    return format_decimal(value, locale=locale_of(g.shop.locale))


def address(value: str | None) -> Markup:
    """An address that breaks, where it must, before its signs and not within a word."""
    broken = escape(value or "")
    for sign in ("@", ".", "-", "_"):
        broken = broken.replace(sign, Markup("<wbr>") + sign)
    return broken
