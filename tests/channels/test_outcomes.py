"""Every way in which a hand-over by HTTP can end, on real sockets, for both providers."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.channels.base import Accepted, Account, Answer, OutboundEmail, OutboundText, Rejected, RetryLater, Unknown
from app.channels.email.sendgrid import SendGridProvider
from app.channels.sms.twilio import TwilioProvider
from app.security import http

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EMAIL = OutboundEmail(
    "ref-1", "jo@example.com", "Jo", "shop@example.com", "Shop", None, "Hello", "<p>Hello</p>", "Hello"
)
TEXT = OutboundText("ref-1", "+14155550100", "Hello", "https://app.example/receipts/twilio/status?m=ref-1")
PATIENT, SHORT = (30.0, 30.0), (0.5, 0.5)
"""Seconds. Who means to hear an answer waits for a slow machine, too."""
CREATED = b'{"sid": "SM123", "status": "accepted"}'


def send(which: str, url: str, timeout: tuple[float, float] = PATIENT) -> Answer:
    if which == "sendgrid":
        email = SendGridProvider("SG.key", url, timeout)
        try:
            return email.send(EMAIL, Account("sendgrid"))
        finally:
            email.close()
    text = TwilioProvider("AC1", "token", "MG1", url, timeout)
    try:
        return text.send(TEXT, Account("twilio"))
    finally:
        text.close()


both = pytest.mark.parametrize("which", ["sendgrid", "twilio"])


def success(which: str, loopback: Any) -> Any:
    return loopback.answer(202, X_Message_Id="abc") if which == "sendgrid" else loopback.answer(201, CREATED)


@both
def test_a_success_is_accepted_under_the_providers_own_reference(loopback: Any, which: str) -> None:
    server = loopback.start(success(which, loopback))
    assert send(which, server.url) == Accepted("abc" if which == "sendgrid" else "SM123")
    assert len(server.requests) == 1


@both
def test_a_closed_port_is_worth_another_try(closed_port: int, which: str) -> None:
    assert send(which, f"http://127.0.0.1:{closed_port}") == RetryLater("connection_refused")


@both
def test_a_name_that_does_not_resolve_is_worth_another_try(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    assert send(which, "http://provider.invalid") == RetryLater("name_not_found")


@both
def test_a_server_too_busy_to_accept_is_worth_another_try(which: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.settimeout(0)
            client.connect_ex(address)
        answer = send(which, f"http://127.0.0.1:{address[1]}", SHORT)
        for client in waiting:
            client.close()
    assert answer == RetryLater("connect_timeout")


@both
@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("1", 1.0),
        ("60", 60.0),
        ("0.5", 0.5),
        ("999999999", 999_999_999.0),
        ("9" * 400, None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("²", None),
        ("", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Wed, 99 Oct 2026 07:28:30 GMT", None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(loopback: Any, which: str, asked: str, seconds: float | None) -> None:
    server = loopback.start(loopback.answer(429, Date="Wed, 21 Oct 2026 07:28:00 GMT", Retry_After=asked))
    assert send(which, server.url) == RetryLater("rate_limited", seconds)
    assert len(server.requests) == 1


@both
@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_trouble_with_the_account_keeps_the_message(loopback: Any, which: str, status: int) -> None:
    server = loopback.start(loopback.answer(status, b'{"code": 20003, "message": "Authenticate"}'))
    assert send(which, server.url) == RetryLater(f"account_{status}")


@both
@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_other_refusals_are_final(loopback: Any, which: str, status: int) -> None:
    server = loopback.start(loopback.answer(status, b"<html>no</html>"))
    assert send(which, server.url) == Rejected(str(status))


@both
@pytest.mark.parametrize("status", [500, 502, 503, 504, 301, 302, 307, 308])
def test_a_broken_or_wandering_server_leaves_the_outcome_unknown(loopback: Any, which: str, status: int) -> None:
    elsewhere = loopback.start(success(which, loopback))
    server = loopback.start(loopback.answer(status, Location=elsewhere.url))
    assert send(which, server.url) == Unknown(f"http_{status}")
    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)


@both
def test_no_answer_in_time_is_unknown(loopback: Any, which: str) -> None:
    server = loopback.start(loopback.hang)
    assert send(which, server.url, SHORT) == Unknown("timeout")
    assert len(server.requests) == 1


@both
def test_an_answer_that_drips_for_ever_ends_at_the_deadline(loopback: Any, which: str) -> None:
    server = loopback.start(loopback.drip)
    before = datetime.now(UTC)
    assert send(which, server.url, SHORT) == Unknown("timeout")
    assert datetime.now(UTC) - before < timedelta(seconds=4), "it would drip for five"


@both
def test_a_reset_after_the_request_was_read_is_unknown(loopback: Any, which: str) -> None:
    server = loopback.start(loopback.reset)
    assert send(which, server.url) == Unknown("connection_lost")
    assert len(server.requests) == 1


@both
def test_taking_the_message_and_dropping_the_answer_is_unknown(loopback: Any, which: str) -> None:
    server = loopback.start(loopback.drop)
    assert send(which, server.url) == Unknown("connection_lost")
    assert len(server.requests) == 1


@both
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x00\xff\xfegarbage\r\n\r\n", "unreadable_answer"),
        (b"HTTP/1.1 abc def\r\n\r\n", "unreadable_answer"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 500\r\n\r\n{", "answer_cut_short"),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx", "unreadable_answer"),
        (b"HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n" + b"x" * 70_000, "answer_too_long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", None),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 13\r\n\r\n<html></html>", None),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n<html></html>", None),
        (b'HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{"sid": 1}', None),
    ],
)
def test_an_answer_that_cannot_be_read_is_unknown(loopback: Any, which: str, data: bytes, code: str | None) -> None:
    server = loopback.start(loopback.raw(data, stay=False))
    outcome = send(which, server.url)
    assert isinstance(outcome, Unknown)
    assert code in {None, outcome.code}


def test_a_long_request_refused_before_its_end_is_understood_and_its_connection_dropped() -> None:
    """Longer than the socket's buffers: the server answers and closes while we are still writing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                    time.sleep(0.1)

        thread = threading.Thread(target=refuse)
        thread.start()
        client = http.Client(f"http://127.0.0.1:{listener.getsockname()[1]}", PATIENT)
        outcomes = [client.call("POST", "/", {}, b"x" * 30_000_000) for _ in range(2)]
        thread.join(30)
        client.close()
    assert [outcome.status for outcome in outcomes if isinstance(outcome, http.Reply)] == [413, 413]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child starts no thread
def test_a_forked_process_does_not_write_on_its_parents_connections(loopback: Any) -> None:
    server = loopback.start(loopback.answer(202, X_Message_Id="abc"))
    provider = SendGridProvider("k", server.url, PATIENT)
    provider.send(EMAIL, Account("sendgrid"))
    child = os.fork()
    if child == 0:
        os._exit(0 if provider.send(EMAIL, Account("sendgrid")) == Accepted("abc") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert server.connections == 2
    assert provider.send(EMAIL, Account("sendgrid")) == Accepted("abc")
    provider.close()
    assert (len(server.requests), server.connections) == (3, 2)


@both
def test_connections_are_kept_and_a_closed_one_is_noticed_before_writing(loopback: Any, which: str) -> None:
    stay = [True, True, False, True]
    good = success(which, loopback)

    def act(connection: socket.socket, request: Any) -> bool:
        good(connection, request)
        return stay.pop(0)

    server = loopback.start(act)
    provider: Any = (
        SendGridProvider("k", server.url, PATIENT)
        if which == "sendgrid"
        else TwilioProvider("AC1", "t", "MG1", server.url, PATIENT)
    )
    outbound = EMAIL if which == "sendgrid" else TEXT
    outcomes = []
    for number in range(4):
        outcomes.append(provider.send(outbound, Account(which)))
        assert number != 2 or server.farewell.wait(30)
    provider.close()
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert (len(server.requests), server.connections) == (4, 2)


@pytest.mark.parametrize("evil", ["key\r\nX-Evil: 1", "key\nHost: evil", "k\x00ey", "kéy"])
def test_a_key_cannot_write_headers(loopback: Any, evil: str) -> None:
    server = loopback.start(loopback.answer(202))
    provider = SendGridProvider("host", server.url, PATIENT)
    outcome = provider.send(EMAIL, Account("sendgrid", {"api_key": evil}))
    assert outcome == RetryLater("bad_header")
    assert server.connections == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "pair.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_tls_context", lambda: ssl.create_default_context(cafile=str(certificate)))


@both
def test_an_unknown_certificate_is_worth_another_try(loopback: Any, which: str, tls: ssl.SSLContext) -> None:
    server = loopback.start(success(which, loopback), tls)
    assert send(which, server.url) == RetryLater("tls_failed")
    assert server.requests == []


@both
def test_a_server_without_tls_where_tls_was_meant_is_worth_another_try(loopback: Any, which: str) -> None:
    server = loopback.start(success(which, loopback))
    port = server.url.rpartition(":")[2]
    assert send(which, f"https://localhost:{port}", SHORT) == RetryLater("tls_failed")


@both
@pytest.mark.usefixtures("trusted")
def test_a_reset_during_the_handshake_is_worth_another_try(which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            connection.recv(10)
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        outcome = send(which, f"https://localhost:{listener.getsockname()[1]}")
        thread.join(30)
    assert outcome == RetryLater("tls_failed")


@both
@pytest.mark.usefixtures("trusted")
def test_over_tls_a_success_is_accepted(loopback: Any, which: str, tls: ssl.SSLContext) -> None:
    server = loopback.start(success(which, loopback), tls)
    assert isinstance(send(which, server.url), Accepted)


@both
@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("way", ["reset", "silence", "farewell"])
def test_over_tls_what_breaks_after_writing_is_unknown(
    loopback: Any, which: str, way: str, tls: ssl.SSLContext
) -> None:
    def farewell(connection: Any, _request: Any) -> bool:
        connection.unwrap()
        return False

    ways: dict[str, Callable[..., Any]] = {
        "reset": loopback.reset,
        "silence": loopback.hang,
        "farewell": farewell,
    }
    server = loopback.start(ways[way], tls)
    outcome = send(which, server.url, SHORT if way == "silence" else PATIENT)
    assert isinstance(outcome, Unknown)
    assert len(server.requests) == 1
