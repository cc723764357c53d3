"""What must not be guessed, forged, moved or written down: start-up checks, tokens, sealed values, log lines."""

from __future__ import annotations

import base64
import itertools
import json
import logging
import random
import secrets as real_secrets
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.security import tokens
from app.security.keyring import CannotOpenError, Keyring, keyring, use
from app.security.redaction import JsonLines, redact
from config import ConfigurationError, Settings
from tests.conftest import environment
from tests.house.tree import sources

if TYPE_CHECKING:
    from collections.abc import Iterator

USES = {
    "click": 3,
    "open": 2,
    "restore": 2,
    "unsubscribe": 3,
    "confirm": 3,
    "review": 4,
    "reference": 3,
    "oauth state": 3,
}
"""Every use of a signed token and how many numbers it carries."""
OLD, NEW, OTHER = (letter * 2 + "4f1c9a7e3b5d2860" * 3 for letter in "abc")


def settings_with(**changes: str) -> Settings:
    return Settings.from_env(environment("postgresql://u:p@127.0.0.1/d", "redis://127.0.0.1:6379", **changes))


@pytest.fixture(autouse=True)
def ring() -> Iterator[Keyring]:
    made = Keyring([OLD])
    use(made)
    yield made
    use(Keyring(settings_with().secret_keys))


# Starting


def test_a_good_environment_starts() -> None:
    assert settings_with().secret_keys == ("0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d",)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SECRET_KEY", "", "SECRET_KEY is missing"),
        ("SECRET_KEY", " , ", "SECRET_KEY is missing"),
        ("SECRET_KEY", "changeme", "too easy to guess"),
        ("SECRET_KEY", "changeme-changeme-changeme-changeme-0123456789", "too easy to guess"),
        ("SECRET_KEY", "Development0a1b2c3d4e5f60718293a4b5c6d7e8f9", "too easy to guess"),
        ("SECRET_KEY", "0a1b2c3d4e5f60718293a4b5c6d7e8f", "too easy to guess"),  # 31 characters
        ("SECRET_KEY", "a" * 64, "too easy to guess"),
        ("SECRET_KEY", "abcabcabcabcabcabcabcabcabcabcabcabcabcabc", "too easy to guess"),
        ("SECRET_KEY", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d,short", "too easy to guess"),
        ("SHOPIFY_API_SECRET", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d", "must not be the Shopify API secret"),
        ("SHOPIFY_API_SECRET_OLD", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d", "must not be the Shopify API secret"),
        ("DATABASE_URL", "", "DATABASE_URL is missing"),
        ("REDIS_URL", " ", "REDIS_URL is missing"),
        ("PUBLIC_URL", "", "PUBLIC_URL is missing"),
        ("PUBLIC_URL", "http://shop.example", "must begin with https://"),
        ("PUBLIC_URL", "ftp://shop.example", "must begin with https://"),
        ("CLOCK_SPEED", "fast", "CLOCK_SPEED must be a number"),
        ("CLOCK_EPOCH", "yesterday", "CLOCK_EPOCH must be a time"),
        ("TRUSTED_PROXIES", "all", "TRUSTED_PROXIES must be a number"),
    ],
)
def test_an_unsafe_environment_stops_the_start(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as stopped:
        settings_with(**{name: value})
    assert len(value) < 12 or value not in str(stopped.value), "the message must not repeat a secret"


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as stopped:
        Settings.from_env({})
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL"):
        assert name in str(stopped.value)


def test_settings_do_not_show_their_secrets() -> None:
    given = {
        "SECRET_KEY": NEW,
        "SHOPIFY_API_SECRET": "shpss_very-secret",
        "SHOPIFY_API_SECRET_OLD": "shpss_older-secret",
        "SENDGRID_API_KEY": "SG.very-secret",
        "TWILIO_AUTH_TOKEN": "twilio-very-secret",
        "SMTP_URL": "smtp://u:mail-secret@h",
        "DATABASE_URL": "postgresql://u:base-secret@h/d",
        "REDIS_URL": "redis://:queue-secret@h",
    }
    shown = repr(Settings.from_env({**environment("", ""), **given}))
    for name, value in given.items():
        assert value not in shown, name
    assert "secret" not in shown.replace("secret_keys", "")


# Tokens


def test_every_use_in_the_code_is_tried_here() -> None:
    import ast

    found = {
        node.args[0].value
        for source in sources("app")
        for node in ast.walk(source.syntax)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("make", "read")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "tokens"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert found == set(USES), "add the use and its count to USES"


@pytest.mark.parametrize("use_", USES)
def test_a_token_gives_back_its_numbers(use_: str) -> None:
    chance = random.Random(use_)
    for size in (1, 7, 8, 31, 62):
        numbers = tuple(chance.getrandbits(size) for _ in range(USES[use_]))
        token = tokens.make(use_, *numbers)
        assert tokens.read(use_, token, USES[use_]) == numbers
        assert token.isascii()
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        assert tokens.read(use_, token, USES[use_] + 1) is None


@pytest.mark.parametrize("use_", USES)
def test_20000_made_up_tokens_are_refused(use_: str) -> None:
    """Random ones, and genuine ones with a letter changed, dropped, doubled, swapped, or spelt in another way."""
    chance = random.Random(use_)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    genuine = [
        tokens.make(use_, *(chance.getrandbits(chance.choice((3, 14, 40, 62))) for _ in range(USES[use_])))
        for _ in range(200)
    ]
    known = set(genuine)
    tried = 0
    while tried < 20_000:
        token = chance.choice(genuine)
        place = chance.randrange(len(token))
        made_up = (
            "".join(chance.choice(letters) for _ in range(chance.randrange(1, 140))),
            token[:place] + chance.choice(letters) + token[place + 1 :],
            token[:place] + token[place + 1 :],
            token[:place] + token[place] + token[place:],
            token[place:] + token[:place],
            token + chance.choice(("=", "A", ".", " ", "%00", "\n", "\u00e9", "/")),
            token.swapcase(),
            base64.urlsafe_b64encode(chance.randbytes(chance.randrange(0, 60))).decode().rstrip("="),
        )
        for candidate in made_up:
            if candidate not in known:
                assert tokens.read(use_, candidate, USES[use_]) is None, candidate
                tried += 1


def test_a_token_serves_one_use_only() -> None:
    for made_for, read_as in itertools.permutations(USES, 2):
        for count in {USES[made_for], USES[read_as]}:
            token = tokens.make(made_for, *range(1, count + 1))
            assert tokens.read(read_as, token, count) is None, (made_for, read_as)


def test_old_links_work_after_a_rotation_and_end_when_the_key_goes() -> None:
    before = {name: tokens.make(name, *range(count)) for name, count in USES.items()}
    use(Keyring([NEW, OLD]))
    for name, token in before.items():
        assert tokens.read(name, token, USES[name]) == tuple(range(USES[name]))
        assert tokens.make(name, *range(USES[name])) != token, "new links are signed by the new key"
    use(Keyring([NEW]))
    assert all(tokens.read(name, token, USES[name]) is None for name, token in before.items())


def test_another_installations_token_is_refused() -> None:
    token = tokens.make("unsubscribe", 1, 2, 3)
    use(Keyring([OTHER]))
    assert tokens.read("unsubscribe", token, 3) is None


@pytest.mark.parametrize("token", ["", "A", "=", "é" * 30, "A" * 129, "A" * 100_000, "\x00" * 20, "../../etc"])
def test_strange_tokens_are_refused_quietly(token: str) -> None:
    assert tokens.read("click", token, 3) is None


# Sealed values


def test_a_sealed_value_opens_for_its_purpose_and_row_only(ring: Keyring) -> None:
    sealed = ring.seal(b"secret", "shop_token.access_token", "shop 1")
    assert ring.open(sealed, "shop_token.access_token", "shop 1") == b"secret"
    for purpose, row in (
        ("shop_token.refresh_token", "shop 1"),
        ("shop_token.access_token", "shop 2"),
        ("shop_token.access_token", ""),
    ):
        with pytest.raises(CannotOpenError):
            ring.open(sealed, purpose, row)


def test_a_changed_sealed_value_does_not_open(ring: Keyring) -> None:
    sealed = ring.seal(b"secret", "purpose")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(CannotOpenError):
            ring.open(bytes(changed), "purpose")
    for cut in range(len(sealed)):
        with pytest.raises(CannotOpenError):
            ring.open(sealed[:cut], "purpose")


def test_sealing_twice_never_looks_the_same_and_never_shows_the_value(ring: Keyring) -> None:
    sealed = {ring.seal(b"the very same text", "purpose") for _ in range(500)}
    assert len(sealed) == 500
    assert not any(b"same" in each for each in sealed)


def test_rotation_opens_the_old_and_seals_with_the_new() -> None:
    old, both, new = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
    earlier = old.seal(b"value", "purpose")
    assert both.open(earlier, "purpose") == b"value"
    later = both.seal(b"value", "purpose")
    assert new.open(later, "purpose") == b"value"
    for ring, sealed in ((new, earlier), (old, later)):
        with pytest.raises(CannotOpenError):
            ring.open(sealed, "purpose")


def test_fingerprints_stay_the_same_while_the_old_key_is_in_the_ring() -> None:
    """A suppressed address must still be found after a rotation."""
    before = Keyring([OLD]).fingerprint("ana@shopper.example", "address")
    assert Keyring([NEW, OLD]).fingerprint("ana@shopper.example", "address") == before
    assert Keyring([OLD]).fingerprint("ana@shopper.example", "another purpose") != before
    assert before in Keyring([NEW, OLD]).fingerprints("ana@shopper.example", "address")


def test_the_keyring_does_not_show_its_secrets() -> None:
    assert OLD not in repr(keyring())


# Log lines


def line(message: str, exception: BaseException | None = None, **extra: Any) -> str:
    information = None
    if exception is not None:
        try:
            raise exception
        except type(exception):
            information = sys.exc_info()
    record = logging.LogRecord("app.test", logging.WARNING, __file__, 1, message, (), information)
    record.__dict__.update(extra)
    return JsonLines().format(record)


PRIVATE = {
    "an address": "ana.lee+shop@mail.shopper.example",
    "a plain number": "+12125550123",
    "a spaced number": "+1 (212) 555-0123",
    "a store's token": "shpat_0123456789abcdef0123456789abcdef",
    "a refresh token": "shprt_0123456789abcdef0123456789abcdef",
    "an app's secret": "shpss_0123456789abcdef0123456789abcdef",
    "a SendGrid key": "SG.abcdefghijkl.0123456789abcdefghijkl",
    "a session token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLXRva2Vu",
}


@pytest.mark.parametrize("what", PRIVATE)
def test_what_is_private_never_reaches_a_log_line(what: str) -> None:
    value = PRIVATE[what]
    written = [
        redact(f"could not do it for {value}, sorry"),
        line(f"could not do it for {value}"),
        line("failed", detail=f"reply was: <{value}>"),
        line("failed", exception=ValueError(f"bad value {value}")),
    ]
    for each in written:
        assert value not in each


def test_a_signed_link_never_reaches_a_log_line() -> None:
    token = tokens.make("unsubscribe", 1, 22, 333)
    for path in ("u", "p", "c", "r", "o", "review", "confirm"):
        assert token not in redact(f"GET /{path}/{token} 200")


def test_a_log_line_is_one_line_of_json_with_its_facts() -> None:
    told = json.loads(line("delivery_parked", shop=7, reason="not_json\nlevel=ERROR forged"))
    assert told["event"] == "delivery_parked"
    assert (told["shop"], told["level"], told["logger"]) == (7, "WARNING", "app.test")
    assert "\n" not in line("x", reason="a\nb")


def test_an_exception_is_told_by_type_and_place() -> None:
    told = json.loads(line("failed", exception=ValueError("ana@shopper.example")))
    assert told["exception"] == "ValueError"
    assert any("test_secrets.py" in place for place in told["where"])


def test_an_exception_deep_in_a_library_still_names_our_own_line() -> None:
    with pytest.raises(ArgumentError) as caught:
        make_url("not an address")
    information = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord("app", logging.ERROR, __file__, 1, "failed", (), information)
    places = json.loads(JsonLines().format(record))["where"]
    assert "test_an_exception_deep" in places[0]
    assert "site-packages" in places[-1]
    assert sum("site-packages" in place for place in places) == 1


def test_random_ids_survive_redaction() -> None:
    for _ in range(200):
        identifier = real_secrets.token_hex(8)
        assert redact(f"message {identifier} shop 12345678") == f"message {identifier} shop 12345678"
