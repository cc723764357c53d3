"""What may be done with people: recording what the store says of them, consent, suppression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.customers import identity, merging
from app.customers.identity import Mention, People
from app.customers.models import ConsentEntry, Customer, Suppression
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
)
from app.security.keyring import keyring
from app.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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


def record(session: Session, facts: Sequence[Fact]) -> People:
    """Record what a batch of facts says about people, and give everybody they name a customer."""
    people = identity.identify(session, _mentions(facts))
    for fact in facts:
        if isinstance(fact, CustomersMerged):
            _merge(session, people, fact)
    _tag(people, facts)
    session.flush()
    consent(session, _words(people, facts))
    deleted = [f for f in facts if isinstance(f, CustomerDeleted)]
    if deleted:
        identity.forget_deleted(session, [f.customer_id for f in deleted], max(f.version.at for f in deleted))
    return people


def consent(session: Session, words: Sequence[Word]) -> None:
    """Add to the ledger. A word that is already there, by whatever way it came, is not added again."""
    now = clock.now()
    rows = {
        (w.customer_id, w.channel, w.effective_at, w.state, w.source): {
            "customer_id": w.customer_id, "channel": w.channel, "purpose": "marketing", "state": w.state,
            "effective_at": w.effective_at, "source": w.source, "double_opt_in": w.double_opt_in,
            "evidence": {}, "recorded_at": now,
        }
        for w in words
    }
    upsert(
        session, ConsentEntry, list(rows.values()),
        key=("customer_id", "channel", "purpose", "effective_at", "state", "source"), newer="false",
    )


def suppress(session: Session, channel: str, address: str, reason: str, source: str) -> None:
    """Never write to this address again, whoever it belongs to now or later."""
    row = {
        "channel": channel, "address_hash": keyring().fingerprint(address, ADDRESS_PURPOSE), "reason": reason,
        "source": source, "suppressed_at": clock.now(),
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
            "shop": session.info["shop_id"], "channel": channel, "reasons": list(reasons),
            "digests": keyring().fingerprints(address, ADDRESS_PURPOSE),
        },
    )


def _mentions(facts: Sequence[Fact]) -> list[Mention]:
    mentions = []
    for fact in facts:
        if isinstance(fact, CustomerChanged):
            at = fact.created_at or fact.version.at
            mentions.append(Mention(fact.person, fact.version.at, fact.version, at))
        elif isinstance(fact, CheckoutChanged):
            mentions.append(Mention(_reached_at(fact), fact.version.at, created_at=fact.created_at))
        elif isinstance(fact, OrderChanged):
            mentions.append(Mention(fact.person, fact.version.at, created_at=fact.placed_at))
        elif isinstance(fact, ConsentChanged):
            mentions.append(Mention(fact.person, fact.effective_at))
        elif isinstance(fact, TagsChanged | CustomerDeleted):
            mentions.append(Mention(Person(fact.customer_id), fact.version.at))
        elif isinstance(fact, CustomersMerged):
            mentions.append(Mention(Person(fact.kept_id), fact.version.at))
            mentions.append(Mention(Person(fact.removed_id), fact.version.at))
    return mentions


def _reached_at(fact: CheckoutChanged) -> Person:
    """A number given for texts at checkout is the person's number, when they have no other."""
    if fact.sms_phone and not fact.person.phone and fact.person.reachable:
        return replace(fact.person, phone=fact.sms_phone)
    return fact.person


def _words(people: People, facts: Sequence[Fact]) -> list[Word]:
    words = []
    for fact in facts:
        if isinstance(fact, ConsentChanged):
            customer_id = people.of(fact.person)
            if customer_id is not None:
                words.append(
                    Word(customer_id, fact.channel, fact.state, fact.effective_at, fact.source, fact.double_opt_in)
                )
        elif isinstance(fact, CheckoutChanged):
            customer_id = people.of(_reached_at(fact))
            if customer_id is None:
                continue
            # An unticked box is not a refusal: it says nothing.
            if fact.accepts_email:
                words.append(
                    Word(customer_id, Channel.EMAIL, ConsentState.SUBSCRIBED, fact.created_at, "checkout")
                )
            if fact.accepts_sms and (fact.sms_phone or fact.person.phone):
                words.append(Word(customer_id, Channel.SMS, ConsentState.SUBSCRIBED, fact.created_at, "checkout"))
        elif isinstance(fact, OrderChanged) and fact.accepts_email:
            customer_id = people.of(fact.person)
            if customer_id is not None:
                words.append(Word(customer_id, Channel.EMAIL, ConsentState.SUBSCRIBED, fact.placed_at, "checkout"))
    return words


def _merge(session: Session, people: People, fact: CustomersMerged) -> None:
    kept, removed = people.by_external[fact.kept_id], people.by_external[fact.removed_id]
    if kept is not removed:
        merging.merge(session, kept=kept, removed=removed)
        people.by_external[fact.removed_id] = kept


def _tag(people: People, facts: Sequence[Fact]) -> None:
    """Tags come as whole sets and one by one, late and in any order: for each tag the last word counts."""
    for fact in facts:
        if isinstance(fact, TagsChanged):
            customer = people.by_external.get(fact.customer_id)
            if customer is not None:
                changes = dict.fromkeys(fact.removed, False) | dict.fromkeys(fact.added, True)
                _retag(customer, changes, fact.version.at)
        elif isinstance(fact, CustomerChanged) and fact.tags is not None:
            customer = people.find(fact.person)
            if customer is not None and (customer.tags_version_at or fact.version.at) <= fact.version.at:
                customer.tags_version_at = fact.version.at
                _retag(customer, dict.fromkeys(customer.tag_times, False) | dict.fromkeys(fact.tags, True),
                       fact.version.at)


def _retag(customer: Customer, changes: Mapping[str, bool], at: datetime) -> None:
    times = dict(customer.tag_times)
    whole = customer.tags_version_at
    for tag, on in changes.items():
        known = times.get(tag)
        if (known is None or known[0] <= at.isoformat()) and (whole is None or at >= whole):
            times[tag] = [at.isoformat(), on]
    customer.tag_times = times
    customer.tags = sorted(tag for tag, (_, on) in times.items() if on)
