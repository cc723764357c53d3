"""Asking Twilio to forget texts: what they said, and to whom."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.security.http import Client, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT = (1.5, 5.0)
MOST_TEXTS = 20
"""One call each: what fits into a worker's turn."""


def erase(api_base: str, credentials: Mapping[str, str], sids: Sequence[str]) -> str | None:
    """Delete texts at Twilio. None when all are gone, else why the rest must wait; asking twice does no harm.

    Deleting takes the number along; emptying the body, which Twilio also offers, would leave it there.
    """
    account, token = credentials.get("account_sid", ""), credentials.get("auth_token", "")
    if not (account and token):
        return "account_credentials"
    headers = {"Authorization": f"Basic {b64encode(f'{account}:{token}'.encode()).decode()}"}
    client = Client(api_base, TIMEOUT)
    try:
        for sid in sids:
            path = f"/2010-04-01/Accounts/{quote(account, safe='')}/Messages/{quote(sid, safe='')}.json"
            outcome = client.call("DELETE", path, headers)
            if not isinstance(outcome, Reply):
                return outcome.code
            if outcome.status not in (204, 404):  # one that isn't there is forgotten too
                return f"http_{outcome.status}"
    finally:
        client.close()
    return None
