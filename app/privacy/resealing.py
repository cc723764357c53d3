"""After a new key: everything sealed is sealed anew with it, batch by batch, while the app works.

What is left to do is what doesn't begin with the newest key's id, so it may be stopped and begun again at any time.
Keyed hashes (suppressions, address claims) can't be made anew without the addresses: the oldest key has to stay in
SECRET_KEY for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, Text, cast, func, select, text, tuple_, type_coerce, update
from sqlalchemy.types import LargeBinary

from app.extensions import Base
from app.privacy import registry
from app.security.keyring import CannotOpenError, keyring
from app.security.sealed import SealedJson, SealedText
from app.transaction import across_shops, place, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Column, ColumnElement
    from sqlalchemy.orm import Session

BATCH = 200


@dataclass(slots=True)
class Resealed:
    """How many values were sealed anew, and how many no key of ours opens."""

    values: int = 0
    unreadable: int = 0


def reseal(should_stop: Callable[[], bool] = lambda: False) -> Resealed:
    """Seal every value with the newest key, bound to its shop, that isn't yet."""
    done = Resealed()
    with across_shops() as session:
        shop_ids = session.scalars(text("SELECT id FROM shop ORDER BY id")).all()
    for shop_id in shop_ids:
        for column, purpose in sealed_columns():
            last: tuple[Any, ...] | None = None
            while not should_stop():
                with transaction(shop_id) as session:
                    last = _batch(session, column, purpose, last, done)
                if last is None:
                    break
    return done


def sealed_columns() -> Iterator[tuple[Column[Any], str]]:
    """Every encrypted column, and its purpose."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, SealedText | SealedJson):
                yield column, column.type.purpose
            elif (table.name, column.name) in registry.SEALED_BY_HAND:
                yield column, registry.SEALED_BY_HAND[table.name, column.name]


def _batch(
    session: Session, column: Column[Any], purpose: str, last: tuple[Any, ...] | None, done: Resealed
) -> tuple[Any, ...] | None:
    """Seal the next rows' values anew, each only if it is still what was read; returns the key to go on after."""
    table = column.table
    assert isinstance(table, Table)  # noqa: S101 columns of models always are
    raw = type_coerce(column, LargeBinary)
    key = list(table.primary_key.columns)
    wanted: list[ColumnElement[bool]] = [
        func.substring(raw, 1, len(keyring().newest_header)) != keyring().newest_header
    ]
    if "shop_id" in table.c:
        wanted.append(table.c.shop_id == session.info["shop_id"])
    if last is not None:
        wanted.append(tuple_(*key) > tuple_(*last))
    by_domain = (table.name, column.name) in registry.SEALED_BY_HAND
    where = table.c.shop_domain if by_domain else cast("", Text)
    rows = session.execute(
        select(*key, raw.label("sealed"), where.label("domain")).where(*wanted).order_by(*key).limit(BATCH)
    ).all()
    for row in rows:
        bound_to = row.domain if by_domain else place(session.info["shop_id"])
        try:
            plain = keyring().open(row.sealed, purpose, bound_to)
        except CannotOpenError:
            done.unreadable += 1
            continue
        anew = keyring().seal(plain, purpose, bound_to)
        changed = session.execute(
            update(table)
            .where(*(c == getattr(row, c.name) for c in key), raw == bytes(row.sealed))
            .values({column: type_coerce(anew, LargeBinary)})
            .returning(key[-1])
        ).first()
        done.values += changed is not None
    return tuple(getattr(rows[-1], c.name) for c in key) if rows else None
