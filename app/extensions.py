"""The SQLAlchemy handle and the base class of every table."""

from __future__ import annotations

import importlib
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from flask_sqlalchemy import SQLAlchemy
from psycopg.types.json import set_json_loads
from sqlalchemy import BigInteger, DateTime, ForeignKey, ForeignKeyConstraint, Identity, MetaData, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables. Text without length, times with zone, integers wide: PostgreSQL charges nothing for it."""

    # On a registry of our own: Flask-SQLAlchemy copies this class and would meet a per-class map twice.
    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            int: BigInteger,
            str: Text,
            datetime: DateTime(timezone=True),
            dict[str, Any]: JSONB,
            list[dict[str, Any]]: JSONB,
            list[str]: ARRAY(Text),
        },
    )


# Orders and conditions come as JSON, several documents a message: the standard library takes three times as long.
set_json_loads(orjson.loads)

db = SQLAlchemy(model_class=Base, disable_autonaming=True)


def load_models() -> None:
    """Import every table there is: whoever goes through the metadata (erasure, new keys) must miss none."""
    for path in sorted(Path(__file__).parent.glob("*/models.py")):
        importlib.import_module(f"app.{path.parent.name}.models")


class OfShop:
    """A table that belongs to a shop: `shop_id` comes first in its key."""

    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id", ondelete="CASCADE"), primary_key=True, sort_order=-20)


class Tenant(OfShop):
    """The usual table of a shop: rows with an id of their own."""

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True, sort_order=-19)


class Part:
    """A table whose rows are parts of other rows of the shop, by a `same_shop` reference that is never null.

    They go with those, so with the shop as well. To look the shop up for each of them on top of that was a tenth of
    what a webhook costs PostgreSQL.
    """

    shop_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-20)
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True, sort_order=-19)


def same_shop(column: str, target: str, *, ondelete: str = "CASCADE") -> ForeignKeyConstraint:
    """A reference that can't leave its shop: (shop_id, column) -> target(shop_id, id)."""
    if ondelete == "SET NULL":
        ondelete = f"SET NULL ({column})"  # never the shop_id itself
    return ForeignKeyConstraint(["shop_id", column], [f"{target}.shop_id", f"{target}.id"], ondelete=ondelete)
