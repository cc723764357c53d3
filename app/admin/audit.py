"""Settings, Audit log: who looked at whom and who changed what, to filter and to take along."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from flask import Response, g, request

from app.admin import paging, record, spreadsheets
from app.admin.audit_words import ACTIONS, ACTORS, LINKS
from app.admin.guard import bp
from app.admin.queries import audit as queries
from app.admin.record import Action
from app.admin.showing import page
from app.admin.words import _, spelled
from app.content.dates import zone_of
from app.team import service as team
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from app.admin.paging import Cursor

KEY = re.compile(r"[a-z]+(_[a-z]+)+")
"""What we call a journey, a page or a part of the settings."""

AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen in the form, as far as it can be."""

    action: str | None
    actor: str | None
    since: date | None
    until: date | None

    @property
    def kept(self) -> dict[str, str]:
        """As an address keeps it."""
        named = {"action": self.action, "actor": self.actor, "since": self.since, "until": self.until}
        return {name: str(value) for name, value in named.items() if value}

    @property
    def wanted(self) -> queries.Wanted:
        """The same for the query: whole days by the shop's clock."""
        following = self.until + timedelta(days=1) if self.until else None
        return queries.Wanted(self.action, self.actor, _midnight(self.since), _midnight(following))


@bp.get("/admin/settings/audit", endpoint="audit")
def listed() -> Response:
    """The page."""
    chosen, before = _chosen(), paging.read(request.args.get("before"))
    with transaction(g.shop_id) as session:
        rows, following = paging.cut(queries.listed(session, g.shop_id, chosen.wanted, before), "at")
        actors = _actors(session)
    kept = chosen.kept
    return page(
        "audit.html",
        title=_("Audit log"),
        entries=rows,
        wanted=chosen,
        kept=kept,
        actions=ACTIONS,
        actors=actors,
        named=lambda actor: actors.get(actor, actor),
        linked=_linked,
        shown=_shown,
        older=following and f"/admin/settings/audit?{urlencode({**kept, 'before': str(following)})}",
        newer=before and f"/admin/settings/audit?{urlencode(kept)}",
    )


@bp.get("/admin/settings/audit.csv", endpoint="audit_csv")
def as_file() -> Response:
    """The same for a spreadsheet; that goes on record too."""
    chosen = _chosen()
    with transaction(g.shop_id) as session:
        record.note(session, Action.AUDIT_EXPORTED, after=chosen.kept)
        actors = _actors(session)
    head = ("at", "who", "actor", "action", "targets", "before", "after")
    return spreadsheets.download("audit-log", head, _everything(g.shop_id, chosen.wanted, actors))


def _everything(shop_id: int, wanted: queries.Wanted, actors: dict[str, str]) -> Iterator[tuple[object, ...]]:
    """Entry by entry, a short transaction for each thousand."""
    before: Cursor | None = None
    while True:
        with transaction(shop_id) as session:
            rows, before = paging.cut(queries.listed(session, shop_id, wanted, before, AT_ONCE), "at", size=AT_ONCE)
        for row in rows:
            told = (orjson.dumps(values).decode() for values in (row.targets, row.before, row.after))
            yield (row.at.isoformat(), actors.get(row.actor, ""), row.actor, row.action, *told)
        if before is None:
            return


def _chosen() -> Chosen:
    given = request.args
    action = given.get("action", "")
    return Chosen(
        action if action in ACTIONS else None,
        given.get("actor", "") or None,
        _day(given.get("since")),
        _day(given.get("until")),
    )


def _day(value: str | None) -> date | None:
    """A day of the form; None for anything that isn't one we could have lived."""
    try:
        found = date.fromisoformat(value or "")
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2999 else None  # noqa: PLR2004 years


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), zone_of(g.shop.timezone)).astimezone(UTC)


def _actors(session: Session) -> dict[str, str]:
    """Everybody who may stand in the log, with a name to show."""
    members = {
        f"user:{m.user_id}": m.name or m.email or _("Staff member {id}", id=m.user_id)
        for m in team.everybody(session, g.shop_id)
    }
    keys = {key: _("API key “{name}”", name=name) for key, name in queries.key_names(session, g.shop_id).items()}
    return members | keys | ACTORS


def _linked(kind: str, value: Any) -> str | None:
    return LINKS[kind].format(value) if kind in LINKS and isinstance(value, int | str) else None


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value)
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    # Journeys, pages and settings are on record by their keys.
    return spelled(value) if isinstance(value, str) and KEY.fullmatch(value) else str(value)
