"""Erasing a shop: all its rows, in batches, unless the merchant has come back since it was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.extensions import Base
from app.privacy import audit, processors
from app.shops.models import UNKNOWN_SHOP, PrivacyRequest, ProviderAccount, Shop
from app.texting import service as texting
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

BATCH = 5_000
LAST = ("privacy_request", "audit_entry", "consent_entry", "consent_wording")
"""The first goes with the shop itself, being why it is erased. The app may not delete from the others: the audit log
and what people agreed to go with the shop, consent with its customers."""


def erase(shop_id: int, request_id: int, should_stop: Callable[[], bool]) -> bool:
    """Delete everything of a shop; True when something was done. A process that is killed leaves the rest to the next.

    A shop that was installed again after the request was made is left alone, and that is put on record. That it was
    erased is on record under the shop of unknown stores, by the number it had.
    """
    domain = _begin(shop_id, request_id)
    if domain is None:
        return True
    tables = [t.name for t in reversed(Base.metadata.sorted_tables) if "shop_id" in t.c and t.name not in LAST]
    for name in tables:
        while _delete_some(shop_id, request_id, name):
            if should_stop():
                return True
    while _delete_strays(domain):
        if should_stop():
            return True
    with transaction(shop_id) as session:
        if _overtaken(session, request_id):
            return True
        session.execute(text("DELETE FROM shop WHERE id = :shop"), {"shop": shop_id})
    with transaction(UNKNOWN_SHOP) as session:
        audit.note(session, "store", audit.Action.SHOP_ERASED, targets={"shop": shop_id, "request": request_id})
    return True


def _begin(shop_id: int, request_id: int) -> str | None:
    """The shop's address, when it is to be erased. Providers are asked first, while it is known whom to ask about."""
    with transaction(shop_id) as session:
        if _overtaken(session, request_id):
            return None
        domain = session.get_one(Shop, shop_id).domain
        if session.get_one(PrivacyRequest, (shop_id, request_id)).details.get("handed_over"):
            return domain
        emails, texts = _recipients(session), processors.texts_of(session)
    texting.outlive(shop_id)
    # Under the shop of unknown stores: the errands outlive this one. A process that is killed here asks once more,
    # which does no harm; the other way round it would never ask.
    with transaction(UNKNOWN_SHOP) as session:
        processors.ask(session, None, emails, [processors.SENDGRID])
        processors.ask_twilio(session, None, texts)
    with transaction(shop_id) as session:
        if _overtaken(session, request_id):
            return None
        request = session.get_one(PrivacyRequest, (shop_id, request_id))
        request.details = {**request.details, "handed_over": True}
    return domain


def _overtaken(session: Session, request_id: int) -> bool:
    """Whether the shop was installed after the request was made: then the request is closed, and nothing is done."""
    shop = session.get_one(Shop, session.info["shop_id"], with_for_update=True)
    request = session.get(PrivacyRequest, (shop.id, request_id))
    if request is None or request.done_at is not None:
        return True
    asked_at = datetime.fromisoformat(request.details["triggered_at"])
    if shop.installed_at is None or shop.installed_at <= asked_at:
        return False
    request.details, request.done_at = {}, clock.now()
    audit.note(
        session,
        "store",
        audit.Action.SHOP_ERASURE_REFUSED,
        targets={"request": request_id},
        after={"asked_at": asked_at, "installed_at": shop.installed_at},
    )
    return True


def _recipients(session: Session) -> list[str]:
    """Whom the host's own account has written to for this shop. A shop's own account is the merchant's to clear."""
    own = session.query(ProviderAccount).filter_by(shop_id=session.info["shop_id"], channel="email").first()
    if own is not None:
        return []
    return list(
        session.scalars(
            text("""
                SELECT DISTINCT c.email FROM customer c
                JOIN message m ON m.shop_id = c.shop_id AND m.customer_id = c.id
                JOIN attempt a ON a.shop_id = m.shop_id AND a.message_id = m.id
                WHERE c.shop_id = :shop AND a.provider = :provider AND c.email IS NOT NULL
            """),
            {"shop": session.info["shop_id"], "provider": processors.SENDGRID},
        )
    )


def _delete_some(shop_id: int, request_id: int, name: str) -> bool:
    with transaction(shop_id) as session:
        if _overtaken(session, request_id):
            return False
        rows = session.execute(
            text(
                f'DELETE FROM "{name}" WHERE shop_id = :shop AND ctid = ANY(ARRAY('  # noqa: S608 our own tables
                f'SELECT ctid FROM "{name}" WHERE shop_id = :shop LIMIT :batch)) RETURNING 1'
            ),
            {"shop": shop_id, "batch": BATCH},
        ).all()
        return bool(rows)


def _delete_strays(domain: str) -> bool:
    """Webhooks that came under the shop's address while nobody knew it."""
    with transaction(UNKNOWN_SHOP) as session:
        rows = session.execute(
            text(
                "DELETE FROM delivery WHERE shop_id = :shop AND id = ANY(ARRAY(SELECT id FROM delivery "
                "WHERE shop_id = :shop AND shop_domain = :domain LIMIT :batch)) RETURNING 1"
            ),
            {"shop": UNKNOWN_SHOP, "domain": domain, "batch": BATCH},
        ).all()
        return bool(rows)
