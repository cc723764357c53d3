"""May we write to this person? The gates' own answer, asked without a message.

Nothing is decided here. For each channel and purpose an empty message is put before `rules.gate`, the function that
every real message passes, with everything gathered by the same `Asker`: so this answer and the gates can't disagree.
What only a real message has (its journey's conditions, what it is about, whether it is still of use) isn't asked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.customers.queries import CHANNELS, profiles, standings
from app.customers.rules import LEDGER_CHANNELS
from app.messages.asking import Asker
from app.messages.hearing import Heard, heard_lately
from app.messages.rules import Asked, Defer, Skip, gate
from app.orders.subjects import Subject
from app.shops import service as shops

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.customers.queries import Profile

PURPOSES = ("marketing", "basket", "transactional")
"""`basket`: marketing about a cart or checkout, for which texts have rules of their own."""
LOOK_AHEAD = timedelta(days=60)
"""How far off a wait may be that is still a yes, later."""
MOST_REFUSED = 20
MOST_WORDS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """The gates' word on one channel and purpose."""

    channel: str
    purpose: str
    """One of `PURPOSES`."""
    may: bool
    """Whether a message may go, now or at `not_before`."""
    reason: str
    """The gates' reason code; `all_gates_open` for a plain yes."""
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One word of the ledger. `ip` only where it is known and the person isn't erased."""

    channel: str
    purpose: str
    state: str
    effective_at: datetime
    source: str
    collected: str
    wording: str
    double_opt_in: bool
    ip: str | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that didn't go, and why."""

    at: datetime
    outcome: str
    reason: str
    channel: str | None
    journey: str | None
    message_id: int | None


@dataclass(frozen=True, slots=True)
class Permission:
    """The whole answer about one person."""

    customer_id: int
    asked_at: datetime
    answers: tuple[Answer, ...]
    states: Mapping[str, tuple[str, datetime]]
    """Channel -> present state of consent and since when; channels they never spoke of are missing."""
    evidence: tuple[Evidence, ...]
    """The ledger, the newest word first."""
    refused: tuple[Refusal, ...]
    """The last messages that were held back for good, the newest first."""

    def plain(self) -> dict[str, Any]:
        """As JSON takes it: times are ISO 8601 in UTC."""
        plain: dict[str, Any] = _plain(asdict(self))
        plain["states"] = {c: {"state": state, "since": _plain(at)} for c, (state, at) in self.states.items()}
        return plain


def answer(asked: Asked, purpose: str, now: datetime) -> Answer:
    """The gates' verdict, as an answer. Pure."""
    verdict = gate(asked, now)
    if isinstance(verdict, Skip):
        return Answer(asked.channel, purpose, may=False, reason=verdict.reason)
    if isinstance(verdict, Defer):
        return Answer(asked.channel, purpose, may=True, reason=verdict.reason, not_before=verdict.until)
    return Answer(asked.channel, purpose, may=True, reason="all_gates_open")


@dataclass(frozen=True, slots=True)
class _Empty:
    """A message of which nothing is known but where it would go and why."""

    channel: str
    purpose: str
    subject_kind: str
    since: datetime
    useful_until: datetime
    audience: str = "subscribers"
    subject_key: str = ""
    tries: int = 0
    journey_id: int | None = None
    step: str = ""
    priority: int = 1_000
    """Above all: what else is under way to them says nothing about whether they may be written to."""

    @property
    def conditions(self) -> dict[str, Any]:
        """None."""
        return {}


def of_person(session: Session, customer_id: int) -> Permission | None:
    """The answer about a customer of this shop; None when there is none of this id."""
    shop, now = shops.get(session), clock.now()
    found = profiles(session, shop.id, [customer_id])
    if customer_id not in found:
        return None
    stands = standings(session, shop.id, [customer_id])
    return Permission(
        customer_id,
        now,
        tuple(_answers(session, Asker(shop), found[customer_id], now)),
        {channel: (each.state, each.since) for (_, channel), each in sorted(stands.items())},
        tuple(_evidence(session, customer_id)),
        tuple(_refused(session, customer_id)),
    )


def _answers(session: Session, asker: Asker, person: Profile, now: datetime) -> list[Answer]:
    heard = heard_lately(session, {person.id: person}, (), now).get(person.id, Heard())
    answers = []
    for channel in CHANNELS:
        for purpose in PURPOSES:
            about = "checkout" if purpose == "basket" else "none"
            kind = "transactional" if purpose == "transactional" else "marketing"
            message = _Empty(channel, kind, about, now, now + LOOK_AHEAD)
            answers.append(answer(asker.asked(message, person, Subject(None), heard, bought=False), purpose, now))
    unused = (channel for channel in LEDGER_CHANNELS if channel not in CHANNELS)
    answers += [Answer(channel, "marketing", may=False, reason="channel_not_used") for channel in unused]
    return answers


def _evidence(session: Session, customer_id: int) -> Sequence[Evidence]:
    rows = session.execute(
        text("""
            SELECT channel, purpose, state, effective_at, source, collected, wording, double_opt_in,
                evidence ->> 'ip' AS ip, recorded_at
            FROM consent_entry WHERE shop_id = :shop AND customer_id = :id
            UNION ALL
            SELECT channel, purpose, 'unsubscribed', held_at, 'merge', '', '', false, NULL, held_at
            FROM consent_hold WHERE shop_id = :shop AND customer_id = :id
            ORDER BY effective_at DESC, recorded_at DESC LIMIT :most
        """),
        {"shop": session.info["shop_id"], "id": customer_id, "most": MOST_WORDS},
    )
    return [Evidence(**row._mapping) for row in rows]  # noqa: SLF001 SQLAlchemy's own way to the names


def _refused(session: Session, customer_id: int) -> Sequence[Refusal]:
    rows = session.execute(
        text("""
            SELECT d.at, d.outcome, d.reason, m.channel, j.name AS journey, d.message_id
            FROM decision d
            LEFT JOIN message m ON m.shop_id = d.shop_id AND m.id = d.message_id
            LEFT JOIN journey j ON j.shop_id = d.shop_id AND j.id = d.journey_id
            WHERE d.shop_id = :shop AND d.customer_id = :id
                AND d.outcome IN ('skipped', 'expired', 'cancelled', 'failed', 'parked')
            ORDER BY d.at DESC, d.id DESC LIMIT :most
        """),
        {"shop": session.info["shop_id"], "id": customer_id, "most": MOST_REFUSED},
    )
    return [Refusal(**row._mapping) for row in rows]  # noqa: SLF001


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
