"""Which stored webhooks speak of a person. Bodies are sealed and name people in many places, so each is opened."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson
import phonenumbers
from sqlalchemy import text

from app.privacy.registry import SEALED_BY_HAND
from app.security.keyring import CannotOpenError
from app.security.sealed import open_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

BATCH = 500
BATCH_BYTES = 16 * 1024 * 1024
"""Sealed; one delivery is always taken. PERFORMANCE: a payload may have 5 MB."""
SHORTEST_PHONE = 6


@dataclass(frozen=True, slots=True)
class Traces:
    """All that a payload may call a person by. Kept sealed in the request while the search goes on."""

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    customer_ids: tuple[str, ...] = ()
    """The store's."""
    order_ids: tuple[str, ...] = ()
    """The store's: a parcel's webhook carries name and address, and of its buyer only the order."""
    tokens: tuple[str, ...] = ()
    """Of carts and checkouts."""

    def as_json(self) -> dict[str, Any]:
        """For the request's details."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Traces:
        """Undo `as_json`."""
        return cls(**{name: tuple(values) for name, values in data.items()})


class Search:
    """Tells of a payload whether it speaks of somebody.

    It may say yes once too often (the same digits in another country's number), which costs a copy of a webhook that
    has been applied already; it doesn't say no where one of the traces is.
    """

    def __init__(self, traces: Traces) -> None:
        # Each pattern with a plain word that has to be there for it to fit: finding a word costs a hundredth.
        self._words = tuple(value.casefold() for value in (*traces.emails, *traces.tokens))
        # An id is a whole value, or the end of one (gid://...): the same digits in a price are somebody else's.
        self._patterns = [
            (i.casefold(), re.compile(rf'(?<=[":/,\[]){re.escape(i.casefold())}(?=[",}}\]])'))
            for i in (*traces.customer_ids, *traces.order_ids)
        ]
        self._patterns += [
            (digits[-2:], re.compile(_spelt_freely(digits)))
            for digits in map(_national, traces.phones)
            if len(digits) >= SHORTEST_PHONE
        ]

    def speaks_of(self, body: bytes) -> bool:
        """Whether any trace is in it. JSON is read first, so that no escape hides anything."""
        with suppress(orjson.JSONDecodeError):  # a body that is no JSON is searched as it came
            body = orjson.dumps(orjson.loads(body))
        said = body.decode("utf-8", "replace").casefold()
        return any(word in said for word in self._words) or any(
            word in said and pattern.search(said) for word, pattern in self._patterns
        )


def _national(phone: str) -> str:
    """The digits that stay the same however a number is written."""
    try:
        return str(phonenumbers.parse(phone).national_number)
    except phonenumbers.NumberParseException:
        return re.sub(r"\D", "", phone)


def _spelt_freely(digits: str) -> str:
    return r"[\s().\-/]*".join(digits)


def find(session: Session, search: Search, domain: str, after: int, most: int = BATCH) -> tuple[list[int], int | None]:
    """Look through the next deliveries of a shop that still have a body.

    Returns:
        The ids of those that speak of the person, and the id to go on after; None when that was all.
    """
    ids = _next(session, domain, after, most)
    if not ids:
        return [], None
    return [row.id for row in _bodies(session, ids) if _speaks(search, row, domain)], ids[-1]


def _next(session: Session, domain: str, after: int, most: int) -> Sequence[int]:
    rows = session.execute(
        text("""
            SELECT id, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before FROM (
                SELECT id, body FROM delivery WHERE shop_id = :shop AND shop_domain = :domain AND id > :after
                    AND body IS NOT NULL
                ORDER BY id LIMIT :most
            ) d ORDER BY id
        """),
        {"shop": session.info["shop_id"], "domain": domain, "after": after, "most": most},
    ).all()
    return [row.id for row in rows if not row.before or row.before < BATCH_BYTES]


def _bodies(session: Session, ids: Sequence[int]) -> Iterator[Any]:
    yield from session.execute(
        text("SELECT id, body FROM delivery WHERE shop_id = :shop AND id = ANY(:ids) AND body IS NOT NULL ORDER BY id"),
        {"shop": session.info["shop_id"], "ids": list(ids)},
    )


def _speaks(search: Search, row: Any, domain: str) -> bool:
    try:
        return search.speaks_of(open_bytes(row.body, SEALED_BY_HAND["delivery", "body"], domain))
    except CannotOpenError:
        return False  # nobody can read it, we neither; retention takes it within its days


def drop(session: Session, ids: Sequence[int]) -> int:
    """Empty these deliveries; one that wasn't applied yet never will be. Returns how many."""
    if not ids:
        return 0
    return len(
        session.execute(
            text("""
                UPDATE delivery SET body = NULL, state = CASE state WHEN 'pending' THEN 'ignored' ELSE state END,
                    reason = CASE state WHEN 'pending' THEN 'erased' ELSE reason END
                WHERE shop_id = :shop AND id = ANY(:ids) AND body IS NOT NULL RETURNING 1
            """),
            {"shop": session.info["shop_id"], "ids": list(ids)},
        ).all()
    )
