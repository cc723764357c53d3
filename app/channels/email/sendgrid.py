"""Email by SendGrid's v3 API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sendgrid.helpers.mail import (
    ClickTracking,
    Content,
    CustomArg,
    From,
    Header,
    Mail,
    OpenTracking,
    Personalization,
    ReplyTo,
    Subject,
    SubscriptionTracking,
    To,
    TrackingSettings,
)
from sendgrid.helpers.mail.exceptions import ApiKeyIncludedException

from app.channels.base import Accepted, Answer, CannotTell, OutboundEmail, Rejected, RetryLater, Unknown
from app.channels.email.text import LONGEST_SUBJECT, extra_header, is_address, one_line
from app.channels.http import not_about_the_message, unanswered
from app.security.http import Client, NoAnswer, NotSent, Reply
from app.security.redaction import redact

if TYPE_CHECKING:
    from datetime import datetime

    from app.channels.base import Account, Evidence, Outbound

TIMEOUT = (1.5, 10.0)
PATH = "/v3/mail/send"
LONGEST_DETAIL = 200
LONGEST_REFERENCE = 200
NO_TRACKING = TrackingSettings(
    click_tracking=ClickTracking(enable=False, enable_text=False),
    open_tracking=OpenTracking(enable=False),
    subscription_tracking=SubscriptionTracking(enable=False),
)
"""SendGrid's own tracking is off: links, opens and unsubscribing are ours."""


class SendGridProvider:
    """Hands emails to SendGrid, one call each."""

    key = "sendgrid"
    channel = "email"

    def __init__(self, api_key: str, api_base: str, timeout: tuple[float, float] = TIMEOUT) -> None:
        """`timeout`: seconds to connect, seconds until the answer must be complete."""
        self._api_key = api_key
        self._client = Client(api_base, timeout)

    def send(self, outbound: Outbound, account: Account) -> Answer:
        """Hand one email over. Every outcome is a value; nothing is repeated."""
        if not isinstance(outbound, OutboundEmail):
            raise TypeError("SendGrid carries emails only")
        api_key = account.credentials.get("api_key") if account.credentials else self._api_key
        if not api_key:
            return RetryLater("account_credentials")
        if not is_address(outbound.to):
            return Rejected("invalid_address", suppress="invalid_address")
        try:
            body = orjson.dumps(_body(outbound))
        except (ApiKeyIncludedException, orjson.JSONEncodeError) as problem:
            return Rejected("content", type(problem).__name__)
        headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
        }
        return _classified(self._client.call("POST", PATH, headers, body))

    def look_up(self, outbound: Outbound, account: Account, since: datetime) -> Evidence:  # noqa: ARG002
        """Always `CannotTell`: searching by our reference is an extra that SendGrid sells."""
        return CannotTell()

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()


def _body(email: OutboundEmail) -> dict[str, Any]:
    """The request, as SendGrid's own library writes it."""
    person = Personalization()
    person.add_to(To(email.to, one_line(email.to_name) or None))
    person.add_custom_arg(CustomArg("reference", email.reference))
    for header in filter(None, (extra_header(name, value) for name, value in email.headers.items())):
        person.add_header(Header(*header))
    mail = Mail()
    mail.from_email = From(one_line(email.sender), one_line(email.sender_name) or None)
    mail.subject = Subject(one_line(email.subject, LONGEST_SUBJECT))
    if email.reply_to:
        mail.reply_to = ReplyTo(one_line(email.reply_to))
    mail.add_personalization(person)
    for kind, text in (("text/plain", email.text), ("text/html", email.html)):
        if text:
            mail.add_content(Content(kind, text))
    mail.tracking_settings = NO_TRACKING
    body: dict[str, Any] = mail.get()
    return body


def _classified(outcome: Reply | NotSent | NoAnswer) -> Answer:
    if not isinstance(outcome, Reply):
        return unanswered(outcome)
    if outcome.status == 202:  # noqa: PLR2004 - the one success the API has
        # Without a body it is a 202 all the same; what the message is called we learn from its receipts then.
        reference = (outcome.headers.get("X-Message-Id") or "").strip()
        if outcome.body and not reference:
            return Unknown("unreadable_answer")
        return Accepted(one_line(reference, LONGEST_REFERENCE))
    other = not_about_the_message(outcome)
    if other is not None:
        return other
    if outcome.status < 400:  # noqa: PLR2004 - a success that isn't this API's
        return Unknown(f"http_{outcome.status}")
    return _refusal(outcome)


def _refusal(reply: Reply) -> RetryLater | Rejected:
    message, about = _first_error(reply.body)
    if about.startswith("from"):
        return RetryLater("account_sender")
    suppress = "invalid_address" if about.startswith("personalizations.0.to") else None
    return Rejected(str(reply.status), redact(one_line(message, LONGEST_DETAIL)), suppress)


def _first_error(body: bytes) -> tuple[str, str]:
    """The first message of an error answer and the field it is about; empty where it can't be read."""
    try:
        error = orjson.loads(body)["errors"][0]
        return str(error.get("message") or ""), str(error.get("field") or "")
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return "", ""
