"""Reading people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import phonenumbers
from sqlalchemy import text

from app.customers.preferences import NEWEST, read
from app.customers.rules import (
    NOTHING_CHOSEN,
    STRICTEST_FIRST,
    SUNSET,
    Choices,
    Standing,
    Suppressed,
    second_step_missing,
    state_about,
)
from app.security.keyring import keyring
from app.shops import settings as shop_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

ADDRESS_PURPOSE = "suppression.address"


def standings(session: Session, shop_id: int, customer_ids: Iterable[int]) -> dict[tuple[int, str], Standing]:
    """(customer, channel) -> what all their words on marketing come to; those who never said any are left out.

    The same as `rules.standing` of each one's entries, where a merge that ended a channel counts as a no.
    """
    rows = session.execute(
        text("""
            WITH word AS (
                SELECT customer_id, channel, state, effective_at, double_opt_in FROM consent_entry
                WHERE shop_id = :shop AND customer_id = ANY(:ids) AND purpose = 'marketing'
                UNION ALL
                SELECT customer_id, channel, 'unsubscribed', held_at, false FROM consent_hold
                WHERE shop_id = :shop AND customer_id = ANY(:ids) AND purpose = 'marketing'
            ),
            run AS (
                SELECT *, max(effective_at) FILTER (WHERE state <> 'subscribed')
                    OVER (PARTITION BY customer_id, channel) AS ended_at
                FROM word
            )
            SELECT customer_id, channel, max(effective_at) AS last_at,
                max(effective_at) FILTER (WHERE state = 'unsubscribed') AS refused_at,
                max(effective_at) FILTER (WHERE state = 'subscribed') AS agreed_at,
                (array_agg(state ORDER BY effective_at DESC,
                    array_position(CAST(:strictest AS text[]), state)))[1] AS state,
                min(effective_at) FILTER (WHERE effective_at > COALESCE(ended_at, '-infinity')) AS yes_at,
                COALESCE(bool_or(double_opt_in) FILTER (WHERE effective_at > COALESCE(ended_at, '-infinity')), false)
                    AS confirmed
            FROM run GROUP BY customer_id, channel
        """),
        {"shop": shop_id, "ids": sorted(set(customer_ids)), "strictest": STRICTEST_FIRST},
    )
    return {(row.customer_id, row.channel): _standing(row) for row in rows}


def _standing(row: Any) -> Standing:
    if row.state == "subscribed":
        return Standing(row.state, row.yes_at, row.confirmed)
    refused = row.refused_at is not None and (row.agreed_at is None or row.refused_at >= row.agreed_at)
    if row.state == "never_asked" and refused:
        return Standing("unsubscribed", row.refused_at)
    return Standing(row.state, row.last_at)


def consent_states(session: Session, shop_id: int, customer_ids: Iterable[int]) -> dict[tuple[int, str], str]:
    """(customer, channel) -> the present state of marketing consent, for those who ever gave or refused it."""
    return {who: found.state for who, found in standings(session, shop_id, customer_ids).items()}


def suppressed(
    session: Session, shop_id: int, addresses: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Suppressed]:
    """(channel, address) -> why and since when, for those of the given addresses that must not be written to."""
    wanted: dict[tuple[str, bytes], tuple[str, str]] = {}
    for channel, address in set(addresses):
        for digest in keyring().fingerprints(address, ADDRESS_PURPOSE):
            wanted[channel, digest] = (channel, address)
    if not wanted:
        return {}
    rows = session.execute(
        text("""
            SELECT channel, address_hash, reason, suppressed_at FROM suppression
            WHERE shop_id = :shop AND address_hash = ANY(CAST(:digests AS bytea[]))
        """),
        {"shop": shop_id, "digests": [digest for _, digest in wanted]},
    )
    return {
        wanted[r.channel, bytes(r.address_hash)]: Suppressed(r.reason, r.suppressed_at)
        for r in rows
        if (r.channel, bytes(r.address_hash)) in wanted
    }


@dataclass(frozen=True, slots=True)
class Profile:
    """A person, as far as writing to them goes."""

    id: int
    first_name: str
    last_name: str
    locale: str | None
    """The language they chose, else the one the store knows them by."""
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
    choices: Choices = NOTHING_CHOSEN
    unconfirmed: frozenset[str] = frozenset()
    """Channels on which their yes lacks the second step that it needs here."""
    countries: frozenset[str] = frozenset()
    """Of their number and their address: where they may be when a text reaches them."""

    def consent_about(self, subject_kind: str) -> dict[str, str]:
        """Channel -> the state that counts for a message about such a subject."""
        states = {
            c: state_about(self.consent.get(c), c, subject_kind, unconfirmed=c in self.unconfirmed) for c in CHANNELS
        }
        return {channel: state for channel, state in states.items() if state}


CHANNELS = ("email", "sms")
CONSENT_FIELDS = {f"customer.{channel}_consent": channel for channel in CHANNELS}


def fields(
    session: Session, shop_id: int, customer_ids: Iterable[int], asked: Collection[str]
) -> dict[int, Mapping[str, Any]]:
    """What filters may ask of the people of these ids; their consent only where it is among what is `asked`."""
    ids = sorted(set(customer_ids))
    rows = session.execute(
        text("SELECT id, orders_count, spent, country, tags FROM customer WHERE shop_id = :shop AND id = ANY(:ids)"),
        {"shop": shop_id, "ids": ids},
    ).all()
    consent = {} if CONSENT_FIELDS.keys().isdisjoint(asked) else consent_states(session, shop_id, ids)
    return {row.id: _fields(row, {c: consent.get((row.id, c)) for c in CHANNELS}) for row in rows}


def _fields(row: Any, consent: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "customer.orders_count": row.orders_count,
        "customer.spent": row.spent,
        "customer.country": row.country,
        "customer.tags": row.tags,
        **{name: consent.get(channel) for name, channel in CONSENT_FIELDS.items()},
    }


def profiles(session: Session, shop_id: int, customer_ids: Iterable[int]) -> dict[int, Profile]:
    """The people of these ids, with their present consent and suppressions."""
    ids = sorted(set(customer_ids))
    rows = session.execute(
        text(f"""
            SELECT c.id, c.email, c.phone, c.first_name, c.last_name, c.locale, c.country, c.province, c.tags,
                c.orders_count, c.spent, c.preferred_channel, c.erased_at, c.deleted_at,
                c.first_order_at, c.last_order_at, chosen.*
            FROM customer c {NEWEST} WHERE c.shop_id = :shop AND c.id = ANY(:ids)
        """),  # noqa: S608 our own SQL
        {"shop": shop_id, "ids": ids},
    ).all()
    consent = standings(session, shop_id, ids)
    email_since = shop_settings.read(session).consent.since
    addresses = {row.id: {c: a for c, a in (("email", row.email), ("sms", row.phone)) if a} for row in rows}
    barred = suppressed(session, shop_id, [(c, a) for some in addresses.values() for c, a in some.items()])
    yes = _last_yes(session, shop_id, ids) if any(b.reason == SUNSET for b in barred.values()) else {}
    return {row.id: _profile(row, addresses[row.id], consent, (barred, yes), email_since) for row in rows}


def _last_yes(session: Session, shop_id: int, ids: Sequence[int]) -> dict[tuple[int, str], datetime]:
    """(customer, channel) -> when they last said yes themselves."""
    rows = session.execute(
        text(
            "SELECT customer_id, channel, max(effective_at) AS at FROM consent_entry WHERE shop_id = :shop "
            "AND customer_id = ANY(:ids) AND purpose = 'marketing' AND state = 'subscribed' "
            "GROUP BY customer_id, channel"
        ),
        {"shop": shop_id, "ids": list(ids)},
    )
    return {(row.customer_id, row.channel): row.at for row in rows}


def _profile(
    row: Any,
    addresses: Mapping[str, str],
    consent: Mapping[tuple[int, str], Standing],
    suppressions: tuple[Mapping[tuple[str, str], Suppressed], Mapping[tuple[int, str], datetime]],
    email_since: datetime | None,
) -> Profile:
    gone = "erased" if row.erased_at else "deleted" if row.deleted_at else None
    unreachable = {}
    barred, yes = suppressions
    for channel in CHANNELS:
        address = addresses.get(channel)
        bar = barred.get((channel, address)) if address is not None else None
        if bar is not None and bar.holds(row.last_order_at, yes.get((row.id, channel))):
            unreachable[channel] = f"suppressed:{bar.reason}"
        elif gone or address is None:
            unreachable[channel] = gone or "no_address"
    stands = {c: found for c in CHANNELS if (found := consent.get((row.id, c)))}
    states = {c: found.state for c, found in stands.items()}
    countries = frozenset(c for c in (row.country, phone_country(row.phone)) if c)
    return Profile(
        row.id,
        row.first_name,
        row.last_name,
        row.chosen_locale or row.locale,
        row.country,
        row.province,
        addresses,
        unreachable,
        states,
        row.preferred_channel,
        _fields(row, states),
        read(row),
        frozenset(c for c, found in stands.items() if second_step_missing(found, c, countries, email_since)),
        countries,
    )


@lru_cache(maxsize=16_384)
def phone_country(phone: str | None) -> str | None:
    """The country of a number in E.164, as `US`; of those that share +1, by its area code."""
    if not phone:
        return None
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
