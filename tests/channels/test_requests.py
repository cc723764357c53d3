"""What goes over the wire to SendGrid and Twilio: their own specifications must accept it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl

import jsonschema  # type: ignore[import-untyped]  # its hints are a package of their own
import orjson
import pytest

from app.channels.base import Accepted, Account, OutboundEmail, OutboundText, Provider, Rejected, RetryLater
from app.channels.email.sendgrid import SendGridProvider
from app.channels.email.smtp import SmtpProvider
from app.channels.sms.twilio import TwilioProvider

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT_SID = "AC" + "0" * 32
SERVICE_SID = "MG" + "f" * 32
EMAIL = OutboundEmail(
    "ref-1",
    "jo@example.com",
    "Jo, of Malmö",
    "shop@example.com",
    "The Shop",
    "help@example.com",
    "Still thinking?",
    "<p>Hello</p>",
    "Hello",
    {"List-Unsubscribe": "<https://app.example/u/abc>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
)
TEXT = OutboundText(
    "ref-1", "+14155550100", "Hej Åsa & co, 20% +1 😀", "https://app.example/receipts/twilio/status?m=x"
)


@pytest.fixture
def mail_server(loopback: Any) -> Any:
    return loopback.start(loopback.answer(202, X_Message_Id="abc"))


@pytest.fixture
def text_server(loopback: Any) -> Any:
    return loopback.start(loopback.answer(201, b'{"sid": "SM1"}'))


def sent_email(server: Any, email: OutboundEmail, account: Account | None = None) -> dict[str, Any]:
    provider = SendGridProvider("SG.host", server.url + "/base")
    assert isinstance(provider.send(email, account or Account("sendgrid")), Accepted)
    provider.close()
    body: dict[str, Any] = orjson.loads(server.requests[-1].body)
    return body


def sent_text(server: Any, text: OutboundText, account: Account | None = None) -> dict[str, str]:
    provider = TwilioProvider(ACCOUNT_SID, "token", SERVICE_SID, server.url)
    assert isinstance(provider.send(text, account or Account("twilio")), Accepted)
    provider.close()
    return dict(parse_qsl(server.requests[-1].body.decode(), strict_parsing=True))


def valid(spec: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    jsonschema.Draft202012Validator(
        {**schema, "components": spec["components"]}, format_checker=jsonschema.FormatChecker()
    ).validate(value)


def test_the_providers_are_what_the_registry_expects() -> None:
    providers = (
        SendGridProvider("k", "http://localhost"),
        TwilioProvider("AC", "t", "MG", "http://localhost"),
        SmtpProvider("smtp://localhost"),
    )
    for provider in providers:
        assert isinstance(provider, Provider)
    assert [(p.key, p.channel) for p in providers] == [("sendgrid", "email"), ("twilio", "sms"), ("smtp", "email")]


def test_an_email_request_satisfies_sendgrids_specification(
    mail_server: Any, platform_file: Callable[[str], Any]
) -> None:
    spec = platform_file("openapi/tsg_mail_v3.json")
    schema = spec["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    assert spec["paths"]["/v3/mail/send"]["post"]["requestBody"] == {"$ref": "#/components/requestBodies/PostMailSend"}
    for email in (EMAIL, replace(EMAIL, to_name="", reply_to=None, text="", headers={})):
        valid(spec, schema, sent_email(mail_server, email))
    with pytest.raises(jsonschema.ValidationError):
        valid(spec, schema, {"subject": "no sender"})


def test_a_text_request_satisfies_twilios_specification(text_server: Any, platform_file: Callable[[str], Any]) -> None:
    spec = platform_file("openapi/twilio_api_v2010.json")
    path = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
    schema = spec["paths"][path]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    form: dict[str, Any] = dict(sent_text(text_server, TEXT))
    assert set(form) <= set(schema["properties"])
    assert form["SmartEncoded"] in {"true", "false"}
    form.update(ValidityPeriod=int(form["ValidityPeriod"]), SmartEncoded=form["SmartEncoded"] == "true")
    valid(spec, schema, form)
    assert text_server.requests[0].target == path.format(AccountSid=ACCOUNT_SID)


def test_an_email_has_one_recipient_our_reference_and_none_of_sendgrids_tracking(mail_server: Any) -> None:
    body = sent_email(mail_server, EMAIL)
    assert body["personalizations"] == [
        {
            "to": [{"email": "jo@example.com", "name": "Jo, of Malmö"}],
            "custom_args": {"reference": "ref-1"},
            "headers": dict(EMAIL.headers),
        }
    ]
    assert body["tracking_settings"] == {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": {"enable": False},
        "subscription_tracking": {"enable": False},
    }
    assert body["content"] == [
        {"type": "text/plain", "value": "Hello"},
        {"type": "text/html", "value": "<p>Hello</p>"},
    ]
    assert body["reply_to"] == {"email": "help@example.com"}
    assert body["from"] == {"email": "shop@example.com", "name": "The Shop"}
    assert not {"categories", "asm", "custom_args", "mail_settings"} & set(body)
    request = mail_server.requests[0]
    assert (request.target, request.headers["authorization"]) == ("/base/v3/mail/send", "Bearer SG.host")


def test_a_text_carries_service_callback_and_validity(text_server: Any) -> None:
    form = sent_text(text_server, TEXT)
    assert form == {
        "To": "+14155550100",
        "MessagingServiceSid": SERVICE_SID,
        "Body": TEXT.text,
        "StatusCallback": TEXT.status_callback,
        "ValidityPeriod": "36000",
        "SmartEncoded": "false",
    }


@pytest.mark.parametrize(("asked", "given"), [(-5, "1"), (0, "1"), (600, "600"), (36_000, "36000"), (99_999, "36000")])
def test_validity_stays_within_what_twilio_takes(text_server: Any, asked: int, given: str) -> None:
    assert sent_text(text_server, replace(TEXT, valid_for_seconds=asked))["ValidityPeriod"] == given


def test_a_shops_own_credentials_replace_the_hosts(mail_server: Any, text_server: Any) -> None:
    sent_email(mail_server, EMAIL, Account("sendgrid", {"api_key": "SG.shop"}))
    assert mail_server.requests[0].headers["authorization"] == "Bearer SG.shop"
    own = {"account_sid": "AC" + "1" * 32, "auth_token": "own", "messaging_service_sid": "MG" + "1" * 32}
    form = sent_text(text_server, TEXT, Account("twilio", own))
    assert form["MessagingServiceSid"] == own["messaging_service_sid"]
    assert text_server.requests[0].target.split("/")[3] == own["account_sid"]


def test_half_of_a_shops_credentials_are_never_mixed_with_the_hosts(text_server: Any) -> None:
    provider = TwilioProvider(ACCOUNT_SID, "token", SERVICE_SID, text_server.url)
    assert provider.send(TEXT, Account("twilio", {"account_sid": "AC1"})) == RetryLater("account_credentials")
    assert SendGridProvider("", text_server.url).send(EMAIL, Account("sendgrid")) == RetryLater("account_credentials")
    assert text_server.connections == 0


INJECTIONS = ["a\r\nBcc: evil@example.com", "a\nX: y", "a\rX: y", "a\u2028X: y", "a\x00b", "a\x85b", "a" * 10_000]


@pytest.mark.parametrize("evil", INJECTIONS)
def test_no_field_of_an_email_spans_lines(mail_server: Any, evil: str) -> None:
    email = replace(
        EMAIL, subject=evil, sender_name=evil, to_name=evil, headers={"List-Unsubscribe": evil, "X-a\r\nBcc": "b"}
    )
    body = sent_email(mail_server, email)
    person = body["personalizations"][0]
    values = [body["subject"], body["from"]["name"], person["to"][0]["name"], *person["headers"].values()]
    assert list(person["headers"]) == ["List-Unsubscribe"]
    assert all(len(value.splitlines()) == 1 and value.isprintable() and len(value) <= 900 for value in values)
    assert person["to"][0]["email"] == "jo@example.com"


@pytest.mark.parametrize("name", ["To", "bcc", "Subject", "DKIM-Signature", "Content-Type", "Reply-To", "From"])
def test_headers_that_providers_or_we_own_cannot_be_set(mail_server: Any, name: str) -> None:
    body = sent_email(mail_server, replace(EMAIL, headers={name: "x"}))
    assert "headers" not in body["personalizations"][0]


@pytest.mark.parametrize("to", ["", "jo", "jo@", "jo@a b", "a@b, c@d", "<jo@example.com>", "jo@x\r\nBcc: y@z"])
def test_what_is_no_address_is_not_handed_over(mail_server: Any, to: str) -> None:
    outcome = SendGridProvider("k", mail_server.url).send(replace(EMAIL, to=to), Account("sendgrid"))
    assert outcome == Rejected("invalid_address", suppress="invalid_address")
    assert mail_server.connections == 0


@pytest.mark.parametrize(
    ("status", "field", "expected"),
    [
        (400, "personalizations.0.to.0.email", Rejected("400", "Not valid: [email]", "invalid_address")),
        (400, "content.0.value", Rejected("400", "Not valid: [email]")),
        (400, "from.email", RetryLater("account_sender")),
        (400, None, Rejected("400", "Not valid: [email]")),
    ],
)
def test_sendgrids_refusals_say_what_is_at_fault_and_name_nobody(
    loopback: Any, status: int, field: str | None, expected: Any
) -> None:
    error = orjson.dumps({"errors": [{"message": "Not valid: jo@example.com", "field": field, "help": None}]})
    server = loopback.start(loopback.answer(status, error))
    provider = SendGridProvider("k", server.url)
    assert provider.send(EMAIL, Account("sendgrid")) == expected
    provider.close()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (21610, Rejected("21610", "About [phone]", "opted_out")),
        (21211, Rejected("21211", "About [phone]", "invalid_address")),
        (21614, Rejected("21614", "About [phone]", "invalid_address")),
        (21617, Rejected("21617", "About [phone]")),
        (99999, Rejected("99999", "About [phone]")),
        (21611, RetryLater("21611")),
        (21703, RetryLater("account_21703")),
        ("21610", Rejected("400", "About [phone]")),
    ],
)
def test_twilios_refusals_follow_the_table(loopback: Any, code: Any, expected: Any) -> None:
    server = loopback.start(loopback.answer(400, orjson.dumps({"code": code, "message": "About +14155550100"})))
    provider = TwilioProvider(ACCOUNT_SID, "t", SERVICE_SID, server.url)
    assert provider.send(TEXT, Account("twilio")) == expected
    provider.close()


def test_an_email_that_begins_with_a_key_is_not_mailed(mail_server: Any) -> None:
    email = replace(EMAIL, text="SG.abcdefgh.ijklmnop is the key")
    assert SendGridProvider("k", mail_server.url).send(email, Account("sendgrid")) == Rejected(
        "content", "ApiKeyIncludedException"
    )
    assert mail_server.connections == 0


def test_64_threads_share_a_provider_without_mixing_answers(loopback: Any) -> None:
    """Each answer carries the number of the request it answers; a mix-up would show."""

    def echo(connection: Any, request: Any) -> bool:
        to = parse_qs(request.body.decode())["To"][0]
        loopback.answer(201, orjson.dumps({"sid": "SM" + to}))(connection, request)
        return True

    server = loopback.start(echo)
    provider = TwilioProvider(ACCOUNT_SID, "t", SERVICE_SID, server.url, (5.0, 30.0))
    together = threading.Barrier(64)

    def many(thread: int) -> list[tuple[str, Any]]:
        together.wait(30)
        numbers = [f"+1415{thread:03}{n:04}" for n in range(20)]
        return [(to, provider.send(replace(TEXT, to=to), Account("twilio"))) for to in numbers]

    with ThreadPoolExecutor(64) as threads:
        results = [pair for pairs in threads.map(many, range(64)) for pair in pairs]
    provider.close()
    assert [outcome for _, outcome in results] == [Accepted("SM" + to) for to, _ in results]
    assert len(server.requests) == 64 * 20
    assert server.connections <= 64
