"""Reading people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.security.keyring import keyring

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

ADDRESS_PURPOSE = "suppression.address"


def consent_states(session: Session, shop_id: int, customer_ids: Iterable[int]) -> dict[tuple[int, str], str]:
    """(customer, channel) -> the present state of marketing consent, for those who ever gave or refused it."""
    rows = session.execute(
        text("""
            SELECT DISTINCT ON (customer_id, channel) customer_id, channel, state
            FROM consent_entry
            WHERE shop_id = :shop AND customer_id = ANY(:ids) AND purpose = 'marketing'
            ORDER BY customer_id, channel, effective_at DESC,
                array_position(ARRAY['unsubscribed', 'pending', 'never_asked', 'subscribed'], state)
        """),
        {"shop": shop_id, "ids": sorted(set(customer_ids))},
    )
    return {(r.customer_id, r.channel): r.state for r in rows}


def suppressed(session: Session, shop_id: int, addresses: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(channel, address) -> reason, for those of the given addresses that must not be written to."""
    wanted: dict[tuple[str, bytes], tuple[str, str]] = {}
    for channel, address in set(addresses):
        for digest in keyring().fingerprints(address, ADDRESS_PURPOSE):
            wanted[channel, digest] = (channel, address)
    if not wanted:
        return {}
    rows = session.execute(
        text("""
            SELECT channel, address_hash, reason FROM suppression
            WHERE shop_id = :shop AND address_hash = ANY(CAST(:digests AS bytea[]))
        """),
        {"shop": shop_id, "digests": [digest for _, digest in wanted]},
    )
    return {
        wanted[r.channel, bytes(r.address_hash)]: r.reason for r in rows if (r.channel, bytes(r.address_hash)) in wanted
    }


@dataclass(frozen=True, slots=True)
class Profile:
    """A person, as far as writing to them goes."""

    id: int
    first_name: str
    last_name: str
    locale: str | None
    country: str | None
    province: str | None
    addresses: Mapping[str, str]
    """Channel -> address."""
    unreachable: Mapping[str, str]
    """Channel -> why it can't be used: no_address, suppressed:<reason>, erased, deleted."""
    consent: Mapping[str, str]
    preferred_channel: str | None
    fields: Mapping[str, Any]
    """What filters may ask: customer.orders_count, customer.spent, ..."""


CHANNELS = ("email", "sms")


def profiles(session: Session, shop_id: int, customer_ids: Iterable[int]) -> dict[int, Profile]:
    """The people of these ids, with their present consent and suppressions."""
    ids = sorted(set(customer_ids))
    rows = session.execute(
        text("""
            SELECT id, email, phone, first_name, last_name, locale, country, province, tags, orders_count, spent,
                preferred_channel, erased_at, deleted_at, first_order_at
            FROM customer WHERE shop_id = :shop AND id = ANY(:ids)
        """),
        {"shop": shop_id, "ids": ids},
    ).all()
    consent = consent_states(session, shop_id, ids)
    addresses = {row.id: {c: a for c, a in (("email", row.email), ("sms", row.phone)) if a} for row in rows}
    barred = suppressed(session, shop_id, [(c, a) for some in addresses.values() for c, a in some.items()])
    return {row.id: _profile(row, addresses[row.id], consent, barred) for row in rows}


def _profile(
    row: Any,
    addresses: Mapping[str, str],
    consent: Mapping[tuple[int, str], str],
    barred: Mapping[tuple[str, str], str],
) -> Profile:
    gone = "erased" if row.erased_at else "deleted" if row.deleted_at else None
    unreachable = {}
    for channel in CHANNELS:
        address = addresses.get(channel)
        if address is not None and (reason := barred.get((channel, address))):
            unreachable[channel] = f"suppressed:{reason}"
        elif gone or address is None:
            unreachable[channel] = gone or "no_address"
    states = {c: state for c in CHANNELS if (state := consent.get((row.id, c)))}
    return Profile(
        row.id,
        row.first_name,
        row.last_name,
        row.locale,
        row.country,
        row.province,
        addresses,
        unreachable,
        states,
        row.preferred_channel,
        {
            "customer.orders_count": row.orders_count,
            "customer.spent": row.spent,
            "customer.country": row.country,
            "customer.tags": row.tags,
            "customer.email_consent": states.get("email"),
            "customer.sms_consent": states.get("sms"),
        },
    )
