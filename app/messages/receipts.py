"""What providers report later: each report counts once, moves the message by the state table, and may suppress."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter
from sqlalchemy import text

from app import clock
from app.brakes import service as brakes
from app.customers import service as customers
from app.decisions import Decided, log
from app.hooks import recording
from app.hooks.recording import Happened
from app.messages import breaker, engagement
from app.messages.states import may_become
from app.security import tokens
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.channels.base import Receipt

logger = logging.getLogger(__name__)

UNKNOWN = Counter("regulars_receipts_unknown_total", "Receipts that name no message of ours", ["provider"])

STATES = {
    "processed": "accepted",
    "delivered": "delivered",
    "bounced": "bounced",
    "dropped": "failed",
    "failed": "failed",
    "complained": "complained",
}
"""What a report makes of its message. Others (deferred, opened, clicked, unsubscribed) leave the state alone."""


def apply(provider: str, receipts: Sequence[Receipt]) -> int:
    """Apply a batch of verified reports; returns how many were news. Reports on unknown messages are counted only."""
    by_shop: dict[int, list[tuple[Receipt, int, int]]] = defaultdict(list)
    for receipt in receipts:
        named = tokens.read("reference", receipt.reference or "", 3)
        if named is None:
            UNKNOWN.labels(provider).inc()
        else:
            by_shop[named[0]].append((receipt, named[1], named[2]))
    news = sum(_apply_for(provider, shop_id, some) for shop_id, some in by_shop.items())
    if by_shop:  # not before they are on record: until then the silence of their own messages proves nothing
        newest = max(receipt.at for some in by_shop.values() for receipt, _, _ in some)
        breaker.heard(provider, (clock.now() - newest).total_seconds() / clock.speed())
    return news


def _apply_for(provider: str, shop_id: int, named: Sequence[tuple[Receipt, int, int]]) -> int:
    with transaction(shop_id) as session:
        messages = {
            row.id: row
            for row in session.execute(
                text("""
                    SELECT m.id, m.state, m.channel, m.purpose, m.attempt_id, m.customer_id, m.journey_id,
                        m.enrolment_id, m.step, m.accepted_at, c.email, c.phone
                    FROM message m JOIN customer c ON c.shop_id = m.shop_id AND c.id = m.customer_id
                    WHERE m.shop_id = :shop AND m.id = ANY(:ids) ORDER BY m.id FOR UPDATE OF m
                """),
                {"shop": shop_id, "ids": sorted({message_id for _, message_id, _ in named})},
            )
        }
        news = 0
        delivered: set[int] = set()
        states = {message_id: row.state for message_id, row in messages.items()}
        for receipt, message_id, attempt_id in sorted(named, key=lambda n: n[0].at):
            message = messages.get(message_id)
            if message is None:
                UNKNOWN.labels(provider).inc()
            elif _is_news(session, provider, receipt, message_id):
                news += 1
                if receipt.kind == "bounced" and message.customer_id in delivered:
                    brakes.delivered(session, delivered)  # before it is counted what came after them
                    delivered.clear()
                states[message_id] = _apply_one(session, provider, receipt, message, attempt_id, states[message_id])
                if receipt.kind == "delivered" and message.channel == "email":
                    delivered.add(message.customer_id)
        if delivered:
            brakes.delivered(session, delivered)
        return news


def _is_news(session: Session, provider: str, receipt: Receipt, message_id: int) -> bool:
    return (
        session.execute(
            text("""
            INSERT INTO receipt (shop_id, provider, event_id, message_id, kind, code, at, received_at)
            VALUES (:shop, :provider, :event, :message, :kind, :code, :at, :now)
            ON CONFLICT (shop_id, provider, event_id) DO NOTHING RETURNING 1
        """),
            {
                "shop": session.info["shop_id"],
                "provider": provider,
                "event": receipt.event_id,
                "message": message_id,
                "kind": receipt.kind,
                "code": receipt.code,
                "at": receipt.at,
                "now": clock.now(),
            },
        ).first()
        is not None
    )


def _apply_one(session: Session, provider: str, receipt: Receipt, message: Any, attempt_id: int, state: str) -> str:
    """Apply one report; returns the message's state after it."""
    if receipt.kind in ("opened", "clicked"):
        engagement.reported(session, receipt, message)
    _suppress(session, receipt, message)
    following = STATES.get(receipt.kind)
    # A report on an earlier attempt proves that attempt was taken; on a repeated message it is still the message.
    if following is None or not may_become(state, following):
        return state
    _brake(session, receipt, message, following)
    now = clock.now()
    session.execute(
        text("""
            UPDATE message SET state = :state, reason = :reason, updated_at = :now,
                lease_token = NULL, lease_until = NULL,
                provider_ref = COALESCE(provider_ref, :ref), attempt_id = :attempt,
                accepted_at = CASE WHEN :state IN ('accepted', 'delivered', 'complained')
                    THEN COALESCE(accepted_at, :now) ELSE accepted_at END,
                delivered_at = CASE WHEN :state = 'delivered' THEN :at ELSE delivered_at END
            WHERE shop_id = :shop AND id = :id
        """),
        {
            "shop": session.info["shop_id"],
            "id": message.id,
            "state": following,
            "now": now,
            "at": receipt.at,
            "reason": receipt.code or None,
            "ref": receipt.provider_ref,
            "attempt": attempt_id,
        },
    )
    # Settling says "sent" when it is first; a receipt that finds the message still `sending` was faster.
    if state not in ("accepted", "delivered") or following in ("bounced", "failed", "complained"):
        log(session, [_decided(provider, receipt, message, following, now)])
    if following == "delivered":
        told = {"message_id": message.id, "step": message.step, "channel": message.channel}
        recording.tell(
            session, [Happened("message.delivered", message.customer_id, told, message.journey_id, receipt.at)]
        )
    return following


def _decided(provider: str, receipt: Receipt, message: Any, following: str, now: datetime) -> Decided:
    taken = following in ("accepted", "delivered")
    return Decided(
        message.customer_id,
        message.step,
        "sent" if taken else following,
        "receipt_arrived" if taken else receipt.code or receipt.kind,
        now,
        message.journey_id,
        message.enrolment_id,
        message.id,
        detail={"channel": message.channel, "provider": provider},
    )


def _brake(session: Session, receipt: Receipt, message: Any, following: str) -> None:
    """What a report means for more than its own message."""
    if message.channel != "email":
        return
    if following == "complained" and message.purpose == "marketing":
        brakes.look_soon(session)
    elif following == "bounced" and not receipt.permanent and message.email:
        brakes.bounced_softly(session, message.customer_id, message.email)


def _suppress(session: Session, receipt: Receipt, message: Any) -> None:
    address = message.email if message.channel == "email" else message.phone
    if not receipt.suppress or not address:
        return
    customers.suppress(session, message.channel, address, receipt.suppress, "receipt")
    if receipt.suppress in ("unsubscribed", "opted_out", "complaint"):
        customers.consent(
            session,
            [
                customers.Word(
                    message.customer_id, message.channel, "unsubscribed", receipt.at, f"provider:{receipt.suppress}"
                )
            ],
        )
