"""A test: one message of a journey to the merchant's own mailbox or phone, by the very way every message goes.

It is a message like any other, about the newest real case, but transactional, so that nothing holds it up but a
suppressed address; its subject or text begins with a mark, and it belongs to no journey, so that no report counts it.
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
from app.platforms.shopify.normalise.people import phone as parsed_phone
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
    by_field: bool = False
    """It is what was typed that can't be."""


def address_of(shop: Shop) -> str | None:
    """The merchant's own mailbox: where answers go, else the store's."""
    return (shop_settings.of(shop).sender.reply_to or shop.email or "").strip().lower() or None


def send(
    session: Session, shop: Shop, event: str, step: str, template: tuple[str, str], phone: str = ""
) -> int | NotSent:
    """Write the message as due and ring; returns its id. `template`: channel and source; `phone` as it was typed."""
    channel, source = template
    to = Person(email=address_of(shop)) if channel == "email" else Person(phone=parsed_phone(phone, shop.country))
    if channel == "email" and to.email is None:
        return NotSent(_("Say in the settings, under Sender, where answers go: tests go there too."))
    if channel != "email" and to.phone is None:
        return NotSent(_("This isn't a phone number. Write it as +1 212 555 0100."), by_field=True)
    case = session.execute(text(LATEST[event]), {"shop": shop.id}).first()
    if case is None:
        return NotSent(_("A test needs a real case, and your shop has none of this kind yet."))
    now = clock.now()
    made: int = session.execute(
        text("""
            INSERT INTO message (shop_id, customer_id, step, template_id, channel, purpose, priority, audience,
                subject_kind, subject_key, since, state, planned_at, due_at, useful_until, updated_at)
            VALUES (:shop, :customer, :step, :template, :channel, 'transactional', 100, 'anyone', :kind, :key, :since,
                'due', :now, :now, :until, :now) RETURNING id
        """),
        {
            "shop": shop.id,
            "customer": _recipient(session, shop.id, to),
            "step": step,
            "channel": channel,
            "template": _marked(session, channel, source),
            "kind": case.kind,
            "key": case.key,
            "since": case.since,
            "now": now,
            "until": now + USEFUL_FOR * clock.speed(),
        },
    ).scalar_one()
    ring_after_commit(session, "send")
    return made


def _recipient(session: Session, shop_id: int, to: Person) -> int:
    """The merchant as a person of the shop; a guest by that address when there is none yet."""
    record_alone(session)
    customers.record(session, [CustomerChanged(to, Version(clock.now()))])
    found: int = session.execute(
        text(
            "SELECT id FROM customer WHERE shop_id = :shop AND (email = :email OR phone = :phone) "
            "AND merged_into_id IS NULL ORDER BY id DESC LIMIT 1"
        ),
        {"shop": shop_id, "email": to.email, "phone": to.phone},
    ).scalar_one()
    return found


def _marked(session: Session, channel: str, source: str) -> int:
    """The template with its subject, or its text, marked."""
    marked = TITLE.sub(rf"\g<1>{MARK}", source, count=1) if channel == "email" else MARK + source
    return journeys.keep_text(session, channel, marked)
