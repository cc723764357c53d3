"""Journeys of the merchant's own: from a starter, from nothing, from a file; and a journey as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Response, g, request
from sqlalchemy import select

from app.admin import flow, home
from app.admin.editing import pages, texts
from app.admin.guard import bp
from app.admin.queries import editing as queries
from app.admin.record import Action, note
from app.admin.showing import page
from app.admin.words import _
from app.journeys import drafting, files, service as journeys
from app.journeys.catalogue import EVENTS
from app.journeys.definition import Flaw
from app.journeys.editing import data_of
from app.journeys.models import Journey
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

LONGEST_NAME: Final = 80
EXITS: Final[Mapping[str, list[dict[str, Any]]]] = {
    "checkout_abandoned": [
        {"if": [{"field": "bought"}], "reason": "bought"},
        {"if": [{"field": "gone"}], "reason": "checkout_is_gone"},
        {"if": [{"field": "emptied"}], "reason": "checkout_emptied"},
    ],
    "cart_abandoned": [
        {"if": [{"field": "bought"}], "reason": "bought"},
        {"if": [{"field": "checkout_started"}], "reason": "checkout_started"},
        {"if": [{"field": "emptied"}], "reason": "cart_emptied"},
        {"if": [{"field": "gone"}], "reason": "cart_is_gone"},
    ],
    "order_placed": [
        {"if": [{"field": "order.cancelled"}], "reason": "order_cancelled"},
        {"if": [{"field": "order.refunded"}], "reason": "order_refunded"},
        {"if": [{"field": "gone"}], "reason": "order_is_gone"},
    ],
    "product_running_low": [
        {"if": [{"field": "bought"}], "reason": "bought_again"},
        {"if": [{"field": "given_back"}], "reason": "order_refunded"},
        {"if": [{"field": "gone"}], "reason": "product_is_gone"},
    ],
    "went_quiet": [
        {"if": [{"field": "engaged"}], "reason": "engaged"},
        {"if": [{"field": "bought"}], "reason": "bought"},
        {"if": [{"field": "gone"}], "reason": "person_is_gone"},
    ],
}
"""Reasons to leave that a blank journey begins with: without them it would write to people who bought."""
WITHIN: Final = {
    "checkout_abandoned": "12h",
    "cart_abandoned": "12h",
    "order_placed": "2d",
    "product_running_low": "365d",
    "went_quiet": "7d",
}


TOPICS: Final = {
    "checkout_abandoned": "baskets",
    "cart_abandoned": "baskets",
    "order_placed": "orders",
    "product_running_low": "refills",
    "went_quiet": "news",
}


@bp.get("/admin/journeys/new", endpoint="journey_new")
def new() -> Response:
    """Where to begin."""
    return _page(request.args.get("from", ""))


@bp.post("/admin/journeys/new", endpoint="journey_make")
def make() -> Response:
    """A journey of one's own: a copy of another, or a blank one with one message."""
    name, base = " ".join(request.form.get("name", "").split()), request.form.get("base", "")
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        return _page(base, name, {"name": _("Give it a name of at most {n} characters.", n=LONGEST_NAME)})
    with transaction(g.shop_id) as session:
        made = _blank(session, name, base.removeprefix("+")) if base.startswith("+") else _copy(session, name, base)
        if isinstance(made, Journey):
            note(session, Action.JOURNEY_CHANGED, journey=made.key, after={"edit": "new", "from": base})
            outcome = pages.Outcome(toast=_("“{name}” is made. It is off until you turn it on", name=name))
            return pages.show(session, made, outcome)
    return _page(base, name, {"base": _("Choose what it begins with.")})


def _copy(session: Session, name: str, base: str) -> Journey | list[Flaw]:
    journey = journeys.find(session, base)
    if journey is None:
        return []
    state = drafting.state(session, journey)
    return drafting.create(session, data_of(state.definition) | {"name": name}, state.templates, pages.actor())


def _blank(session: Session, name: str, event: str) -> Journey | list[Flaw]:
    if event not in EVENTS:
        return []
    number = journeys.keep_text(session, "email", texts.PLAIN["email"])
    data = {
        "name": name,
        "topic": TOPICS[event],
        "trigger": {"event": event, "within": WITHIN[event]},
        "exits": EXITS[event],
        "steps": [
            {"id": "wait", "wait": {"for": "1h", "after": "trigger"}},
            {"id": "message", "send": {"email": "message_email", "useful_for": "2d"}},
        ],
    }
    return drafting.create(session, data, {"message_email": number}, pages.actor())


@bp.post("/admin/journeys/import", endpoint="journey_import")
def take_in() -> Response:
    """A journey from a file, turned off."""
    given = request.files.get("file")
    content = b""
    if given is not None:
        with given.stream as stream:
            content = stream.read(files.LARGEST + 1)
    if not content:
        return _page("", flaws=[Flaw("file", _("Choose a file."))])
    found = files.read(content)
    if isinstance(found, list):
        return _page("", flaws=found)
    with transaction(g.shop_id) as session:
        ids = {name: journeys.keep_text(session, *text) for name, text in found.texts.items()}
        made = drafting.create(session, found.definition, ids, pages.actor())
        if isinstance(made, Journey):
            note(session, Action.JOURNEY_CHANGED, journey=made.key, after={"edit": "import"})
            outcome = pages.Outcome(toast=_("“{name}” is read. It is off until you turn it on", name=made.name))
            return pages.show(session, made, outcome)
    return _page("", flaws=made)


@bp.get("/admin/journeys/<key>/export", endpoint="journey_export")
def export(key: str) -> Response:
    """The journey as it runs, as a file."""
    with transaction(g.shop_id) as session:
        journey = journeys.find(session, key)
        if journey is None:
            return pages.unknown()
        state = drafting.state(session, journey)
        sources = queries.sources(session, g.shop_id, state.templates.values())
        by_name = {name: sources[id_] for name, id_ in state.templates.items()}
        content = files.write(state.definition, by_name)
    response = Response(content, mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{key}.json"'
    return response


@bp.post("/admin/journeys/<key>/delete", endpoint="journey_delete")
def delete(key: str) -> Response:
    """Delete a journey of the merchant's own that never ran."""
    with transaction(g.shop_id) as session:
        journey = journeys.locked(session, key)
        if journey is None:
            return pages.unknown()
        name = journey.name
        if not drafting.remove(session, journey):
            outcome = pages.Outcome(flaws=(_("Only journeys of your own that never ran can be deleted."),))
            return pages.show(session, journey, outcome)
        note(session, Action.JOURNEY_CHANGED, journey=key, after={"edit": "delete"})
    return home.show(toast=_("“{name}” is deleted", name=name), address="/")


def _page(
    base: str, name: str = "", errors: Mapping[str, str] | None = None, flaws: list[Flaw] | None = None
) -> Response:
    with transaction(g.shop_id) as session:
        found = session.scalars(select(Journey).where(Journey.shop_id == g.shop_id).order_by(Journey.name)).all()
    return page(
        "journey_new.html",
        title=_("New journey"),
        status=422 if errors or flaws else 200,
        address="/admin/journeys/new",
        bases=[(journey.key, journey.name) for journey in found],
        blanks=[(f"+{event}", flow.TRIGGERS[event]) for event in EVENTS],
        base=base,
        typed_name=name,
        errors=errors or {},
        flaws=flaws or [],
    )
