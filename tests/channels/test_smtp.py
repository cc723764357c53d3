"""Email by SMTP against a mail server made of a socket and a script."""

from __future__ import annotations

import contextlib
import email
import email.policy
import socket
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from app.channels.base import Accepted, Account, Answer, OutboundEmail, Rejected, RetryLater, Unknown
from app.channels.email import smtp_connection
from app.channels.email.smtp import SmtpProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

EMAIL = OutboundEmail(
    "ref_1.x",
    "jo@example.com",
    "Jo, of Malmö",
    "shop@example.com",
    'The "Shop"',
    "help@example.com",
    "Still thinking? 👀 " + "A rather long subject " * 5,
    "<p>Hej Åsa</p>\n.\n<p>" + "long " * 400 + "</p>",
    "Hej Åsa\n.\n..two\nFrom here",
    {
        "List-Unsubscribe": "<https://app.example/u/" + "t" * 200 + ">",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
)


@dataclass
class MailServer:
    """Answers each verb as the script says; None closes the connection instead, "hang" says nothing."""

    script: dict[str, str | None] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("8BITMIME", "AUTH PLAIN")
    commands: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection.makefile("rb") as lines:
            alive = self._say(connection, "GREETING", "220 ready")
            while alive and (line := lines.readline()):
                alive = self._command(connection, lines, line.decode().rstrip("\r\n"))
            connection.shutdown(socket.SHUT_RDWR)

    def _command(self, connection: socket.socket, lines: Any, command: str) -> bool:
        self.commands.append(command)
        verb = command.split(" ", maxsplit=1)[0].split(":", maxsplit=1)[0].upper()
        if verb == "EHLO":
            rows = ["test", *self.extensions]
            return self._say(connection, verb, "\r\n".join(f"250-{row}" for row in rows[:-1]) + f"\r\n250 {rows[-1]}")
        if verb == "DATA" and self.script.get("DATA", "354").startswith("354"):  # type: ignore[union-attr]
            connection.sendall(b"354 go on\r\n")
            content = b""
            while (line := lines.readline()) not in (b".\r\n", b""):
                content += line.removeprefix(b".")
            self.contents.append(content)
            return self._say(connection, "CONTENT", "250 queued")
        return self._say(connection, verb, "235 welcome" if verb == "AUTH" else "250 fine")

    def _say(self, connection: socket.socket, verb: str, default: str) -> bool:
        words = self.script.get(verb, default)
        if words is None:
            return False
        if words != "hang":
            connection.sendall(words.encode() + b"\r\n")
        return True


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.stop()


def send(server: MailServer, outbound: OutboundEmail = EMAIL, login: str = "") -> Answer:
    provider = SmtpProvider(f"smtp://{login}{server.address}")
    try:
        return provider.send(outbound, Account("smtp"))
    finally:
        provider.close()


def received(server: MailServer) -> Any:
    return email.message_from_bytes(server.contents[-1], policy=email.policy.default)


def test_an_email_arrives_whole_with_both_texts_and_our_reference(mail: MailServer) -> None:
    assert send(mail) == Accepted("<ref_1.x@example.com>")
    message = received(mail)
    assert message["X-Regulars-Ref"] == "ref_1.x"
    assert message["Message-ID"] == "<ref_1.x@example.com>"
    assert message["Subject"] == EMAIL.subject.strip()
    assert str(message["To"]) == '"Jo, of Malmö" <jo@example.com>'
    assert [(a.display_name, a.addr_spec) for a in message["From"].addresses] == [('The "Shop"', "shop@example.com")]
    assert message["Reply-To"] == "help@example.com"
    assert message["Date"].datetime.tzinfo is not None
    assert message.get_content_type() == "multipart/alternative"
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n").rstrip("\n") == EMAIL.text
    assert message.get_body(("html",)).get_content().replace("\r\n", "\n").rstrip("\n") == EMAIL.html
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_one_click_headers_stay_on_one_line(mail: MailServer) -> None:
    send(mail)
    lines = mail.contents[-1].decode("ascii").split("\r\n")
    for name, value in EMAIL.headers.items():
        assert f"{name}: {value}" in lines
    assert max(map(len, lines)) <= 998


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: e@example.com", "a\nX: y", "a\rX: y", "a\u2028X: y", "a\x00b", "a" * 10_000]
)
def test_no_field_begins_another_header(mail: MailServer, evil: str) -> None:
    headers = {"List-Unsubscribe": evil, "X\r\nBcc": "b", "Bcc": "e@example.com"}
    assert isinstance(
        send(mail, replace(EMAIL, subject=evil, sender_name=evil, to_name=evil, reference=evil, headers=headers)),
        Accepted,
    )
    message = received(mail)
    ours = "From To Reply-To Subject Date Message-ID X-Regulars-Ref List-Unsubscribe MIME-Version Content-Type"
    assert " ".join(message.keys()) == ours
    assert [a.addr_spec for a in message["To"].addresses] == ["jo@example.com"]
    assert [a.addr_spec for a in message["From"].addresses] == ["shop@example.com"]
    assert [line for line in mail.commands if line.upper().startswith("RCPT")] == ["rcpt TO:<jo@example.com>"]


def test_connections_are_kept_and_the_server_is_asked_whether_it_still_listens(mail: MailServer) -> None:
    provider = SmtpProvider(f"smtp://{mail.address}")
    for _ in range(3):
        assert isinstance(provider.send(EMAIL, Account("smtp")), Accepted)
    provider.close()
    assert (mail.connections, len(mail.contents)) == (1, 3)


@pytest.mark.parametrize(
    ("verb", "words", "expected"),
    [
        ("GREETING", "421 busy", RetryLater("smtp_421")),
        ("GREETING", None, RetryLater("connect_failed")),
        ("MAIL", "451 later", RetryLater("smtp_451")),
        ("MAIL", "550 not you", RetryLater("account_550")),
        ("MAIL", "530 sign in", RetryLater("account_530")),
        ("MAIL", "552 too large", Rejected("552", "too large")),
        ("MAIL", None, RetryLater("connection_lost")),
        ("RCPT", "450 greylisted", RetryLater("smtp_450")),
        ("RCPT", "550 5.1.1 <jo@example.com> unknown", Rejected("550", "5.1.1 <[email]> unknown", "invalid_address")),
        ("RCPT", "550 5.7.1 blocked", Rejected("550", "5.7.1 blocked")),
        ("RCPT", None, RetryLater("connection_lost")),
        ("DATA", "451 later", RetryLater("smtp_451")),
        ("DATA", "554 no", Rejected("554", "no")),
        ("CONTENT", "451 later", RetryLater("smtp_451")),
        ("CONTENT", "554 spam", Rejected("554", "spam")),
        ("CONTENT", "600 what", Unknown("unreadable_answer")),
        ("CONTENT", "garbage", Unknown("unreadable_answer")),
        ("CONTENT", None, Unknown("connection_lost")),
        ("CONTENT", "hang", Unknown("connection_lost")),
    ],
)
def test_each_answer_of_a_server_has_its_outcome(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch, verb: str, words: str | None, expected: Answer
) -> None:
    monkeypatch.setattr(smtp_connection, "TIMEOUT", 0.5)
    mail.script[verb] = words
    assert send(mail) == expected
    assert mail.connections == 1


def test_after_a_refusal_the_connection_carries_the_next_email(mail: MailServer) -> None:
    provider = SmtpProvider(f"smtp://{mail.address}")
    mail.script["RCPT"] = "550 no"
    assert isinstance(provider.send(EMAIL, Account("smtp")), Rejected)
    del mail.script["RCPT"]
    assert isinstance(provider.send(EMAIL, Account("smtp")), Accepted)
    provider.close()
    assert mail.connections == 1


def test_signing_in_happens_before_anything_is_handed_over(mail: MailServer) -> None:
    assert isinstance(send(mail, login="us%40er:pass@"), Accepted)
    assert mail.commands[1].startswith("AUTH PLAIN ")
    mail.script["AUTH"] = "535 wrong"
    assert send(mail, login="user:wrong@") == RetryLater("account_sign_in")
    assert len(mail.contents) == 1


def test_no_server_is_worth_another_try(closed_port: int) -> None:
    assert SmtpProvider(f"smtp://127.0.0.1:{closed_port}").send(EMAIL, Account("smtp")) == RetryLater(
        "connection_refused"
    )


@pytest.mark.parametrize("url", ["", "http://x", "smtp://", "smtp://host:port", "smtp://host:99999"])
def test_an_address_that_names_no_server_is_trouble_of_the_account(url: str) -> None:
    assert SmtpProvider(url).send(EMAIL, Account("smtp")) == RetryLater("account_url")


def test_a_plain_server_where_tls_was_meant_is_worth_another_try(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_connection, "TIMEOUT", 1.0)
    assert SmtpProvider(f"smtps://{mail.address}").send(EMAIL, Account("smtp")) == RetryLater("tls_failed")


def test_a_shop_cannot_point_us_at_a_private_server(mail: MailServer) -> None:
    for scheme in ("smtp", "smtps"):
        own = Account("smtp", {"url": f"{scheme}://{mail.address}"})
        assert SmtpProvider("smtp://mail.example").send(EMAIL, own) == RetryLater("account_address")
    assert mail.connections == 0


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 25)) for ip in ("93.184.216.34", "10.0.0.5")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    own = Account("smtp", {"url": "smtp://rebind.example:25"})
    assert SmtpProvider("").send(EMAIL, own) == RetryLater("account_address")
    assert mail.connections == 0


def test_addresses_beyond_ascii_need_a_server_that_takes_them(mail: MailServer) -> None:
    other = replace(EMAIL, to="åsa@example.com")
    assert send(mail, other) == Rejected("address_not_ascii")
    mail.extensions = ("8BITMIME", "SMTPUTF8")
    assert isinstance(send(mail, other), Accepted)
    assert "rcpt TO:<åsa@example.com>" in mail.commands


@pytest.mark.parametrize("to", ["", "jo", "jo@x\r\nRCPT TO:<y@z>", "<jo@example.com>"])
def test_what_is_no_address_is_not_handed_over(mail: MailServer, to: str) -> None:
    assert send(mail, replace(EMAIL, to=to)) == Rejected("invalid_address", suppress="invalid_address")
    assert send(mail, replace(EMAIL, sender=to)) == RetryLater("account_sender")
    assert mail.connections == 0
