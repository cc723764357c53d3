"""The SQLAlchemy handle and the base class of every table."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, ForeignKey, ForeignKeyConstraint, Identity, MetaData, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables. Text without length, times with zone, integers wide: PostgreSQL charges nothing for it."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger,
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }


db = SQLAlchemy(model_class=Base, disable_autonaming=True)


class Tenant:
    """Columns of every table that belongs to a shop: `shop_id` comes first in the key, then the row's own id."""

    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id", ondelete="CASCADE"), primary_key=True, sort_order=-20)
    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True, sort_order=-19)


def same_shop(column: str, target: str, *, ondelete: str = "CASCADE") -> ForeignKeyConstraint:
    """A reference that can't leave its shop: (shop_id, column) -> target(shop_id, id)."""
    if ondelete == "SET NULL":
        ondelete = f"SET NULL ({column})"  # never the shop_id itself
    return ForeignKeyConstraint(["shop_id", column], [f"{target}.shop_id", f"{target}.id"], ondelete=ondelete)
