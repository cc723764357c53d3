"""Who is it? Facts name people by the store's id, an email, a phone, or nothing at all; here they become customers.

Works in memory on what `identity` loaded. The rules:

- The store's id decides. Else the email decides, else the phone (when there is nothing else: families share one).
- An email belongs to whoever claimed it last, and stays theirs when they write by another one from then on. Records of
  the store outweigh what orders say. So a guest's events find their person whichever came first.
- A guest is whoever an address belongs to that nobody else claims. A claim makes the guest and the claimant one.
- What is known of a person is kept field by field, by stamp (`stamps`), and so doesn't depend on the order of arrival.

One thing does: events of guests stay with the person their address belonged to when they came. Should the store later
give that address to another of its customers, they aren't moved, since they were the first one's at the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.customers.stamps import GUEST, MENTION, MERGED, NOTHING, RECORD, as_merged, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from app.platforms.events import Person, Version

FIELDS = ("email", "phone", "first_name", "last_name", "locale", "country", "province", "city", "postal_code")
"""What any fact about a person may tell."""
EMAIL, PHONE = "email", "phone"


@dataclass(frozen=True, slots=True)
class Mention:
    """A person as one fact names them. `record`: it is the store's own record of its customer."""

    person: Person
    version: Version
    record: bool = False
    first_seen_at: datetime | None = None
    """Since when the person is there, as far as this fact tells; without it, the version's time counts."""


@dataclass(slots=True, eq=False)
class Known:
    """A customer in memory. `id` is None until it is written."""

    id: int | None
    first_seen_at: datetime
    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str = ""
    last_name: str = ""
    locale: str | None = None
    country: str | None = None
    province: str | None = None
    city: str | None = None
    postal_code: str | None = None
    tags: list[str] = field(default_factory=list)
    tag_times: dict[str, Any] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    erased_at: datetime | None = None
    version_at: datetime | None = None
    version_tie: str = ""
    merged_into: Known | None = None
    merged_at: datetime | None = None
    written_email: str | None = None
    """The email in the database: it has to be given up there before somebody else can have it."""
    changed: bool = False

    @property
    def record(self) -> str:
        """The stamp of the newest record."""
        return NOTHING if self.version_at is None else stamp(RECORD, self.version_at, self.version_tie)

    @property
    def vanished(self) -> bool:
        """A guest who turned out to be somebody else before anything was written of them."""
        return self.id is None and self.external_id is None and self.merged_into is not None

    def stamp_of(self, name: str) -> str:
        """Who told a field, and when."""
        told = self.told.get(name)
        if told is not None:
            return told
        return self.record if getattr(self, name) else NOTHING

    def learn(self, mention: Mention, stamped: str) -> None:
        """Take in what a mention says, wherever its word is the greater one. Empty fields say nothing."""
        person, record = mention.person, self.record
        newest = mention.record and stamped > record
        for name in FIELDS:
            value, held = getattr(person, name), self.stamp_of(name)
            if value and stamped > held:
                self._tell(name, value, None if newest else stamped)
            elif newest and held and name not in self.told:
                self.told[name] = held  # of the record before, which this one replaces
                self.changed = True
        if newest:
            self.version_at, self.version_tie = mention.version.at, mention.version.tie
            self.changed = True
        self.seen(mention.first_seen_at or mention.version.at)

    def _tell(self, name: str, value: str | None, stamped: str | None) -> None:
        setattr(self, name, value)
        if stamped is None:
            self.told.pop(name, None)
        else:
            self.told[name] = stamped
        self.changed = True

    def seen(self, at: datetime) -> None:
        """Somebody saw them as early as this."""
        if at < self.first_seen_at:
            self.first_seen_at = at
            self.changed = True

    def lose_email(self) -> None:
        """The address is somebody else's; that it was told, and when, stays known."""
        self.told[EMAIL] = self.stamp_of(EMAIL)
        self.email = None
        self.changed = True

    def take_over(self, other: Known) -> None:
        """Become also the person `other` was. What its records said counts less than what our own say."""
        for name in FIELDS:
            # An email that was told but belongs to somebody else comes as none, as it would have from the mention.
            stamped = as_merged(other.stamp_of(name))
            if stamped > self.stamp_of(name):
                self._tell(name, getattr(other, name), stamped)
        self.seen(other.first_seen_at)


@dataclass(slots=True)
class Claim:
    """Whose an address is, by which word."""

    holder: Known
    stamp: str
    changed: bool = False


@dataclass(slots=True)
class People:
    """The customers of one batch, found or made."""

    by_external: dict[str, Known] = field(default_factory=dict)
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    """(email or phone, address) -> whose it is."""
    everybody: list[Known] = field(default_factory=list)
    merges: list[tuple[Known, Known]] = field(default_factory=list)
    """(removed, kept), in the order in which they became one."""
    named: list[Known] = field(default_factory=list)
    """Guests of before this batch whom the store now has as its customers."""

    def of(self, person: Person) -> int | None:
        """The customer's id; None for a person without any name to find them by."""
        found = self.find(person)
        return found.id if found is not None else None

    def find(self, person: Person) -> Known | None:
        """The customer a person is, as far as the batch knows."""
        if person.customer_id:
            return self.by_external.get(person.customer_id)
        if person.email:
            return self._holder(EMAIL, person.email)
        return self._holder(PHONE, person.phone) if person.phone else None

    def _holder(self, kind: str, address: str) -> Known | None:
        claim = self.claims.get((kind, address))
        return claim.holder if claim is not None else None

    def meet(self, mention: Mention) -> None:
        """Find or make the customer behind a mention, and learn from it."""
        person = mention.person
        known = self.find(person) or self._guest_behind(person) or self._somebody_new(mention)
        if person.customer_id and known.external_id is None:
            known.external_id, known.changed = person.customer_id, True
            self.by_external[person.customer_id] = known
            if known.id is not None:
                self.named.append(known)
        record = mention.record and person.customer_id == known.external_id
        if known.erased_at is not None:
            return
        said = Mention(person, mention.version, record, mention.first_seen_at)
        rank = RECORD if record else MERGED if mention.record else MENTION
        stamped = stamp(rank, mention.version.at, mention.version.tie)
        known.learn(said, stamped)
        named = person.customer_id is not None
        if person.email:
            rank = RECORD if mention.record else MENTION if named else GUEST
            self._claim(EMAIL, person.email, known, stamp(rank, mention.version.at, mention.version.tie))
        if person.phone:
            rank = RECORD if mention.record else MENTION if named or person.email else GUEST
            self._claim(PHONE, person.phone, known, stamp(rank, mention.version.at, mention.version.tie))

    def _guest_behind(self, person: Person) -> Known | None:
        """The guest whose address this is, now that more is known of them: no need for a second row."""
        if person.customer_id and person.email:
            guest = self._holder(EMAIL, person.email)
            if guest is not None and guest.external_id is None:
                return guest
        if person.phone:
            guest = self._holder(PHONE, person.phone)
            if guest is not None and guest.external_id is None and guest.email is None:
                return guest
        return None

    def _somebody_new(self, mention: Mention) -> Known:
        known = Known(None, mention.first_seen_at or mention.version.at, changed=True)
        self.everybody.append(known)
        return known

    def _claim(self, kind: str, address: str, claimant: Known, stamped: str) -> None:
        held = self.claims.get((kind, address))
        if held is None:
            self.claims[kind, address] = Claim(claimant, stamped, changed=True)
        elif stamped > held.stamp:
            before = held.holder
            held.holder, held.stamp, held.changed = claimant, stamped, True
            if before is not claimant:
                self._give_way(before, claimant, kind, address)
        elif held.holder is not claimant and kind == EMAIL and claimant.email == address:
            claimant.lose_email()

    def _give_way(self, before: Known, claimant: Known, kind: str, address: str) -> None:
        """An address has changed hands. A guest who was known by nothing else was the claimant all along."""
        if before.external_id is None and (kind == EMAIL or before.email is None):
            self.merge(removed=before, kept=claimant, at=None)
        elif kind == EMAIL and before.email == address:
            before.lose_email()

    def merge(self, *, removed: Known, kept: Known, at: datetime | None) -> None:
        """Make one of two; at a moment when the store did it, or without one when they were one all along."""
        kept.take_over(removed)
        for claim in self.claims.values():
            if claim.holder is removed:
                claim.holder, claim.changed = kept, True
        for external_id in self._names_of(removed):
            self.by_external[external_id] = kept
        removed.merged_into, removed.merged_at, removed.changed = kept, at, True
        self.merges.append((removed, kept))

    def _names_of(self, known: Known) -> list[str]:
        return [external_id for external_id, holder in self.by_external.items() if holder is known]

    def changed(self) -> Iterator[Known]:
        """Those who have to be written. A guest made and merged within the batch leaves no trace."""
        return (k for k in self.everybody if k.changed and not k.vanished)
