"""By which provider, and on whose account, a shop's messages go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import registry
from app.channels.base import Account
from app.shops import accounts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def account_for(session: Session, channel: str) -> Account | None:
    """The shop's own account where it has one, else the host's; None when there is no provider for the channel."""
    own = accounts.own(session, channel)
    if own is not None:
        known = any(p.key == own.provider and p.channel == channel for p in registry.providers())
        return Account(own.provider, own.credentials) if known else None
    default = registry.default_provider(channel)
    return None if default is None else Account(default.key)
