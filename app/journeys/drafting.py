"""Changing a journey: edits gather in a draft, publishing makes a version of it, and nothing anybody did is lost.

A form carries what its author had before their eyes (`seen`: `v3`, the published version 3, or `r12`, the draft's
revision 12). When that is no longer what is there, the edit is set aside and the answer says who was faster.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, text

from app import clock
from app.journeys.definition import Definition, Flaw
from app.journeys.editing import EDITS, apply, check, data_of
from app.journeys.models import Journey, JourneyAside, JourneyDraft, JourneyRevision, JourneyVersion
from app.journeys.service import freeze
from app.journeys.switching import Switched, switch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.journeys.editing import Edit
    from app.journeys.switching import Waiting

KEPT_REVISIONS = 200
"""Undo goes back so far."""
OWN = "own_"
"""What the keys of journeys begin with that merchants make: no starter's does."""


@dataclass(frozen=True, slots=True)
class State:
    """A journey as its editor shows it."""

    definition: Definition
    templates: dict[str, int]
    seen: str
    version: int
    """The number of the published version."""
    differs: bool
    """Whether there is anything to publish."""
    moved_at: datetime
    moved_by: str | None
    can_undo: bool = False
    can_redo: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else was faster."""

    state: State
    """What is there now."""
    before: Definition | None
    """What the later one had before their eyes, where it is still known."""
    aside: int | None
    """Where their edit is kept; None when there was none to keep."""


@dataclass(frozen=True, slots=True)
class Published:
    """A new version, and what became of the people under way."""

    number: int
    people: Switched


def state(session: Session, journey: Journey) -> State:
    """The draft as it stands; where there is none, what is published."""
    version = session.get_one(JourneyVersion, (journey.shop_id, journey.version_id))
    live = _read(version.definition)
    draft = _draft(session, journey)
    if draft is None:
        return State(
            live, version.templates, f"v{version.number}", version.number, differs=False,
            moved_at=version.created_at, moved_by=version.made_by,
        )  # fmt: skip
    head = _revision(session, journey, draft.head)
    definition = _read(head.definition)
    return State(
        definition,
        head.templates,
        f"r{head.number}",
        version.number,
        differs=(definition, _used(definition, head.templates)) != (live, version.templates),
        moved_at=draft.moved_at,
        moved_by=draft.moved_by,
        can_undo=head.parent is not None and _looked_at(session, journey, f"r{head.parent}") is not None,
        can_redo=_child_of(session, journey, head.number) is not None,
    )


def drafted(session: Session) -> set[str]:
    """The keys of journeys that have something to publish."""
    drafts = select(JourneyDraft.journey_id).where(JourneyDraft.shop_id == session.info["shop_id"])
    found = session.scalars(
        select(Journey).where(Journey.shop_id == session.info["shop_id"], Journey.id.in_(drafts))
    ).all()
    return {journey.key for journey in found if state(session, journey).differs}


def edit(
    session: Session, journey: Journey, seen: str, change: Edit, actor: str, texts: Mapping[str, int] | None = None
) -> State | list[Flaw] | Conflict:
    """Carry an edit out on the draft, beginning one where there is none. `texts`: those the edit brings along."""
    now = state(session, journey)
    if _is_stale(session, journey, seen, now):
        aside = JourneyAside(
            shop_id=journey.shop_id,
            journey_id=journey.id,
            seen=seen,
            edit=change.model_dump(mode="json"),
            templates=dict(texts or {}),
            made_by=actor,
            made_at=clock.now(),
        )
        session.add(aside)
        session.flush()
        return Conflict(now, _seen(session, journey, seen), aside.id)
    templates = {**now.templates, **(texts or {})}
    result = apply(now.definition, change, templates, _taken(session, journey))
    if isinstance(result, list):
        return result
    if result.trigger.event != journey.event or result.key != journey.key:
        return [Flaw("trigger.event", "What starts a journey can't be changed: make another journey.")]
    if (result, templates) != (now.definition, now.templates):
        _put(session, journey, now, result, templates, actor)
    return state(session, journey)


def undo(session: Session, journey: Journey, seen: str, actor: str) -> State | Conflict:
    """Go back to what was before the last edit."""
    return _walk(session, journey, seen, actor, back=True)


def redo(session: Session, journey: Journey, seen: str, actor: str) -> State | Conflict:
    """Take the last undo back."""
    return _walk(session, journey, seen, actor, back=False)


def discard(session: Session, journey: Journey, seen: str) -> State | Conflict:
    """Give the draft up: what is published is all there is."""
    now = state(session, journey)
    if _is_stale(session, journey, seen, now):
        return Conflict(now, _seen(session, journey, seen), None)
    _end(session, journey)
    return state(session, journey)


def publish(
    session: Session, journey: Journey, seen: str, waiting: Waiting, actor: str
) -> Published | list[Flaw] | Conflict:
    """Make the draft the version new people enter by, and do with people under way as chosen; all or nothing."""
    now = state(session, journey)
    if _is_stale(session, journey, seen, now):
        return Conflict(now, _seen(session, journey, seen), None)
    if not now.differs:
        return [Flaw("", "There is nothing to publish.")]
    result = check(data_of(now.definition), now.templates)
    if isinstance(result, list):
        return result
    version = freeze(session, journey, result, now.templates, actor)
    _end(session, journey)
    return Published(version.number, switch(session, journey.id, version.id, result, waiting))


def create(session: Session, data: Mapping[str, Any], templates: Mapping[str, int], actor: str) -> Journey | list[Flaw]:
    """A journey of the merchant's own, turned off. Its key is made from its name."""
    key = _key(session, str(data.get("name", "")))
    result = check({**data, "key": key}, templates)
    if isinstance(result, list):
        return result
    journey = Journey(
        shop_id=session.info["shop_id"],
        key=key,
        name=result.name,
        event=result.trigger.event,
        priority=result.priority,
        created_at=clock.now(),
    )
    session.add(journey)
    session.flush()
    freeze(session, journey, result, templates, actor)
    return journey


def remove(session: Session, journey: Journey) -> bool:
    """Delete a journey of the merchant's own that never ran; false when it isn't one."""
    ran = session.scalar(
        text("SELECT EXISTS (SELECT 1 FROM enrolment WHERE shop_id = :shop AND journey_id = :id)"),
        {"shop": journey.shop_id, "id": journey.id},
    )
    if journey.is_on or ran or not journey.key.startswith(OWN):
        return False
    session.execute(
        delete(JourneyVersion).where(JourneyVersion.shop_id == journey.shop_id, JourneyVersion.journey_id == journey.id)
    )
    session.delete(journey)
    return True


def aside(session: Session, journey: Journey, number: int) -> tuple[Edit, dict[str, int]] | None:
    """An edit that was set aside, with the texts it brings; None when it is gone."""
    found = session.get(JourneyAside, (journey.shop_id, number))
    if found is None or found.journey_id != journey.id:
        return None
    return EDITS.validate_python(found.edit), found.templates


def drop_aside(session: Session, journey: Journey, number: int) -> None:
    """Forget an edit that was set aside."""
    session.execute(
        delete(JourneyAside).where(
            JourneyAside.shop_id == journey.shop_id, JourneyAside.journey_id == journey.id, JourneyAside.id == number
        )
    )


def _walk(session: Session, journey: Journey, seen: str, actor: str, *, back: bool) -> State | Conflict:
    now = state(session, journey)
    if _is_stale(session, journey, seen, now):
        return Conflict(now, _seen(session, journey, seen), None)
    draft = _draft(session, journey)
    if draft is None or not (now.can_undo if back else now.can_redo):
        return now
    target = _revision(session, journey, draft.head).parent if back else _child_of(session, journey, draft.head)
    assert target is not None  # noqa: S101 can_undo and can_redo say that there is one
    draft.head, draft.moved_by, draft.moved_at = target, actor, clock.now()
    session.flush()
    return state(session, journey)


def _is_stale(session: Session, journey: Journey, seen: str, now: State) -> bool:
    """Another revision with the same content, steps and texts, is no reason to stop anybody."""
    if seen == now.seen:
        return False
    found = _looked_at(session, journey, seen)
    return found is None or found != (now.definition, _used(now.definition, now.templates))


def _seen(session: Session, journey: Journey, seen: str) -> Definition | None:
    found = _looked_at(session, journey, seen)
    return None if found is None else found[0]


def _looked_at(session: Session, journey: Journey, seen: str) -> tuple[Definition, dict[str, int]] | None:
    """What stood there when somebody looked, with the texts it uses; None when it can't be known any more."""
    kind, number = seen[:1], seen[1:]
    if not re.fullmatch(r"[0-9]{1,9}", number, re.ASCII):
        return None
    table: type[JourneyVersion | JourneyRevision] = JourneyRevision if kind == "r" else JourneyVersion
    found = session.execute(
        select(table.definition, table.templates).where(
            table.shop_id == journey.shop_id, table.journey_id == journey.id, table.number == int(number)
        )
    ).first()
    if found is None:
        return None
    definition = _read(found.definition)
    return definition, _used(definition, found.templates)


def _read(stored: dict[str, Any]) -> Definition:
    return Definition.model_validate(stored)


def _used(definition: Definition, templates: Mapping[str, int]) -> dict[str, int]:
    return {name: templates[name] for name in definition.templates}


def _draft(session: Session, journey: Journey) -> JourneyDraft | None:
    return session.get(JourneyDraft, (journey.shop_id, journey.id))


def _revision(session: Session, journey: Journey, number: int) -> JourneyRevision:
    return session.execute(
        select(JourneyRevision).where(
            JourneyRevision.shop_id == journey.shop_id,
            JourneyRevision.journey_id == journey.id,
            JourneyRevision.number == number,
        )
    ).scalar_one()


def _child_of(session: Session, journey: Journey, number: int) -> int | None:
    """The newest revision made from this one."""
    return session.scalar(
        select(func.max(JourneyRevision.number)).where(
            JourneyRevision.shop_id == journey.shop_id,
            JourneyRevision.journey_id == journey.id,
            JourneyRevision.parent == number,
        )
    )


def _taken(session: Session, journey: Journey) -> set[str]:
    """Names that steps of this journey have or ever had."""
    parameters = {"shop": journey.shop_id, "id": journey.id}
    return set(
        session.scalars(
            text("""
                SELECT DISTINCT jsonb_path_query(definition, '$.**.id') #>> '{}' FROM journey_version
                WHERE shop_id = :shop AND journey_id = :id
            """),
            parameters,
        )
    )


def _put(
    session: Session, journey: Journey, now: State, definition: Definition, templates: dict[str, int], actor: str
) -> None:
    at = clock.now()
    draft = _draft(session, journey)
    last = session.scalar(
        select(func.max(JourneyRevision.number)).where(
            JourneyRevision.shop_id == journey.shop_id, JourneyRevision.journey_id == journey.id
        )
    )
    number = (last or 0) + 1
    if draft is None:
        session.add(_made(journey, number, None, now.definition, now.templates, (actor, at)))
        draft = JourneyDraft(
            shop_id=journey.shop_id, journey_id=journey.id, head=number, begun_at=at, moved_by=actor, moved_at=at
        )
        session.add(draft)
        number += 1
    session.add(_made(journey, number, draft.head, definition, templates, (actor, at)))
    draft.head, draft.moved_by, draft.moved_at = number, actor, at
    session.execute(
        delete(JourneyRevision).where(
            JourneyRevision.shop_id == journey.shop_id,
            JourneyRevision.journey_id == journey.id,
            JourneyRevision.number <= number - KEPT_REVISIONS,
        )
    )
    session.flush()


def _made(
    journey: Journey,
    number: int,
    parent: int | None,
    definition: Definition,
    templates: dict[str, int],
    by: tuple[str, datetime],
) -> JourneyRevision:
    return JourneyRevision(
        shop_id=journey.shop_id,
        journey_id=journey.id,
        number=number,
        parent=parent,
        definition=data_of(definition),
        templates=templates,
        made_by=by[0],
        made_at=by[1],
    )


def _end(session: Session, journey: Journey) -> None:
    """No draft any more. Its revisions stay a while: whoever still looks at one is told what differs."""
    draft = _draft(session, journey)
    if draft is not None:
        session.delete(draft)
        session.flush()


def _key(session: Session, name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = OWN + (re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40] or "journey")
    have = set(session.scalars(select(Journey.key).where(Journey.shop_id == session.info["shop_id"])))
    number = 1
    while (key := base if number == 1 else f"{base}_{number}") in have:
        number += 1
    return key
