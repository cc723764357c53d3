"""Keys: one secret from the operator, one derived key per purpose, several generations during a rotation.

HKDF (RFC 5869) with the purpose as `info` gives each use its own key, so that a value made for one use can never pass
for another. The newest key seals and signs; all of them open and verify.

What is sealed is also bound to its place: the shop whose transaction it is (`at`), or what the caller names. A value
copied to another shop's row doesn't open there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NONCE_BYTES = 12
KEY_ID_BYTES = 4
UNBOUND, BOUND = b"\x01", b"\x02"
"""The first byte of what is sealed: whether its place is part of what the seal covers."""

_place: ContextVar[str] = ContextVar("place", default="")


@contextmanager
def at(place: str) -> Iterator[None]:
    """Seal and open for a place, for the length of the block."""
    before = _place.set(place)
    try:
        yield
    finally:
        _place.reset(before)


class CannotOpenError(Exception):
    """A sealed value was made with a key we no longer have, or was altered or moved to another shop."""


class Keyring:
    """Seals, signs and hashes for named purposes."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            message = "a keyring needs at least one secret"
            raise ValueError(message)
        self._secrets = tuple(s.encode() for s in secrets)
        self._ids = tuple(hashlib.sha256(b"key id" + s).digest()[:KEY_ID_BYTES] for s in self._secrets)
        self._key = lru_cache(maxsize=256)(self._derive)
        self._box = lru_cache(maxsize=256)(self._make_box)
        self._signer = lru_cache(maxsize=256)(self._make_signer)

    @property
    def newest_header(self) -> bytes:
        """What everything begins with that is sealed from now on, and bound to its place."""
        return BOUND + self._ids[0]

    def seal(self, plain: bytes, purpose: str, bound_to: str | None = None) -> bytes:
        """Encrypt (AES-256-GCM). The value opens only where it belongs: at `bound_to`, by default the present place."""
        place = _place.get() if bound_to is None else bound_to
        nonce = os.urandom(NONCE_BYTES)
        header = (BOUND if place else UNBOUND) + self._ids[0]
        sealed = self._box(0, purpose).encrypt(nonce, plain, header + place.encode())
        return header + nonce + sealed

    def open(self, sealed: bytes, purpose: str, bound_to: str | None = None) -> bytes:
        """Decrypt. A value that was sealed without a place opens anywhere.

        Raises:
            CannotOpenError: altered, moved, or made with a key that isn't in the ring.
        """
        sealed = bytes(sealed)
        header, rest = sealed[: 1 + KEY_ID_BYTES], sealed[1 + KEY_ID_BYTES :]
        place = "" if header[:1] == UNBOUND else _place.get() if bound_to is None else bound_to
        try:
            index = self._ids.index(header[1:])
            return self._box(index, purpose).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], header + place.encode())
        except (ValueError, InvalidTag):
            message = f"can't open a sealed value of purpose {purpose}"
            raise CannotOpenError(message) from None

    def sign(self, value: bytes, purpose: str) -> bytes:
        """A 128-bit MAC by the newest key."""
        return self._mac(0, value, purpose)

    def verify(self, value: bytes, mac: bytes, purpose: str) -> bool:
        """Whether any key of the ring made this MAC; constant time for each."""
        matches = [hmac.compare_digest(self._mac(i, value, purpose), mac) for i in range(len(self._secrets))]
        return any(matches)

    def fingerprint(self, value: str, purpose: str) -> bytes:
        """A keyed hash that stays the same for the life of the installation: by the *oldest* key of the ring."""
        oldest = len(self._secrets) - 1
        return hmac.digest(self._key(oldest, purpose), value.encode(), "sha256")

    def fingerprints(self, value: str, purpose: str) -> list[bytes]:
        """The keyed hashes of a value by every key of the ring, for look-ups that span a rotation."""
        return [hmac.digest(self._key(i, purpose), value.encode(), "sha256") for i in range(len(self._secrets))]

    def attest(self, value: bytes, purpose: str) -> tuple[bytes, bytes]:
        """A signature (Ed25519) that anybody can check who has the public key: (public key, signature). Newest key."""
        private = Ed25519PrivateKey.from_private_bytes(self._key(0, purpose))
        return private.public_key().public_bytes_raw(), private.sign(value)

    def attested(self, value: bytes, signature: bytes, purpose: str) -> bytes | None:
        """The public key of this ring by which the signature holds; None when it holds by none."""
        for index in range(len(self._secrets)):
            public = Ed25519PrivateKey.from_private_bytes(self._key(index, purpose)).public_key()
            try:
                public.verify(signature, value)
            except InvalidSignature:
                continue
            return public.public_bytes_raw()
        return None

    def attesting_keys(self, purpose: str) -> list[bytes]:
        """The public keys of the ring, newest first."""
        keys = (Ed25519PrivateKey.from_private_bytes(self._key(i, purpose)) for i in range(len(self._secrets)))
        return [key.public_key().public_bytes_raw() for key in keys]

    def _mac(self, index: int, value: bytes, purpose: str) -> bytes:
        # From a state kept per key: hmac.digest() sets one up anew and lets other threads in, each time.
        mac = self._signer(index, purpose).copy()
        mac.update(value)
        return mac.digest()[:16]

    def _derive(self, index: int, purpose: str) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=b"regulars " + purpose.encode()).derive(self._secrets[index])

    def _make_signer(self, index: int, purpose: str) -> hmac.HMAC:
        return hmac.new(self._key(index, purpose), digestmod="sha256")

    def _make_box(self, index: int, purpose: str) -> AESGCM:
        return AESGCM(self._key(index, purpose))


class _Current:
    ring: Keyring | None = None


def use(ring: Keyring) -> None:
    """Make a keyring the process's own (called once at start)."""
    _Current.ring = ring


def keyring() -> Keyring:
    """The process's keyring."""
    if _Current.ring is None:
        message = "keyring.use() has not been called: create_app does it"
        raise RuntimeError(message)
    return _Current.ring
