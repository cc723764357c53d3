"""SMS by Twilio's Messages resource."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from app.channels.base import Absent, Accepted, Answer, CannotTell, Found, OutboundText, Rejected, RetryLater, Unknown
from app.channels.http import basic, not_about_the_message, retry_after, unanswered
from app.channels.sms.errors import meaning
from app.security.http import Client, NoAnswer, NotSent, Reply
from app.security.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from app.channels.base import Account, Evidence, Outbound

TIMEOUT = (1.5, 10.0)
CREDENTIALS = ("account_sid", "auth_token", "messaging_service_sid")
LONGEST_VALIDITY = 36_000
LONGEST_DETAIL = 200
PAGE = 200
LIST_LIMIT = 2 * 1024 * 1024
"""Bytes of a list of messages: 200 of them are about 300 kB."""


class TwilioProvider:
    """Hands texts to Twilio, one call each."""

    key = "twilio"
    channel = "sms"

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        messaging_service_sid: str,
        api_base: str,
        timeout: tuple[float, float] = TIMEOUT,
        *,
        divided: bool = False,
    ) -> None:
        """`timeout`: seconds to connect, seconds until the answer must be complete.

        `divided`: no shop uses the host's own service, each has one in the host's account.
        """
        self.divided = divided
        self._host = dict(zip(CREDENTIALS, (account_sid, auth_token, messaging_service_sid), strict=True))
        self._client = Client(api_base, timeout)

    def send(self, outbound: Outbound, account: Account) -> Answer:
        """Hand one text over. Every outcome is a value; nothing is repeated."""
        if not isinstance(outbound, OutboundText):
            raise TypeError("Twilio carries texts only")
        credentials = self._credentials(account)
        if not all(credentials.get(name) for name in CREDENTIALS):
            return RetryLater("account_credentials")
        form = {
            "To": outbound.to,
            "MessagingServiceSid": credentials["messaging_service_sid"],
            "Body": outbound.text,
            "StatusCallback": outbound.status_callback,
            "ValidityPeriod": str(min(max(outbound.valid_for_seconds, 1), LONGEST_VALIDITY)),
            # What was counted in segments and shown to the merchant is what goes out, and what a look-up compares.
            "SmartEncoded": "false",
        }
        headers = {
            "Authorization": _basic(credentials),
            "Content-Type": "application/x-www-form-urlencoded",
            # Undocumented for requests and nothing here relies on it; it can only help.
            "I-Twilio-Idempotency-Token": outbound.reference,
        }
        return _classified(self._client.call("POST", _path(credentials), headers, urlencode(form).encode()))

    def look_up(self, outbound: Outbound, account: Account, since: datetime) -> Evidence:
        """Search Twilio's messages to the same number for the same text, from `since`'s day on.

        Messages that Twilio has taken but not sent carry no date and may be missing from that list, so a second list,
        without the date, is searched for those. `CannotTell` when either can't be read or is too long.
        """
        if not isinstance(outbound, OutboundText):
            raise TypeError("Twilio carries texts only")
        credentials = self._credentials(account)
        day = since.astimezone(UTC).strftime("%Y-%m-%dT00:00:00Z")
        wanted = _digest(outbound.text)
        for dates, unsent_only in (({"DateSent>": day}, False), ({}, True)):
            page = self._list(credentials, {"To": outbound.to, **dates, "PageSize": str(PAGE)})
            if page is None:
                return CannotTell()
            for message in page["messages"]:
                if unsent_only and message.get("date_sent"):
                    continue
                if _digest(str(message.get("body"))) == wanted and message.get("sid"):
                    return Found(str(message["sid"]))
            if page.get("next_page_uri") and not unsent_only:
                return CannotTell()
        return Absent()

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _credentials(self, account: Account) -> Mapping[str, str]:
        if account.credentials:
            return account.credentials
        return {**self._host, "messaging_service_sid": account.part} if account.part else self._host

    def _list(self, credentials: Mapping[str, str], query: dict[str, str]) -> dict[str, Any] | None:
        path = f"{_path(credentials)}?{urlencode(query)}"
        outcome = self._client.call("GET", path, {"Authorization": _basic(credentials)}, limit=LIST_LIMIT)
        if not isinstance(outcome, Reply) or outcome.status != 200:  # noqa: PLR2004 - the number is the name
            return None
        page = _object(outcome.body)
        messages = page.get("messages")
        if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
            return None
        return page


def _path(credentials: Mapping[str, str]) -> str:
    return f"/2010-04-01/Accounts/{quote(credentials.get('account_sid', ''), safe='')}/Messages.json"


def _basic(credentials: Mapping[str, str]) -> str:
    return basic(credentials.get("account_sid", ""), credentials.get("auth_token", ""))


def _digest(text: str) -> bytes:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).digest()


def _classified(outcome: Reply | NotSent | NoAnswer) -> Answer:
    if not isinstance(outcome, Reply):
        return unanswered(outcome)
    answer = _object(outcome.body)
    if outcome.status == 201:  # noqa: PLR2004 - the one success the resource has
        sid = answer.get("sid")
        return Accepted(sid) if isinstance(sid, str) and sid else Unknown("unreadable_answer")
    other = not_about_the_message(outcome)
    if other is not None:
        return other
    if outcome.status < 400:  # noqa: PLR2004 - a success that isn't this resource's
        return Unknown(f"http_{outcome.status}")
    return _refusal(outcome, answer)


def _refusal(reply: Reply, answer: dict[str, Any]) -> Rejected | RetryLater:
    code = answer.get("code")
    known = meaning(code if isinstance(code, int) else None)
    name = str(code if isinstance(code, int) else reply.status)
    if known.kind == "retry":
        return RetryLater(name, retry_after(reply))
    if known.kind == "account":
        return RetryLater(f"account_{name}")
    return Rejected(name, redact(str(answer.get("message") or ""))[:LONGEST_DETAIL], known.suppress)


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object in an answer; empty when there is none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
