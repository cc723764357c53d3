"""Who is it? Facts name people by the store's id, an email, a phone, or nothing at all; here they become customers.

Works in the memory of one batch: the rows that may match are read once, matched in the order of the facts, and
written back together. Applying is serial within a shop, so what was read stays true.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, any_, cast, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.customers import merging
from app.customers.models import Customer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session
    from sqlalchemy.sql.elements import CollectionAggregate

    from app.platforms.events import Person, Version

FIELDS = ("first_name", "last_name", "locale", "country", "province", "city", "postal_code", "phone")
"""What any fact about a person may fill in."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A person as one fact names them. Only the customer's own record (`authoritative`) replaces what is known."""

    person: Person
    at: datetime
    version: Version | None = None
    created_at: datetime | None = None

    @property
    def authoritative(self) -> bool:
        """Whether this is the customer's own record at the store."""
        return self.version is not None


@dataclass(slots=True)
class People:
    """The customers of one batch, found or made."""

    by_external: dict[str, Customer] = field(default_factory=dict)
    by_email: dict[str, Customer] = field(default_factory=dict)
    by_phone: dict[str, Customer] = field(default_factory=dict)

    def of(self, person: Person) -> int | None:
        """The customer's id; None for a person without any name to find them by."""
        found = self.find(person)
        return found.id if found is not None else None

    def find(self, person: Person) -> Customer | None:
        """The store's id decides; then the email; a phone only when there is nothing else, since families share one."""
        if person.customer_id and (found := self.by_external.get(person.customer_id)):
            return found
        if person.email and (found := self.by_email.get(person.email)):
            return found
        if person.phone and not person.customer_id and not person.email:
            return self.by_phone.get(person.phone)
        return None

    def learn(self, customer: Customer) -> None:
        """Make a customer findable by everything it is known by."""
        if customer.external_id:
            self.by_external[customer.external_id] = customer
        if customer.email:
            self.by_email.setdefault(customer.email, customer)
        if customer.phone:
            self.by_phone.setdefault(customer.phone, customer)


def identify(session: Session, mentions: Sequence[Mention]) -> People:
    """Find or make the customer behind every mention and bring the customers up to date."""
    reachable = sorted((m for m in mentions if m.person.reachable), key=lambda m: m.at)
    people = load(session, [m.person for m in reachable])
    for mention in reachable:
        customer = _match(session, people, mention)
        if customer is None:
            customer = Customer(
                shop_id=session.info["shop_id"], external_id=mention.person.customer_id,
                email=mention.person.email, first_seen_at=mention.created_at or mention.at,
                first_name="", last_name="", tags=[], tag_times={}, orders_count=0, spent=0, version_tie="",
            )
            session.add(customer)
        _fill(customer, mention)
        people.learn(customer)
    session.flush()
    return people


def load(session: Session, people: Iterable[Person]) -> People:
    """The customers these people may be, whole; those merged into another lead to that other."""
    people = list(people)
    external = sorted({p.customer_id for p in people if p.customer_id})
    emails = sorted({p.email for p in people if p.email})
    phones = sorted({p.phone for p in people if p.phone and not p.email and not p.customer_id})
    found = People()
    if not (external or emails or phones):
        return found
    shop_id = session.info["shop_id"]
    rows = session.scalars(
        select(Customer)
        .where(
            Customer.shop_id == shop_id,
            or_(
                Customer.external_id == _any(external),
                Customer.email == _any(emails),
                Customer.phone == _any(phones),
            ),
        )
        .order_by(Customer.id)
    ).all()
    for row in rows:
        target = row
        while target.merged_into_id is not None:
            target = session.get_one(Customer, (shop_id, target.merged_into_id))
        found.learn(target)
        if row is not target and row.external_id:
            found.by_external[row.external_id] = target
    return found


def _match(session: Session, people: People, mention: Mention) -> Customer | None:
    person = mention.person
    named = people.by_external.get(person.customer_id) if person.customer_id else None
    mailed = people.by_email.get(person.email) if person.email else None
    if named is None and mailed is not None:
        if person.customer_id is None or mailed.external_id is None:
            # A guest whom the store now knows, or a known customer buying as a guest.
            mailed.external_id = mailed.external_id or person.customer_id
            return mailed
        if mention.authoritative or mailed.version_at is None or mailed.version_at <= mention.at:
            # The store has one customer per email: the address has moved to somebody new.
            mailed.email = None
            del people.by_email[mailed_email(person)]
            session.flush()
        return None
    if named is not None and mailed is not None and mailed is not named and mention.authoritative:
        if mailed.external_id is None:
            merging.merge(session, kept=named, removed=mailed)
            people.by_email[mailed_email(person)] = named
        else:
            mailed.email = None
            people.by_email[mailed_email(person)] = named
        session.flush()
    return named or people.find(replace(person, customer_id=None))


def mailed_email(person: Person) -> str:
    """The email of a person known to have one."""
    assert person.email is not None  # noqa: S101 callers matched by it
    return person.email


def _fill(customer: Customer, mention: Mention) -> None:
    """Newer records of the store replace what is known; everything else fills gaps only."""
    person, version = mention.person, mention.version
    newer = version is not None and (
        customer.version_at is None or (version.at, version.tie) > (customer.version_at, customer.version_tie)
    )
    for name in FIELDS:
        incoming = getattr(person, name)
        if incoming and (newer or not getattr(customer, name)):
            setattr(customer, name, incoming)
    if person.email and (newer or not customer.email) and customer.erased_at is None:
        customer.email = person.email
    if version is not None and newer:
        customer.version_at, customer.version_tie = version.at, version.tie
    first = mention.created_at or mention.at
    if customer.first_seen_at is None or first < customer.first_seen_at:
        customer.first_seen_at = first


def _any(values: list[str]) -> CollectionAggregate[str]:
    return any_(cast(values, ARRAY(Text)))


def forget_deleted(session: Session, external_ids: Iterable[str], at: datetime) -> None:
    """Mark customers that the merchant removed from the store."""
    session.execute(
        update(Customer)
        .where(Customer.shop_id == session.info["shop_id"], Customer.external_id.in_(list(external_ids)))
        .where(Customer.deleted_at.is_(None))
        .values(deleted_at=at)
    )
