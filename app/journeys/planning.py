"""Taking people forward: due enrolments become messages, waits and ends, each with its reason."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app import clock, faults
from app.customers import service as customers
from app.customers.queries import profiles
from app.customers.rules import SUNSET
from app.decisions import Decided, log
from app.journeys import queries
from app.journeys.rules import Advance, Noted, Plan, advance
from app.orders.subjects import Ref, load as load_subjects
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.customers.queries import Profile
    from app.journeys.definition import Definition, Send

logger = logging.getLogger(__name__)

BATCH = 500


def plan_due(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Advance everybody who is due, until nobody is left or it is time to stop; returns how many."""
    done = 0
    while not should_stop():
        due = _due(clock.now())
        if not due:
            break
        progressed = sum(_plan_for(shop_id, ids) for shop_id, ids in due.items())
        if not progressed:
            break  # what is left is in other hands
        done += progressed
    return done


def _due(now: datetime) -> dict[int, list[int]]:
    """Due enrolments by shop, earliest first."""
    with across_shops() as session:
        rows = session.execute(
            text(
                "SELECT shop_id, id FROM enrolment WHERE state = 'active' AND due_at <= :now "
                "ORDER BY due_at LIMIT :size"
            ),
            {"now": now, "size": BATCH},
        )
        by_shop: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            by_shop[row.shop_id].append(row.id)
        return by_shop


def _plan_for(shop_id: int, ids: Sequence[int]) -> int:
    now = clock.now()
    with transaction(shop_id) as session:
        enrolments = session.execute(
            text(
                "SELECT * FROM enrolment WHERE shop_id = :shop AND id = ANY(:ids) AND state = 'active' "
                "AND due_at <= :now ORDER BY id FOR UPDATE SKIP LOCKED"
            ),
            {"shop": shop_id, "ids": list(ids), "now": now},
        ).all()
        if enrolments:
            _advance(session, enrolments, now)
            faults.point("before_plan_commit")
    faults.point("after_plan_commit")
    return len(enrolments)


def _advance(session: Session, enrolments: Sequence[Any], now: datetime) -> None:
    shop_id = session.info["shop_id"]
    versions = queries.versions(session, shop_id, {e.version_id for e in enrolments})
    priorities = queries.priorities(session, shop_id, {e.journey_id for e in enrolments})
    people = profiles(session, shop_id, {e.customer_id for e in enrolments})
    subjects = load_subjects(session, {reference(e) for e in enrolments})
    written = queries.messages_of(session, shop_id, [e.id for e in enrolments])
    results: list[tuple[Any, Advance]] = []
    rows: list[dict[str, Any]] = []
    conditions: dict[tuple[int, str], orjson.Fragment] = {}
    for enrolment in enrolments:
        try:
            definition, templates = versions[enrolment.version_id]
            known = queries.facts(
                enrolment, subjects[reference(enrolment)], people[enrolment.customer_id], written.get(enrolment.id, {})
            )
            result = advance(definition, queries.place(enrolment), known, now)
            priority = priorities[enrolment.journey_id]
            planned = []
            for plan in result.plans:
                asked = (enrolment.version_id, plan.step)
                if asked not in conditions:
                    conditions[asked] = _conditions(definition, plan.send)
                planned.append(_message(enrolment, plan, templates[plan.template], conditions[asked], priority, now))
        except Exception as error:  # one person's oddity must not hold up the others: theirs ends here
            logger.warning("enrolment_failed", extra={"enrolment": enrolment.id}, exc_info=True)
            result, planned = _failed(enrolment.step, error), []
        results.append((enrolment, result))
        rows += planned
    if write_messages(session, rows):
        ring_after_commit(session, "send")
    _let_go(session, results, people)
    _move_on(session, results, now)
    log(
        session,
        [
            Decided(e.customer_id, n.step, n.outcome, n.reason, now, e.journey_id, e.id, None, e.subject_key, n.detail)
            for e, r in results
            for n in r.noted
        ],
    )


def _let_go(session: Session, results: Sequence[tuple[Any, Advance]], people: Mapping[int, Profile]) -> None:
    """Whoever came to the end of a farewell is written to no more, wherever they can be reached."""
    for enrolment, result in results:
        if any(noted.outcome == "suppressed" for noted in result.noted):
            for channel, address in people[enrolment.customer_id].addresses.items():
                customers.suppress(session, channel, address, SUNSET, "journey")


def _failed(step: str, error: Exception) -> Advance:
    reason = f"error:{type(error).__name__}"
    return Advance((), (Noted(step, "exited", reason),), None, None, reason)


def reference(enrolment: Any) -> Ref:
    """What an enrolment is about."""
    return Ref(enrolment.subject_kind, enrolment.subject_key, enrolment.customer_id, enrolment.anchor_at)


def _conditions(definition: Definition, send: Send) -> orjson.Fragment:
    """What is asked again at hand-over, by the same sentences; as it is for every message of a step."""
    return orjson.Fragment(
        orjson.dumps(
            {
                "topic": definition.topic,
                "outranked": definition.outranked,
                "filters": [c.model_dump(by_alias=True) for c in definition.trigger.filters],
                "only_if": [c.model_dump(by_alias=True) for c in send.only_if],
                "needs": list(send.needs),
                "exits": [
                    {"if": [c.model_dump(by_alias=True) for c in x.when], "reason": x.reason} for x in definition.exits
                ],
            }
        )
    )


def _message(
    enrolment: Any, plan: Plan, template_id: int, conditions: orjson.Fragment, priority: int, now: datetime
) -> dict[str, Any]:
    return {
        "enrolment_id": enrolment.id,
        "journey_id": enrolment.journey_id,
        "customer_id": enrolment.customer_id,
        "step": plan.step,
        "template_id": template_id,
        "channel": plan.channel,
        "purpose": plan.send.purpose,
        "priority": priority,
        "audience": plan.send.audience,
        "subject_kind": enrolment.subject_kind,
        "subject_key": enrolment.subject_key,
        "since": enrolment.anchor_at,
        "conditions": conditions,
        "planned_at": now,
        "due_at": plan.due_at,
        "useful_until": plan.useful_until,
    }


def write_messages(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Write messages as due; a step that has its message already keeps that one. Returns how many are new."""
    if not rows:
        return 0
    result = session.execute(
        text("""
            INSERT INTO message (shop_id, enrolment_id, journey_id, customer_id, step, template_id, channel, purpose,
                priority, audience, subject_kind, subject_key, since, conditions, state, planned_at, due_at,
                useful_until, updated_at)
            SELECT :shop, r.enrolment_id, r.journey_id, r.customer_id, r.step, r.template_id, r.channel, r.purpose,
                r.priority, r.audience, r.subject_kind, r.subject_key, r.since, r.conditions, 'due', r.planned_at,
                r.due_at, r.useful_until, r.planned_at
            FROM json_to_recordset(CAST(:rows AS json)) AS r (enrolment_id bigint, journey_id bigint,
                customer_id bigint, step text, template_id bigint, channel text, purpose text, priority bigint,
                audience text, subject_kind text, subject_key text, since timestamptz, conditions jsonb,
                planned_at timestamptz, due_at timestamptz, useful_until timestamptz)
            ORDER BY r.enrolment_id, r.step
            ON CONFLICT (shop_id, enrolment_id, step) DO NOTHING
            RETURNING id
        """),
        {"shop": session.info["shop_id"], "rows": orjson.dumps(rows).decode()},
    )
    return len(result.all())


def _move_on(session: Session, results: Sequence[tuple[Any, Advance]], now: datetime) -> None:
    """Where everybody stands now; whoever left takes their unsent messages along."""
    rows = [
        {
            "id": e.id,
            "step": r.place.step if r.place else "end",
            "since": r.place.since if r.place else e.since,
            "due_at": r.due_at,
            "state": "active" if r.place else "completed" if r.ended == "completed" else "exited",
            "end_reason": r.ended,
        }
        for e, r in results
    ]
    session.execute(
        text("""
            UPDATE enrolment e SET step = r.step, since = r.since, due_at = r.due_at, state = r.state,
                end_reason = r.end_reason, ended_at = CASE WHEN r.state <> 'active' THEN :now END
            FROM json_to_recordset(CAST(:rows AS json)) AS r (id bigint, step text, since timestamptz,
                due_at timestamptz, state text, end_reason text)
            WHERE e.shop_id = :shop AND e.id = r.id
        """),
        {"shop": session.info["shop_id"], "rows": orjson.dumps(rows).decode(), "now": now},
    )
    left = [e.id for e, r in results if r.ended is not None and r.ended != "completed"]
    if left:
        session.execute(
            text("""
                UPDATE message m SET state = 'cancelled', reason = e.end_reason, updated_at = :now
                FROM enrolment e
                WHERE m.shop_id = :shop AND m.enrolment_id = ANY(:ids)
                    AND m.state IN ('planned', 'due', 'deferred', 'claimed')
                    AND e.shop_id = m.shop_id AND e.id = m.enrolment_id
            """),
            {"shop": session.info["shop_id"], "ids": left, "now": now},
        )
