"""Settings, Plan and usage: what this installation gives the shop, what holds it back, and what it used this month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from flask import Response, g

from app import clock
from app.admin import braking
from app.admin.braking import dollars
from app.admin.guard import bp
from app.admin.queries import usage
from app.admin.showing import number, page, part
from app.admin.words import CHANNELS, PROVIDERS, _
from app.brakes.rules import STOP_SHARE, day_of
from app.channels.sms.prices import MICROS_PER_DOLLAR
from app.content.dates import zone_of
from app.customers.files import MOST_LINES
from app.keys.rules import BURST, STEP
from app.messages.accounts import account_for
from app.privacy.requests import FILE_DAYS
from app.privacy.retention import BODY_DAYS, EVENT_DAYS
from app.reports.counting import counts
from app.reports.rules import Period
from app.shops import accounts
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

BEGINNING: Final = date(2000, 1, 1)
"""Before any shop was here."""
GENERAL, SENDING = "/admin/settings", "/admin/settings/sending"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is said about the shop, and where it is changed; nowhere when it is everybody's."""

    title: str
    text: str
    link: str = ""
    share: float | None = None
    """How much of a limit is used, 0 to 1."""


@bp.get("/admin/settings/plan", endpoint="plan")
def show() -> Response:
    """The page: from counted figures, as cheap in a large shop as in a small one."""
    with transaction(g.shop_id) as session:
        found = braking.stand(session)
        zone = zone_of(g.shop.timezone)
        today = day_of(clock.now(), zone)
        month = counts(session, g.shop_id, ("channel",), Period(today.replace(day=1), today, zone))
        ever = counts(session, g.shop_id, ("channel",), Period(BEGINNING, today, zone))
        ways = list(_ways(session))
    return page(
        "plan.html",
        title=_("Plan and usage"),
        ways=ways,
        used=_sent(month),
        ever=sum(row.sent for row in ever),
        since=today.replace(day=1),
        spent=dollars(found.month),
        limits=[*_mail_limits(found), *_text_limits(found), *_other_limits(found)],
        kept=list(_kept(found)),
    )


@bp.get("/admin/settings/plan/stored", endpoint="plan_stored")
def stored() -> Response:
    """How much there is, counted now."""
    with transaction(g.shop_id) as session:
        return part("plan_stored.html", stored=usage.stored(session, g.shop_id))


def _sent(rows: Sequence[Any]) -> dict[str, int]:
    return dict.fromkeys(("email", "sms"), 0) | {row.channel: row.sent for row in rows}


def _ways(session: Session) -> Iterator[Line]:
    for channel in ("email", "sms"):
        account = account_for(session, channel)
        if account is None:
            yield Line(CHANNELS[channel], _("No provider yet: these messages are kept until there is one."))
        else:
            text = _("{provider}, by the account of whoever runs Regulars.", provider=PROVIDERS[account.provider])
            if accounts.own(session, channel) is not None:
                text = _("{provider}, by your own account: it bills you.", provider=PROVIDERS[account.provider])
            yield Line(CHANNELS[channel], text, f"{SENDING}#twilio" if channel == "sms" else "")


def _mail_limits(found: braking.Stand) -> Iterator[Line]:
    limits = found.chosen.limits
    yield Line(
        _("Emails to one person"),
        _(
            "At most {n} a week, {hours} hours apart. Messages about orders don't count.",
            n=number(limits.email_per_week),
            hours=number(limits.email_window_hours),
        ),
        f"{GENERAL}#limits",
    )
    if found.ceiling is None:
        yield Line(_("Marketing emails a day"), _("As many as there is reason to send."), f"{SENDING}#ramp")
    else:
        sent = found.row.marketing_emails
        yield Line(
            _("Marketing emails a day"),
            _(
                "{sent} of {n} today; twice as many every day until mailboxes know you.",
                sent=number(sent),
                n=number(found.ceiling),
            ),
            f"{SENDING}#ramp",
            min(1.0, sent / max(1, found.ceiling)),
        )
    yield Line(
        _("Complaints"),
        _("Marketing is held when more than {share} % of readers mark it as spam.", share=f"{100 * STOP_SHARE:g}"),
        f"{SENDING}#complaints",
    )


def _text_limits(found: braking.Stand) -> Iterator[Line]:
    limits, texting = found.chosen.limits, found.chosen.texting
    yield Line(
        _("SMS to one person"),
        _(
            "At most {n} a week, {hours} hours apart.",
            n=number(limits.sms_per_week),
            hours=number(limits.sms_window_hours),
        ),
        f"{GENERAL}#limits",
    )
    for title, spent, cap in (
        (_("Money for SMS today"), found.row.sms_micros, texting.daily_cap),
        (_("Money for SMS this month"), found.month, texting.monthly_cap),
    ):
        most = cap * MICROS_PER_DOLLAR
        text = _("{spent} of {cap}, then they wait.", spent=dollars(spent), cap=dollars(most))
        yield Line(title, text, f"{SENDING}#texting", min(1.0, spent / max(1, most)))
    yield Line(_("Countries SMS go to"), ", ".join(found.countries) or _("None yet"), f"{SENDING}#texting")


def _other_limits(found: braking.Stand) -> Iterator[Line]:
    quiet = found.chosen.quiet_hours
    text = _("None of your own; the law's hold for SMS.")
    if quiet.enabled:
        text = _("{start} to {end} where the person lives.", start=quiet.start, end=quiet.end)
    yield Line(_("Quiet hours"), text, f"{GENERAL}#quiet_hours")
    seconds = BURST * STEP.total_seconds()
    text = _("{n} requests in {seconds} seconds for each key.", n=number(BURST), seconds=f"{seconds:g}")
    yield Line(_("API"), text, "/api/v1/docs")
    yield Line(_("A file of people"), _("Up to {n} lines.", n=number(MOST_LINES)), "/admin/people-files")


def _kept(found: braking.Stand) -> Iterator[Line]:
    days = number(found.chosen.retention.message_content_days)
    yield Line(_("What messages said"), _("{n} days", n=days), f"{GENERAL}#retention")
    yield Line(_("News from your store, as it came"), _("{n} days", n=BODY_DAYS))
    yield Line(_("Events for other systems"), _("{n} days", n=EVENT_DAYS), f"{GENERAL}/hooks")
    yield Line(_("Files made for people who asked"), _("{n} days", n=FILE_DAYS), f"{GENERAL}/privacy")
    yield Line(_("Customers, orders and figures"), _("Until they are erased, or you uninstall"), f"{GENERAL}/privacy")
    yield Line(_("Consent, refusals and the audit log"), _("As proof, for as long as your store is here"))
