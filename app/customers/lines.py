"""Reading files of people: which column means what, and what one line says. Pure: text and `now` in, values out."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field

from app.customers.rules import LEDGER_CHANNELS
from app.platforms.events import Person

if TYPE_CHECKING:
    from collections.abc import Sequence

FIELDS: Final = (
    "email", "phone", "first_name", "last_name", "country", "email_consent", "sms_consent",
    "whatsapp_consent", "agreed_at", "double_opt_in", "wording", "ip",
)  # fmt: skip
"""What a column may mean."""
LONGEST_NAME, LONGEST_WORDING = 80, 120
EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)

_NAMES: Final[dict[str, str]] = {
    "email": "email emailaddress mail mailaddress emailadresse adressemail correo",
    "phone": "phone phonenumber mobile mobilephone mobilenumber cell telephone sms smsnumber telefon handy tel "
    "defaultaddressphone smsphonenumber telefono",
    "first_name": "firstname givenname vorname prenom nombre fname",
    "last_name": "lastname surname familyname nachname nom apellido lname",
    "country": "country countrycode land pays pais defaultaddresscountrycode region",
    "email_consent": "acceptsemailmarketing acceptsmarketing emailmarketingconsent emailconsent emailmarketing "
    "emailsubscribed subscribed subscribedtoemail emailstatus status newsletter optin",
    "sms_consent": "acceptssmsmarketing smsmarketingconsent smsconsent smsmarketing smssubscribed smsstatus "
    "subscribedtosms",
    "whatsapp_consent": "acceptswhatsappmarketing whatsappmarketingconsent whatsappconsent whatsappmarketing "
    "whatsappsubscribed whatsappstatus",
    "agreed_at": "agreedat consentat consentedat consentdate consenttimestamp optintime optindate optinat confirmtime "
    "subscribedat subscribedon signupdate emailmarketingconsenttimestamp datum date dateadded",
    "double_opt_in": "doubleoptin confirmed doi confirmedoptin",
    "wording": "wording consenttext formversion form source consentsource signupsource",
    "ip": "ip ipaddress optinip confirmip consentip",
}
_MEANING: Final = {name: meaning for meaning, names in _NAMES.items() for name in names.split()}
_YES: Final = frozenset(
    [
        "yes",
        "y",
        "true",
        "t",
        "1",
        "on",
        "x",
        "subscribed",
        "optedin",
        "optin",
        "ja",
        "j",
        "wahr",
        "oui",
        "si",
        "s",
        "vrai",
        "active",
        "confirmed",
        "granted",
    ]
)
_NO: Final = frozenset(
    [
        "no",
        "n",
        "false",
        "f",
        "0",
        "off",
        "unsubscribed",
        "optedout",
        "optout",
        "nein",
        "non",
        "faux",
        "revoked",
        "withdrawn",
        "removed",
        "cleaned",
        "suppressed",
    ]
)
_SILENT: Final = frozenset(["", "neversubscribed", "notsubscribed", "unknown", "none", "null", "na", "pending", "-"])
"""Says nothing: not asked, or not answered yet."""


class Mapping(BaseModel):
    """Which column means what, and what the merchant says about all lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, int] = Field(default_factory=dict)
    """Meaning (of `FIELDS`) -> the column's number, from 0."""
    everyone: tuple[str, ...] = ()
    """Channels on which everybody in the file said yes, where no column tells."""
    agreed_on: date | None = None
    """When, for lines without a date of their own."""
    day_first: bool = False
    """How 03/04/2025 is read: as the third of April."""
    wording: str = Field(default="", max_length=LONGEST_WORDING)
    """To what they agreed, for lines that don't say it."""

    @property
    def tells_consent(self) -> bool:
        """Whether any line can say yes or no."""
        return bool(self.everyone) or any(f"{channel}_consent" in self.columns for channel in LEDGER_CHANNELS)


@dataclass(frozen=True, slots=True)
class Said:
    """A yes or a no of one line."""

    channel: str
    state: str
    at: datetime
    dated: bool
    """Whether the line itself has the date; else it is the merchant's for the whole file."""


@dataclass(slots=True)
class Line:
    """What a line says; and what of it can't be used: (part of the line, reason)."""

    number: int
    person: Person | None = None
    said: list[Said] = field(default_factory=list)
    double_opt_in: bool = False
    wording: str = ""
    ip: str | None = None
    refused: list[tuple[str, str]] = field(default_factory=list)


def guess(header: Sequence[str]) -> dict[str, int]:
    """What the columns probably mean, by their names; each meaning once, the first column that fits."""
    found: dict[str, int] = {}
    for number, name in enumerate(header):
        meaning = _MEANING.get(_bare(name))
        if meaning is not None and meaning not in found:
            found[meaning] = number
    return found


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower().replace("é", "e").replace("è", "e").replace("ñ", "n"))


def read(cells: Sequence[str], number: int, mapping: Mapping, *, zone: str, country: str | None, now: datetime) -> Line:
    """One line. `zone`: of times without one; `country`: of numbers without one. Refuses part by part."""
    line = Line(number)

    def cell(meaning: str) -> str:
        place = mapping.columns.get(meaning)
        text = cells[place] if place is not None and place < len(cells) else ""
        return " ".join(text.replace("\0", "").split()).removeprefix("'")  # spreadsheets' own mark of text

    where = _country(cell("country")) or country
    email, phone = _email(cell("email"), line), _phone(cell("phone"), where, line)
    if email is None and phone is None:
        if not line.refused:
            line.refused.append(("line", "no_address"))
        return line
    line.person = Person(
        None, email, phone, cell("first_name")[:LONGEST_NAME], cell("last_name")[:LONGEST_NAME], country=where
    )
    line.double_opt_in = _bare(cell("double_opt_in")) in _YES
    line.wording = (cell("wording") or mapping.wording)[:LONGEST_WORDING]
    line.ip = _ip(cell("ip"))
    for channel, address in zip(LEDGER_CHANNELS, (email, phone, phone), strict=True):
        if address is not None:
            _consent(channel, cell(f"{channel}_consent"), cell("agreed_at"), line, mapping, zone, now)
    if not line.said and not line.refused:
        line.refused.append(("line", "nothing_said"))
    return line


def _email(text: str, line: Line) -> str | None:
    if not text:
        return None
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        line.refused.append(("email", "bad_email"))
        return None


def _phone(text: str, country: str | None, line: Line) -> str | None:
    if not text:
        return None
    if text.startswith("00"):
        text = "+" + text[2:]
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        line.refused.append(("phone", "bad_phone"))
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=512)
def _country(text: str) -> str | None:
    return text.upper() if text.upper() in phonenumbers.SUPPORTED_REGIONS else None


def _ip(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text)) if text else None
    except ValueError:
        return None


def _consent(channel: str, told: str, dated: str, line: Line, mapping: Mapping, zone: str, now: datetime) -> None:
    bare, part = _bare(told), f"{channel}_consent"
    if f"{channel}_consent" not in mapping.columns and channel in mapping.everyone:
        bare = "yes"
    if bare in _SILENT:
        return
    if bare not in _YES | _NO:
        line.refused.append((part, "bad_consent"))
        return
    at = moment(dated, zone, day_first=mapping.day_first) if dated else None
    if dated and at is None:
        line.refused.append((part, "bad_date"))
        return
    if at is None and mapping.agreed_on is not None:
        at = datetime.combine(mapping.agreed_on, time(), ZoneInfo(zone))
    if at is None:
        line.refused.append((part, "no_date"))
    elif at > now:
        line.refused.append((part, "date_in_future"))
    elif at < EARLIEST:
        line.refused.append((part, "bad_date"))
    else:
        state = "subscribed" if bare in _YES else "unsubscribed"
        line.said.append(Said(channel, state, at.astimezone(UTC), bool(dated)))


_FORMS = ("%Y/%m/%d", "%d.%m.%Y", "%b %d, %Y", "%d %b %Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p")


def moment(text: str, zone: str, *, day_first: bool) -> datetime | None:
    """A date or time as people and programs write it; without a zone it is the shop's. None when it can't be read."""
    text = text.strip().removesuffix(" UTC")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None:
        slashes = "%d/%m/%Y" if day_first else "%m/%d/%Y"
        for form in (slashes, *_FORMS):
            for clock_time in _TIMES:
                found = found or _parsed(text, form + clock_time)
    if found is None:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 its zone is added by whoever asks
    except ValueError:
        return None
