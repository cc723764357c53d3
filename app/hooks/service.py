"""What may be done with subscriptions to events: make, change, remove, change the secret, try, send again."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from app import clock
from app.hooks import rules
from app.hooks.models import Hook
from app.security import outbound
from app.transaction import ring_after_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

MOST = 20
"""Subscriptions of one shop."""


class TooMany:
    """The shop has as many subscriptions as it may."""


def make(session: Session, url: str, kinds: Collection[str], actor: str) -> Hook | TooMany:
    """Subscribe an address (checked with `outbound.fault` by the caller) to kinds of events."""
    shop_id = session.info["shop_id"]
    count = session.scalar(text("SELECT count(*) FROM hook WHERE shop_id = :shop"), {"shop": shop_id}) or 0
    if count >= MOST:
        return TooMany()
    hook = Hook(
        shop_id=shop_id,
        url=url,
        kinds=sorted(set(kinds)),
        state="on",
        secret=_new_secret(),
        made_by=actor,
        created_at=clock.now(),
    )
    session.add(hook)
    session.flush()
    return hook


def everyone(session: Session, shop_id: int) -> Sequence[Hook]:
    """All subscriptions of a shop."""
    return session.scalars(select(Hook).where(Hook.shop_id == shop_id).order_by(Hook.id)).all()


def find(session: Session, hook_id: int) -> Hook | None:
    """A subscription of the shop, locked; None when there is none of this number."""
    return session.get(Hook, (session.info["shop_id"], hook_id), with_for_update=True)


def change(hook: Hook, *, url: str | None = None, kinds: Collection[str] | None = None, on: bool | None = None) -> None:
    """Give a subscription another address or other events, or turn it on and off. Turned on, it is forgiven."""
    hook.url = url or hook.url
    hook.kinds = sorted(set(kinds)) if kinds else hook.kinds
    if on is not None:
        hook.state = "on" if on else "off"
    if on:
        hook.failing_since = hook.stopped_at = None


def remove(session: Session, hook: Hook) -> None:
    """End a subscription, with what was still to be delivered to it."""
    session.delete(hook)
    session.flush()


def new_secret(hook: Hook) -> str:
    """Change the secret. For a day both sign, so that the receiver can change over without a gap."""
    hook.old_secret, hook.old_until = hook.secret, clock.real_now() + rules.ROTATION
    hook.secret = _new_secret()
    return hook.secret


def test(session: Session, hook: Hook) -> int:
    """Send an event that means nothing; returns its number."""
    now = clock.now()
    parameters: dict[str, Any] = {"shop": hook.shop_id, "hook": hook.id, "kind": rules.TEST, "now": now}
    event: int = session.execute(
        text("INSERT INTO hook_event (shop_id, kind, at, data) VALUES (:shop, :kind, :now, '{}') RETURNING id"),
        parameters,
    ).scalar_one()
    session.execute(
        text(
            "INSERT INTO hook_delivery (shop_id, hook_id, event_id, state, due_at, updated_at) "
            "VALUES (:shop, :hook, :event, 'due', :now, :now)"
        ),
        parameters | {"event": event},
    )
    ring_after_commit(session, "slow")
    return event


def again(session: Session, delivery_id: int) -> int | None:
    """Send one once more, however it went; returns the event's number, None when there is no such delivery."""
    row = session.execute(
        text("""
            UPDATE hook_delivery SET state = 'due', tries = 0, due_at = :now, updated_at = :now, lease_until = NULL
            WHERE shop_id = :shop AND id = :id AND state <> 'sending' RETURNING event_id
        """),
        {"shop": session.info["shop_id"], "id": delivery_id, "now": clock.now()},
    ).first()
    if row is None:
        return None
    ring_after_commit(session, "slow")
    return int(row.event_id)


def fault(url: str) -> str | None:
    """What is wrong with an address: a code of `outbound`, or None."""
    return outbound.fault(url)


def _new_secret() -> str:
    return rules.secret_of(secrets.token_bytes(rules.SECRET_BYTES))
