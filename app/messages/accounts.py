"""By which provider, and on whose account, a shop's messages go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import registry
from app.channels.base import Account
from app.messages.rules import Defer, Skip
from app.shops import accounts
from app.texting import service as texting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def account_for(session: Session, channel: str, *, ready: bool = True) -> Account | None:
    """The shop's own account where it has one, else the host's, or the shop's part of it.

    None when there is no provider for the channel. `ready`: nor while the shop's part of the host's account is still to
    be made, so nothing can go; what has gone already can be asked about without it.
    """
    own = accounts.own(session, channel)
    if own is not None:
        known = any(p.key == own.provider and p.channel == channel for p in registry.providers())
        return Account(own.provider, own.credentials) if known else None
    default = registry.default_provider(channel)
    if default is None:
        return None
    if channel != "sms" or not ready or not texting.is_divided():
        return Account(default.key)
    service = texting.service_of(session)
    return None if service is None else Account(default.key, part=service)


class Ways:
    """By which accounts a chunk of one shop's messages goes: each looked up once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, Account | Defer | Skip] = {}

    def account(self, channel: str, now: datetime) -> Account | Defer | Skip:
        """The account, or what becomes of messages while there is none. A text is how a shop asks for its number."""
        if channel not in self._known:
            found, wanted = account_for(self._session, channel), False
            if found is None and channel == "sms":
                wanted = texting.want(self._session)
                found = account_for(self._session, channel)  # one that was about to be given back is there at once
            waits = Defer(now + texting.NUMBER_AGAIN, texting.NO_NUMBER) if wanted else Skip("no_provider", "parked")
            self._known[channel] = found or waits
        return self._known[channel]
