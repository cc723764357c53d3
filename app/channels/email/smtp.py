"""Email by SMTP, for hosts and shops with a mail server of their own."""

from __future__ import annotations

import re
import smtplib
from typing import TYPE_CHECKING

from app.channels.base import Accepted, Answer, CannotTell, OutboundEmail, Rejected, RetryLater, Unknown
from app.channels.email import mime
from app.channels.email.smtp_connection import Server, is_alive, open_connection, parse
from app.channels.email.text import is_address, one_line
from app.security.connections import Idle
from app.security.redaction import redact

if TYPE_CHECKING:
    from datetime import datetime

    from app.channels.base import Account, Evidence, Outbound

LONGEST_DETAIL = 200
SIGN_IN_CODES = frozenset({454, 530, 534, 535, 538})
TOO_LARGE = 552
_NO_SUCH_ADDRESS = re.compile(rb"5\.1\.(?:1|2|3|6|10)\b")
"""Enhanced codes (RFC 3463, 7505) that blame the address; a bare 550 may as well be a policy of today."""


class SmtpProvider:
    """Hands emails to a mail server, one transaction each, over connections kept open."""

    key = "smtp"
    channel = "email"

    def __init__(self, url: str) -> None:
        """`url`: smtp://user:password@host:587 (STARTTLS where offered) or smtps://user:password@host:465."""
        self._url = url
        self._idle = Idle[smtplib.SMTP](is_alive)

    def send(self, outbound: Outbound, account: Account) -> Answer:
        """Hand one email over. Every outcome is a value; nothing is repeated."""
        if not isinstance(outbound, OutboundEmail):
            raise TypeError("SMTP carries emails only")
        own = account.credentials.get("url")
        server = parse(own or self._url, is_ours=not own)
        if server is None:
            return RetryLater("account_url")
        if not is_address(outbound.to):
            return Rejected("invalid_address", suppress="invalid_address")
        if not is_address(outbound.sender):
            return RetryLater("account_sender")
        return self._deliver(server, outbound, mime.build(outbound))

    def look_up(self, outbound: Outbound, account: Account, since: datetime) -> Evidence:  # noqa: ARG002
        """Always `CannotTell`: a mail server can't be asked."""
        return CannotTell()

    def close(self) -> None:
        """Close idle connections."""
        self._idle.close()

    def _deliver(self, server: Server, email: OutboundEmail, content: bytes) -> Answer:
        connection = self._idle.take(server.url) or open_connection(server)
        if isinstance(connection, RetryLater):
            return connection
        answer, reusable = _transaction(connection, email, content)
        if reusable:
            self._idle.give(server.url, connection)
        else:
            connection.close()
        return answer


def _transaction(connection: smtplib.SMTP, email: OutboundEmail, content: bytes) -> tuple[Answer, bool]:
    """One email over an open connection; the answer, and whether the connection can carry another."""
    try:
        refused = _envelope(connection, email)
        if refused:
            return refused, connection.rset()[0] == 250  # noqa: PLR2004 - SMTP's "done"
    except (OSError, smtplib.SMTPException, ValueError):
        return RetryLater("connection_lost"), False
    try:
        connection.send(_dotted(content))
        code, text = connection.getreply()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return Unknown("timeout" if isinstance(error, TimeoutError) else "connection_lost"), False
    return _final(code, text, mime.message_id(email)), 200 <= code < 300  # noqa: PLR2004 - a class of SMTP


def _envelope(connection: smtplib.SMTP, email: OutboundEmail) -> Answer | None:
    """Sender, recipient and the request to send the content; None when the server waits for it."""
    options = ["SMTPUTF8"] if mime.needs_utf8(email) else []
    if options and not connection.has_extn("smtputf8"):
        return Rejected("address_not_ascii")
    connection.command_encoding = "utf-8" if options else "ascii"
    code, text = connection.mail(email.sender, options)
    if code != 250:  # noqa: PLR2004 - SMTP's "done"
        # The recipient isn't known yet: unless it is the size, what is refused is the sender, which can be mended.
        return _refusal(code, text) if code < 500 or code == TOO_LARGE else RetryLater(f"account_{code}")  # noqa: PLR2004
    code, text = connection.rcpt(email.to)
    if code not in (250, 251):
        return _refusal(code, text)
    code, text = connection.docmd("DATA")
    return None if code == 354 else _refusal(code, text)  # noqa: PLR2004 - SMTP's "go on"


def _final(code: int, text: bytes, reference: str) -> Answer:
    """The server's word after the content."""
    if 200 <= code < 300:  # noqa: PLR2004 - a class of SMTP
        return Accepted(reference)
    if 400 <= code < 600:  # noqa: PLR2004 - two classes of SMTP
        return _refusal(code, text)
    return Unknown("unreadable_answer")


def _refusal(code: int, text: bytes) -> RetryLater | Rejected:
    if code in SIGN_IN_CODES:
        return RetryLater(f"account_{code}")
    if code < 500:  # noqa: PLR2004 - a class of SMTP
        return RetryLater(f"smtp_{code}")
    suppress = "invalid_address" if _NO_SUCH_ADDRESS.search(text) else None
    return Rejected(str(code), redact(one_line(text.decode("utf-8", "replace"), LONGEST_DETAIL)), suppress)


def _dotted(content: bytes) -> bytes:
    """The content as it follows DATA: lines that begin with a dot get another, one dot ends it (RFC 5321, 4.5.2)."""
    content = content.replace(b"\r\n.", b"\r\n..")
    return content + (b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")
