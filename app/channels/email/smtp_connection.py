"""Connections to mail servers, the host's and those that shops name."""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from app.channels.base import RetryLater

TIMEOUT = 10.0
"""Seconds for each step; a mail server may think about a message before it answers."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect and as whom."""

    url: str = field(repr=False)
    host: str
    port: int
    tls_at_once: bool
    user: str = field(repr=False)
    password: str = field(repr=False)
    is_ours: bool
    """Named by the host of this installation; a server named by a shop must have a public address."""


class _PrivateAddressError(OSError):
    """A shop's server isn't on the public internet."""


def parse(url: str, *, is_ours: bool) -> Server | None:
    """Read smtp:// or smtps://; None when it is neither or has no host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        return None
    secure = parts.scheme == "smtps"
    return Server(
        url=url,
        host=parts.hostname,
        port=port or (465 if secure else 587),
        tls_at_once=secure,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        is_ours=is_ours,
    )


def open_connection(server: Server) -> smtplib.SMTP | RetryLater:
    """Connect, encrypt, sign in. Whatever goes wrong here, no message was handed over."""
    try:
        connection: smtplib.SMTP = _Secure(server) if server.tls_at_once else _Plain(server)
    except _PrivateAddressError:
        return RetryLater("account_address")
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        return RetryLater(_reason(error))
    try:
        refused = _prepare(connection, server)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        refused = RetryLater(_reason(error))
    if refused:
        connection.close()
        return refused
    return connection


def is_alive(connection: smtplib.SMTP) -> bool:
    """Whether the server still answers."""
    try:
        return connection.noop()[0] == 250  # noqa: PLR2004 - SMTP's "done"
    except (OSError, smtplib.SMTPException):
        return False


def _prepare(connection: smtplib.SMTP, server: Server) -> RetryLater | None:
    connection.ehlo_or_helo_if_needed()
    # A mail server on this very machine usually shows a certificate of its own making.
    if not server.tls_at_once and server.host not in LOOPBACK:
        if connection.has_extn("starttls"):
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo()
        elif server.user:
            return RetryLater("account_without_tls")  # a password is not sent in clear
    if server.user:
        connection.login(server.user, server.password)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPNotSupportedError):
        return "account_sign_in"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"smtp_{error.smtp_code}"
    names = ((TimeoutError, "connect_timeout"), (ConnectionRefusedError, "connection_refused"))
    more = ((socket.gaierror, "name_not_found"), (ssl.SSLError, "tls_failed"))
    return next((name for kind, name in (*names, *more) if isinstance(error, kind)), "connect_failed")


class _Plain(smtplib.SMTP):
    """A connection that goes only where it may."""

    def __init__(self, server: Server) -> None:
        self._server = server
        super().__init__(server.host, server.port, timeout=TIMEOUT)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """The hook that smtplib has for this; resolving once leaves no second answer to be fooled by."""
        if self._server.is_ours:
            return socket.create_connection((host, port), timeout)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not all(ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses):
            raise _PrivateAddressError
        return socket.create_connection((addresses[0], port), timeout)


class _Secure(smtplib.SMTP_SSL, _Plain):
    """The same with TLS from the first byte."""

    def __init__(self, server: Server) -> None:
        self._server = server
        smtplib.SMTP_SSL.__init__(self, server.host, server.port, timeout=TIMEOUT, context=ssl.create_default_context())
