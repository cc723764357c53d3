"""Opens and clicks, each with a verdict on whether a human did it. Only human ones count for anything.

A verdict may be taken back: of a machine that follows every link, the first click looks like anybody's. What journeys
decided by it meanwhile stands; what is counted from then on doesn't hold it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import clock
from app.customers import service as customers
from app.hooks import recording
from app.hooks.recording import Happened
from app.messages.verdicts import AT_ONCE, REVISING, SECOND_NETWORK, TRAPPED, Seen, Verdict, system_of, verdict
from app.security.keyring import keyring

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.channels.base import Receipt

TRAP = 65_535
"""The number of the link that can't be seen."""
NETWORK_PURPOSE = "engagement.network"
PREFIXES = {4: 24, 6: 48}
"""How much of an address names a network, by IP version."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, as far as it tells who made it."""

    user_agent: str
    method: str = "GET"
    network: bytes | None = None
    prefetch: bool = False


def network_of(address: str | None) -> bytes | None:
    """A keyed hash of the network an address belongs to: enough to compare, nothing to find anybody by."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return None
    network = ip_network(f"{ip}/{PREFIXES[ip.version]}", strict=False)
    return keyring().fingerprint(str(network), NETWORK_PURPOSE)


def reported(session: Session, receipt: Receipt, message: Any) -> None:
    """An open or click that the provider saw."""
    kind = "open" if receipt.kind == "opened" else "click"
    _note(session, message, kind, None, receipt.at, Visit(receipt.user_agent or ""))


def seen(session: Session, message_id: int, kind: str, link: int | None, visit: Visit) -> None:
    """An open or click that came to us."""
    message = _message(session, message_id)
    if message is not None:
        _note(session, message, kind, link, clock.now(), visit)


def answered(session: Session, message_id: int, user_agent: str) -> None:
    """Somebody filled in a form they came to from this message: no machine does."""
    message = _message(session, message_id)
    if message is not None:
        word = Verdict("human", "filled_in_a_form")
        _write(session, message, "click", None, clock.now(), Visit(user_agent, "POST"), word)


def _message(session: Session, message_id: int) -> Any:
    """The message, held for the moment: two clicks at once must see one another."""
    return session.execute(
        text(
            "SELECT m.id, m.customer_id, m.channel, m.accepted_at, c.email, c.phone FROM message m "
            "JOIN customer c ON c.shop_id = m.shop_id AND c.id = m.customer_id "
            "WHERE m.shop_id = :shop AND m.id = :id FOR NO KEY UPDATE OF m"
        ),
        {"shop": session.info["shop_id"], "id": message_id},
    ).first()


def _note(session: Session, message: Any, kind: str, link: int | None, at: datetime, visit: Visit) -> None:
    around = _around(session, message, link, at, visit)
    since = None if message.accepted_at is None else (at - message.accepted_at) / clock.speed()
    word = verdict(
        Seen(
            kind,
            visit.user_agent,
            visit.method,
            since,
            around.links,
            visit.prefetch,
            link == TRAP or around.trapped,
            around.others,
        )
    )
    if word.reason in REVISING:
        _revise(session, message, at, visit, word.reason)
    _write(session, message, kind, link, at, visit, word)


def _around(session: Session, message: Any, link: int | None, at: datetime, visit: Visit) -> Any:
    """What else was fetched of this message around a moment."""
    return session.execute(
        text("""
            SELECT count(DISTINCT COALESCE(link, -1)) FILTER (WHERE kind = 'click' AND at > :at_once
                    AND COALESCE(link, -1) <> :link) + 1 AS links,
                COALESCE(bool_or(link = :trap AND at > :trapped), false) AS trapped,
                COALESCE(bool_or(kind = 'click' AND verdict = 'human' AND at > :recent AND (network <> :network
                    OR system <> :system)), false) AS others
            FROM engagement WHERE shop_id = :shop AND message_id = :id
        """),
        {
            "shop": session.info["shop_id"],
            "id": message.id,
            "link": -1 if link is None else link,
            "trap": TRAP,
            "at_once": at - AT_ONCE * clock.speed(),
            "trapped": at - TRAPPED * clock.speed(),
            "recent": at - SECOND_NETWORK * clock.speed(),
            "network": visit.network,
            "system": system_of(visit.user_agent),
        },
    ).one()


def _revise(session: Session, message: Any, at: datetime, visit: Visit, reason: str) -> None:
    """Take back what was called human shortly before this was seen, and count anew."""
    parameters = {
        "shop": session.info["shop_id"],
        "id": message.id,
        "reason": reason,
        "since": at - REVISING[reason] * clock.speed(),
        "network": visit.network,
        "system": system_of(visit.user_agent),
    }
    elsewhere = "AND (network <> :network OR system <> :system)" if reason == "second_network" else ""
    revised = session.execute(
        text(
            "UPDATE engagement SET verdict = 'machine', verdict_reason = :reason WHERE shop_id = :shop "  # noqa: S608 one of two
            f"AND message_id = :id AND at > :since AND verdict = 'human' {elsewhere} RETURNING 1"
        ),
        parameters,
    ).all()
    if revised:
        session.execute(
            text("""
                UPDATE message m SET opened_at = e.opened_at, clicked_at = e.clicked_at,
                    machine_opened_at = e.machine_opened_at, machine_clicked_at = e.machine_clicked_at
                FROM (
                    SELECT min(at) FILTER (WHERE kind = 'open' AND verdict = 'human') AS opened_at,
                        min(at) FILTER (WHERE kind = 'click' AND verdict = 'human') AS clicked_at,
                        min(at) FILTER (WHERE kind = 'open' AND verdict <> 'human') AS machine_opened_at,
                        min(at) FILTER (WHERE kind = 'click' AND verdict <> 'human') AS machine_clicked_at
                    FROM engagement WHERE shop_id = :shop AND message_id = :id
                ) e WHERE m.shop_id = :shop AND m.id = :id
            """),
            parameters,
        )


def _write(
    session: Session, message: Any, kind: str, link: int | None, at: datetime, visit: Visit, word: Verdict
) -> None:
    shop_id = session.info["shop_id"]
    session.execute(
        text(
            "INSERT INTO engagement (shop_id, message_id, kind, link, verdict, verdict_reason, network, system, at) "
            "VALUES (:shop, :id, :kind, :link, :verdict, :reason, :network, :system, :at)"
        ),
        {
            "shop": shop_id,
            "id": message.id,
            "kind": kind,
            "link": link,
            "verdict": word.verdict,
            "reason": word.reason,
            "network": visit.network,
            "system": system_of(visit.user_agent),
            "at": at,
        },
    )
    by_human = word.verdict == "human"
    column = ("" if by_human else "machine_") + ("opened_at" if kind == "open" else "clicked_at")
    session.execute(
        text(f"UPDATE message SET {column} = :at WHERE shop_id = :shop AND id = :id AND {column} IS NULL"),  # noqa: S608 one of four names
        {"shop": shop_id, "id": message.id, "at": at},
    )
    if by_human and kind == "click":
        told = {"message_id": message.id, "channel": message.channel, "link": link}
        recording.tell(session, [Happened("message.clicked", message.customer_id, told, at=at)])
        session.execute(
            text("UPDATE customer SET preferred_channel = :channel WHERE shop_id = :shop AND id = :id"),
            {"shop": shop_id, "id": message.customer_id, "channel": message.channel},
        )
        # Whoever was let go for silence has spoken.
        for channel, address in (("email", message.email), ("sms", message.phone)):
            if address:
                customers.unsuppress(session, channel, address, ["sunset"])
