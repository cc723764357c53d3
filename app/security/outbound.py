"""Calls to addresses that a merchant typed in: only to the public internet, never to the machines beside this one.

Server-side request forgery is the risk (OWASP "Server Side Request Forgery Prevention"): an address that leads to the
database, to a cloud's metadata or to the merchant's neighbour. What is checked is the numeric address that is connected
to, after the name was looked up and by the very look-up that is used, so a name that changes its mind between check and
call (DNS rebinding) gains nothing. Redirects aren't followed: the answer says 3xx, and that's the end.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from app.security.http import AddressRefusedError, Client, NoAnswer, NotSent, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Network, IPv6Network
    from urllib.parse import SplitResult

NOT_A_URL, NOT_HTTPS, HAS_LOGIN, PORT_REFUSED = "not_a_url", "not_https", "has_login", "port_refused"
LONGEST = 2_000
TIMEOUT = (3.0, 15.0)
"""Seconds to connect, seconds for the answer: Standard Webhooks asks senders for 15 to 30."""
USUAL_PORTS, FIRST_FREE_PORT = {"https": 443, "http": 80}, 1024
_WRITTEN = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_TRANSLATED = ip_network("64:ff9b::/96")
"""RFC 6052: an IPv4 address in its last four bytes, for networks that speak IPv6 only."""

_allowed: tuple[IPv4Network | IPv6Network, ...] = ()


def allow(networks: Sequence[str]) -> None:
    """Networks of the host's own that may be called although they aren't public, e.g. 10.2.0.0/16; and by plain http.

    Raises:
        ValueError: one isn't a network.
    """
    global _allowed  # noqa: PLW0603 - set once when the process starts, like the keyring
    _allowed = tuple(ip_network(network) for network in networks)


def fault(url: str, *, plain: bool = False) -> str | None:
    """What is wrong with an address before anything is called: one of this module's codes, or None.

    `plain` http will do where nothing is told to the other side.
    """
    parts = _read(url)
    if parts is None:
        return NOT_A_URL
    if parts.username is not None or parts.password is not None:
        return HAS_LOGIN
    if parts.scheme == "http" and not plain and not _is_allowed(parts.hostname or ""):
        return NOT_HTTPS
    if parts.port not in (None, USUAL_PORTS[parts.scheme]) and parts.port < FIRST_FREE_PORT:
        return PORT_REFUSED
    return None


def post(
    url: str, body: bytes, headers: Mapping[str, str], timeout: tuple[float, float] = TIMEOUT
) -> Reply | NotSent | NoAnswer:
    """Post once. An address that may not be called is `NotSent` with the code why, as is one that can't be reached."""
    wrong = fault(url)
    return NotSent(wrong) if wrong else _call("POST", url, headers, timeout, body)


def look(url: str, method: Literal["HEAD", "GET"], timeout: tuple[float, float]) -> Reply | NotSent | NoAnswer:
    """Ask once whether something is there, by https or http. Only the answer's status and headers are read."""
    wrong = fault(url, plain=True)
    return NotSent(wrong) if wrong else _call(method, url, {"Accept": "*/*"}, timeout, limit=0)


def _call(
    method: str, url: str, headers: Mapping[str, str], timeout: tuple[float, float], body: bytes = b"", **more: int
) -> Reply | NotSent | NoAnswer:
    parts = urlsplit(url)
    client = Client(f"{parts.scheme}://{parts.netloc}", timeout, connect=_connect)
    try:
        return client.call(method, _target(parts), headers, body, **more)
    finally:
        client.close()


def may_be_called(address: str) -> bool:
    """Whether a numeric address is on the public internet, or in a network the host allows."""
    found = _unwrapped(ip_address(address.partition("%")[0]))
    if any(found.version == network.version and found in network for network in _allowed):
        return True
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _read(url: str) -> SplitResult | None:
    """The parts of an address that every reader splits in the same way, else None."""
    if len(url) > LONGEST or not _WRITTEN.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("https", "http") and _HOST.fullmatch(parts.hostname or "") and parts.port != 0
    except ValueError:
        return None
    return parts if well_formed else None


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_allowed(host: str) -> bool:
    """Whether a host is written as a number in a network the host of this installation allows."""
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return any(found.version == network.version and found in network for network in _allowed)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for (mapped, translated, 6to4, Teredo), else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def _connect(address: tuple[str, int], timeout: float) -> socket.socket:
    """Connect to a name's first address, if every address it has may be called.

    Raises:
        AddressRefusedError: one may not.
        OSError: as `socket.create_connection`.
    """
    host, port = address
    found = list(dict.fromkeys(i[4][0] for i in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    if not all(may_be_called(str(numeric)) for numeric in found):
        raise AddressRefusedError
    return socket.create_connection((str(found[0]), port), timeout)
