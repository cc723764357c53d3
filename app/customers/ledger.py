"""The ledger of consent: words are added, never changed. What follows from a new word is written down beside it.

A word said to us is also told to the store (`consent_write`); what the store then repeats is recognised and not added.
A fresh yes may need a second step (`opt_in`). Both are errands, in the transaction of the word, for a worker to run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app import clock
from app.customers import merging
from app.customers.rules import ASK_WITHIN
from app.hooks import recording
from app.hooks.recording import Happened
from app.shops import settings as shop_settings
from app.transaction import ring_after_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

TOLD_CHANNELS = ("email", "sms")
"""Channels on which the store keeps consent, too, and we write."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a customer said about marketing on a channel."""

    customer_id: int
    channel: str
    state: str
    effective_at: datetime
    source: str
    double_opt_in: bool = False
    about: str = ""
    """The store's customer it was said of; what it matters for: see `ConsentEntry.about`."""
    collected: str = ""
    """How it was said: `link`, `page`, `text`, `file`, `checkout_box`, ..."""
    wording: str = ""
    """The wording or version of a form they said it to."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What is personal in it: `ip`."""


def say(session: Session, words: Sequence[Word], *, ask: bool = True) -> None:
    """Add what people told us ourselves, and have the store told. A word of one merged meanwhile is the other's."""
    if not words:
        return
    rows = session.execute(
        text(
            "SELECT id, COALESCE(merged_into_id, id) AS present, external_id FROM customer "
            "WHERE shop_id = :shop AND id = ANY(:ids)"
        ),
        {"shop": session.info["shop_id"], "ids": sorted({w.customer_id for w in words})},
    )
    of = {row.id: row for row in rows}
    known = [
        replace(w, customer_id=of[w.customer_id].present, about=of[w.customer_id].external_id or "")
        for w in words
        if w.customer_id in of
    ]
    news = add(session, known, ask=ask)
    tell(session, news)
    merging.hold_to_the_stricter(session, {w.customer_id for w in known})


def add(session: Session, words: Iterable[Word], *, ask: bool = True) -> list[Word]:
    """Add words; one that is there already, by whatever way it came, and what the store only repeats, is not added.

    `ask`: a fresh yes may be followed by a request to confirm it. Returns the words that were news.
    """
    rows = {_key(w): w for w in words}
    if not rows:
        return []
    hold(session, "id", {w.customer_id for w in rows.values() if w.state != "subscribed"})
    found = session.execute(
        text("""
            INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, about,
                double_opt_in, collected, wording, evidence, recorded_at)
            SELECT :shop, r.customer_id, r.channel, 'marketing', r.state, r.effective_at, r.source, r.about,
                r.double_opt_in, r.collected, r.wording, r.evidence, :now
            FROM json_to_recordset(CAST(:rows AS json)) AS r (customer_id bigint, channel text, state text,
                effective_at timestamptz, source text, about text, double_opt_in boolean, collected text,
                wording text, evidence jsonb)
            WHERE NOT (r.source = ANY(:repeats) AND EXISTS (
                SELECT 1 FROM consent_write w WHERE w.shop_id = :shop AND w.customer_id = r.customer_id
                    AND w.channel = r.channel AND w.state = r.state AND w.told_at = r.effective_at))
            ORDER BY r.customer_id, r.channel, r.effective_at, r.state, r.source, r.about, r.double_opt_in
            ON CONFLICT DO NOTHING
            RETURNING customer_id, channel, effective_at, state, source, about, double_opt_in
        """),
        {
            "shop": session.info["shop_id"],
            "now": clock.now(),
            "rows": orjson.dumps(list(rows.values())).decode(),
            "repeats": list(REPEATS),
        },
    )
    news = [rows[row] for row in map(tuple, found) if row in rows]
    recording.tell(session, [_happened(word) for word in news])
    if ask:
        _ask_to_confirm(session, news)
    return news


def hold(session: Session, column: str, values: Collection[int | str]) -> None:
    """Keep the people with these ids or addresses to ourselves until the commit, before a no of theirs is written.

    A hand-over is decided while it holds its people, too. So it is either begun before the no is committed, or it
    finds the no: without this, a mail could be begun seconds after its reader saw that they are unsubscribed.
    """
    if values:
        session.execute(
            text(
                f"SELECT id FROM customer WHERE shop_id = :shop AND {column} = ANY(:values) "  # noqa: S608 one of three names
                "ORDER BY id FOR NO KEY UPDATE"
            ),
            {"shop": session.info["shop_id"], "values": sorted(values)},
        )


def _happened(word: Word) -> Happened:
    told = {"channel": word.channel, "state": word.state, "effective_at": word.effective_at, "source": word.source}
    return Happened("consent.changed", word.customer_id, told)


REPEATS = ("shopify",)
"""Sources by which a store may repeat what we told it."""


def _key(word: Word) -> tuple[Any, ...]:
    w = word
    return (w.customer_id, w.channel, w.effective_at, w.state, w.source, w.about, w.double_opt_in)


def tell(session: Session, words: Iterable[Word]) -> None:
    """Have the store told what was said to us."""
    rows = [
        {
            "customer_id": w.customer_id,
            "channel": w.channel,
            "state": w.state,
            "double_opt_in": w.double_opt_in,
            "told_at": w.effective_at.replace(microsecond=0),
        }
        for w in words
        if w.channel in TOLD_CHANNELS
    ]
    if not rows:
        return
    session.execute(
        text("""
            INSERT INTO consent_write (shop_id, customer_id, channel, state, double_opt_in, told_at, due_at)
            SELECT :shop, r.*, :now FROM json_to_recordset(CAST(:rows AS json)) AS r (customer_id bigint,
                channel text, state text, double_opt_in boolean, told_at timestamptz)
        """),
        {"shop": session.info["shop_id"], "now": clock.now(), "rows": orjson.dumps(rows).decode()},
    )
    ring_after_commit(session, "slow")


def tell_now(session: Session, customer_ids: Collection[int]) -> None:
    """Have the store told what these people said to us before it had them as its customers."""
    if not customer_ids:
        return
    again = session.scalars(
        text("""
            UPDATE consent_write SET done_at = NULL, outcome = NULL, tries = 0, due_at = :now
            WHERE shop_id = :shop AND customer_id = ANY(:ids) AND outcome = 'not_in_store' RETURNING id
        """),
        {"shop": session.info["shop_id"], "ids": sorted(customer_ids), "now": clock.now()},
    ).all()
    if again:
        ring_after_commit(session, "slow")


def _ask_to_confirm(session: Session, news: Iterable[Word]) -> None:
    """Note every fresh plain yes for which a second step may be needed; whether it is, is found out when it is run."""
    now = clock.now()
    fresh = [
        w
        for w in news
        if w.state == "subscribed"
        and not w.double_opt_in
        and w.channel in TOLD_CHANNELS
        and now - ASK_WITHIN <= w.effective_at
    ]
    if fresh and not shop_settings.read(session).consent.email_double_opt_in:
        fresh = [w for w in fresh if w.channel == "sms"]
    if not fresh:
        return
    session.execute(
        text("""
            INSERT INTO opt_in (shop_id, customer_id, channel, said_at, due_at)
            SELECT :shop, r.*, :now FROM json_to_recordset(CAST(:rows AS json)) AS r (customer_id bigint,
                channel text, said_at timestamptz)
        """),
        {
            "shop": session.info["shop_id"],
            "now": now,
            "rows": orjson.dumps(
                [{"customer_id": w.customer_id, "channel": w.channel, "said_at": w.effective_at} for w in fresh]
            ).decode(),
        },
    )
    ring_after_commit(session, "slow")
