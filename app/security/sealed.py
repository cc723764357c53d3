"""Column types whose values are encrypted before they reach the database."""

from __future__ import annotations

from typing import Any

import lz4.block
import orjson
from sqlalchemy import LargeBinary
from sqlalchemy.types import TypeDecorator

from app.security.keyring import keyring


class SealedText(TypeDecorator[str]):
    """Text, encrypted for a purpose (usually `table.column`)."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: object) -> bytes | None:  # noqa: ARG002 the signature is SQLAlchemy's
        """Seal on the way in."""
        return None if value is None else keyring().seal(value.encode(), self.purpose)

    def process_result_value(self, value: bytes | None, dialect: object) -> str | None:  # noqa: ARG002 the signature is SQLAlchemy's
        """Open on the way out."""
        return None if value is None else keyring().open(value, self.purpose).decode()


class SealedJson(TypeDecorator[Any]):
    """JSON, compressed, then encrypted for a purpose."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: Any, dialect: object) -> bytes | None:  # noqa: ARG002 any JSON value; the signature is SQLAlchemy's
        """Seal on the way in."""
        return None if value is None else seal_bytes(orjson.dumps(value), self.purpose)

    def process_result_value(self, value: bytes | None, dialect: object) -> Any:  # noqa: ARG002 any JSON value; the signature is SQLAlchemy's
        """Open on the way out."""
        return None if value is None else orjson.loads(open_bytes(value, self.purpose))


def seal_bytes(plain: bytes, purpose: str, bound_to: str | None = None) -> bytes:
    """Compress and encrypt; for hot paths that bind bytes themselves. `bound_to`: see `Keyring.seal`."""
    return keyring().seal(lz4.block.compress(plain), purpose, bound_to)


def open_bytes(sealed: bytes, purpose: str, bound_to: str | None = None) -> bytes:
    """Undo `seal_bytes`."""
    plain: bytes = lz4.block.decompress(keyring().open(sealed, purpose, bound_to))
    return plain
