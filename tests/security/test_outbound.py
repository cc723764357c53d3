"""Addresses that merchants type in lead to the public internet, or nowhere."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from app.security import outbound
from app.security.http import NotSent, Reply
from tests.listening import Listener, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",  # noqa: S104 looked at, not bound to
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_may_not_be_called(address: str) -> None:
    assert not outbound.may_be_called(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_one_may(address: str) -> None:
    assert outbound.may_be_called(address)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_no_way_of_writing_a_private_address_makes_it_public(address: Any) -> None:
    number = int(address)
    for written in (str(address), f"::ffff:{address}", f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}",
                    f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"):  # fmt: skip
        assert not outbound.may_be_called(written)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "not_a_url"),
        ("hooks.example.com", "not_a_url"),
        ("ftp://hooks.example.com/", "not_a_url"),
        ("file:///etc/passwd", "not_a_url"),
        ("gopher://hooks.example.com:70/_x", "not_a_url"),
        ("javascript:alert(1)", "not_a_url"),
        ("https://", "not_a_url"),
        ("https:///path", "not_a_url"),
        ("https://hooks.example.com\\@10.0.0.1/", "not_a_url"),
        ("https://hooks.example.com/ x", "not_a_url"),
        ("https://hooks.example.com/\r\nHost: x", "not_a_url"),
        ("https://hooks.example.com:99999/", "not_a_url"),
        ("https://hooks.example.com:0/", "not_a_url"),
        ("https://[::1", "not_a_url"),
        ("https://[fe80::1%25eth0]/", "not_a_url"),
        ("https://höoks.example.com/", "not_a_url"),
        ("https://ho\u200boks.example.com/", "not_a_url"),
        ("https://hooks.example.com/" + "x" * 2000, "not_a_url"),
        ("https://me:secret@hooks.example.com/", "has_login"),
        ("https://hooks.example.com@10.0.0.1/", "has_login"),
        ("http://hooks.example.com/", "not_https"),
        ("http://10.0.0.1/", "not_https"),
        ("https://hooks.example.com:22/", "port_refused"),
        ("https://hooks.example.com:25/", "port_refused"),
        ("https://hooks.example.com/hook?shop=1", None),
        ("https://hooks.example.com:8443/", None),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_called(url: str, code: str | None) -> None:
    assert outbound.fault(url) == code
    if code:
        assert outbound.post(url, b"{}", {}) == NotSent(code)


class Names:
    """A name server in a test's hands: what each look-up answers, in turn; the last answer stays."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    def look_up(self, host: str, port: int, *_rest: Any, **_more: Any) -> list[Any]:
        self.asked += 1
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in found]
        del host
        return [(family, socket.SOCK_STREAM, 6, "", (each, port)) for family, each in zip(families, found, strict=True)]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The numeric addresses something connected to; every connection is refused."""
    found: list[Any] = []

    def connect(address: Any, _timeout: Any = None) -> Any:
        found.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return found


@pytest.mark.parametrize("written", [*REFUSED, "2130706433", "0x7f.1", "0177.0.0.1", "127.1"])
def test_a_name_that_leads_inside_is_not_connected_to(
    written: str, connected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if written in REFUSED:
        monkeypatch.setattr(socket, "getaddrinfo", Names([written]).look_up)
        url = "https://hooks.example.com/"
    else:  # the system's own look-up reads these as 127.0.0.1
        url = f"https://{written}/"
    assert outbound.post(url, b"{}", {}) == NotSent("address_refused")
    assert connected == []


def test_one_inside_address_among_public_ones_is_enough(connected: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names(["8.8.8.8", "10.0.0.1"]).look_up)
    assert outbound.post("https://hooks.example.com/", b"{}", {}) == NotSent("address_refused")
    assert connected == []


def test_a_name_that_changes_its_mind_gains_nothing(connected: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    assert outbound.post("https://hooks.example.com/", b"{}", {}) == NotSent("connection_refused")
    assert connected == [("8.8.8.8", 443)], "the address that was checked, not the name"
    assert names.asked == 1


def test_a_name_that_is_nobodys_is_a_value(connected: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_asked: Any, **_more: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert outbound.post("https://nobody.example.com/", b"{}", {}) == NotSent("name_not_found")
    assert connected == []


class Target(Listener):
    """A merchant's endpoint on this machine."""

    received: list[tuple[str, bytes, str]]
    status = 200

    def posted(self) -> None:
        type(self).received.append((self.path, self.heard(), self.headers["webhook-id"]))
        self.answer(type(self).status, b"ok", {"Location": "http://169.254.169.254/latest/meta-data/"})


@pytest.fixture
def target() -> Iterator[str]:
    Target.received, Target.status = [], 200
    with listening(Target) as address:
        yield f"{address}/hook?x=1"


@pytest.fixture
def loopback_allowed() -> Iterator[None]:
    outbound.allow(["127.0.0.0/8"])
    yield
    outbound.allow(())


@pytest.mark.usefixtures("loopback_allowed")
def test_the_host_may_allow_its_own_networks(target: str) -> None:
    answer = outbound.post(target, b'{"a":1}', {"webhook-id": "evt_1"})
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body) == (200, b"ok")
    assert Target.received == [("/hook?x=1", b'{"a":1}', "evt_1")]


def test_otherwise_they_are_refused_and_nothing_arrives(target: str) -> None:
    assert outbound.post(target, b"{}", {"webhook-id": "evt_1"}) == NotSent("not_https")
    assert outbound.post(target.replace("http:", "https:"), b"{}", {}) == NotSent("address_refused")
    assert Target.received == []


@pytest.mark.usefixtures("loopback_allowed")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(target: str, status: int) -> None:
    Target.status = status
    answer = outbound.post(target, b"{}", {"webhook-id": "evt_1"})
    assert isinstance(answer, Reply)
    assert answer.status == status
    assert len(Target.received) == 1


@pytest.mark.usefixtures("loopback_allowed")
@pytest.mark.parametrize("header", ["x\r\nHost: evil", "x\ny", "x\0", "é"])
def test_a_header_that_spans_lines_is_not_sent(target: str, header: str) -> None:
    assert outbound.post(target, b"{}", {"webhook-id": header}) == NotSent("bad_header")
    assert Target.received == []
