"""Looking after a shop's sending domain: learn which records it needs, see whether they are there, and say so."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from app import clock
from app.brakes import service as brakes
from app.channels.email.domain_authentication import DomainAuthentication
from app.channels.http import AskLater
from app.domains import lookup, rules
from app.domains.lookup import DnsAwayError
from app.domains.models import SendingDomain
from app.domains.rules import Record, Verdict
from app.security.keyring import keyring
from app.shops import service as shops, settings as shop_settings
from app.shops.models import ProviderAccount
from app.transaction import across_shops, as_clerk, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from config import Settings

logger = logging.getLogger(__name__)

SENDGRID = "sendgrid"
LEASE = timedelta(minutes=1)
UNVERIFIED_AGAIN = timedelta(minutes=10)
VERIFIED_AGAIN = timedelta(days=1)
"""How long until the next look: a merchant who has just changed the DNS waits, a domain in order is left alone."""


def run(settings: Settings, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Look at the domains that are due, and begin with those of shops that have none yet; returns how many."""
    with across_shops() as session:
        new = session.execute(
            text(
                "SELECT id FROM shop s WHERE state = 'installed' AND NOT EXISTS "
                "(SELECT 1 FROM sending_domain d WHERE d.shop_id = s.id)"
            )
        ).all()
    for row in new:
        with transaction(row.id) as session:
            present(session, settings)
    with across_shops() as session:
        due = session.execute(
            text("SELECT shop_id, domain FROM sending_domain WHERE due_at <= :now ORDER BY due_at"),
            {"now": clock.now()},
        ).all()
    looked = 0
    for row in due:
        if should_stop():
            break
        looked += look(settings, row.shop_id, row.domain)
    return looked


def present(session: Session, settings: Settings) -> SendingDomain:
    """The domain of the shop's From address as it is set now; a new one is looked at soon."""
    domain = shop_settings.sending_domain(shops.get(session), settings.sender_email)
    shop_id = session.info["shop_id"]
    made = session.execute(
        text(
            "INSERT INTO sending_domain (shop_id, domain, due_at) VALUES (:shop, :domain, "
            "CASE WHEN :domain <> '' THEN CAST(:now AS timestamptz) END) "
            "ON CONFLICT (shop_id, domain) DO NOTHING RETURNING 1"
        ),
        {"shop": shop_id, "domain": domain, "now": clock.now()},
    ).first()
    row = session.get_one(SendingDomain, (shop_id, domain))
    if made is not None:
        with as_clerk(session):
            others = _is_others(session, shop_id, domain)
        row.taken = others and not _is_hosts(settings, domain)
        ring_after_commit(session, "slow")
    return row


def _is_others(session: Session, shop_id: int, domain: str) -> bool:
    """Whether another shop has proved that the domain is its own. For the clerk, who alone sees all shops."""
    return bool(
        session.scalar(
            text(
                "SELECT EXISTS (SELECT 1 FROM sending_domain "
                "WHERE domain = :domain AND shop_id <> :shop AND state = 'verified')"
            ),
            {"domain": domain, "shop": shop_id},
        )
    )


def _is_hosts(settings: Settings, domain: str) -> bool:
    """Whether it is the host's domain, which is all shops'."""
    return domain == shop_settings.domain_of(settings.sender_email)


def look_soon(session: Session, settings: Settings) -> None:
    """The merchant has changed the DNS: look now."""
    present(session, settings).due_at = clock.now()
    ring_after_commit(session, "slow")


def look(settings: Settings, shop_id: int, domain: str) -> bool:
    """Ask the provider and the DNS about one domain and write down what they said. No database connection is held."""
    with transaction(shop_id) as session:
        row = _due(session, domain)
        if row is None:
            return False
        row.due_at = clock.now() + LEASE * clock.speed()
        found = _Found(domain, row.provider_ref, [Record(**each) for each in row.records])
        api_key = _api_key(session, settings)
    _ask(settings, api_key, found, _subdomain(settings, shop_id, domain))
    with across_shops() as session:
        others = _is_others(session, shop_id, domain)
    with transaction(shop_id) as session:
        row = session.get_one(SendingDomain, (shop_id, domain), with_for_update=True)
        _write(session, row, found)
        row.taken = others and row.state != "verified" and not _is_hosts(settings, domain)
    return True


def _subdomain(settings: Settings, shop_id: int, domain: str) -> str:
    """Where the return path lies: under a name of the shop's own, but for the host's domain, which is all shops'."""
    return "" if _is_hosts(settings, domain) else f"rg{keyring().fingerprint(str(shop_id), 'sending_domain').hex()[:8]}"


def _due(session: Session, domain: str) -> SendingDomain | None:
    return session.execute(
        select(SendingDomain)
        .where(
            SendingDomain.shop_id == session.info["shop_id"],
            SendingDomain.domain == domain,
            SendingDomain.due_at <= clock.now(),
        )
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()


@dataclass(slots=True)
class _Found:
    """What one look brought: the provider's records, what the DNS made of them, or why it came to no end."""

    domain: str
    ref: str | None
    records: list[Record]
    verdict: Verdict | None = None
    error: str | None = None


def _ask(settings: Settings, api_key: str, found: _Found, subdomain: str) -> None:
    if not api_key:
        _ask_dns(settings, found)
        return
    provider = DomainAuthentication(settings.sendgrid.api_base, api_key)
    try:
        if found.ref is None:
            authentication = provider.find_or_create(found.domain, subdomain)
            if isinstance(authentication, AskLater):
                found.error = authentication.code
                return
            found.ref = authentication.ref
            found.records = [Record(**each) for each in authentication.records]
        _ask_dns(settings, found)
        if found.verdict is not None and found.verdict.verified:
            valid = provider.validate(found.ref)
            if valid is not True:  # it has its own eyes, and signs only what it has seen
                found.error = valid.code if isinstance(valid, AskLater) else "provider_disagrees"
                found.verdict = None
    finally:
        provider.close()


def _ask_dns(settings: Settings, found: _Found) -> None:
    try:
        answers = lookup.ask(settings.dns_resolver, found.domain, found.records)
    except DnsAwayError as error:
        found.error = f"dns:{error}"
    else:
        found.verdict = rules.judge(found.domain, found.records, answers)


def _write(session: Session, row: SendingDomain, found: _Found) -> None:
    now = clock.now()
    row.provider_ref, row.records = found.ref, [asdict(each) for each in found.records]
    row.looked_at, row.error = now, found.error
    if found.error is not None:
        logger.warning("sending_domain_not_seen", extra={"shop": row.shop_id, "code": found.error})
    before = row.state
    if found.verdict is not None:
        row.findings = {name: asdict(each) for name, each in found.verdict.findings.items()}
        row.failures = 0 if found.verdict.verified else row.failures + 1
        if found.verdict.verified:
            row.state, row.verified_at = "verified", row.verified_at or now
        elif row.state != "verified" or row.failures >= rules.GIVEN_UP_AFTER:
            row.state = "unverified"
    settled = row.state == "verified" and not row.failures and row.error is None
    row.due_at = now + (VERIFIED_AGAIN if settled else UNVERIFIED_AGAIN)
    if row.state == "verified" and before != "verified":
        brakes.release(session, "domain_unverified", "domain_taken")


def _api_key(session: Session, settings: Settings) -> str:
    """The account the shop's mails go by: its own, or else the host's; empty when they go by a plain mail server."""
    own: Any = session.scalar(
        select(ProviderAccount.credentials).where(
            ProviderAccount.shop_id == session.info["shop_id"], ProviderAccount.channel == "email"
        )
    )
    return str(own.get("api_key") or "") if own else settings.sendgrid.api_key
