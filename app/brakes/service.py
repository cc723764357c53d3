"""Looking at how a shop's marketing is taken, lifting a stop, giving back what a text didn't cost."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import clock
from app.brakes import queries, rules
from app.brakes.models import Brake
from app.customers import service as customers
from app.customers.queries import ADDRESS_PURPOSE
from app.security.keyring import keyring
from app.transaction import across_shops, ring_after_commit, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, datetime

    from sqlalchemy.orm import Session

LOOK_EVERY = timedelta(days=1)
BUYERS = 3
"""So many people must have ordered from a country before texts go there by themselves: nobody pumps by buying."""
SOFT_BOUNCES = 5
"""BEHAVIOUR "Email": five soft bounces in a row without a delivery."""


def run(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Look at the shops whose look is due; returns how many."""
    with across_shops() as session:
        rows = session.execute(
            text(
                "SELECT s.id FROM shop s LEFT JOIN brake b ON b.shop_id = s.id "
                "WHERE s.state = 'installed' AND (b.due_at IS NULL OR b.due_at <= :now) ORDER BY b.due_at NULLS FIRST"
            ),
            {"now": clock.now()},
        ).all()
    looked = 0
    for row in rows:
        if should_stop():
            break
        look(row.id)
        looked += 1
    return looked


def look(shop_id: int) -> None:
    """Count a shop's complaints anew and set its brake; learn where it sells."""
    now = clock.now()
    with transaction(shop_id) as session:
        brake = _brake(session, now)
        since = max(at for at in (now - rules.COMPLAINT_WINDOW, brake.lifted_at) if at is not None)
        brake.sent, brake.complained = queries.complaints(session, shop_id, since)
        state = rules.complaint_state(brake.sent, brake.complained)
        if state != brake.state:
            let_go = brake.state == rules.STOPPED
            brake.state, brake.since = state, now
            if let_go:
                release(session, "complaint_rate")
        brake.sells_to = queries.sells_to(session, shop_id, BUYERS)
        brake.looked_at = now
        brake.due_at = now + (LOOK_EVERY if state == rules.CALM else rules.LOOK_AGAIN)


def lift(session: Session) -> bool:
    """The merchant lets marketing go again: complaints so far no longer count. False: it wasn't held."""
    now = clock.now()
    brake = _brake(session, now)
    if brake.state != rules.STOPPED:
        return False
    brake.state, brake.since, brake.lifted_at, brake.sent, brake.complained = rules.CALM, now, now, 0, 0
    brake.due_at = now + rules.LOOK_AGAIN
    release(session, "complaint_rate")
    return True


def look_soon(session: Session) -> None:
    """Something has happened that a look may change: a complaint came in, a country was sold to."""
    now = clock.now()
    _brake(session, now).due_at = now
    ring_after_commit(session, "slow")


def release(session: Session, *reasons: str) -> None:
    """Messages that wait for nothing but this are due now; the gates ask the rest again."""
    if not reasons:
        return
    session.execute(
        text(
            "UPDATE message SET due_at = :now, updated_at = :now WHERE shop_id = :shop AND state = 'deferred' "
            "AND reason = ANY(:reasons) AND due_at > :now"
        ),
        {"shop": session.info["shop_id"], "now": clock.now(), "reasons": list(reasons)},
    )
    ring_after_commit(session, "send")


def give_back(session: Session, reserved: Iterable[tuple[date, int] | None]) -> None:
    """Texts that were surely not taken cost nothing: (day, micro-dollars) of each."""
    unspent: Counter[date] = Counter()
    for day, micros in filter(None, reserved):
        unspent[day] += micros
    for day, micros in sorted(unspent.items()):
        session.execute(
            text("UPDATE sending_day SET sms_micros = sms_micros - :micros WHERE shop_id = :shop AND day = :day"),
            {"shop": session.info["shop_id"], "micros": micros, "day": day},
        )


def bounced_softly(session: Session, customer_id: int, address: str) -> None:
    """A mailbox turned a mail away for now; the fifth in a row without a delivery suppresses the address."""
    digest = keyring().fingerprint(address, ADDRESS_PURPOSE)
    in_a_row = session.execute(
        text("""
            INSERT INTO soft_bounce AS b (shop_id, customer_id, address_hash, in_a_row, at)
            VALUES (:shop, :customer, :digest, 1, :now)
            ON CONFLICT (shop_id, customer_id) DO UPDATE SET at = excluded.at, address_hash = excluded.address_hash,
                in_a_row = CASE WHEN b.address_hash = excluded.address_hash THEN b.in_a_row + 1 ELSE 1 END
            RETURNING in_a_row
        """),
        {"shop": session.info["shop_id"], "customer": customer_id, "digest": digest, "now": clock.now()},
    ).scalar_one()
    if in_a_row >= SOFT_BOUNCES:
        customers.suppress(session, "email", address, "soft_bounces", "receipt")


def delivered(session: Session, customer_ids: Iterable[int]) -> None:
    """What was delivered ends the row of bounces."""
    session.execute(
        text("DELETE FROM soft_bounce WHERE shop_id = :shop AND customer_id = ANY(:ids)"),
        {"shop": session.info["shop_id"], "ids": sorted(set(customer_ids))},
    )


def _brake(session: Session, now: datetime) -> Brake:
    shop_id = session.info["shop_id"]
    session.execute(
        text("INSERT INTO brake (shop_id, due_at) VALUES (:shop, :now) ON CONFLICT (shop_id) DO NOTHING"),
        {"shop": shop_id, "now": now},
    )
    return session.get_one(Brake, shop_id, with_for_update=True)
