"""The decision log: one way to write down who, which step, what, when and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, Tenant
from app.hooks import recording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session


class Decision(Tenant, Base):
    """Who, which step, what was decided, when and why. Written for every step taken or not."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("ix_decision_customer", "shop_id", "customer_id", "at"),
        Index("ix_decision_door", "shop_id", "journey_id", "at", postgresql_where=text("step = 'trigger'")),
        Index(
            "ix_decision_unwritten",
            "shop_id",
            "at",
            postgresql_where=text("outcome = 'skipped' AND message_id IS NULL"),
        ),
        Index("ix_decision_enrolment", "shop_id", "enrolment_id", "id"),
        # A refusal is recorded once, however often its occasion is reported.
        Index(
            "uq_decision_refusal",
            "shop_id",
            "journey_id",
            "subject_key",
            "reason",
            unique=True,
            postgresql_where=text("outcome = 'not_entered'"),
        ),
    )

    customer_id: Mapped[int]
    journey_id: Mapped[int | None]
    enrolment_id: Mapped[int | None]
    message_id: Mapped[int | None]
    subject_key: Mapped[str | None]
    step: Mapped[str]
    outcome: Mapped[str]
    """entered | not_entered | moved | waited | split | planned | sent | deferred | skipped | expired | cancelled |
    changed | exited | completed | failed | parked | unknown | suppressed"""
    reason: Mapped[str]
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision, ready to be written."""

    customer_id: int
    step: str
    outcome: str
    reason: str
    at: datetime
    journey_id: int | None = None
    enrolment_id: int | None = None
    message_id: int | None = None
    subject_key: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def log(session: Session, decisions: Sequence[Decided]) -> None:
    """Write decisions in the transaction that carries them out, and tell subscribers.

    A refusal already on record isn't written again.
    """
    if not decisions:
        return
    recording.decided(session, decisions)
    session.execute(
        text("""
            INSERT INTO decision (shop_id, customer_id, journey_id, enrolment_id, message_id, subject_key, step,
                outcome, reason, at, detail)
            SELECT :shop, r.* FROM json_to_recordset(CAST(:rows AS json)) AS r (customer_id bigint, journey_id bigint,
                enrolment_id bigint, message_id bigint, subject_key text, step text, outcome text, reason text,
                at timestamptz, detail jsonb)
            ON CONFLICT DO NOTHING
        """),
        {"shop": session.info["shop_id"], "rows": orjson.dumps(decisions).decode()},
    )
