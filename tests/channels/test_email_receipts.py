"""SendGrid's event webhook: forged reports are refused, real ones are read whatever is in them."""

from __future__ import annotations

import base64
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, strategies as st

from app.channels.email import receipts

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.channels.base import Receipt

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
BODY = b'[{"event":"delivered","sg_event_id":"e1","timestamp":1777896000,"reference":"ref-1"}]\r\n'


def public(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def signed(body: bytes, at: datetime = NOW, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        receipts.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
        receipts.TIMESTAMP_HEADER: timestamp,
    }


def mutated(text: str, dice: random.Random) -> str:
    place = dice.randrange(len(text))
    other = chr((ord(text[place]) - 32 + dice.randrange(1, 95)) % 95 + 32)
    return dice.choice(
        [
            text[:place] + other + text[place + 1 :],
            text[:place] + text[place + 1 :],
            text[:place] + other + text[place:],
        ]
    )


def test_the_published_vector_verifies_and_only_with_its_trailing_line_end(platform_file: Callable[[str], Any]) -> None:
    vector = platform_file("signing-vectors.json")["sendgrid"]
    headers = {
        receipts.SIGNATURE_HEADER.upper(): vector["signature"],
        receipts.TIMESTAMP_HEADER.lower(): vector["timestamp"],
    }
    body, at = vector["payload"].encode(), datetime.fromtimestamp(int(vector["timestamp"]), UTC)
    assert receipts.verify(vector["public_key"], headers, body, at)
    assert not receipts.verify(vector["public_key"], headers, body.removesuffix(b"\r\n"), at)


def test_200_mutations_of_a_signed_report_are_refused() -> None:
    dice, headers = random.Random(4), signed(BODY)
    assert receipts.verify(public(KEY), headers, BODY, NOW)
    for turn in range(200):
        changed, body = dict(headers), BODY
        if turn % 3 == 0:
            body = mutated(BODY.decode(), dice).encode()
        else:
            name = (receipts.SIGNATURE_HEADER, receipts.TIMESTAMP_HEADER)[turn % 3 - 1]
            changed[name] = mutated(headers[name], dice)
        if (changed, body) != (headers, BODY):
            assert not receipts.verify(public(KEY), changed, body, NOW), (changed, body)


@pytest.mark.parametrize("name", [receipts.SIGNATURE_HEADER, receipts.TIMESTAMP_HEADER])
@pytest.mark.parametrize("value", [None, "", "x", "é", "²", "-1", "9" * 50, "A" * 10_000])
def test_a_report_with_a_missing_or_odd_header_is_refused(name: str, value: str | None) -> None:
    headers = signed(BODY)
    del headers[name]
    if value is not None:
        headers[name] = value
    assert not receipts.verify(public(KEY), headers, BODY, NOW)


@pytest.mark.parametrize(
    ("age", "accepted"),
    [
        (timedelta(0), True),
        (timedelta(hours=23, minutes=59), True),
        (timedelta(hours=24, minutes=1), False),
        (-timedelta(minutes=9), True),
        (-timedelta(minutes=11), False),
    ],
)
def test_a_report_may_be_a_day_old_and_a_little_ahead(age: timedelta, accepted: bool) -> None:  # noqa: FBT001
    assert receipts.verify(public(KEY), signed(BODY, NOW - age), BODY, NOW) is accepted


def test_any_of_several_keys_may_have_signed() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    keys = f"{public(other)}, {public(KEY)}"
    assert receipts.verify(keys, signed(BODY), BODY, NOW)
    assert receipts.verify(keys, signed(BODY, key=other), BODY, NOW)
    assert not receipts.verify(public(other), signed(BODY), BODY, NOW)


@pytest.mark.parametrize("key", ["", ",", "nonsense", "====", "é", base64.b64encode(b"short").decode()])
def test_without_a_usable_key_nothing_is_believed(key: str) -> None:
    assert not receipts.verify(key, signed(BODY), BODY, NOW)


def read_one(**fields: Any) -> Receipt:
    entry = {"event": "delivered", "sg_event_id": "e1", "timestamp": 1_777_896_000, "reference": "ref-1", **fields}
    found, unusable = receipts.read(orjson.dumps([entry]))
    assert unusable == 0
    return found[0]


@pytest.mark.parametrize(
    ("fields", "kind", "permanent", "suppress", "code"),
    [
        ({"event": "processed"}, "processed", False, None, ""),
        ({"event": "delivered"}, "delivered", False, None, ""),
        ({"event": "deferred", "status": "4.2.2"}, "deferred", False, None, "4.2.2"),
        ({"event": "bounce", "type": "bounce", "status": "5.1.1"}, "bounced", True, "hard_bounce", "bounce 5.1.1"),
        ({"event": "bounce", "type": "blocked", "status": "5.7.1"}, "bounced", False, None, "blocked 5.7.1"),
        ({"event": "bounce"}, "bounced", True, "hard_bounce", "bounce"),
        ({"event": "dropped", "reason": "Bounced Address"}, "dropped", True, "hard_bounce", "bounced_address"),
        (
            {"event": "dropped", "reason": "Spam Reporting Address"},
            "dropped",
            True,
            "complaint",
            "spam_reporting_address",
        ),
        ({"event": "dropped", "reason": "Invalid"}, "dropped", True, "invalid_address", "invalid"),
        (
            {"event": "dropped", "reason": "Unsubscribed Address"},
            "dropped",
            True,
            "unsubscribed",
            "unsubscribed_address",
        ),
        ({"event": "dropped", "reason": "Spam Content"}, "dropped", False, None, "dropped"),
        ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, "dropped", False, None, "dropped"),
        ({"event": "spamreport"}, "complained", False, "complaint", ""),
        ({"event": "unsubscribe"}, "unsubscribed", False, "unsubscribed", ""),
        ({"event": "group_unsubscribe"}, "unsubscribed", False, "unsubscribed", ""),
    ],
)
def test_events_become_receipts(
    fields: dict[str, Any],
    kind: str,
    permanent: bool,  # noqa: FBT001 - a column of the table above
    suppress: str | None,
    code: str,
) -> None:
    receipt = read_one(**fields)
    assert (receipt.kind, receipt.permanent, receipt.suppress, receipt.code) == (kind, permanent, suppress, code)
    assert (receipt.event_id, receipt.reference, receipt.at) == ("e1", "ref-1", NOW)
    assert receipt.address is None


def test_opens_and_clicks_carry_what_tells_people_from_machines() -> None:
    click = read_one(event="click", url="https://app.example/c/x", useragent="Safari", sg_message_id="abc.filter1.2")
    assert (click.kind, click.url, click.user_agent) == ("clicked", "https://app.example/c/x", "Safari")
    assert click.provider_ref == "abc"
    assert read_one(event="open", useragent="Mail").kind == "opened"


def test_a_report_without_our_reference_names_the_address() -> None:
    assert read_one(event="unsubscribe", reference=None, email="jo@example.com").address == "jo@example.com"
    assert "jo@example.com" not in repr(read_one(event="unsubscribe", reference=None, email="jo@example.com"))


def test_the_text_of_a_bounce_which_quotes_addresses_is_not_kept() -> None:
    receipt = read_one(event="bounce", reason="550 <jo@example.com> unknown", status="jo@example.com")
    assert "jo@" not in receipt.code


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"{}", b"[", b"\xff\xfe", b'"text"', b"1", b"[" * 5000, b'[{"event":"delivered"', b"[1e999]"],
)
def test_what_is_no_report_is_counted_once(body: bytes) -> None:
    assert receipts.read(body) == ([], 1)


def test_one_bad_entry_does_not_cost_the_others() -> None:
    good = {"event": "delivered", "sg_event_id": "e", "timestamp": 1_777_896_000}
    bad: list[Any] = [
        None,
        7,
        "x",
        [],
        {},
        {**good, "event": "account_status_change"},
        {**good, "event": "group_resubscribe"},
        {**good, "event": ["delivered"]},
        {**good, "sg_event_id": None},
        {**good, "timestamp": "now"},
        {**good, "timestamp": 1e300},
        {**good, "timestamp": -(10**18)},
        {**good, "timestamp": True},
    ]
    found, unusable = receipts.read(orjson.dumps([good, *bad, good]))
    assert ([receipt.event_id for receipt in found], unusable) == (["e", "e"], len(bad))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = ["event", "sg_event_id", "timestamp", "reference", "type", "reason", "status", "url", "email"]
entries = st.dictionaries(st.sampled_from(FIELDS), json_values | st.sampled_from([*receipts.KINDS, 1_777_896_000]))


@given(st.lists(entries | json_values))
def test_reading_never_fails_and_every_entry_is_accounted_for(report: list[Any]) -> None:
    try:
        body = orjson.dumps(report)
    except orjson.JSONEncodeError:
        return
    found, unusable = receipts.read(body)
    assert len(found) + unusable == len(report)


@given(st.binary())
def test_reading_never_fails_on_noise(body: bytes) -> None:
    receipts.read(body)


def test_a_thousand_events_are_read_quickly() -> None:
    entry = {
        "event": "click",
        "sg_event_id": "e" * 22,
        "sg_message_id": "m" * 60,
        "timestamp": 1_777_896_000,
        "reference": "r" * 40,
        "url": "https://app.example/c/" + "t" * 100,
        "useragent": "Mozilla/5.0 " * 8,
        "email": "jo@example.com",
    }
    body = orjson.dumps([entry] * 1000)
    before = time.thread_time()
    found, unusable = receipts.read(body)
    assert (len(found), unusable) == (1000, 0)
    assert time.thread_time() - before < 0.2
