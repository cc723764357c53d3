"""The second step of a double opt-in: one message asks, a link or a YES answers, the ledger has both.

A fresh plain yes leaves an errand (`opt_in`). Whether it needs a second step is found out when the errand is run, by
the same rule that the gates go by. Nobody is asked twice within 30 days, nor while no journey is on.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

from app import clock
from app.customers import service as customers, wordings
from app.customers.queries import profiles
from app.customers.rules import ASK_AGAIN_AFTER, ASK_WITHIN, CONFIRM_WITHIN
from app.decisions import Decided, log
from app.messages.models import Message
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.customers.queries import Profile

FOLDER = Path(__file__).parent / "confirmation"
FILES = {"email": "email.mjml", "sms": "sms.txt"}
FORMS = {"email": "confirm-email-2", "sms": "confirm-sms-2"}
"""Stands in the ledger beside each answer, with the label of the sentence that the request held (`wordings`). A new
text gets a new number, and the old texts stay in git."""
MARK = "[[wording]]"
USEFUL_FOR = {"email": timedelta(hours=24), "sms": timedelta(hours=2)}
"""How late the request may still go out: it answers something they have just done. Ours."""
STEP = "confirm_opt_in"
SOURCE = "double_opt_in"
BATCH = 200


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Look at yeses that may need a second step, and ask those who give one; returns how many were looked at."""
    with across_shops() as session:
        shops = session.scalars(
            text("SELECT DISTINCT shop_id FROM opt_in WHERE asked_at IS NULL AND done_at IS NULL AND due_at <= :now"),
            {"now": clock.now()},
        ).all()
    looked_at = 0
    for shop_id in shops:
        while not should_stop() and (some := _look(shop_id)):
            looked_at += some
    return looked_at


def _look(shop_id: int) -> int:
    now = clock.now()
    with transaction(shop_id) as session:
        rows = session.execute(
            text("""
                SELECT id, customer_id, channel, said_at FROM opt_in
                WHERE shop_id = :shop AND asked_at IS NULL AND done_at IS NULL AND due_at <= :now
                ORDER BY said_at, id LIMIT :size FOR UPDATE SKIP LOCKED
            """),
            {"shop": shop_id, "now": now, "size": BATCH},
        ).all()
        if not rows:
            return 0
        people = profiles(session, shop_id, {row.customer_id for row in rows})
        asked = _asked_lately(session, people, now)
        is_on = bool(session.scalar(text("SELECT EXISTS (SELECT 1 FROM journey WHERE is_on)")))
        for row in rows:
            reason = _why_not(people[row.customer_id], row, asked, now, is_on=is_on)
            if reason is None:
                _ask(session, row, now)
                asked.add((row.customer_id, row.channel))
            else:
                _end(session, row.id, reason, now)
        return len(rows)


def _asked_lately(session: Session, people: Mapping[int, Profile], now: datetime) -> set[tuple[int, str]]:
    rows = session.execute(
        text(
            "SELECT DISTINCT customer_id, channel FROM opt_in "
            "WHERE shop_id = :shop AND customer_id = ANY(:ids) AND asked_at > :since"
        ),
        {"shop": session.info["shop_id"], "ids": sorted(people), "since": now - ASK_AGAIN_AFTER},
    )
    return {(row.customer_id, row.channel) for row in rows}


def _why_not(person: Profile, row: Any, asked: set[tuple[int, str]], now: datetime, *, is_on: bool) -> str | None:
    if row.channel in person.unreachable:
        return "unreachable"
    if row.channel not in person.unconfirmed:
        return "not_needed"
    if now - row.said_at > ASK_WITHIN:
        return "too_old"
    if not is_on:
        return "nothing_is_on"
    return "asked_before" if (person.id, row.channel) in asked else None


def _end(session: Session, id_: int, outcome: str, now: datetime) -> None:
    session.execute(
        text("UPDATE opt_in SET done_at = :now, outcome = :outcome WHERE shop_id = :shop AND id = :id"),
        {"shop": session.info["shop_id"], "id": id_, "outcome": outcome, "now": now},
    )


def _ask(session: Session, row: Any, now: datetime) -> None:
    """Write the message and, from now on, hold marketing back until it is answered."""
    shop_id, channel = session.info["shop_id"], row.channel
    wording = wordings.present(session)[channel]
    message_id = session.execute(
        insert(Message)
        .values(
            shop_id=shop_id,
            customer_id=row.customer_id,
            step=STEP,
            template_id=_template(session, channel, wording.words, now),
            conditions={},
            channel=channel,
            purpose="transactional",
            subject_kind="none",
            subject_key="",
            since=row.said_at,
            state="due",
            planned_at=now,
            due_at=now,
            useful_until=now + USEFUL_FOR[channel],
            updated_at=now,
        )
        .returning(Message.id)
    ).scalar_one()
    session.execute(
        text(
            "UPDATE opt_in SET asked_at = :now, expires_at = :until, message_id = :message "
            "WHERE shop_id = :shop AND id = :id"
        ),
        {"shop": shop_id, "id": row.id, "now": now, "until": now + CONFIRM_WITHIN[channel], "message": message_id},
    )
    asked = f"{FORMS[channel]} {wording.label}"
    word = customers.Word(row.customer_id, channel, "pending", now, SOURCE, collected="request", wording=asked)
    customers.consent(session, [word])
    log(session, [Decided(row.customer_id, STEP, "planned", "needs_second_yes", now, message_id=message_id)])
    ring_after_commit(session, "send")


@cache
def source(channel: str) -> str:
    """The text of the request."""
    return (FOLDER / FILES[channel]).read_text(encoding="utf-8")


def _template(session: Session, channel: str, words: str, now: datetime) -> int:
    """The request as a frozen template of the shop: the same text is the same row."""
    body = source(channel).replace(MARK, escape(words) if channel == "email" else words)
    parameters = {
        "shop": session.info["shop_id"],
        "channel": channel,
        "source": body,
        "digest": hashlib.sha256(f"{channel}\0{body}".encode()).digest(),
        "now": now,
    }
    session.execute(
        text(
            "INSERT INTO template (shop_id, channel, source, digest, created_at) "
            "VALUES (:shop, :channel, :source, :digest, :now) ON CONFLICT DO NOTHING"
        ),
        parameters,
    )
    return int(
        session.execute(
            text("SELECT id FROM template WHERE shop_id = :shop AND digest = :digest"), parameters
        ).scalar_one()
    )


def confirm(
    session: Session, customer_id: int, channel: str, *, collected: str, evidence: Mapping[str, Any] | None = None
) -> bool:
    """Take a person's second yes. False when none is being waited for: never asked, answered already, or too late."""
    now = clock.now()
    answered: Sequence[int] = session.scalars(
        text("""
            UPDATE opt_in SET done_at = :now, outcome = 'confirmed'
            WHERE shop_id = :shop AND channel = :channel AND asked_at IS NOT NULL AND done_at IS NULL
                AND expires_at > :now AND customer_id = (
                    SELECT COALESCE(merged_into_id, id) FROM customer WHERE shop_id = :shop AND id = :id)
            RETURNING customer_id
        """),
        {"shop": session.info["shop_id"], "channel": channel, "id": customer_id, "now": now},
    ).all()
    if not answered:
        return False
    asked = session.scalar(
        text(
            "SELECT wording FROM consent_entry WHERE shop_id = :shop AND customer_id = :id AND channel = :channel "
            "AND source = :source AND state = 'pending' ORDER BY effective_at DESC, id DESC LIMIT 1"
        ),
        {"shop": session.info["shop_id"], "id": answered[0], "channel": channel, "source": SOURCE},
    )
    word = customers.Word(
        answered[0],
        channel,
        "subscribed",
        now,
        SOURCE,
        double_opt_in=True,
        collected=collected,
        wording=asked or "",
        evidence=dict(evidence or {}),
    )
    customers.consent(session, [word])
    return True
