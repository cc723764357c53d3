"""Writing many rows in one statement, whatever order their news came in.

Rows travel as one JSON document (`json_to_recordset`): one parameter, every column type, one parse in the server.
They are sorted by their key, since two unsorted multi-row upserts deadlock.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql.base import PGDialect

from app.security.sealed import SealedJson, SealedText

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.extensions import Base

NEWER = "(excluded.version_at, excluded.version_tie) > (t.version_at, t.version_tie)"
"""Later state wins; of two at the same instant the same one wins in whatever order they come."""
DIALECT = PGDialect()  # type: ignore[no-untyped-call]

Columns = tuple[str, ...]


def kept(column: str, newer: str = NEWER) -> str:
    """For `merge`: the newer state's value, except that a state which doesn't tell it takes nothing away."""
    return (
        f"CASE WHEN {newer} THEN COALESCE(excluded.{column}, t.{column}) "
        f"ELSE COALESCE(t.{column}, excluded.{column}) END"
    )


def earliest(column: str) -> str:
    """For `merge`: something that happens once; the first moment that anybody tells stays."""
    return f"LEAST(t.{column}, excluded.{column})"


def upsert(
    session: Session,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Columns,
    merge: Mapping[str, str] | None = None,
    newer: str = NEWER,
    returning: Columns = ("id",),
) -> list[Any]:
    """Insert rows of one shop, or bring the rows of the same key up to date.

    A column changes when the incoming row is `newer`; columns in `merge` change by their own SQL expression over `t`
    (the stored row) and `excluded` (the incoming one), newer or not. A row that would stay as it is isn't written.
    Every row needs the same columns, and no two rows the same key. Data classes within a row become JSON objects.

    Returns:
        `returning` of the rows inserted or changed, and of no others.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    merges = tuple((merge or {}).items())
    statement = _statement(model, columns, key, merges, newer, returning)
    result = session.execute(statement, {"shop_id": session.info["shop_id"], "rows": to_json(model, rows)})
    return list(result.all()) if returning else []


def to_json(model: type[Base], rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a JSON array; sealed columns are sealed on the way."""
    sealed = [
        (name, kind) for name in rows[0] if isinstance(kind := model.__table__.c[name].type, SealedText | SealedJson)
    ]
    if sealed:
        rows = [
            {**row, **{name: _hex(kind.process_bind_param(row[name], None)) for name, kind in sealed}} for row in rows
        ]
    return orjson.dumps(rows, default=_hex, option=orjson.OPT_UTC_Z).decode()


def _hex(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    message = f"{type(value).__name__} can't be written as a column"
    raise TypeError(message)


@lru_cache(maxsize=256)
def _statement(
    model: type[Base],
    columns: Columns,
    key: Columns,
    merges: tuple[tuple[str, str], ...],
    newer: str,
    returning: Columns,
) -> TextClause:
    table = model.__table__
    merge = dict(merges)
    typed = ", ".join(f'"{c}" {table.c[c].type.compile(dialect=DIALECT)}' for c in columns)
    names = ", ".join(f'"{c}"' for c in columns)
    changes = []
    for column in columns:
        if column in key:
            continue
        value = merge.get(column) or f'CASE WHEN {newer} THEN excluded."{column}" ELSE t."{column}" END'
        changes.append(f'"{column}" = {value}')
    returned = "RETURNING " + ", ".join(f't."{c}"' for c in returning) if returning else ""
    differs = [f'({expression}) IS DISTINCT FROM t."{column}"' for column, expression in merges if column in columns]
    return text(f"""
        INSERT INTO "{model.__tablename__}" AS t (shop_id, {names})
        SELECT :shop_id, {names} FROM json_to_recordset(CAST(:rows AS json)) AS r ({typed})
        ORDER BY {", ".join(f'"{c}"' for c in key)}
        ON CONFLICT (shop_id, {", ".join(f'"{c}"' for c in key)}) DO UPDATE SET {", ".join(changes)}
        WHERE {" OR ".join([newer, *differs])}
        {returned}
    """)  # noqa: S608 names come from our own tables, values are bound
