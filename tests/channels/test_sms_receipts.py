"""Twilio's callbacks: who signed them, and what they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, strategies as st
from werkzeug.datastructures import MultiDict

from app.channels.base import InboundText, Receipt
from app.channels.sms import receipts
from app.channels.sms.errors import ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SHARED_KEY_SETTINGS = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
URL = "https://app.example/receipts/twilio/status?m=ref-1.sig"
TOKEN = "token"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+14155550100", "From": "+15005550006", "Empty": ""}


def sign(url: str, form: dict[str, str], algorithm: Any = hashlib.sha1, *, secret: str = TOKEN) -> str:
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), algorithm).digest()).decode()


def headers(signature: str, settings: str | None = None) -> dict[str, str]:
    given = {"x-twilio-signature": signature}
    return {**given, "X-Twilio-Webhooks-Signature-Settings": settings} if settings is not None else given


def test_the_published_vectors_verify_in_both_schemes(platform_file: Callable[[str], Any]) -> None:
    vector = platform_file("signing-vectors.json")["twilio_form"]
    token, url, form = vector["auth_token"], vector["url"], vector["params"]
    assert receipts.verify(token, url, form, headers(vector["signature"]))
    assert receipts.verify(token, url, urlencode(form).encode(), headers(vector["signature"]))
    assert receipts.verify(token, url, MultiDict(form), headers(vector["signature"]))
    assert receipts.verify(token, url, form, headers(vector["sha256_variant"], SHARED_KEY_SETTINGS))
    assert not receipts.verify(token, url, form, headers(vector["sha256_variant"]))
    assert not receipts.verify(token, url, form, headers(vector["signature"], SHARED_KEY_SETTINGS))


def test_the_published_json_vector_verifies_over_its_exact_bytes(platform_file: Callable[[str], Any]) -> None:
    vectors = platform_file("signing-vectors.json")
    vector, token = vectors["twilio_json"], vectors["twilio_form"]["auth_token"]
    body = vector["body"].encode()
    assert receipts.verify(token, vector["url"], body, headers(vector["signature"]))
    for other in (b"", body + b" ", b'{"a":2}', b"\xff"):
        assert not receipts.verify(token, vector["url"], other, headers(vector["signature"]))


@pytest.mark.parametrize(("algorithm", "settings"), [(hashlib.sha1, None), (hashlib.sha256, SHARED_KEY_SETTINGS)])
def test_200_mutations_of_a_signed_callback_are_refused(algorithm: Any, settings: str | None) -> None:
    dice, signature = random.Random(4), sign(URL, FORM, algorithm=algorithm)
    assert receipts.verify("token", URL, FORM, headers(signature, settings))

    def mutated(text: str) -> str:
        place = dice.randrange(len(text)) if text else 0
        other = chr((ord(text[place : place + 1] or "a") - 32 + dice.randrange(1, 95)) % 95 + 32)
        return text[:place] + other + text[place + 1 :]

    for turn in range(200):
        url, form, given, secret = URL, dict(FORM), signature, "token"
        if turn % 5 == 0:
            url = URL[:20] + mutated(URL[20:])
        elif turn % 5 == 1:
            name = dice.choice(sorted(FORM))
            form[name] = mutated(form[name])
        elif turn % 5 == 2:
            form[f"New{turn}"] = "x"
        elif turn % 5 == 3:
            given = mutated(signature)
        else:
            secret = mutated("token")
        assert not receipts.verify(secret, url, form, headers(given, settings)), (url, form, given, secret)


def test_every_value_of_a_repeated_field_is_signed() -> None:
    url, token = "https://app.example/x", "token"
    signature = base64.b64encode(hmac.new(b"token", (url + "Aa1Aa2").encode(), hashlib.sha1).digest()).decode()
    assert receipts.verify(token, url, {"Aa": ["2", "1"]}, headers(signature))
    assert receipts.verify(token, url, MultiDict([("Aa", "2"), ("Aa", "1")]), headers(signature))
    assert receipts.verify(token, url, b"Aa=2&Aa=1", headers(signature))
    assert not receipts.verify(token, url, b"Aa=1", headers(signature))


def test_the_address_counts_with_and_without_its_port() -> None:
    assert receipts.verify("token", URL, FORM, headers(sign(URL.replace("app.example", "app.example:443"), FORM)))
    local = URL.replace("https://app.example", "http://localhost:5000")
    assert receipts.verify("token", local, FORM, headers(sign(local, FORM)))
    assert not receipts.verify("token", URL, FORM, headers(sign(URL.replace("app.example", "app.example:8443"), FORM)))


@pytest.mark.parametrize(
    ("secret", "given"),
    [
        ("", headers(sign(URL, FORM, secret=""))),
        ("token", {}),
        ("token", headers("")),
        ("token", headers("é")),
        ("token", headers(sign(URL, FORM), "key=a,algorithm=HMAC_MD5")),
        ("token", headers(sign(URL, FORM), "key=a,algorithm=none")),
    ],
)
def test_without_secret_signature_or_known_algorithm_nothing_is_believed(secret: str, given: dict[str, str]) -> None:
    assert not receipts.verify(secret, URL, FORM, given)


@given(st.binary(), st.text(), st.text())
def test_verifying_never_fails(body: bytes, signature: str, settings: str) -> None:
    assert not receipts.verify("token", URL, body, headers(signature, settings))


@pytest.mark.parametrize(
    ("status", "code", "kind", "permanent", "suppress"),
    [
        ("queued", "", "processed", False, None),
        ("accepted", "", "processed", False, None),
        ("sending", "", "processed", False, None),
        ("sent", "", "processed", False, None),
        ("delivered", "", "delivered", False, None),
        ("read", "", "delivered", False, None),
        ("DELIVERED", "", "delivered", False, None),
        ("undelivered", "30003", "failed", False, None),
        ("undelivered", "30005", "failed", True, "invalid_address"),
        ("undelivered", "30006", "failed", True, "invalid_address"),
        ("undelivered", "30007", "failed", False, None),
        ("failed", "21610", "failed", True, "opted_out"),
        ("failed", "99999", "failed", False, None),
        ("failed", "x", "failed", False, None),
        ("canceled", "", "failed", False, None),
    ],
)
def test_statuses_become_receipts(status: str, code: str, kind: str, permanent: bool, suppress: str | None) -> None:  # noqa: FBT001
    form = {"MessageSid": "SM1", "MessageStatus": status, "ErrorCode": code}
    assert receipts.read_status(form, "ref-1", AT) == Receipt(
        event_id=f"SM1{status.lower()}",
        kind=kind,
        at=AT,
        reference="ref-1",
        provider_ref="SM1",
        code=code or ("canceled" if status == "canceled" else ""),
        permanent=permanent,
        suppress=suppress,
    )


@pytest.mark.parametrize("form", [{}, {"MessageSid": "SM1"}, {"MessageStatus": "sent"}, {**FORM, "MessageStatus": "?"}])
def test_a_callback_that_says_nothing_is_none(form: dict[str, str]) -> None:
    assert receipts.read_status(form, "ref-1", AT) is None


def test_a_shoppers_text_is_read_whole() -> None:
    form = {
        "MessageSid": "SM2",
        "From": "+14155550100",
        "To": "+15005550006",
        "Body": "Stop\x00 please",
        "OptOutType": "stop",
        "MessagingServiceSid": "MG1",
    }
    text = receipts.read_inbound(form)
    assert text == InboundText("SM2", "+14155550100", "+15005550006", "Stop please", "STOP", "MG1")
    assert "+14155550100" not in repr(text)
    plain = receipts.read_inbound({"SmsSid": "SM3", "From": "+1", "OptOutType": "?"})
    assert plain == InboundText("SM3", "+1", "", "")
    assert receipts.read_inbound({"Body": "hi"}) is None


def test_the_error_table_suppresses_only_for_the_number_itself() -> None:
    about_the_number = {21211, 21217, 21265, 21266, 21268, 21610, 21614, 21635, 30005, 30006}
    assert {code for code, meaning in ERRORS.items() if meaning.suppress} == about_the_number
    assert all(meaning.kind == "rejected" for meaning in ERRORS.values() if meaning.suppress)
