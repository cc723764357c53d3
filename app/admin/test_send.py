"""A test: one message of a journey to the merchant's own mailbox, by the very way every message goes.

It is a message like any other, about the newest real case, but transactional, so that nothing holds it up but a
suppressed address; its subject begins with a mark, and it belongs to no journey, so that no report counts it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.admin.previews import LATEST
from app.admin.words import _
from app.customers import service as customers
from app.journeys import service as journeys
from app.platforms.events import CustomerChanged, Person, Version
from app.shops import settings as shop_settings
from app.transaction import record_alone, ring_after_commit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.shops.models import Shop

MARK = "[Test] "
USEFUL_FOR = timedelta(hours=1)
TITLE = re.compile(r"(<mj-title[^>]*>)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why there is no test, in a sentence."""

    why: str


def address_of(shop: Shop) -> str | None:
    """The merchant's own mailbox: where answers go, else the store's."""
    return (shop_settings.of(shop).sender.reply_to or shop.email or "").strip().lower() or None


def send(session: Session, shop: Shop, event: str, step: str, source: str) -> int | NotSent:
    """Write the message as due and ring; returns its id."""
    address = address_of(shop)
    if address is None:
        return NotSent(_("Say in the settings, under Sender, where answers go: tests go there too."))
    case = session.execute(text(LATEST[event]), {"shop": shop.id}).first()
    if case is None:
        return NotSent(_("A test needs a real case, and your shop has none of this kind yet."))
    now = clock.now()
    made: int = session.execute(
        text("""
            INSERT INTO message (shop_id, customer_id, step, template_id, channel, purpose, priority, audience,
                subject_kind, subject_key, since, state, planned_at, due_at, useful_until, updated_at)
            VALUES (:shop, :customer, :step, :template, 'email', 'transactional', 100, 'anyone', :kind, :key, :since,
                'due', :now, :now, :until, :now) RETURNING id
        """),
        {
            "shop": shop.id,
            "customer": _recipient(session, shop.id, address),
            "step": step,
            "template": _marked(session, source),
            "kind": case.kind,
            "key": case.key,
            "since": case.since,
            "now": now,
            "until": now + USEFUL_FOR * clock.speed(),
        },
    ).scalar_one()
    ring_after_commit(session, "send")
    return made


def _recipient(session: Session, shop_id: int, address: str) -> int:
    """The merchant as a person of the shop; a guest by that address when there is none yet."""
    record_alone(session)
    customers.record(session, [CustomerChanged(Person(email=address), Version(clock.now()))])
    found: int = session.execute(
        text("SELECT id FROM customer WHERE shop_id = :shop AND email = :email AND merged_into_id IS NULL"),
        {"shop": shop_id, "email": address},
    ).scalar_one()
    return found


def _marked(session: Session, source: str) -> int:
    """The template with its subject marked."""
    return journeys.keep_text(session, "email", TITLE.sub(rf"\g<1>{MARK}", source, count=1))
