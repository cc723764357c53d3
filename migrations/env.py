"""Runs migrations over the application's own engine, as the role that owns the tables."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import text

from app import transaction
from app.extensions import Base
from app.security.sealed import SealedJson, SealedText


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write sealed columns as what the database sees of them: bytes."""
    return "sa.LargeBinary()" if kind == "type" and isinstance(item, SealedText | SealedJson) else False


LOCK_TIMEOUT = "4s"  # a migration that can't have its lock fails; it never queues up the whole app behind it

with transaction.engine().connect() as connection:
    connection.execute(text("SELECT pg_advisory_lock(72616)"))  # two releases at once take turns
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text("SET statement_timeout = 0"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("SELECT pg_advisory_unlock(72616)"))
    connection.commit()
