"""Erasing a person: what is personal goes from every table, by the registry; that they must not be written to stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.customers import service as customers
from app.decisions import Decided, log
from app.messages.states import OPEN_STATES
from app.privacy import audit
from app.privacy.registry import TABLES, emptied, table
from app.privacy.searching import Traces
from app.transaction import as_clerk, record_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.privacy.registry import Entry

ERASED = "erased"
LEDGER = "consent_entry"
"""The app's role can't change it; the clerk's may empty what is personal there, and that is all."""
UNSENT = ("planned", "due", "deferred", "claimed", "parked")


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a request is about, by whichever names it gives. The store's ids; email in lower case; phone in E.164."""

    customer_id: str | None = None
    email: str | None = None
    phone: str | None = None
    order_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, details: dict[str, Any]) -> Asked:
        """From a request's details."""
        return cls(
            details.get("customer_id"),
            details.get("email"),
            details.get("phone"),
            tuple(details.get("order_ids") or ()),
        )


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it."""

    people: tuple[int, ...]
    traces: Traces
    """What they were called: to find them in sealed bodies, and to ask providers."""
    written_by: tuple[str, ...]
    """Providers that carried messages to them."""


def matching(session: Session, asked: Asked) -> list[int]:
    """The customers a request means: by id or email or phone, and whoever was merged with them.

    A phone alone decides only where nothing else speaks against it: a row of the same phone with another email or
    another id of the store's is somebody else in the household.
    """
    found = session.scalars(
        text("""
            SELECT id FROM customer WHERE shop_id = :shop AND (
                external_id = :external OR lower(email) = :email
                OR (phone = :phone
                    AND (external_id IS NULL OR CAST(:external AS text) IS NULL)
                    AND (email IS NULL OR CAST(:email AS text) IS NULL)))
        """),
        {
            "shop": session.info["shop_id"],
            "external": asked.customer_id,
            "email": asked.email.lower() if asked.email else None,
            "phone": asked.phone,
        },
    ).all()
    return _with_merged(session, found)


def _with_merged(session: Session, ids: Sequence[int]) -> list[int]:
    """Signposts lead to the person they became, and persons to their signposts."""
    return list(
        session.scalars(
            text("""
                WITH kept AS (
                    SELECT COALESCE(merged_into_id, id) AS id FROM customer WHERE shop_id = :shop AND id = ANY(:ids)
                )
                SELECT c.id FROM customer c WHERE c.shop_id = :shop
                    AND (c.id IN (SELECT id FROM kept) OR c.merged_into_id IN (SELECT id FROM kept)) ORDER BY c.id
            """),
            {"shop": session.info["shop_id"], "ids": list(ids)},
        )
    )


def erase_person(session: Session, asked: Asked, *, actor: str = "system") -> Erased:
    """Erase whoever a request means, in the tables that say whose their rows are; all in the present transaction.

    First the addresses are suppressed, by keyed hash, so that whatever comes in later stays unwritten to. Journeys end,
    unsent messages are cancelled, every personal column of the registry is emptied. Consent stays as proof: state, time
    and source, without evidence or address. Sealed webhooks are searched separately (`searching`): that takes longer.
    Erasing twice changes nothing.
    """
    record_alone(session)
    people = matching(session, asked)
    _hold_messages(session, people)
    traces = traces_of(session, people, asked)
    written_by = _providers(session, people)
    for email in traces.emails:
        customers.suppress(session, "email", email, ERASED, "privacy")
    for phone in traces.phones:
        customers.suppress(session, "sms", phone, ERASED, "privacy")
    _end_journeys(session, people)
    _cancel_messages(session, people)
    empty(session, people, asked.order_ids)
    session.execute(
        text("UPDATE customer SET erased_at = COALESCE(erased_at, :now) WHERE shop_id = :shop AND id = ANY(:people)"),
        {"shop": session.info["shop_id"], "people": people, "now": clock.now()},
    )
    audit.note(session, actor, audit.Action.PERSON_ERASED, targets={"customers": people})
    return Erased(tuple(people), traces, written_by)


def _hold_messages(session: Session, people: Sequence[int]) -> None:
    """Wait for hand-overs under way: what they write of these people is there before it is erased."""
    session.execute(
        text(
            "SELECT 1 FROM message WHERE shop_id = :shop AND customer_id = ANY(:people) AND state = ANY(:open) "
            "ORDER BY id FOR UPDATE"
        ),
        {"shop": session.info["shop_id"], "people": list(people), "open": list(OPEN_STATES)},
    )


def still_there(session: Session, asked: Asked) -> bool:
    """Whether somebody a request means isn't erased."""
    record_alone(session)
    return bool(
        session.scalar(
            text(
                "SELECT EXISTS (SELECT 1 FROM customer WHERE shop_id = :shop AND id = ANY(:ids) AND erased_at IS NULL)"
            ),
            {"shop": session.info["shop_id"], "ids": matching(session, asked)},
        )
    )


def traces_of(session: Session, people: Sequence[int], asked: Asked) -> Traces:
    """What these people are called, here and in the request."""
    parameters = {"shop": session.info["shop_id"], "people": list(people)}
    rows = session.execute(
        text("SELECT external_id, email, phone FROM customer WHERE shop_id = :shop AND id = ANY(:people)"), parameters
    ).all()
    orders = session.scalars(
        text("SELECT external_id FROM orders WHERE shop_id = :shop AND customer_id = ANY(:people)"), parameters
    ).all()
    tokens = session.scalars(
        text("""
            SELECT token FROM checkout WHERE shop_id = :shop AND customer_id = ANY(:people)
            UNION SELECT cart_token FROM checkout WHERE shop_id = :shop AND customer_id = ANY(:people)
                AND cart_token IS NOT NULL
            UNION SELECT token FROM cart WHERE shop_id = :shop AND customer_id = ANY(:people)
        """),
        parameters,
    ).all()
    return Traces(
        emails=_some(asked.email, *(row.email for row in rows)),
        phones=_some(asked.phone, *(row.phone for row in rows)),
        customer_ids=_some(asked.customer_id, *(row.external_id for row in rows)),
        order_ids=_some(*asked.order_ids, *orders),
        tokens=_some(*tokens),
    )


def _some(*values: str | None) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))


def _providers(session: Session, people: Sequence[int]) -> tuple[str, ...]:
    return tuple(
        session.scalars(
            text("""
                SELECT DISTINCT a.provider FROM attempt a
                JOIN message m ON m.shop_id = a.shop_id AND m.id = a.message_id
                WHERE m.shop_id = :shop AND m.customer_id = ANY(:people) ORDER BY 1
            """),
            {"shop": session.info["shop_id"], "people": list(people)},
        )
    )


def _end_journeys(session: Session, people: Sequence[int]) -> None:
    now = clock.now()
    ended = session.execute(
        text("""
            UPDATE enrolment SET state = 'exited', end_reason = :reason, ended_at = :now, due_at = NULL
            WHERE shop_id = :shop AND customer_id = ANY(:people) AND state = 'active'
            RETURNING id, customer_id, journey_id, step, subject_key
        """),
        {"shop": session.info["shop_id"], "people": list(people), "now": now, "reason": ERASED},
    ).all()
    log(
        session,
        [
            Decided(r.customer_id, r.step, "exited", ERASED, now, r.journey_id, r.id, subject_key=r.subject_key)
            for r in ended
        ],
    )


def _cancel_messages(session: Session, people: Sequence[int]) -> None:
    now = clock.now()
    cancelled = session.execute(
        text("""
            UPDATE message SET state = 'cancelled', reason = :reason, updated_at = :now
            WHERE shop_id = :shop AND customer_id = ANY(:people) AND state = ANY(:unsent)
            RETURNING id, customer_id, journey_id, enrolment_id, step
        """),
        {"shop": session.info["shop_id"], "people": list(people), "now": now, "reason": ERASED, "unsent": list(UNSENT)},
    ).all()
    log(
        session,
        [
            Decided(r.customer_id, r.step, "cancelled", ERASED, now, r.journey_id, r.enrolment_id, r.id)
            for r in cancelled
        ],
    )


def empty(session: Session, people: Sequence[int], orders: Sequence[str]) -> None:
    """Empty every personal column of these people's rows, and delete the rows that are nothing without them."""
    parameters = {"shop": session.info["shop_id"], "people": list(people), "orders": list(orders)}
    for name, entry in TABLES.items():
        statement = _emptying(name, entry)
        if statement is None:
            continue
        if name == LEDGER:
            with as_clerk(session):
                session.execute(text(statement), parameters)
        else:
            session.execute(text(statement), parameters)


def _emptying(name: str, entry: Entry) -> str | None:
    """Names come from the registry, values are bound."""
    if entry.of_person is None:
        return None
    if entry.whole:
        return f'DELETE FROM "{name}" WHERE shop_id = :shop AND {entry.of_person}'  # noqa: S608
    columns = [table(name).c[column] for column in entry.personal.split()]
    if not columns:
        return None
    changes = ", ".join(f'"{c.name}" = {emptied(c)}' for c in columns)
    differs = " OR ".join(f'"{c.name}" IS DISTINCT FROM {emptied(c)}' for c in columns)
    return f'UPDATE "{name}" SET {changes} WHERE shop_id = :shop AND {entry.of_person} AND ({differs})'  # noqa: S608
