"""What may be done with people: recording what the store says of them, consent, suppression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.customers import identity, merging, tags
from app.customers.directory import Mention, People
from app.customers.models import ConsentEntry, Suppression
from app.customers.queries import ADDRESS_PURPOSE
from app.platforms.events import (
    Channel,
    CheckoutChanged,
    ConsentChanged,
    ConsentState,
    CustomerChanged,
    CustomerDeleted,
    CustomersMerged,
    Fact,
    OrderChanged,
    Person,
    TagsChanged,
    Version,
)
from app.security.keyring import keyring
from app.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


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


def record(session: Session, facts: Sequence[Fact]) -> People:
    """Record what a batch of facts says about people, and give everybody they name a customer.

    The end is the same in whatever order facts come, in one batch or many; `directory` names the one exception.
    """
    mentions = sorted(_mentions(facts), key=lambda m: (m.version.at, m.version.tie))
    people = identity.load(session, mentions)
    for mention in mentions:
        if mention.person.reachable:
            people.meet(mention)
    for fact in facts:
        if isinstance(fact, CustomersMerged):
            _merge(people, fact)
    _tag(people, facts)
    identity.save(session, people)
    merged = [
        (removed.id, kept.id) for removed, kept in people.merges if removed.id is not None and kept.id is not None
    ]
    merging.move(session, merged)
    words = _words(people, facts)
    _add(session, words)
    concerned = {word.customer_id for word in words} | {kept for _, kept in merged}
    if concerned:
        merging.hold_to_the_stricter(session, concerned)
    _mark_deleted(session, [f for f in facts if isinstance(f, CustomerDeleted)])
    return people


def consent(session: Session, words: Sequence[Word]) -> None:
    """Add to the ledger what people told us ourselves. Said by a customer merged meanwhile, it is the other's word."""
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
    _add(session, known)
    merging.hold_to_the_stricter(session, {w.customer_id for w in known})


def _add(session: Session, words: Iterable[Word]) -> None:
    """A word that is already there, by whatever way it came, is not added again."""
    now = clock.now()
    rows: dict[tuple[object, ...], dict[str, object]] = {}
    for w in words:
        row = rows.setdefault(
            (w.customer_id, w.channel, w.effective_at, w.state, w.source, w.about),
            {
                "customer_id": w.customer_id,
                "channel": w.channel,
                "purpose": "marketing",
                "state": w.state,
                "effective_at": w.effective_at,
                "source": w.source,
                "about": w.about,
                "double_opt_in": False,
                "evidence": {},
                "recorded_at": now,
            },
        )
        row["double_opt_in"] = row["double_opt_in"] or w.double_opt_in
    upsert(
        session,
        ConsentEntry,
        list(rows.values()),
        key=("customer_id", "channel", "purpose", "effective_at", "state", "source", "about"),
        newer="false",
        merge={"double_opt_in": "t.double_opt_in OR excluded.double_opt_in"},
        returning=(),
    )


def suppress(session: Session, channel: str, address: str, reason: str, source: str) -> None:
    """Never write to this address again, whoever it belongs to now or later."""
    row = {
        "channel": channel,
        "address_hash": keyring().fingerprint(address, ADDRESS_PURPOSE),
        "reason": reason,
        "source": source,
        "suppressed_at": clock.now(),
    }
    upsert(session, Suppression, [row], key=("channel", "address_hash"), newer="false")


def unsuppress(session: Session, channel: str, address: str, reasons: Sequence[str]) -> None:
    """Take back a suppression the person themselves has lifted (START after STOP); others stay."""
    session.execute(
        text("""
            DELETE FROM suppression WHERE shop_id = :shop AND channel = :channel AND reason = ANY(:reasons)
                AND address_hash = ANY(CAST(:digests AS bytea[]))
        """),
        {
            "shop": session.info["shop_id"],
            "channel": channel,
            "reasons": list(reasons),
            "digests": keyring().fingerprints(address, ADDRESS_PURPOSE),
        },
    )


def _mentions(facts: Sequence[Fact]) -> list[Mention]:
    mentions = []
    for fact in facts:
        if isinstance(fact, CustomerChanged):
            mentions.append(Mention(fact.person, fact.version, record=True, first_seen_at=fact.created_at))
        elif isinstance(fact, CheckoutChanged):
            mentions.append(Mention(_reached_at(fact), fact.version, first_seen_at=fact.created_at))
        elif isinstance(fact, OrderChanged):
            mentions.append(Mention(fact.person, fact.version, first_seen_at=fact.placed_at))
        elif isinstance(fact, ConsentChanged):
            mentions.append(Mention(fact.person, Version(fact.effective_at)))
        elif isinstance(fact, TagsChanged | CustomerDeleted):
            mentions.append(Mention(Person(fact.customer_id), fact.version))
        elif isinstance(fact, CustomersMerged):
            mentions.append(Mention(Person(fact.kept_id), fact.version))
            mentions.append(Mention(Person(fact.removed_id), fact.version))
    return mentions


def _reached_at(fact: CheckoutChanged) -> Person:
    """A number given for texts at checkout is the person's number, when they have no other."""
    if fact.sms_phone and not fact.person.phone and fact.person.reachable:
        return replace(fact.person, phone=fact.sms_phone)
    return fact.person


def _words(people: People, facts: Sequence[Fact]) -> list[Word]:
    """What the facts say about consent. A box that isn't ticked is not a refusal: it says nothing."""
    words = []
    for fact in facts:
        if isinstance(fact, ConsentChanged):
            said = [(fact.person, fact.channel, fact.state, fact.effective_at, fact.source, fact.double_opt_in)]
        elif isinstance(fact, CheckoutChanged):
            ticked = [
                channel
                for channel, yes in (
                    (Channel.EMAIL, fact.accepts_email),
                    (Channel.SMS, fact.accepts_sms and (fact.sms_phone or fact.person.phone)),
                )
                if yes
            ]
            person = _reached_at(fact)
            said = [(person, c, ConsentState.SUBSCRIBED, fact.created_at, "checkout", False) for c in ticked]
        elif isinstance(fact, OrderChanged) and fact.accepts_email:
            said = [(fact.person, Channel.EMAIL, ConsentState.SUBSCRIBED, fact.placed_at, "checkout", False)]
        else:
            continue
        for person, channel, state, at, source, double in said:
            customer_id = people.of(person)
            if customer_id is not None:
                words.append(Word(customer_id, channel, state, at, source, double, person.customer_id or ""))
    return words


def _merge(people: People, fact: CustomersMerged) -> None:
    kept, removed = people.by_external[fact.kept_id], people.by_external[fact.removed_id]
    if kept is not removed:
        people.merge(removed=removed, kept=kept, at=fact.version.at)
        tags.take_over(kept, removed)


def _tag(people: People, facts: Sequence[Fact]) -> None:
    for fact in facts:
        if isinstance(fact, TagsChanged):
            known = people.by_external[fact.customer_id]
            for tag in fact.removed:
                tags.change(known, tag, fact.version, on=False)
            for tag in fact.added:
                tags.change(known, tag, fact.version, on=True)
        elif isinstance(fact, CustomerChanged) and fact.tags is not None and fact.person.customer_id:
            known = people.by_external[fact.person.customer_id]
            if known.external_id == fact.person.customer_id:
                tags.whole_set(known, fact.tags, fact.version)
            else:
                for tag in fact.tags:  # of a record merged into another: more tags, not all tags
                    tags.change(known, tag, fact.version, on=True)


def _mark_deleted(session: Session, facts: Sequence[CustomerDeleted]) -> None:
    """Customers that the merchant removed from the store."""
    if facts:
        session.execute(
            text("""
                UPDATE customer c SET deleted_at = d.at
                FROM (SELECT id, min(at) AS at FROM unnest(CAST(:ids AS text[]), CAST(:ats AS timestamptz[]))
                    AS d (id, at) GROUP BY id) d
                WHERE c.shop_id = :shop AND c.external_id = d.id AND (c.deleted_at IS NULL OR c.deleted_at > d.at)
            """),
            {
                "shop": session.info["shop_id"],
                "ids": [f.customer_id for f in facts],
                "ats": [f.version.at for f in facts],
            },
        )
