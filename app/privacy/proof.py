"""Proof of consent: the ledger as a file whose last line is a signature over all lines before it.

Ed25519, by a key of its own derived from SECRET_KEY. The file names the public key, so that whoever was given the key
beforehand can check a file without us; `regulars verify-proof` checks it against this installation's own keys.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app import clock
from app.security.keyring import keyring
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

PURPOSE = "proof of consent"
FORMAT = "regulars-consent-proof/1"
ALGORITHM = "ed25519-sha256"
BATCH = 1_000
COLUMNS = (
    "customer", "store_customer", "email", "phone", "channel", "purpose", "state", "effective_at", "source",
    "collected", "wording", "double_opt_in", "ip", "recorded_at",
)  # fmt: skip
LONGEST_LINE = 1_000_000
_CSV_END = re.compile(rb"signature,ed25519-sha256,([A-Za-z0-9_=-]+),([A-Za-z0-9_=-]+)")


@dataclass(frozen=True, slots=True)
class Head:
    """What a file says of itself."""

    store: str
    about: str
    wordings: Mapping[str, str] = field(default_factory=dict)
    """Label -> the sentence that `wording` of an entry means."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The file is as it was made here: the key it was signed by, and how many entries it has."""

    key: str
    entries: int


@dataclass(frozen=True, slots=True)
class Changed:
    """It isn't, or can't be told. `reason`: no_signature | other_key | changed."""

    reason: str


def entries(shop_id: int, customer_id: int | None = None) -> Iterator[dict[str, Any]]:
    """The ledger of one person or of all, in the order in which it was written; a short transaction for each thousand.

    What a merge ended comes last, as of source `merge`: it follows from the words, nobody said it.
    """
    for statement in (_WORDS, _HOLDS):
        after = 0
        while True:
            with transaction(shop_id) as session:
                rows = session.execute(
                    text(statement), {"shop": shop_id, "customer": customer_id, "after": after, "size": BATCH}
                ).all()
            for row in rows:
                yield {name: _told(getattr(row, name)) for name in COLUMNS}
            if len(rows) < BATCH:
                break
            after = rows[-1].id


_WORDS = """
    SELECT e.id, e.customer_id AS customer, c.external_id AS store_customer, c.email, c.phone, e.channel, e.purpose,
        e.state, e.effective_at, e.source, e.collected, e.wording, e.double_opt_in, e.evidence ->> 'ip' AS ip,
        e.recorded_at
    FROM consent_entry e JOIN customer c ON c.shop_id = e.shop_id AND c.id = e.customer_id
    WHERE e.shop_id = :shop AND (CAST(:customer AS bigint) IS NULL OR e.customer_id = :customer) AND e.id > :after
    ORDER BY e.id LIMIT :size
"""
_HOLDS = """
    SELECT h.id, h.customer_id AS customer, c.external_id AS store_customer, c.email, c.phone, h.channel, h.purpose,
        'unsubscribed' AS state, h.held_at AS effective_at, 'merge' AS source, '' AS collected, '' AS wording,
        false AS double_opt_in, NULL AS ip, h.held_at AS recorded_at
    FROM consent_hold h JOIN customer c ON c.shop_id = h.shop_id AND c.id = h.customer_id
    WHERE h.shop_id = :shop AND (CAST(:customer AS bigint) IS NULL OR h.customer_id = :customer) AND h.id > :after
    ORDER BY h.id LIMIT :size
"""


def _told(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def as_json(head: Head, rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A JSON document with an entry a line, made while it is sent."""
    about: dict[str, Any] = {"format": FORMAT, "store": head.store, "about": head.about}
    about |= {"made_at": clock.now().isoformat(), "wordings": dict(head.wordings)}
    return _signed(_json_lines(about, rows), lambda key, value: orjson.dumps(
        {"algorithm": ALGORITHM, "key": key, "value": value}).join((b'"signature":', b"}\n")))  # fmt: skip


def _json_lines(about: dict[str, Any], rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    yield orjson.dumps(about)[:-1] + b',"entries":['
    first = True
    for row in rows:
        yield (b"\n" if first else b",\n") + orjson.dumps(row)
        first = False
    yield b"\n],\n"


def as_csv(rows: Iterable[dict[str, Any]], cell: Callable[[object], object]) -> Iterator[bytes]:
    """A table. `cell` makes a value safe for spreadsheet programs. Saved by one of these, its signature is gone."""
    return _signed(_csv_lines(rows, cell), lambda key, value: f"signature,{ALGORITHM},{key},{value}\r\n".encode())


def _csv_lines(rows: Iterable[dict[str, Any]], cell: Callable[[object], object]) -> Iterator[bytes]:
    held = io.StringIO()
    writer = csv.writer(held)
    writer.writerow(COLUMNS)
    yield "\ufeff".encode()
    for row in rows:
        writer.writerow([cell(row[name]) for name in COLUMNS])
        yield held.getvalue().encode()
        held.seek(0)
        held.truncate()
    yield held.getvalue().encode()


def _signed(lines: Iterable[bytes], last: Callable[[str, str], bytes]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
        yield line
    key, signature = keyring().attest(digest.digest(), PURPOSE)
    yield last(_spelt(key), _spelt(signature))


def verify(lines: Iterable[bytes]) -> Unchanged | Changed:
    """Whether a file (its lines, as bytes) is as it was made. Reads it once, whatever its size."""
    digest, held, count = hashlib.sha256(), b"", 0
    for line in lines:
        digest.update(held)
        held, count = line, count + 1
        if len(line) > LONGEST_LINE:
            return Changed("no_signature")
    found = _signature(held)
    if found is None:
        return Changed("no_signature")
    key, signature = found
    if keyring().attested(digest.digest(), signature, PURPOSE) == key:
        # Without the first line, the last, and of JSON the one that closes the list.
        return Unchanged(_spelt(key), count - (3 if held.startswith(b'"') else 2))
    return Changed("changed" if key in keyring().attesting_keys(PURPOSE) else "other_key")


def _signature(line: bytes) -> tuple[bytes, bytes] | None:
    line = line.rstrip(b"\r\n")
    table = _CSV_END.fullmatch(line)
    try:
        if table is not None:
            return _bytes(table[1].decode()), _bytes(table[2].decode())
        told = json.loads(b"{" + line)["signature"] if line.startswith(b'"signature":') else {}
        if told.get("algorithm") != ALGORITHM:
            return None
        return _bytes(told["key"]), _bytes(told["value"])
    except (ValueError, LookupError, TypeError, AttributeError, binascii.Error):
        return None


def _spelt(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


def _bytes(value: str) -> bytes:
    return base64.urlsafe_b64decode(value)
