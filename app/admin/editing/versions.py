"""Publishing, versions and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from flask import Response, g, request

from app.admin.editing import difference, pages
from app.admin.guard import bp
from app.admin.queries import editing as queries
from app.admin.showing import missing, money, number, page
from app.admin.words import _
from app.journeys import drafting, queries as known, service as journeys
from app.journeys.drafting import Conflict, Published
from app.journeys.editing import Whole, data_of
from app.journeys.switching import Waiting
from app.transaction import transaction

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.admin.editing.difference import Difference
    from app.journeys.models import Journey

MOST: Final = 50
WAITING: Final = (
    (
        "stay",
        _("They finish as they began"),
        _("Steps and times stay for them as they were. Only people who enter from now on go by the new version."),
    ),
    (
        "keep_time",
        _("They go over to the new version, and keep the time of their next step"),
        _("Whoever waits now goes on when they would have. Everything after that is by the new version."),
    ),
    (
        "recompute",
        _("They go over to the new version, and their wait is counted anew"),
        _("From where it began. Whoever is overdue by the new version goes on at once."),
    ),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One version, and what it changed."""

    number: int
    created_at: datetime
    made_by: str
    under_way: int
    changes: list[Difference]
    is_first: bool


@bp.get("/admin/journeys/<key>/publish", endpoint="journey_publishing")
def publishing(key: str) -> Response:
    """What would change, and for whom."""
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        return pages.unknown() if journey is None else _ask(session, journey)


@bp.post("/admin/journeys/<key>/publish", endpoint="journey_publish")
def publish(key: str) -> Response:
    """Make the draft what runs."""
    waiting = request.form.get("waiting", "stay")
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is None:
            return pages.unknown()
        if waiting not in get_args(Waiting):
            return _ask(session, journey, flaws=(_("Choose what happens to the people under way."),))
        choice: Any = waiting
        result = drafting.publish(session, journey, request.form.get("seen", ""), choice, pages.actor())
        if isinstance(result, Published):
            people = {"waiting": waiting, "moved": result.people.moved, "stayed": result.people.stayed}
            pages.note(session, journey, {"version": result.number, **people})
    if isinstance(result, Published):
        return _live(key, _said(result))
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        assert journey is not None  # noqa: S101 it was there a moment ago, and is deleted by nobody under way
        if isinstance(result, Conflict):
            return pages.show(session, journey, pages.Outcome(conflict=result))
        return pages.show(session, journey, pages.Outcome(flaws=tuple(flaw.message for flaw in result)))


def _said(made: Published) -> str:
    if made.people.moved:
        return _("Version {n} is published; {moved} people went over", n=made.number, moved=number(made.people.moved))
    return _("Version {n} is published", n=made.number)


def _live(key: str, toast: str) -> Response:
    from app.admin.journeys import show  # the page of a journey leads here, and here leads back to it

    return show(key, toast=toast)


def _ask(session: Session, journey: Journey, flaws: tuple[str, ...] = ()) -> Response:
    state = drafting.state(session, journey)
    assert journey.version_id is not None  # noqa: S101 a journey is made with its first version
    live, texts = known.versions(session, g.shop_id, [journey.version_id])[journey.version_id]
    waiting = queries.waiting(session, g.shop_id, journey.id)
    gone = set(live.program.nodes) - set(state.definition.program.nodes)
    return page(
        "publish.html",
        title=_("Publish"),
        status=422 if flaws else 200,
        journey=journey,
        state=state,
        who=pages.who(session, state.moved_by),
        differences=difference.between(live, state.definition, (texts, state.templates), money),
        under_way=sum(waiting.values()),
        lost=sum(count for step, count in waiting.items() if step in gone),
        choices=WAITING,
        flaws=flaws,
    )


@bp.get("/admin/journeys/<key>/versions", endpoint="journey_versions")
def versions(key: str) -> Response:
    """All versions, newest first, each with what it changed."""
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        if journey is None:
            return pages.unknown()
        rows = list(queries.versions(session, g.shop_id, journey.id, MOST + 1))
        made = known.versions(session, g.shop_id, [row.id for row in rows])
        older = [*rows[1:], None]
        shown = [
            Shown(
                row.number,
                row.created_at,
                pages.who(session, row.made_by),
                row.under_way,
                [] if before is None else difference.between(
                    made[before.id][0], made[row.id][0], (before.templates, row.templates), money
                ),
                before is None,
            )
            for row, before in zip(rows, older, strict=True)
        ][:MOST]  # fmt: skip
        state = drafting.state(session, journey)
    return page("versions.html", title=_("Versions"), journey=journey, versions=shown, state=state)


@bp.post("/admin/journeys/<key>/versions/<int:wanted>/restore", endpoint="journey_restore")
def restore(key: str, wanted: int) -> Response:
    """Bring an older version back: as a draft, so that publishing asks what it always asks."""
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is None:
            return pages.unknown()
        rows = queries.versions(session, g.shop_id, journey.id, MOST + 1)
        found = next((row for row in rows if row.number == wanted), None)
        if found is None:
            return missing(_("There is no such version"))
        definition, texts = known.versions(session, g.shop_id, [found.id])[found.id]
        edit = Whole(definition=data_of(definition), number=wanted)
        result = drafting.edit(session, journey, request.form.get("seen", ""), edit, pages.actor(), texts)
        pages.note(session, journey, {"edit": "restore", "version": wanted})
        if isinstance(result, Conflict):
            return pages.show(session, journey, pages.Outcome(conflict=result))
        if isinstance(result, list):
            return pages.show(session, journey, pages.Outcome(flaws=tuple(flaw.message for flaw in result)))
        return pages.show(session, journey, pages.Outcome(toast=_("Version {n} is your draft now", n=wanted)))
