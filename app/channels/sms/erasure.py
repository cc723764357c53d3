"""Asking Twilio to forget texts: what they said, and to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from app.channels.http import AskLater, basic, retry_after
from app.clock import monotonic
from app.security.http import Client, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT = (1.5, 5.0)
MOST_TEXTS = 20
"""One call each: what fits into a worker's turn."""
MOST_SECONDS = 20.0
"""If Twilio is slow, the rest of them are for another turn."""


def erase(api_base: str, accounts: Sequence[Mapping[str, str]], sids: Sequence[str]) -> AskLater | None:
    """Delete texts at Twilio. None when all are gone, else why the rest must wait; asking twice does no harm.

    Each of them is deleted in every one of these accounts: a shop that changed its account left texts in the old one.
    Deleting takes the number along; emptying the body, which Twilio also offers, would leave it there.
    """
    client, until = Client(api_base, TIMEOUT), monotonic() + MOST_SECONDS
    try:
        for credentials in accounts:
            account, token = credentials.get("account_sid", ""), credentials.get("auth_token", "")
            if not (account and token):
                return AskLater("account_credentials")
            headers = {"Authorization": basic(account, token)}
            for sid in sids:
                if monotonic() > until:
                    return AskLater("slow")
                path = f"/2010-04-01/Accounts/{quote(account, safe='')}/Messages/{quote(sid, safe='')}.json"
                outcome = client.call("DELETE", path, headers)
                if not isinstance(outcome, Reply):
                    return AskLater(outcome.code)
                if outcome.status not in (204, 404):  # one that isn't there is forgotten too
                    return AskLater(f"http_{outcome.status}", retry_after(outcome))
    finally:
        client.close()
    return None
