"""Messaging Services in an account of Twilio's: made, given a number, and given back, over its API.

A service has numbers, and an opt-out list of its own: STOP to one of its numbers is STOP to that service and no other.
A number belongs to one service at a time. Every call may be made again: services are found by their name, a number that
is there already is there, and what is gone is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from app.channels.http import UNREADABLE, AskLater, basic, parsed
from app.security.http import Client, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/v1/Services"
TIMEOUT = (1.5, 10.0)
PAGE = 100
MOST_PAGES = 100
LIST_LIMIT = 1024 * 1024
"""Bytes of a page of services: 100 of them are about 150 kB."""
LONGEST_NAME = 64
_ABOUT_THE_NUMBER = (400, 404, 409)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The number can't be had: another service has it, or the account doesn't."""


class Services:
    """One account's services."""

    def __init__(self, api_base: str, account_sid: str, auth_token: str) -> None:
        self._client = Client(api_base, TIMEOUT)
        self._headers = {"Authorization": basic(account_sid, auth_token)}

    def find(self, name: str) -> str | AskLater | None:
        """The SID of the service with exactly this name; None when there is none."""
        path: str | None = f"{PATH}?{urlencode({'PageSize': PAGE})}"
        for _ in range(MOST_PAGES):
            if path is None:
                return None
            page = self._call("GET", path)
            if isinstance(page, AskLater):
                return page
            services, meta = page.get("services"), page.get("meta")
            if not isinstance(services, list) or not isinstance(meta, dict):
                return AskLater(UNREADABLE)
            for each in services:
                if isinstance(each, dict) and each.get("friendly_name") == name and each.get("sid"):
                    return str(each["sid"])
            following = urlsplit(str(meta.get("next_page_url") or ""))
            path = f"{PATH}?{following.query}" if following.query else None
        return AskLater("too_many_services")

    def find_or_create(self, name: str, inbound_url: str, status_url: str) -> str | AskLater:
        """The SID of the service with this name, made when there is none."""
        found = self.find(name)
        if found is not None:
            return found
        form = {
            "FriendlyName": name,
            "InboundRequestUrl": inbound_url,
            "InboundMethod": "POST",
            "UseInboundWebhookOnNumber": "false",
            "StatusCallback": status_url,
        }
        made = self._call("POST", PATH, form)
        if isinstance(made, AskLater):
            return made
        return str(made["sid"]) if made.get("sid") else AskLater(UNREADABLE)

    def add(self, service: str, number_sid: str) -> str | Elsewhere | AskLater:
        """Give a service a number of the account; returns the number in E.164.

        A refusal isn't judged by its code: whether the number is in the service is looked up.
        """
        path = f"{PATH}/{quote(service, safe='')}/PhoneNumbers"
        added = self._call("POST", path, {"PhoneNumberSid": number_sid})
        if isinstance(added, AskLater) and added.code in {f"http_{status}" for status in _ABOUT_THE_NUMBER}:
            added = self._call("GET", f"{path}/{quote(number_sid, safe='')}")
            if added == AskLater("http_404"):
                return Elsewhere()
        if isinstance(added, AskLater):
            return added
        return str(added["phone_number"]) if added.get("phone_number") else AskLater(UNREADABLE)

    def remove(self, service: str, number_sid: str | None) -> AskLater | None:
        """Take the number out, which stays in the account, and delete the service with its opt-out list."""
        root = f"{PATH}/{quote(service, safe='')}"
        paths = [f"{root}/PhoneNumbers/{quote(number_sid, safe='')}"] if number_sid else []
        for path in [*paths, root]:
            gone = self._call("DELETE", path)
            if isinstance(gone, AskLater) and gone.code != "http_404":
                return gone
        return None

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _call(self, method: str, path: str, form: Mapping[str, str] | None = None) -> dict[str, Any] | AskLater:
        headers = self._headers | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
        outcome = self._client.call(method, path, headers, urlencode(form or {}).encode(), limit=LIST_LIMIT)
        if isinstance(outcome, Reply) and outcome.status == 204:  # noqa: PLR2004 - what deleting answers
            return {}
        found = parsed(outcome)
        return found if isinstance(found, dict | AskLater) else AskLater(UNREADABLE)
