"""What may be done with people: recording what the store says of them, consent, suppression."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.customers import identity, ledger, merging, tags
from app.customers.directory import Mention, People
from app.customers.ledger import Word, say as consent
from app.customers.models import Suppression
from app.customers.queries import ADDRESS_PURPOSE
from app.hooks import recording
from app.hooks.recording import Happened
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
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

__all__ = ["Word", "consent", "introduce", "record", "suppress", "unsuppress"]


MERCHANT = "merchant"
"""The reason of suppressions that the merchant asked for."""


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
    merged = _grown_together(session, people)
    words = _words(people, facts)
    ledger.add(session, words)
    concerned = {word.customer_id for word in words} | {kept for _, kept in merged}
    if concerned:
        merging.hold_to_the_stricter(session, concerned)
    _mark_deleted(session, [f for f in facts if isinstance(f, CustomerDeleted)])
    return people


def introduce(session: Session, mentions: Sequence[Mention]) -> People:
    """Give everybody who is mentioned a customer, without a word of theirs."""
    mentions = sorted(mentions, key=lambda m: (m.version.at, m.version.tie))
    people = identity.load(session, mentions)
    for mention in mentions:
        people.meet(mention)
    identity.save(session, people)
    _grown_together(session, people)
    return people


def _grown_together(session: Session, people: People) -> list[tuple[int, int]]:
    """Give those who turned out to be one all that is either's; what guests have said, their store can be told now."""
    merged = [
        (removed.id, kept.id) for removed, kept in people.merges if removed.id is not None and kept.id is not None
    ]
    merging.move(session, merged)
    ledger.tell_now(session, {k.id for k in people.named if k.id is not None} | {kept for _, kept in merged})
    return merged


def suppress(session: Session, channel: str, address: str, reason: str, source: str) -> None:
    """Never write to this address again, whoever it belongs to now or later."""
    column = "email" if channel == "email" else "phone"
    ledger.hold(session, column, [address])
    row = {
        "channel": channel,
        "address_hash": keyring().fingerprint(address, ADDRESS_PURPOSE),
        "reason": reason,
        "source": source,
        "suppressed_at": clock.now(),
    }
    news = upsert(session, Suppression, [row], key=("channel", "address_hash"), newer="false")
    if news and recording.wanted(session, "customer.suppressed"):
        whose = session.scalars(
            text(f"SELECT id FROM customer WHERE shop_id = :shop AND {column} = :address AND merged_into_id IS NULL"),  # noqa: S608 one of two names
            {"shop": session.info["shop_id"], "address": address},
        ).all()
        told = {"channel": channel, "reason": reason}
        recording.tell(session, [Happened("customer.suppressed", id_, told) for id_ in whose or [None]])


def suppress_person(session: Session, addresses: Mapping[str, str], channels: Iterable[str], source: str) -> list[str]:
    """What a merchant asks for: never again to these channels of a person; returns those they have an address on."""
    reached = [channel for channel in dict.fromkeys(channels) if channel in addresses]
    for channel in reached:
        suppress(session, channel, addresses[channel], MERCHANT, source)
    return reached


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
        for person, word in _said(fact):
            customer_id = people.of(person)
            if customer_id is not None:
                words.append(replace(word, customer_id=customer_id, about=person.customer_id or ""))
    return words


NOBODY_YET = 0


def _said(fact: Fact) -> list[tuple[Person, Word]]:
    """The words of one fact, before it is known whose they are."""
    if isinstance(fact, ConsentChanged):
        word = Word(
            NOBODY_YET,
            fact.channel,
            fact.state,
            fact.effective_at,
            fact.source,
            fact.double_opt_in,
            collected=fact.collected,
        )
        return [(fact.person, word)]
    if isinstance(fact, CheckoutChanged):
        has_number = fact.sms_phone or fact.person.phone
        boxes = ((Channel.EMAIL, fact.accepts_email), (Channel.SMS, fact.accepts_sms and has_number))
        return [(_reached_at(fact), _ticked(channel, fact.created_at)) for channel, yes in boxes if yes]
    if isinstance(fact, OrderChanged) and fact.accepts_email:
        return [(fact.person, _ticked(Channel.EMAIL, fact.placed_at))]
    return []


def _ticked(channel: Channel, at: datetime) -> Word:
    return Word(NOBODY_YET, channel, ConsentState.SUBSCRIBED, at, "checkout", collected="checkout_box")


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
