"""Providers that carried messages are asked to forget their recipients.

Written down first, called without a transaction, tried again until the provider has said yes.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from app import clock
from app.channels.email import erasure
from app.channels.email.erasure import Refused, Taken
from app.channels.http import AskLater
from app.channels.sms import erasure as texts
from app.privacy import audit
from app.privacy.models import ProcessorErasure
from app.shops import accounts
from app.shops.models import PrivacyRequest, ProviderAccount
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from config import Settings

logger = logging.getLogger(__name__)

SENDGRID = "sendgrid"
TWILIO = "twilio"
FIRST_RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 3600.0
LEASE_SECONDS = 60.0
"""How long the one that calls has the row to itself: longer than a call may take."""
ACCEPTED = "accepted"


def ask(session: Session, request_id: int | None, emails: Sequence[str], providers: Sequence[str]) -> bool:
    """Write down what is to be asked. False when no provider that can be asked has ever heard of these people."""
    if SENDGRID not in providers or not emails:
        return False
    now = clock.now()
    for portion in erasure.portions(emails):
        session.add(
            ProcessorErasure(
                shop_id=session.info["shop_id"],
                provider=SENDGRID,
                request_id=request_id,
                addresses=portion,
                due_at=now,
                created_at=now,
            )
        )
    ring_after_commit(session, "slow")
    return True


def ask_twilio(session: Session, request_id: int | None, sids: Sequence[str]) -> bool:
    """Write down which texts Twilio is to forget. False when there are none."""
    now = clock.now()
    for first in range(0, len(sids), texts.MOST_TEXTS):
        session.add(
            ProcessorErasure(
                shop_id=session.info["shop_id"],
                provider=TWILIO,
                request_id=request_id,
                addresses=list(sids[first : first + texts.MOST_TEXTS]),
                due_at=now,
                created_at=now,
            )
        )
    if sids:
        ring_after_commit(session, "slow")
    return bool(sids)


def texts_of(session: Session, people: Sequence[int] | None = None) -> list[str]:
    """What Twilio calls the texts that went to these people; without any named, all of the shop's."""
    return list(
        session.scalars(
            text(
                "SELECT DISTINCT provider_ref FROM message WHERE shop_id = :shop "
                "AND (CAST(:people AS bigint[]) IS NULL OR customer_id = ANY(:people)) "
                "AND provider = :twilio AND provider_ref IS NOT NULL ORDER BY provider_ref"
            ),
            {
                "shop": session.info["shop_id"],
                "people": None if people is None else list(people),
                "twilio": TWILIO,
            },
        )
    )


def run(settings: Settings, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Ask what is due to be asked; returns how many calls were made."""
    with across_shops() as session:
        rows = session.execute(
            text("SELECT shop_id, id FROM processor_erasure WHERE done_at IS NULL AND due_at <= :now ORDER BY due_at"),
            {"now": clock.now()},
        ).all()
    calls = 0
    for row in rows:
        if should_stop():
            break
        calls += _ask_one(settings, row.shop_id, row.id)
    return calls


def _ask_one(settings: Settings, shop_id: int, errand_id: int) -> bool:
    with transaction(shop_id) as session:
        errand = session.execute(
            select(ProcessorErasure)
            .where(
                ProcessorErasure.shop_id == shop_id,
                ProcessorErasure.id == errand_id,
                ProcessorErasure.done_at.is_(None),
                ProcessorErasure.due_at <= clock.now(),
            )
            .with_for_update(skip_locked=True)
        ).scalar_one_or_none()
        if errand is None or errand.addresses is None:
            return False
        errand.due_at = clock.now() + _span(LEASE_SECONDS)
        errand.tries += 1
        provider, addresses, tries = errand.provider, list(errand.addresses), errand.tries
        key = _api_key(session, settings) if provider == SENDGRID else ""
        twilio = _twilio(session, settings) if provider == TWILIO else []
    answer: erasure.Answer
    if provider == TWILIO:
        answer = texts.erase(settings.twilio.api_base, twilio, addresses) or Taken("")
    else:
        known = settings.sendgrid.api_base
        answer = erasure.erase(known, key, addresses) if key else AskLater("account_credentials")
    with transaction(shop_id) as session:
        errand = session.get_one(ProcessorErasure, (shop_id, errand_id), with_for_update=True)
        if errand.done_at is None:
            _settle(session, errand, answer, tries)
    return True


def _api_key(session: Session, settings: Settings) -> str:
    """The account the shop's mails went by: its own, or else the host's."""
    own: Any = session.scalar(
        select(ProviderAccount.credentials).where(
            ProviderAccount.shop_id == session.info["shop_id"],
            ProviderAccount.channel == "email",
            ProviderAccount.provider == SENDGRID,
        )
    )
    return str(own.get("api_key") or "") if own else settings.sendgrid.api_key


def _twilio(session: Session, settings: Settings) -> list[Mapping[str, str]]:
    """The accounts the shop's texts may have gone by: its own, and the host's, which it may have used before."""
    found: list[Mapping[str, str]] = []
    account = accounts.own(session, "sms")
    if account is not None and account.provider == TWILIO:
        found.append(account.credentials)
    if settings.twilio.account_sid or not found:
        found.append({"account_sid": settings.twilio.account_sid, "auth_token": settings.twilio.auth_token})
    return found


def _settle(session: Session, errand: ProcessorErasure, answer: erasure.Answer, tries: int) -> None:
    now = clock.now()
    match answer:
        case Taken(job_id):
            errand.outcome, errand.provider_ref = ACCEPTED, job_id
        case Refused(code) if errand.addresses is not None and len(errand.addresses) > 1:
            # One of them is at fault, and keeps the others from being erased: each half for itself.
            half = len(errand.addresses) // 2
            for part in (errand.addresses[:half], errand.addresses[half:]):
                ask(session, errand.request_id, part, [SENDGRID])
            errand.outcome = f"split:{code}"
        case Refused(code):
            # The provider finds that this is no address: then it can't have written to it either.
            errand.outcome = code
            logger.warning("processor_refused_erasure", extra={"shop": errand.shop_id, "errand": errand.id})
        case AskLater(code, after):
            errand.outcome = code
            errand.due_at = now + _span(max(_backoff(tries), after or 0.0))
            logger.warning("processor_erasure_later", extra={"shop": errand.shop_id, "code": code, "tries": tries})
            return
    errand.done_at, errand.addresses = now, None
    session.flush()
    audit.note(
        session,
        "system",
        audit.Action.PROVIDER_ASKED_TO_ERASE,
        targets={"request": errand.request_id, "errand": errand.id},
        after={"provider": errand.provider, "outcome": errand.outcome, "job": errand.provider_ref},
    )
    _finish(session, errand.request_id)


def _finish(session: Session, request_id: int | None) -> None:
    """A request is done when the last of its errands is."""
    if request_id is None:
        return
    left = session.scalar(
        text("SELECT count(*) FROM processor_erasure WHERE shop_id = :shop AND request_id = :id AND done_at IS NULL"),
        {"shop": session.info["shop_id"], "id": request_id},
    )
    request = session.get(PrivacyRequest, (session.info["shop_id"], request_id))
    if not left and request is not None and request.done_at is None:
        request.done_at = clock.now()


def _backoff(tries: int) -> float:
    return min(FIRST_RETRY_SECONDS * float(2 ** min(tries - 1, 10)), LONGEST_RETRY_SECONDS)


def _span(real_seconds: float) -> timedelta:
    return timedelta(seconds=real_seconds * clock.speed())
