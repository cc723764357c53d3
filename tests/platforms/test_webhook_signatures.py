"""Only what Shopify signed comes in, whatever the headers try."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from app.platforms.base import Envelope, Refused
from app.platforms.shopify.webhooks import receive, signature

SECRET, OLD = "the-secret-in-use", "the-secret-before"
BODY = b'{"id":820982911946154508,"email":"jon@example.com","note":"caf\xc3\xa9"}'


def headers(mac: str, **other: str) -> dict[str, str]:
    return {
        "X-Shopify-Hmac-Sha256": mac,
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Shop-Domain": "roastery.myshopify.com",
        "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    } | other


def signed(body: bytes = BODY, secret: str = SECRET) -> str:
    return signature(secret, body).decode()


def test_the_vector_of_shopifys_own_library_agrees(vectors: dict[str, Any]) -> None:
    vector = vectors["shopify_webhook"]
    body = vector["body"].encode()
    assert signature(vector["secret"], body).decode() == vector["hmac"]
    assert isinstance(receive(headers(vector["hmac"]), body, [vector["secret"]]), Envelope)
    assert receive(headers("x" + vector["hmac"][1:]), body, [vector["secret"]]) == Refused(401, "bad_signature")


@pytest.mark.parametrize("rename", [str, str.lower, str.upper, lambda name: name.removeprefix("X-")])
def test_a_genuine_webhook_comes_in_under_either_family_of_names_in_any_case(rename: Any) -> None:
    given = {rename(name): value for name, value in headers(signed()).items()}
    given[rename("X-Shopify-Triggered-At")] = "2026-11-22T10:00:00.123456789Z"
    given[rename("X-Shopify-Event-Id")] = "event-1"
    given[rename("X-Shopify-API-Version")] = "2026-10"
    envelope = receive(given, BODY, [SECRET])
    assert isinstance(envelope, Envelope)
    assert (envelope.shop_domain, envelope.topic) == ("roastery.myshopify.com", "orders/create")
    assert (envelope.event_id, envelope.api_version) == ("event-1", "2026-10")
    assert envelope.triggered_at is not None
    assert envelope.triggered_at.isoformat() == "2026-11-22T10:00:00.123456+00:00"


def test_a_rotated_secret_still_counts_while_it_is_configured() -> None:
    assert isinstance(receive(headers(signed(secret=OLD)), BODY, [SECRET, OLD]), Envelope)
    assert receive(headers(signed(secret=OLD)), BODY, [SECRET]) == Refused(401, "bad_signature")


def test_without_a_secret_nothing_comes_in_even_when_signed_with_nothing() -> None:
    assert receive(headers(signed(secret="")), BODY, [""]) == Refused(401, "bad_signature")
    assert receive(headers(signed(secret="")), BODY, []) == Refused(401, "bad_signature")


@pytest.mark.parametrize("missing", ["Hmac-Sha256", "Topic", "Shop-Domain", "Webhook-Id"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_header_is_a_bad_request(missing: str, *, empty: bool) -> None:
    given = headers(signed())
    if empty:
        given[f"X-Shopify-{missing}"] = ""
    else:
        del given[f"X-Shopify-{missing}"]
    assert receive(given, BODY, [SECRET]) == Refused(400, "missing_headers")


@pytest.mark.parametrize(
    "shop",
    [
        "roastery.myshopify.com.evil.tld",
        "roastery.myshopify.com\n",
        "evil.tld",
        "evil.tld/roastery.myshopify.com",
        "-a.myshopify.com",
        "a_b.myshopify.com",
        ".myshopify.com",
        "röst.myshopify.com",
        "a.b.myshopify.com",
        "roastery.myshopify.com:80",
        "roastery@evil.myshopify.com",
        "x" * 300 + ".myshopify.com",
    ],
)
def test_a_shop_that_is_no_store_of_shopify_is_refused(shop: str) -> None:
    given = headers(signed()) | {"X-Shopify-Shop-Domain": shop}
    assert receive(given, BODY, [SECRET]) == Refused(400, "bad_shop_domain")


@pytest.mark.parametrize("name", ["X-Shopify-Topic", "X-Shopify-Webhook-Id"])
@pytest.mark.parametrize("value", ["a\nb", "é" * 3, "\x00", "x" * 300, "a b"])
def test_headers_that_could_not_be_stored_are_refused(name: str, value: str) -> None:
    assert receive(headers(signed()) | {name: value}, BODY, [SECRET]) == Refused(400, "bad_headers")


def mutations() -> dict[str, tuple[str, bytes]]:
    """More than 200 ways of not having the secret."""
    good = signed()
    raw = base64.b64decode(good)
    found: dict[str, tuple[str, bytes]] = {
        "hex": (raw.hex(), BODY),
        "hex upper": (raw.hex().upper(), BODY),
        "url-safe": (base64.urlsafe_b64encode(raw).decode().replace("=", "") + "-_", BODY),
        "no padding": (good.rstrip("="), BODY),
        "double padding": (good + "=", BODY),
        "trailing newline": (good + "\n", BODY),
        "leading blank": (" " + good, BODY),
        "twice": (f"{good},{good}", BODY),
        "twice, apart": (f"{good}, {good}", BODY),
        "prefixed": ("sha256=" + good, BODY),
        "quoted": (f'"{good}"', BODY),
        "truncated": (good[:20], BODY),
        "one letter": (good[0], BODY),
        "of nothing": (signed(b""), BODY),
        "reserialised": (signed(json.dumps(json.loads(BODY)).encode()), BODY),
        "another app's": (signed(secret="another"), BODY),
        "reversed": (good[::-1], BODY),
        "lower case": (good.lower(), BODY),
        "non-ASCII": ("é" + good[1:], BODY),
        "surrogate": ("\udcff" + good[1:], BODY),
        "NUL": (good + "\x00", BODY),
        "sha1": (base64.b64encode(hmac.digest(SECRET.encode(), BODY, "sha1")).decode(), BODY),
        "sha512": (base64.b64encode(hmac.digest(SECRET.encode(), BODY, "sha512")).decode(), BODY),
        "plain hash": (base64.b64encode(hashlib.sha256(SECRET.encode() + BODY).digest()).decode(), BODY),
        "body and secret": (base64.b64encode(hashlib.sha256(BODY + SECRET.encode()).digest()).decode(), BODY),
        "swapped": (base64.b64encode(hmac.digest(BODY, SECRET.encode(), "sha256")).decode(), BODY),
        "body longer": (good, BODY + b"\n"),
        "body shorter": (good, BODY[:-1]),
        "body with BOM": (good, b"\xef\xbb\xbf" + BODY),
        "body empty": (good, b""),
        "body doubled": (good, BODY * 2),
    }
    for bit in range(256):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        found[f"bit {bit} of the signature"] = (base64.b64encode(flipped).decode(), BODY)
    for at in range(len(BODY)):
        changed = bytearray(BODY)
        changed[at] ^= 1
        found[f"byte {at} of the body"] = (good, bytes(changed))
    return found


def test_none_of_hundreds_of_forgeries_comes_in() -> None:
    forgeries = mutations()
    assert len(forgeries) >= 200
    accepted = [
        name
        for name, (mac, body) in forgeries.items()
        if receive(headers(mac), body, [SECRET]) != Refused(401, "bad_signature")
    ]
    assert accepted == []
