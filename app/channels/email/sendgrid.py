"""Email by SendGrid's v3 API."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from sendgrid.helpers.mail import (
    ClickTracking,
    From,
    Mail,
    OpenTracking,
    ReplyTo,
    SubscriptionTracking,
    TrackingSettings,
)
from sendgrid.helpers.mail.exceptions import ApiKeyIncludedException
from sendgrid.helpers.mail.validators import ValidateApiKey

from app.channels.base import (
    HELD_UP,
    Accepted,
    Answer,
    CannotTell,
    OutboundEmail,
    Parcel,
    Rejected,
    RetryLater,
    Unknown,
)
from app.channels.email.text import LONGEST_SUBJECT, extra_header, is_address, one_line
from app.channels.email.together import share
from app.channels.http import not_about_the_message, unanswered
from app.security.http import Client, NoAnswer, NotSent, Reply
from app.security.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from app.channels.base import Account, Evidence, Outbound

TIMEOUT = (1.5, 10.0)
PATH = "/v3/mail/send"
LONGEST_DETAIL = 200
LONGEST_REFERENCE = 200
MOST_TOGETHER = 1_000
"""Personalizations of one call (CONTRACT, `tsg_mail_v3.json`)."""
NO_TRACKING = TrackingSettings(
    click_tracking=ClickTracking(enable=False, enable_text=False),
    open_tracking=OpenTracking(enable=False),
    subscription_tracking=SubscriptionTracking(enable=False),
)
"""SendGrid's own tracking is off: links, opens and unsubscribing are ours."""
NO_KEYS = ValidateApiKey()


@dataclass(frozen=True, slots=True)
class _Letter:
    """Mails of one parcel: what they share, and what each one's tags stand for."""

    mails: tuple[OutboundEmail, ...] = field(repr=False)
    html: str = field(repr=False)
    text: str = field(repr=False)
    values: tuple[Mapping[str, str], ...] = field(repr=False)


class SendGridProvider:
    """Hands emails to SendGrid, one call each or many in one."""

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
        if not is_address(outbound.to):
            return Rejected("invalid_address", suppress="invalid_address")
        try:
            return _classified(self._call(_body(outbound), account))
        except (ApiKeyIncludedException, orjson.JSONEncodeError) as problem:
            return Rejected("content", type(problem).__name__)

    def pack(self, outbounds: Sequence[Outbound]) -> list[Parcel]:
        """Mails of one shape travel together, at most a thousand; who has anything unusual travels alone."""
        usual = [(n, mail) for n, mail in enumerate(outbounds) if isinstance(mail, OutboundEmail) and _is_usual(mail)]
        parcels = []
        for begin in range(0, len(usual), MOST_TOGETHER):
            some = usual[begin : begin + MOST_TOGETHER]
            for shared in share([mail for _, mail in some]):
                mails = tuple(some[place][1] for place in shared.places)
                letter = _Letter(mails, shared.html, shared.text, shared.values)
                parcels.append(Parcel(tuple(some[place][0] for place in shared.places), letter))
        return parcels

    def send_parcel(self, parcel: Parcel, account: Account, may_go: Callable[[], bool]) -> list[Answer]:
        """Hand over many emails in one call.

        SendGrid takes all of a call or, answering 400, nothing. What it names goes alone then, and what it doesn't
        name is halved, until every mail has its own answer.
        """
        letter: _Letter = parcel.content
        answers: dict[int, Answer] = {}
        waiting = [list(range(len(letter.mails)))]
        while waiting:
            part = waiting.pop()
            if not may_go():
                answers |= dict.fromkeys(part, RetryLater(HELD_UP))
            elif len(part) == 1:
                answers[part[0]] = self.send(letter.mails[part[0]], account)
            else:
                answer, about = self._send_some(letter, part, account)
                if isinstance(answer, Rejected):
                    waiting += _parts(part, about)
                else:
                    answers |= dict.fromkeys(part, answer)
        return [answers[n] for n in range(len(letter.mails))]

    def _send_some(self, letter: _Letter, part: Sequence[int], account: Account) -> tuple[Answer, str]:
        """The answer to one call for some mails of a letter, and the field that a refusal names."""
        try:
            outcome = self._call(_shared_body(letter, part), account)
        except orjson.JSONEncodeError as problem:
            return Rejected("content", type(problem).__name__), ""
        return _classified(outcome), _first_error(outcome.body)[1] if isinstance(outcome, Reply) else ""

    def look_up(self, outbound: Outbound, account: Account, since: datetime) -> Evidence:  # noqa: ARG002
        """Always `CannotTell`: searching by our reference is an extra that SendGrid sells."""
        return CannotTell()

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _call(self, body: Mapping[str, Any], account: Account) -> Reply | NotSent | NoAnswer:
        api_key = account.credentials.get("api_key") if account.credentials else self._api_key
        if not api_key:
            return NotSent("account_credentials")
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        return self._client.call("POST", PATH, headers, orjson.dumps(body))


def _is_usual(mail: OutboundEmail) -> bool:
    return bool(is_address(mail.to) and _subject(mail) and mail.html and mail.text and not _may_be_key(mail))


def _may_be_key(mail: OutboundEmail) -> bool:
    return mail.text.startswith("SG.") or mail.html.startswith("SG.")


def _body(email: OutboundEmail) -> dict[str, Any]:
    """The request for one mail."""
    for text in (email.text, email.html):
        NO_KEYS.validate_message_text(text)
    return {
        **_frame(email.sender, email.sender_name, email.reply_to),
        "subject": _subject(email),
        "personalizations": [_person(email)],
        "content": _content(email.text, email.html),
    }


def _shared_body(letter: _Letter, part: Sequence[int]) -> dict[str, Any]:
    """The request for some mails of a letter. Nobody's subject is anybody else's: each brings its own."""
    first = letter.mails[0]
    return {
        **_frame(first.sender, first.sender_name, first.reply_to),
        "subject": one_line(first.sender_name) or first.sender,
        "personalizations": [
            {
                **_person(letter.mails[n]),
                "subject": _subject(letter.mails[n]),
                "substitutions": letter.values[n],
            }
            for n in part
        ],
        "content": _content(letter.text, letter.html),
    }


@lru_cache(maxsize=256)
def _frame(sender: str, sender_name: str, reply_to: str | None) -> dict[str, Any]:
    """What all mails of a sender have, as SendGrid's own library writes it: a tenth of a millisecond, so once."""
    mail = Mail()
    mail.from_email = From(one_line(sender), one_line(sender_name) or None)
    if reply_to:
        mail.reply_to = ReplyTo(one_line(reply_to))
    mail.tracking_settings = NO_TRACKING
    frame: dict[str, Any] = mail.get()
    return frame


def _person(email: OutboundEmail) -> dict[str, Any]:
    name = one_line(email.to_name)
    person: dict[str, Any] = {
        "to": [{"email": email.to, "name": name} if name else {"email": email.to}],
        "custom_args": {"reference": email.reference},
    }
    headers = dict(filter(None, (extra_header(name, value) for name, value in email.headers.items())))
    return person | {"headers": headers} if headers else person


def _subject(email: OutboundEmail) -> str:
    return one_line(email.subject, LONGEST_SUBJECT)


def _content(text: str, html: str) -> list[dict[str, str]]:
    return [{"type": kind, "value": value} for kind, value in (("text/plain", text), ("text/html", html)) if value]


def _parts(refused: list[int], about: str) -> list[list[int]]:
    """What to try next of a call that was refused: the mail that was named alone, else either half."""
    name, _, rest = about.partition(".")
    number = rest.partition(".")[0]
    if name == "personalizations" and number.isdigit() and int(number) < len(refused):
        named = refused[int(number)]
        return [[n for n in refused if n != named], [named]]
    middle = len(refused) // 2
    return [refused[middle:], refused[:middle]]


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
