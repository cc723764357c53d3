"""Writing down what others are told, in the transaction in which it happens.

Only for shops somebody of which wants to hear it: one question a transaction finds out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app import clock
from app.hooks.rules import OF_DECISIONS
from app.transaction import ring_after_commit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.decisions import Decided


@dataclass(frozen=True, slots=True)
class Happened:
    """Something to tell. `data`: ids, codes and times, nobody's name or address."""

    kind: str
    customer_id: int | None
    data: Mapping[str, Any] = field(default_factory=dict)
    journey_id: int | None = None
    """Told by its key."""
    at: datetime | None = None


def wanted(session: Session, *kinds: str) -> bool:
    """Whether anybody subscribed to one of these; asked once a transaction."""
    if "hook_kinds" not in session.info:
        session.info["hook_kinds"] = set(
            session.scalars(
                text("SELECT DISTINCT unnest(kinds) FROM hook WHERE shop_id = :shop AND state = 'on'"),
                {"shop": session.info["shop_id"]},
            )
        )
    return not session.info["hook_kinds"].isdisjoint(kinds)


def tell(session: Session, happened: Iterable[Happened]) -> None:
    """Put events into the log, with a delivery for each subscription that wants them."""
    now = clock.now()
    rows = [
        {
            "kind": h.kind,
            "at": h.at or now,
            "customer_id": h.customer_id,
            "journey_id": h.journey_id,
            "data": {"customer_id": h.customer_id, **h.data},
        }
        for h in happened
        if wanted(session, h.kind)
    ]
    if not rows:
        return
    session.execute(
        text("""
            WITH told AS (
                INSERT INTO hook_event (shop_id, kind, at, customer_id, data)
                SELECT :shop, r.kind, r.at, r.customer_id, r.data || COALESCE(
                    (SELECT jsonb_build_object('journey', j.key) FROM journey j
                    WHERE j.shop_id = :shop AND j.id = r.journey_id), '{}')
                FROM json_to_recordset(CAST(:rows AS json)) AS r (kind text, at timestamptz, customer_id bigint,
                    journey_id bigint, data jsonb)
                RETURNING id, kind
            )
            INSERT INTO hook_delivery (shop_id, hook_id, event_id, state, due_at, updated_at)
            SELECT :shop, h.id, t.id, 'due', :now, :now
            FROM told t JOIN hook h ON h.shop_id = :shop AND h.state = 'on' AND t.kind = ANY(h.kinds)
        """),
        {"shop": session.info["shop_id"], "now": now, "rows": orjson.dumps(rows).decode()},
    )
    ring_after_commit(session, "slow")


def decided(session: Session, decisions: Sequence[Decided]) -> None:
    """Tell of decisions, as far as others are told of such."""
    if not wanted(session, *OF_DECISIONS.values()):
        return
    tell(
        session,
        (
            Happened(
                OF_DECISIONS[d.outcome],
                d.customer_id,
                {
                    "message_id": d.message_id,
                    "enrolment_id": d.enrolment_id,
                    "step": d.step,
                    "outcome": d.outcome,
                    "reason": d.reason,
                    **({"channel": d.detail["channel"]} if "channel" in d.detail else {}),
                },
                d.journey_id,
                d.at,
            )
            for d in decisions
            if d.outcome in OF_DECISIONS
        ),
    )
