"""Texts from shoppers. STOP counts at once, wherever it comes from, also for a number we don't know yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.channels.sms.keywords import answered_by_provider, classify
from app.content import localise
from app.customers import preferences, service as customers
from app.customers.queries import suppressed
from app.messages import confirming
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from app.channels.base import InboundText


CONFIRMATION = "You will get no more texts from us. Reply START if you change your mind."
"""The one answer that somebody who asked to stop in their own words may get; nothing promotional (47 CFR 64.1200)."""


def receive(message: InboundText, shop_ids: Iterable[int] | None = None) -> str | None:
    """Act on a text, in the shops that it came to: those on the host's shared service unless others are named.

    Returns:
        What to answer, or None. The provider itself answers to keywords; to a wish in other words we do, once.
    """
    asked = classify(message.text, message.opt_out_type)
    ours = asked == "stop" and message.opt_out_type is None and not answered_by_provider(message.text)
    news, language = False, localise.ENGLISH
    for shop_id in shops_of_host(asked) if shop_ids is None else shop_ids:
        with transaction(shop_id) as session:
            if asked == "stop":
                known = suppressed(session, shop_id, [("sms", message.sender)])
                news = news or not known
                customers.suppress(session, "sms", message.sender, "opted_out", "keyword")
            elif asked == "start":
                customers.unsuppress(session, "sms", message.sender, ["opted_out"])
            person = session.execute(
                text(
                    "SELECT id FROM customer WHERE shop_id = :shop AND phone = :phone AND merged_into_id IS NULL "
                    "ORDER BY id LIMIT 1"
                ),
                {"shop": shop_id, "phone": message.sender},
            ).first()
            if person is None:
                continue
            if ours:
                language = localise.chosen(preferences.locale_of(session, person.id))
            if asked in ("stop", "start"):
                _put_on_record(session, person.id, asked)
            if asked != "stop":
                session.execute(
                    text("UPDATE customer SET preferred_channel = 'sms' WHERE shop_id = :shop AND id = :id"),
                    {"shop": shop_id, "id": person.id},
                )
    return localise.said(language, CONFIRMATION) if ours and news else None


def _put_on_record(session: Session, customer_id: int, asked: str) -> None:
    """A YES may be the second one of a double opt-in; any other word is a plain one."""
    if asked == "start" and confirming.confirm(session, customer_id, "sms", collected="text"):
        return
    state = "unsubscribed" if asked == "stop" else "subscribed"
    word = customers.Word(customer_id, "sms", state, clock.now(), "keyword", collected="text")
    customers.consent(session, [word])


def shops_of_host(asked: str | None) -> list[int]:
    """Shops on the service that the host's shops share: who writes to it can't name one, so it is said to all.

    STOP is said to those, too, who have a service of their own in the host's account by now: before, they shared it.
    """
    with across_shops() as session:
        rows = session.execute(
            text(
                "SELECT id FROM shop s WHERE state = 'installed' "
                "AND NOT EXISTS (SELECT 1 FROM messaging_service m WHERE m.shop_id = s.id) "
                "AND (:stops OR NOT EXISTS (SELECT 1 FROM hosted_service h WHERE h.shop_id = s.id))"
            ),
            {"stops": asked == "stop"},
        )
        return [row.id for row in rows]
