"""Who looked at what and changed what in the admin: on record, with the member of staff who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g, request

from app.privacy import audit
from app.privacy.audit import Action
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

__all__ = ["Action", "newcomer", "note", "only_looked", "whatever_was_done"]


def note(
    session: Session,
    action: Action,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **targets: Any,
) -> None:
    """Put what the present request does on record, in the transaction that does it."""
    audit.note(session, f"user:{g.user_id}", action, targets=targets, before=before, after=after)
    g.on_record = True


def only_looked() -> None:
    """The present request posts because what it asks about is long; it changes nothing."""
    g.on_record = True


def newcomer() -> None:
    """Somebody of the staff came in for the first time, and got a role."""
    with transaction(g.shop_id) as session:
        after = {"role": g.member.role}
        audit.note(session, f"user:{g.user_id}", Action.MEMBER_JOINED, targets={"member": g.user_id}, after=after)


def whatever_was_done(status: int) -> None:
    """After a request: an action whose page has no word for it still leaves its entry, so that none goes unseen."""
    if request.method in ("GET", "HEAD") or status >= 400 or "user_id" not in g or g.get("on_record"):  # noqa: PLR2004 HTTP
        return
    with transaction(g.shop_id) as session:
        note(session, Action.ACTION_TAKEN, route=request.endpoint, path=request.path)
