"""Who enters a journey, and who is woken: the part of journeys that runs inside the transaction of the news."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app import clock, faults
from app.customers.queries import fields
from app.decisions import Decided, log
from app.journeys import queries
from app.journeys.rules import Earlier, Enter, Move, Occasion, Refuse, entry
from app.journeys.triggers import Candidate, candidates
from app.transaction import ring_after_commit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.journeys.queries import Running
    from app.orders.service import Touched


def react(session: Session, touched: Touched) -> None:
    """Wake the people whose facts changed, and bring in those for whom an occasion arose."""
    if not (touched.carts or touched.checkouts or touched.orders):
        return
    shop_id, now = session.info["shop_id"], clock.now()
    _wake(session, touched, now)
    journeys = queries.running(session, shop_id)
    if not journeys:
        return
    found = candidates(session, touched, {j.definition.trigger.event for j in journeys})
    admit(session, journeys, found, now)
    faults.point("after_react")


def _wake(session: Session, touched: Touched, now: datetime) -> None:
    """Whoever is under way with something that changed is looked at again now: exits, deliveries, events."""
    session.execute(
        text("""
            UPDATE enrolment e SET due_at = :now
            WHERE e.shop_id = :shop AND e.state = 'active' AND (e.due_at IS NULL OR e.due_at > :now)
                AND e.customer_id IN (
                    SELECT customer_id FROM orders WHERE shop_id = :shop AND id = ANY(:orders)
                    UNION SELECT customer_id FROM checkout WHERE shop_id = :shop AND id = ANY(:checkouts)
                    UNION SELECT customer_id FROM cart WHERE shop_id = :shop AND id = ANY(:carts)
                )
        """),
        {
            "shop": session.info["shop_id"],
            "now": now,
            "orders": sorted(touched.orders),
            "checkouts": sorted(touched.checkouts),
            "carts": sorted(touched.carts),
        },
    )


def admit(session: Session, journeys: Sequence[Running], found: Sequence[Candidate], now: datetime) -> int:
    """Decide for each candidate and write what follows; returns how many entered."""
    shop_id = session.info["shop_id"]
    pairs = [(j, c) for j in journeys for c in found if c.event == j.definition.trigger.event]
    if not pairs:
        return 0
    involved = {j.id: j.definition for j, _ in pairs}.values()
    asked = frozenset[str]().union(*(definition.asked_on_entry for definition in involved))
    people = fields(session, shop_id, {c.ref.customer_id for _, c in pairs}, asked)
    rounds: dict[tuple[int, str], tuple[int | None, Earlier]] = {
        **queries.earlier(session, shop_id, [(j.id, c.ref.key) for j, c in pairs])
    }
    calm = any(definition.reentry.cooldown is not None for definition in involved)
    entered = queries.last_entries(session, shop_id, set(people)) if calm else {}
    rows: list[dict[str, Any]] = []
    noted: list[Decided] = []
    for journey, candidate in sorted(pairs, key=lambda p: p[1].occasion.at):
        customer_id = candidate.ref.customer_id
        person = people.get(customer_id)
        if person is None:
            continue
        occasion = _with_person(candidate.occasion, person)
        subject = (journey.id, candidate.ref.key)
        enrolment_id, before = rounds.get(subject, (None, None))
        verdict = entry(journey.definition, occasion, before, entered.get((journey.id, customer_id)), now)
        note = partial(Decided, customer_id, "trigger", at=now, journey_id=journey.id, subject_key=candidate.ref.key)
        if isinstance(verdict, Enter):
            if verdict.replaces and enrolment_id is not None:
                _end(session, enrolment_id, "replaced", now)
                noted.append(note("exited", "replaced", enrolment_id=enrolment_id))
            rows.append(_row(journey, candidate, verdict, now))
            entered[journey.id, customer_id] = occasion.at
            begun = Earlier(verdict.round, active=True, anchor_at=occasion.at, basket=occasion.basket, sent=False)
            rounds[subject] = (None, begun)
            noted.append(note("entered", candidate.event, detail={"round": verdict.round}))
        elif isinstance(verdict, Move) and enrolment_id is not None:
            _move(session, enrolment_id, occasion, now)
            reason = "basket_changed" if before and before.sent else "still_shopping"
            noted.append(note("moved", reason, enrolment_id=enrolment_id))
        elif isinstance(verdict, Refuse):
            noted.append(note("not_entered", verdict.reason))
    _insert(session, rows)
    log(session, noted)
    if rows:
        ring_after_commit(session, "plan")
    return len(rows)


def _with_person(occasion: Occasion, fields: Any) -> Occasion:
    return Occasion(occasion.at, occasion.refusal, {**fields, **occasion.fields}, occasion.basket)


def _row(journey: Running, candidate: Candidate, verdict: Enter, now: datetime) -> dict[str, Any]:
    return {
        "journey_id": journey.id,
        "version_id": journey.version_id,
        "customer_id": candidate.ref.customer_id,
        "subject_kind": candidate.ref.kind,
        "subject_key": candidate.ref.key,
        "round": verdict.round,
        "step": journey.definition.program.first,
        "anchor_at": candidate.occasion.at,
        "entered_at": now,
        # Looked at once right away: the first wait tells the clock when to look again.
        "due_at": now,
        "data": candidate.data,
    }


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    session.execute(
        text("""
            INSERT INTO enrolment (shop_id, journey_id, version_id, customer_id, subject_kind, subject_key, round,
                state, step, anchor_at, since, entered_at, due_at, data)
            SELECT :shop, r.journey_id, r.version_id, r.customer_id, r.subject_kind, r.subject_key, r.round, 'active',
                r.step, r.anchor_at, r.anchor_at, r.entered_at, r.due_at, r.data
            FROM json_to_recordset(CAST(:rows AS json)) AS r (journey_id bigint, version_id bigint, customer_id bigint,
                subject_kind text, subject_key text, round bigint, step text, anchor_at timestamptz,
                entered_at timestamptz, due_at timestamptz, data jsonb)
            ON CONFLICT (shop_id, journey_id, subject_key, round) DO NOTHING
        """),
        {"shop": session.info["shop_id"], "rows": orjson.dumps(rows).decode()},
    )


def _move(session: Session, enrolment_id: int, occasion: Occasion, now: datetime) -> None:
    """Start the clock anew; what was planned and hasn't gone yet moves along with it."""
    parameters = {
        "shop": session.info["shop_id"],
        "id": enrolment_id,
        "at": occasion.at,
        "now": now,
        "basket": occasion.basket,
    }
    session.execute(
        text("""
            UPDATE message SET state = 'due', reason = NULL, lease_token = NULL, lease_until = NULL,
                -- One that was held back counts from when it was first to go, not from the end of its wait.
                due_at = CASE state WHEN 'deferred' THEN planned_at ELSE due_at END
                    + (CAST(:at AS timestamptz) - since),
                useful_until = useful_until + (CAST(:at AS timestamptz) - since), since = :at, updated_at = :now
            WHERE shop_id = :shop AND enrolment_id = :id AND state IN ('planned', 'due', 'deferred', 'claimed')
        """),
        parameters,
    )
    session.execute(
        text("""
            UPDATE enrolment SET anchor_at = :at, since = GREATEST(since, :at), due_at = :now,
                data = data - 'kept' || jsonb_build_object('basket', CAST(:basket AS text))
            WHERE shop_id = :shop AND id = :id AND state = 'active'
        """),
        parameters,
    )


def _end(session: Session, enrolment_id: int, reason: str, now: datetime) -> None:
    session.execute(
        text(
            "UPDATE enrolment SET state = 'exited', end_reason = :reason, ended_at = :now, due_at = NULL "
            "WHERE shop_id = :shop AND id = :id"
        ),
        {"shop": session.info["shop_id"], "id": enrolment_id, "reason": reason, "now": now},
    )
    session.execute(
        text(
            "UPDATE message SET state = 'cancelled', reason = :reason, updated_at = :now "
            "WHERE shop_id = :shop AND enrolment_id = :id AND state IN ('planned', 'due', 'deferred', 'claimed')"
        ),
        {"shop": session.info["shop_id"], "id": enrolment_id, "reason": reason, "now": now},
    )
