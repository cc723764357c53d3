"""Customers between memory and database: those a batch may mean are read once, matched (`directory`), written once.

Applying is serial within a shop (`inbox.service.record` holds the shop's lock), so what was read stays true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.customers.directory import EMAIL, PHONE, Claim, Known, Mention, People
from app.customers.models import Customer, CustomerAddress
from app.security.keyring import keyring
from app.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

ADDRESS_PURPOSE = "customer.address"
PLAIN = (
    "external_id", "email", "phone", "first_name", "last_name", "locale", "country", "province", "city", "postal_code",
    "tags", "tag_times", "told", "first_seen_at", "merged_at", "version_at", "version_tie",
)  # fmt: skip
"""Columns that identity reads and writes as they are; all others belong to somebody else."""


def load(session: Session, mentions: Iterable[Mention]) -> People:
    """The customers these mentions may mean; those merged into another lead to that other."""
    people = [mention.person for mention in mentions]
    external = {p.customer_id for p in people if p.customer_id}
    emails = {p.email for p in people if p.email}
    addresses = {(EMAIL, email) for email in emails} | {(PHONE, p.phone) for p in people if p.phone}
    claims = _claims(session, addresses)
    rows = _customers(session, external, {row.customer_id for row in claims.values()}, emails)
    known = {id_: _known(row) for id_, row in rows.items()}
    for id_, row in rows.items():
        if row.merged_into_id is not None:
            known[id_].merged_into = known[row.merged_into_id]
    found = People(everybody=list(known.values()))
    for address, row in claims.items():
        holder = known[row.customer_id]
        found.claims[address] = Claim(holder.merged_into or holder, row.stamp)
    for each in known.values():
        holder = each.merged_into or each
        if each.external_id:
            found.by_external[each.external_id] = holder
        if each.merged_into is None and each.email and (EMAIL, each.email) in addresses:
            found.claims.setdefault((EMAIL, each.email), Claim(each, each.stamp_of(EMAIL), changed=True))
    return found


def _claims(session: Session, addresses: set[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    if not addresses:
        return {}
    named = {
        (kind, digest): (kind, a) for kind, a in addresses for digest in keyring().fingerprints(a, ADDRESS_PURPOSE)
    }
    rows = session.execute(
        text(
            "SELECT kind, address_hash, customer_id, stamp FROM customer_address "
            "WHERE shop_id = :shop AND address_hash = ANY(CAST(:digests AS bytea[]))"
        ),
        {"shop": session.info["shop_id"], "digests": [digest for _, digest in named]},
    )
    return {named[key]: row for row in rows if (key := (row.kind, bytes(row.address_hash))) in named}


def _customers(session: Session, external: set[str], ids: set[int], emails: set[str]) -> dict[int, Any]:
    if not (external or ids or emails):
        return {}
    rows = session.execute(
        text(f"""
            SELECT id, erased_at, merged_into_id, {", ".join(PLAIN)} FROM customer
            WHERE shop_id = :shop AND (external_id = ANY(:external) OR id = ANY(:ids)
                OR (email = ANY(:emails) AND merged_into_id IS NULL))
        """),  # noqa: S608 - our own column names
        {"shop": session.info["shop_id"], "external": list(external), "ids": list(ids), "emails": list(emails)},
    ).all()
    found = {row.id: row for row in rows}
    beyond = {row.merged_into_id for row in rows if row.merged_into_id is not None} - set(found)
    # A signpost always shows to the last of a chain: merging moves the older ones along.
    return found | (_customers(session, set(), beyond, set()) if beyond else {})


def _known(row: Any) -> Known:
    return Known(
        row.id,
        erased_at=row.erased_at,
        written_email=row.email,
        **{name: getattr(row, name) for name in PLAIN},
    )


def save(session: Session, people: People) -> None:
    """Write those who changed. Everybody found in `people` has an id from then on."""
    changed = list(people.changed())
    _number(session, [known for known in changed if known.id is None])
    _give_up_emails(session, changed)
    upsert(session, Customer, [_row(known) for known in changed], key=("id",), newer="true", returning=())
    claims = [
        {
            "kind": kind,
            "address_hash": keyring().fingerprint(address, ADDRESS_PURPOSE),
            "customer_id": claim.holder.id,
            "stamp": claim.stamp,
        }
        for (kind, address), claim in people.claims.items()
        if claim.changed
    ]
    upsert(session, CustomerAddress, claims, key=("kind", "address_hash"), newer="true", returning=())
    for known in changed:
        known.changed, known.written_email = False, known.email
    for claim in people.claims.values():
        claim.changed = False


def _number(session: Session, fresh: Sequence[Known]) -> None:
    if fresh:
        ids = session.scalars(
            text("SELECT nextval(pg_get_serial_sequence('customer', 'id')) FROM generate_series(1, :n)"),
            {"n": len(fresh)},
        )
        for known, id_ in zip(fresh, ids, strict=True):
            known.id = id_


def _give_up_emails(session: Session, changed: Sequence[Known]) -> None:
    """An email that moves from one row to another has to be free before it is taken."""
    losing = [
        known.id
        for known in changed
        if known.written_email and (known.written_email != known.email or known.merged_into is not None)
    ]
    if losing:
        session.execute(
            text("UPDATE customer SET email = NULL WHERE shop_id = :shop AND id = ANY(:ids)"),
            {"shop": session.info["shop_id"], "ids": losing},
        )


def _row(known: Known) -> dict[str, Any]:
    row = {name: getattr(known, name) for name in PLAIN}
    return {"id": known.id, **row, "merged_into_id": known.merged_into.id if known.merged_into else None}
