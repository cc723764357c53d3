"""Asking a provider whether it took a message whose answer was lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from app.channels.base import Absent, Account, CannotTell, Evidence, Found, OutboundEmail, OutboundText
from app.channels.email.sendgrid import SendGridProvider
from app.channels.email.smtp import SmtpProvider
from app.channels.sms.twilio import TwilioProvider

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = OutboundText(
    "ref-1", "+14155550100", "Your cart is waiting: https://app.example/c/abc", "https://app.example/cb"
)
SINCE = datetime.fromisoformat("2026-05-05T01:30:00+02:00")
SENT = "Mon, 04 May 2026 23:31:00 +0000"


def message(body: str, sid: str = "SM1", date_sent: str | None = SENT) -> dict[str, Any]:
    return {"sid": sid, "body": body, "date_sent": date_sent, "to": TEXT.to}


def look_up(loopback: Any, dated: Any, undated: Any = ()) -> tuple[Evidence, list[str]]:
    """The evidence when Twilio lists these messages, and the addresses it was asked at."""

    def page(messages: Any) -> bytes:
        return messages if isinstance(messages, bytes) else orjson.dumps({"messages": list(messages)})

    def act(connection: Any, request: Any) -> bool:
        body = page(dated if "DateSent" in request.target else undated)
        loopback.answer(200, body)(connection, request)
        return True

    server = loopback.start(act)
    provider = TwilioProvider("AC1", "t", "MG1", server.url, (30.0, 30.0))
    evidence = provider.look_up(TEXT, Account("twilio"), SINCE)
    provider.close()
    return evidence, [request.target for request in server.requests]


def test_a_message_with_the_same_text_is_found(loopback: Any) -> None:
    evidence, targets = look_up(loopback, [message("Another text", "SM0"), message(TEXT.text)])
    assert evidence == Found("SM1")
    asked = urlsplit(targets[0])
    assert asked.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert parse_qs(asked.query) == {"To": [TEXT.to], "DateSent>": ["2026-05-04T00:00:00Z"], "PageSize": ["200"]}


def test_a_message_taken_but_not_yet_sent_is_found(loopback: Any) -> None:
    evidence, targets = look_up(loopback, [], [message(TEXT.text, "SM9", None)])
    assert (evidence, len(targets)) == (Found("SM9"), 2)


def test_an_older_message_with_the_same_text_is_not_this_one(loopback: Any) -> None:
    assert look_up(loopback, [], [message(TEXT.text, "SM-last-month")])[0] == Absent()


def test_other_texts_prove_that_ours_was_not_taken(loopback: Any) -> None:
    assert look_up(loopback, [message("Another text")], [message("Another", date_sent=None)])[0] == Absent()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"messages": {}}', b'{"messages": [1]}', b'{"messages": null}']
)
def test_a_list_that_cannot_be_read_proves_nothing(loopback: Any, body: bytes) -> None:
    assert look_up(loopback, body)[0] == CannotTell()
    assert look_up(loopback, [], body)[0] == CannotTell()


def test_a_list_with_more_pages_proves_nothing(loopback: Any) -> None:
    page = orjson.dumps({"messages": [message("Another text")], "next_page_uri": "/2010-04-01/next"})
    assert look_up(loopback, page)[0] == CannotTell()


@pytest.mark.parametrize("status", [301, 401, 404, 429, 500])
def test_a_refused_look_up_proves_nothing(loopback: Any, status: int) -> None:
    server = loopback.start(loopback.answer(status, b'{"messages": []}'))
    provider = TwilioProvider("AC1", "t", "MG1", server.url)
    assert provider.look_up(TEXT, Account("twilio"), SINCE) == CannotTell()
    provider.close()


def test_a_silent_or_absent_provider_proves_nothing(loopback: Any, closed_port: int) -> None:
    server = loopback.start(loopback.reset)
    for url in (server.url, f"http://127.0.0.1:{closed_port}"):
        assert TwilioProvider("AC1", "t", "MG1", url).look_up(TEXT, Account("twilio"), SINCE) == CannotTell()


def test_a_look_up_is_a_call_that_twilio_specifies(loopback: Any, platform_file: Callable[[str], Any]) -> None:
    spec = platform_file("openapi/twilio_api_v2010.json")
    listed = spec["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["get"]
    known = {parameter["name"] for parameter in listed["parameters"] if parameter["in"] == "query"}
    for target in look_up(loopback, [])[1]:
        assert set(parse_qs(urlsplit(target).query)) <= known


def test_email_providers_cannot_be_asked() -> None:
    email = OutboundEmail("r", "jo@example.com", "", "a@example.com", "", None, "s", "h", "t")
    since = datetime(2026, 5, 4, tzinfo=UTC)
    assert SendGridProvider("k", "http://localhost").look_up(email, Account("sendgrid"), since) == CannotTell()
    assert SmtpProvider("smtp://localhost").look_up(email, Account("smtp"), since) == CannotTell()
