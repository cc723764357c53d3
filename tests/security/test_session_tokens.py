"""Session tokens nobody signed: no algorithm, another one, another audience, and 10,000 changed by a bit or a few."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from typing import Any

import jwt
import pytest

from app.platforms.shopify.auth import Denied, Session, enter
from app.platforms.shopify.credentials import Credentials

KEY, SECRET, OLD = "key-of-the-app", "a-secret-of-the-app-" * 4, "the-old-secret-" * 5
SHOP = "roastery.myshopify.com"
APP = Credentials(KEY, (SECRET, OLD))
NOW = int(time.time())
CLAIMS: dict[str, Any] = {
    "iss": f"https://{SHOP}/admin", "dest": f"https://{SHOP}", "aud": KEY, "sub": "42", "exp": NOW + 3600, "nbf": NOW,
    "iat": NOW, "jti": "1", "sid": "2",
}  # fmt: skip
GOOD = jwt.encode(CLAIMS, SECRET, algorithm="HS256")


def let_in(token: str) -> Session | Denied:
    return enter(APP, "/admin/journeys", f"Bearer {token}", "/auth/patch-id-token")


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def made(header: dict[str, Any], claims: dict[str, Any], signature: bytes | None = None, secret: str = SECRET) -> str:
    """A token by hand, signed with HMAC-SHA256 whatever its header says, unless a signature is given."""
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    if signature is None:
        signature = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{b64(signature)}"


def test_the_good_one_is_let_in() -> None:
    assert isinstance(let_in(GOOD), Session)
    assert isinstance(let_in(made({"alg": "HS256", "typ": "JWT"}, CLAIMS)), Session)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"}, {"alg": "None"}, {"alg": "NONE"}, {"alg": "nOnE"}, {"alg": ""}, {"alg": None}, {"alg": 1}, {},
        {"alg": "HS384"}, {"alg": "HS512"}, {"alg": "RS256"}, {"alg": "ES256"}, {"alg": "PS256"}, {"alg": "EdDSA"},
        {"alg": "hs256"}, {"alg": " HS256"}, {"alg": ["HS256"]}, {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_another_algorithm_is_refused_whatever_stands_as_signature(header: dict[str, Any]) -> None:
    for signature in (None, b"", b"\0" * 32):
        assert isinstance(let_in(made(header, CLAIMS, signature)), Denied)
    assert isinstance(let_in(made(header, CLAIMS, b"").rstrip(".")), Denied)


@pytest.mark.parametrize(
    "extra",
    [
        {"kid": "../../../../dev/null"},
        {"kid": "' UNION SELECT 'x"},
        {"jku": "https://evil.tld/jwks.json"},
        {"x5u": "https://evil.tld/x.pem"},
        {"jwk": {"kty": "oct", "k": b64(b"mine")}},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_a_key_that_the_token_brings_along_is_not_used(extra: dict[str, Any]) -> None:
    for secret in ("", "mine", "'x", "key-of-the-app", "\0"):
        assert isinstance(let_in(made({"alg": "HS256", **extra}, CLAIMS, secret=secret)), Denied)


@pytest.mark.parametrize(
    "audience", ["", "another", KEY.upper(), KEY + " ", KEY[:-1], KEY + "x", None, 0, True, [], ["another"], {KEY: KEY}]
)
def test_a_token_for_another_app_is_refused(audience: Any) -> None:
    assert isinstance(let_in(made({"alg": "HS256"}, {**CLAIMS, "aud": audience})), Denied)


def test_ten_thousand_changed_tokens_are_refused() -> None:
    """Each bit of each part once, then a few at a time: in the bytes that the text stands for, not in its padding."""
    parts = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in GOOD.split(".")]
    lengths = [len(part) * 8 for part in parts]
    rng = random.Random(20261122)

    def changed(flips: set[int]) -> str:
        whole = [bytearray(part) for part in parts]
        for flip in flips:
            index = 0
            while flip >= lengths[index]:
                flip -= lengths[index]  # noqa: PLW2901 - the place within its part
                index += 1
            whole[index][flip // 8] ^= 1 << flip % 8
        return ".".join(b64(bytes(part)) for part in whole)

    every = [{bit} for bit in range(sum(lengths))]
    several = [set(rng.sample(range(sum(lengths)), rng.randint(2, 5))) for _ in range(10_000 - len(every))]
    accepted = [flips for flips in every + several if isinstance(let_in(changed(flips)), Session)]
    assert accepted == []


def test_letters_that_are_no_base64_do_not_let_a_changed_token_in() -> None:
    """What a lenient reader skips must not hide a change: a token is let in only for the bytes that were signed."""
    head, body, signature = GOOD.split(".")
    for strange in ("=", "\n", " ", "+", "/", "%", "\u200b", "."):
        for token in (f"{head}{strange}.{body}.{signature}", f"{head}.{body}{strange}.{signature}",
                      f"{strange}{GOOD}"):  # fmt: skip
            found = let_in(token)
            assert isinstance(found, Denied) or token.strip() == GOOD, repr(strange)
