"""Reports: what messages brought back, and what became of them; pictures first, the table under each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Response, g, request

from app.admin import charts, record, showing, spreadsheets
from app.admin.guard import bp
from app.admin.showing import page
from app.admin.words import _, spelled
from app.reports import queries
from app.reports.queries import FIGURES, Figures
from app.reports.rules import change
from app.transaction import transaction

if TYPE_CHECKING:
    from datetime import date

    from markupsafe import Markup

    from app.reports.queries import Report
    from app.reports.rules import Period

SPANS: Final = {"7": _("7 days"), "30": _("30 days"), "90": _("90 days")}
NAMES: Final = {
    "revenue": _("Revenue brought back"),
    "orders": _("Orders after a click"),
    "recovered": _("Of these, left carts and checkouts won back"),
    "sent": _("Messages sent"),
    "human_opens": _("Opened by a person"),
    "machine_opens": _("Opened by a machine, or nobody knows"),
    "human_clicks": _("Clicked by a person"),
    "machine_clicks": _("Clicked by a machine, or nobody knows"),
    "unsubscribes": _("Unsubscribed"),
    "bounces": _("Bounced"),
    "complaints": _("Marked as spam"),
}
PICTURES: Final = (
    (_("Revenue"), ("revenue",)),
    (_("Orders"), ("orders", "recovered")),
    (_("Sent"), ("sent",)),
    (_("Opens"), ("human_opens", "machine_opens")),
    (_("Clicks"), ("human_clicks", "machine_clicks")),
    (_("Goodbyes"), ("unsubscribes", "bounces", "complaints")),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of a picture: in all, and how it compares."""

    key: str
    name: str
    shown: str
    before: str
    change: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart of the first of its figures, with all of them in a table."""

    title: str
    chart: Markup
    lines: tuple[Line, ...]
    rows: tuple[tuple[date, tuple[str, ...]], ...]
    is_empty: bool
    has_line: bool
    """Whether there was anything in the period before."""


@bp.get("/admin/reports", endpoint="reports")
def reports() -> Response:
    """The page."""
    period = _period()
    with transaction(g.shop_id) as session:
        now, before = queries.report(session, g.shop_id, period), queries.report(session, g.shop_id, period.before)
        messages = _messages(now, queries.names(session, g.shop_id, {j for j, _step in now.by_message}))
    return page(
        "reports.html",
        title=_("Reports"),
        spans=SPANS,
        span=_span(),
        period=period,
        pictures=[_picture(title, keys, now, before) for title, keys in PICTURES],
        messages=messages,
        is_empty=now.total == Figures() and before.total == Figures(),
    )


@bp.get("/admin/reports.csv", endpoint="reports_csv")
def as_file() -> Response:
    """The same by day, or by message, for a spreadsheet."""
    period = _period()
    with transaction(g.shop_id) as session:
        found = queries.report(session, g.shop_id, period)
        messages = _messages(found, queries.names(session, g.shop_id, {j for j, _step in found.by_message}))
        record.note(session, record.Action.FIGURES_EXPORTED, page="reports_csv")
    if request.args.get("by") == "message":
        head: tuple[str, ...] = ("journey", "message")
        rows = [(row["journey"], row["step"], *_plain(row["figures"])) for row in messages]
    else:
        head, rows = ("day",), [(day.isoformat(), *_plain(figures)) for day, figures in found.by_day.items()]
    name = f"regulars-{period.first.isoformat()}-{period.last.isoformat()}"
    return spreadsheets.download(name, (*head, f"revenue_{g.shop.currency.lower()}_minor", *FIGURES[1:]), rows)


def _span() -> str:
    wanted = request.args.get("days", "")
    return wanted if wanted in SPANS else "30"


def _period() -> Period:
    return showing.last(int(_span()))


def _plain(figures: Figures) -> list[int]:
    return [getattr(figures, name) for name in FIGURES]


def _picture(title: str, keys: tuple[str, ...], now: Report, before: Report) -> Picture:
    first = keys[0]
    values = [getattr(f, first) for f in now.by_day.values()]
    earlier = [getattr(f, first) for f in before.by_day.values()]
    lines = tuple(
        Line(
            key,
            NAMES[key],
            _shown(key, getattr(now.total, key)),
            _shown(key, getattr(before.total, key)),
            change(getattr(now.total, key), getattr(before.total, key)),
        )
        for key in keys
    )
    label = _("{name} by day: {now} in all, {before} in the period before", name=lines[0].name, now=lines[0].shown,
              before=lines[0].before)  # fmt: skip
    return Picture(
        title,
        charts.bars(values, earlier, label),
        lines,
        tuple((day, tuple(_shown(key, getattr(f, key)) for key in keys)) for day, f in now.by_day.items()),
        not any(getattr(now.total, key) or getattr(before.total, key) for key in keys),
        any(earlier),
    )


def _messages(found: Report, names: dict[int, Any]) -> list[dict[str, Any]]:
    """Journey by journey, what brought most first."""
    rows = [
        {
            "journey": names[journey].name if journey in names else _("A journey that is gone"),
            "key": names[journey].key if journey in names else None,
            "step": spelled(step or ""),
            "figures": figures,
        }
        for (journey, step), figures in found.by_message.items()
    ]
    return sorted(rows, key=lambda row: (-row["figures"].revenue, -row["figures"].sent, row["journey"], row["step"]))


def _shown(key: str, value: int) -> str:
    return showing.money(value) if key == "revenue" else showing.number(value)
