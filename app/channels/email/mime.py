"""An email as it goes over SMTP."""

from __future__ import annotations

import binascii
import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import TYPE_CHECKING

from app import clock
from app.channels.email.text import LONGEST_SUBJECT, extra_header, is_address, one_line

if TYPE_CHECKING:
    from app.channels.base import OutboundEmail

LONGEST_LINE = 998
"""Octets that RFC 5322 allows in a line."""
_UNSAFE_IN_ID = re.compile(r"[^A-Za-z0-9._-]")


class _Policy(EmailPolicy):
    """Header lines in plain ASCII stay whole: folding would turn the long link of List-Unsubscribe into gibberish."""

    def fold_binary(self, name: str, value: str) -> bytes:
        line = f"{name}: {value}"
        if line.isascii() and len(line) <= LONGEST_LINE:
            return f"{line}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


POLICY = _Policy(linesep="\r\n", cte_type="7bit")


def message_id(email: OutboundEmail) -> str:
    """Our reference as a Message-ID, so that bounces and replies name the message."""
    domain = email.sender.rpartition("@")[2]
    return f"<{_UNSAFE_IN_ID.sub('-', email.reference)}@{domain}>"


def needs_utf8(email: OutboundEmail) -> bool:
    """Whether an address has letters that only servers with SMTPUTF8 take."""
    return not (email.to + email.sender + (email.reply_to or "")).isascii()


def build(email: OutboundEmail) -> bytes:
    """The email as bytes, lines ended by CRLF: plain text and HTML as alternatives, every header on one line.

    `sender` and `to` must have passed `is_address`; a `reply_to` that wouldn't is left out.
    """
    message = EmailMessage(policy=POLICY.clone(utf8=needs_utf8(email)))
    message["From"] = _address(email.sender_name, email.sender)
    message["To"] = _address(email.to_name, email.to)
    if email.reply_to and is_address(email.reply_to):
        message["Reply-To"] = _address("", email.reply_to)
    message["Subject"] = one_line(email.subject, LONGEST_SUBJECT)
    message["Date"] = clock.real_now()
    message["Message-ID"] = message_id(email)
    message["X-Regulars-Ref"] = one_line(email.reference)
    for header in filter(None, (extra_header(name, value) for name, value in email.headers.items())):
        if header[0] not in message:
            message[header[0]] = header[1]
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = "multipart/alternative"
    message.attach(_part("plain", email.text))
    message.attach(_part("html", email.html))
    return message.as_bytes()


def _address(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(one_line(name), user, domain)


def _part(subtype: str, text: str) -> EmailMessage:
    """Quoted-printable by the C function: `set_content` would take milliseconds for a designed email."""
    part = EmailMessage(policy=POLICY)
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = "quoted-printable"
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    part.set_payload(binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True).decode("ascii"))
    return part
