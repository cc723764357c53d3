"""Reading people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app.security.keyring import keyring

if TYPE_CHECKING:
    from collections.abc import Iterable

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
