"""What may be done with journeys: put the starters into a shop, turn on and off, change, stop."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from sqlalchemy import select, text

from app import clock
from app.decisions import Decided, log
from app.hooks import recording
from app.hooks.recording import Happened
from app.journeys import queries
from app.journeys.definition import Definition, parse, walk
from app.journeys.editing import data_of
from app.journeys.entering import admit, react
from app.journeys.models import Journey, JourneyVersion
from app.journeys.planning import plan_due
from app.journeys.triggers import running_low
from app.texting import service as texting
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.journeys.definition import Step

__all__ = [
    "exclude",
    "find",
    "freeze",
    "install_starters",
    "keep_text",
    "library",
    "locked",
    "plan_due",
    "rank",
    "react",
    "save_version",
    "stop_shop",
    "turn_off",
    "turn_on",
]

HIGHEST_PRIORITY = 100
LIBRARY = Path(__file__).parent / "library"
EXCLUDED = "excluded_by_merchant"
SUFFIXES = {"email": ".mjml", "sms": ".txt"}


class Starter:
    """A journey that comes with the product: a folder with `definition.yaml` and its templates."""

    def __init__(self, folder: Path) -> None:
        result = parse(yaml.safe_load((folder / "definition.yaml").read_text()))
        if isinstance(result, list):
            raise ValueError(  # noqa: TRY004 the value is what is wrong
                f"{folder.name}: " + "; ".join(f"{flaw.where}: {flaw.message}" for flaw in result)
            )
        self.definition = result
        self.templates = {
            name: (folder / f"{name}{SUFFIXES[channel]}").read_text() for name, channel in result.templates.items()
        }


def library() -> dict[str, Starter]:
    """All starters by their key, read anew: adding a folder is all it takes."""
    folders = sorted(path.parent for path in LIBRARY.glob("*/definition.yaml"))
    return {folder.name: Starter(folder) for folder in folders}


def install_starters(session: Session) -> None:
    """Give a shop every starter it doesn't have yet, turned off."""
    have = set(session.scalars(select(Journey.key).where(Journey.shop_id == session.info["shop_id"])))
    for key, starter in library().items():
        if key not in have:
            journey = Journey(
                shop_id=session.info["shop_id"],
                key=key,
                name=starter.definition.name,
                event=starter.definition.trigger.event,
                priority=starter.definition.priority,
                created_at=clock.now(),
            )
            session.add(journey)
            session.flush()
            save_version(session, journey, starter.definition, starter.templates)


def save_version(
    session: Session, journey: Journey, definition: Definition, templates: Mapping[str, str]
) -> JourneyVersion:
    """Freeze a new version from texts; from now on people enter by it. Those under way keep theirs."""
    ids = {name: keep_text(session, definition.templates[name], source) for name, source in templates.items()}
    return freeze(session, journey, definition, ids)


def freeze(
    session: Session, journey: Journey, definition: Definition, ids: Mapping[str, int], made_by: str | None = None
) -> JourneyVersion:
    """The same from texts that are frozen already: template name -> id."""
    shop_id = session.info["shop_id"]
    number = session.scalar(
        text("SELECT COALESCE(max(number), 0) + 1 FROM journey_version WHERE shop_id = :shop AND journey_id = :id"),
        {"shop": shop_id, "id": journey.id},
    )
    version = JourneyVersion(
        shop_id=shop_id,
        journey_id=journey.id,
        number=number,
        definition=data_of(definition),
        templates={name: ids[name] for name in definition.templates},
        created_at=clock.now(),
        made_by=made_by,
    )
    session.add(version)
    session.flush()
    journey.version_id, journey.name = version.id, definition.name
    return version


def rank(shop_id: int, key: str, steps: int) -> bool:
    """Move a journey `steps` places down the merchant's order (up when negative); False when there is no such journey.

    Whose journey stands higher writes first when two messages are due for one person. Counts for what is planned from
    now on.
    """
    with transaction(shop_id) as session:
        found = list(
            session.scalars(
                select(Journey)
                .where(Journey.shop_id == shop_id)
                .order_by(Journey.priority.desc(), Journey.id)
                .with_for_update()
            )
        )
        place = next((number for number, journey in enumerate(found) if journey.key == key), None)
        if place is None:
            return False
        found.insert(min(max(place + steps, 0), len(found) - 1), found.pop(place))
        for number, journey in enumerate(found):
            journey.priority = max(HIGHEST_PRIORITY - number * 100 // max(len(found), 10), 0)
    return True


def keep_text(session: Session, channel: str, source: str) -> int:
    """Freeze a message's text; returns its id. The same text is kept once."""
    digest = hashlib.sha256(f"{channel}\n{source}".encode()).digest()
    shop_id = session.info["shop_id"]
    parameters = {"shop": shop_id, "channel": channel, "source": source, "digest": digest, "now": clock.now()}
    session.execute(
        text(
            "INSERT INTO template (shop_id, channel, source, digest, created_at) "
            "VALUES (:shop, :channel, :source, :digest, :now) ON CONFLICT DO NOTHING"
        ),
        parameters,
    )
    found: int = session.execute(
        text("SELECT id FROM template WHERE shop_id = :shop AND digest = :digest"), parameters
    ).scalar_one()
    return found


def find(session: Session, key: str) -> Journey | None:
    """A journey by its key; None when there is none."""
    return session.scalar(select(Journey).where(Journey.shop_id == session.info["shop_id"], Journey.key == key))


def locked(session: Session, key: str) -> Journey | None:
    """The same, held so that nobody else changes it."""
    found = find(session, key)
    if found is not None:
        session.refresh(found, with_for_update=True)
    return found


def turn_on(session: Session, journey: Journey) -> int:
    """Let people enter from now on. Those whose next purchase is already in sight enter at once; returns how many."""
    if journey.is_on:
        return 0
    now = clock.now()
    journey.is_on, journey.turned_on_at = True, now
    session.flush()
    if any(step.send and "sms" in step.send.templates for step in _steps(session, journey)):
        texting.want(session)
    if journey.event != "product_running_low":
        return 0
    return admit_running_low(session, now)


def _steps(session: Session, journey: Journey) -> Iterator[Step]:
    running = queries.running(session, session.info["shop_id"])
    return (step for each in running if each.id == journey.id for step in walk(each.definition.steps))


def admit_running_low(session: Session, now: datetime) -> int:
    """Bring in buyers whose supply is still to run out. Those overdue are left alone: the moment has passed."""
    journeys = [
        j
        for j in queries.running(session, session.info["shop_id"])
        if j.definition.trigger.event == "product_running_low"
    ]
    if not journeys:
        return 0
    horizon = now - max(j.definition.trigger.within for j in journeys)
    found = [
        candidate
        for candidate in running_low(session, since=horizon)
        if candidate.occasion.at + _first_wait(journeys[0].definition, candidate.data["gap_days"]) >= now
    ]
    return admit(session, journeys, found, now)


def _first_wait(definition: Definition, gap_days: float) -> timedelta:
    for step in walk(definition.steps):
        if step.wait is not None:
            if step.wait.share_of_gap is not None:
                return timedelta(days=gap_days) * step.wait.share_of_gap
            return step.wait.wait or timedelta()
    return timedelta()


def turn_off(session: Session, journey: Journey) -> None:
    """Let nobody enter, and end it for those under way: off means that nothing more is sent."""
    journey.is_on = False
    _end_all(session, "journey_turned_off", journey.id)


def exclude(session: Session, customer_id: int) -> tuple[int, int]:
    """Take a person out of every journey they are under way in; returns how many ended, and messages cancelled."""
    parameters = {"shop": session.info["shop_id"], "now": clock.now(), "customer": customer_id, "reason": EXCLUDED}
    ended = session.execute(
        text("""
            UPDATE enrolment SET state = 'exited', end_reason = :reason, ended_at = :now, due_at = NULL
            WHERE shop_id = :shop AND customer_id = :customer AND state = 'active' RETURNING id, journey_id, subject_key
        """),
        parameters,
    ).all()
    cancelled = session.execute(
        text("""
            UPDATE message SET state = 'cancelled', reason = :reason, updated_at = :now
            WHERE shop_id = :shop AND customer_id = :customer AND journey_id IS NOT NULL
                AND state IN ('planned', 'due', 'deferred', 'claimed', 'parked') RETURNING id
        """),
        parameters,
    ).all()
    now = clock.now()
    log(
        session,
        [Decided(customer_id, "end", "exited", EXCLUDED, now, e.journey_id, e.id, None, e.subject_key) for e in ended],
    )
    return len(ended), len(cancelled)


def stop_shop(session: Session) -> None:
    """The merchant removed the app: everything under way ends, unsent messages are cancelled."""
    _end_all(session, "uninstalled", None)


def _end_all(session: Session, reason: str, journey_id: int | None) -> None:
    parameters = {"shop": session.info["shop_id"], "now": clock.now(), "reason": reason, "journey": journey_id}
    ended = session.execute(
        text("""
            UPDATE enrolment SET state = 'exited', end_reason = :reason, ended_at = :now, due_at = NULL
            WHERE shop_id = :shop AND state = 'active' AND (CAST(:journey AS bigint) IS NULL OR journey_id = :journey)
            RETURNING id, customer_id, journey_id
        """),
        parameters,
    )
    recording.tell(
        session,
        (
            Happened("journey.exited", e.customer_id, {"enrolment_id": e.id, "reason": reason}, e.journey_id)
            for e in ended
        ),
    )
    session.execute(
        text("""
            UPDATE message SET state = 'cancelled', reason = :reason, updated_at = :now
            WHERE shop_id = :shop AND state IN ('planned', 'due', 'deferred', 'claimed', 'parked')
                AND (CAST(:journey AS bigint) IS NULL OR journey_id = :journey)
        """),
        parameters,
    )
