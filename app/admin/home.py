"""Home: is it installed, what came in, what went out, what needs the merchant."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flask import Response, g

from app.admin import diagnosis, guide, health, installing, settings
from app.admin.guard import bp, shopify
from app.admin.queries import home as queries, hooks, journeys as journey_queries
from app.admin.showing import COUNTED_DAYS, last, missing, page, part
from app.admin.words import _
from app.messages.accounts import account_for
from app.reports.counting import counts
from app.shops import settings as shop_settings
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

SENT = ("sent",)
UNDER_WAY = ("waiting", "deferred")
HELD_BACK = ("skipped", "expired", "cancelled")
TROUBLE = ("parked", "failed", "bounced", "complained")
MOST_REASONS = 6
TOLD_APART = (_("Your store"), _("Outcomes"))
"""What the home page has a notice of its own for."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that needs the merchant: what, and where to go."""

    tone: str
    title: str
    text: str
    link: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Today:
    """Messages that went or ended today, and all that are on their way."""

    counts: dict[str, int]
    reasons: list[tuple[str, int, bool]]
    """Why some were held back or wait, most frequent first; and whether there are messages to look at."""


@bp.get("/", endpoint="home")
def home() -> Response:
    """The page."""
    if g.shop.version_at is None and installing.learn_about_store(shopify(), g.shop_id):
        g.shop = installing.standing(g.shop_id).shop
    return show()


def show(toast: str | None = None, address: str | None = None) -> Response:
    """The page as it is now."""
    with transaction(g.shop_id) as session:
        imports = queries.imports(session, g.shop_id)
        journeys = journey_queries.overview(session, g.shop_id, last(COUNTED_DAYS))
        ways = _ways(session)
        on = [journey.is_on for journey in journeys]
        values = _pulse(session, ways) | {
            "imports": imports,
            "journeys": journeys,
            **_guide(session, imports, on, ways),
        }
    return page("home.html", title=_("Home"), toast=toast, address=address, **values)


@bp.get("/admin/home/imports", endpoint="home_imports")
def imports() -> Response:
    """How far the import is; refreshes itself while it runs."""
    with transaction(g.shop_id) as session:
        return part("home_imports.html", imports=queries.imports(session, g.shop_id))


@bp.get("/admin/home/guide", endpoint="home_guide")
def set_up() -> Response:
    """The set-up guide; refreshes itself while the import runs."""
    with transaction(g.shop_id) as session:
        on = queries.journeys_on(session, g.shop_id)
        return part("home_guide.html", **_guide(session, queries.imports(session, g.shop_id), on, _ways(session)))


@bp.post("/admin/home/guide/<word>", endpoint="home_guide_shown")
def show_guide(word: str) -> Response:
    """Hide the set-up guide, or show it again."""
    if word not in ("hide", "show"):
        return missing(_("There is no such page"))
    chosen = shop_settings.of(g.shop).guide
    settings.store("guide", chosen.model_copy(update={"hidden": word == "hide"}).model_dump())
    return show(address="/")


def _ways(session: Session) -> set[str]:
    """The channels for which there is a provider."""
    return {channel for channel in ("email", "sms") if account_for(session, channel, ready=False) is not None}


def _guide(session: Session, imports: Sequence[Any], on: Sequence[bool], ways: set[str]) -> dict[str, Any]:
    """What is left to set up; nothing once everything is done, or when it was hidden.

    `on`: of each journey whether it is. What is known already is handed in: home asks enough as it is.
    """
    chosen = shop_settings.of(g.shop)
    if chosen.guide.hidden:
        return {"guide": [], "guide_hidden": True}
    sends_as, test = chosen.sender.email, chosen.guide.test_message
    found = guide.Found(
        connected=g.shop.active and not g.shop.needs_reauthorization,
        imports=imports,
        sends_as=sends_as,
        domain_verified=chosen.sending.unverified
        or (bool(sends_as) and queries.is_verified(session, g.shop_id, shop_settings.domain_of(sends_as))),
        email="email" in ways,
        sms="sms" in ways,
        brand_chosen="brand" in g.shop.settings,
        consent_chosen="consent" in g.shop.settings,
        postal_address=bool(chosen.postal_address or g.shop.address),
        journeys_on=sum(on),
        test_received=test is not None and queries.was_accepted(session, g.shop_id, test),
    )
    tasks = guide.tasks(found)
    left = any(not task.done for task in tasks)
    return {"guide": tasks if left else [], "guide_hidden": False, "journey_count": len(on)}


@bp.get("/admin/home/pulse", endpoint="home_pulse")
def pulse() -> Response:
    """What needs attention, today's messages and the last events; refreshes itself."""
    with transaction(g.shop_id) as session:
        return part("home_pulse.html", **_pulse(session, _ways(session)))


@bp.get("/admin/<path:rest>", endpoint="nowhere")
def nowhere(rest: str) -> Response:
    """Any address that is none of ours."""
    del rest
    return missing(_("There is no such page"))


def _pulse(session: Session, ways: set[str]) -> dict[str, Any]:
    today = last(1)
    by = ("state", "reason", "channel")
    moved = [row for row in counts(session, g.shop_id, by, today) if row.state not in UNDER_WAY]
    waiting = counts(session, g.shop_id, by, last(COUNTED_DAYS), states=UNDER_WAY)
    return {
        "notices": _notices(session, ways),
        "today": _today([*moved, *waiting], queries.skipped_steps(session, g.shop_id, today.start)),
        "deliveries": queries.latest_deliveries(session, g.shop_id),
    }


def _today(moved: Iterable[Any], skipped: Iterable[Any]) -> Today:
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row in moved:
        for name, states in (("sent", SENT), ("under_way", UNDER_WAY), ("held_back", HELD_BACK), ("trouble", TROUBLE)):
            counts[name] += row.messages if row.state in states else 0
        counts[f"sent_{row.channel}"] += row.messages if row.state in SENT else 0
        if row.reason and row.state in (*HELD_BACK, "deferred"):
            reasons[row.reason] += row.messages
    written = set(reasons)  # a step may be skipped before it has a message
    for row in skipped:
        counts["held_back"] += row.count
        reasons[row.reason] += row.count
    return Today(dict(counts), [(code, n, code in written) for code, n in reasons.most_common(MOST_REASONS)])


def _unwell(session: Session) -> list[Notice]:
    """What stands still, when it isn't told by another notice already."""
    vitals = health.vitals(session)
    told = [Notice(f.tone, f.area, f.text, f.link, _("Look at it")) for f in vitals.braked if f.tone != "good"]
    stuck = [f for f in diagnosis.diagnose(replace(vitals, braked=())) if f.tone == "bad" and f.area not in TOLD_APART]
    if not stuck:
        return told
    return [*told, Notice("bad", _("Not well"), f"{stuck[0].area}: {stuck[0].text}", "/admin/health", _("Health"))]


def _notices(session: Session, ways: set[str]) -> list[Notice]:
    waiting = queries.attention(session, g.shop_id)
    found = []
    if g.shop.needs_reauthorization:
        found.append(
            Notice(
                "bad",
                _("Your store no longer lets us in"),
                _("Nothing new is read from it. Close the app and open it again to renew the access."),
            )
        )
    if hooks.stopped(session, g.shop_id):
        found.append(
            Notice(
                "care",
                _("Another system isn't told any more"),
                _("For three days nothing arrived at an address that you subscribed to events."),
                "/admin/settings/hooks",
                _("Webhooks"),
            )
        )
    if shop_settings.of(g.shop).stopped:
        found.append(
            Notice(
                "care",
                _("All marketing is stopped"),
                _("Only messages about orders go out."),
                "/admin/settings#stop",
                _("Settings"),
            )
        )
    for channel, name in (("email", _("email")), ("sms", _("SMS"))):
        if channel not in ways:
            found.append(
                Notice(
                    "care",
                    _("There is no provider for {channel}", channel=name),
                    _("Messages by {channel} are kept until there is one.", channel=name),
                )
            )
    if waiting.messages:
        found.append(
            Notice(
                "bad",
                _("Messages that need you: {n}", n=waiting.messages),
                _("Each says why it stopped. Try it again, or drop it."),
                "/admin/messages?state=parked",
                _("Look at them"),
            )
        )
    found += _unwell(session)
    if waiting.deliveries:
        found.append(
            Notice(
                "care",
                _("News we couldn't use: {n}", n=waiting.deliveries),
                _("Your store told us something that we couldn't read. Nothing else was held up by it."),
                "/admin/deliveries",
                _("Look at them"),
            )
        )
    return found
