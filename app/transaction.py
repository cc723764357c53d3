"""The one way to the database: a transaction with its tenant.

`transaction(shop_id)` works inside one shop. Row-level security lets it see and write that shop's rows only, whatever
the SQL says. `across_shops()` is for the clerk: it may take in deliveries and claim due work of all shops, and has no
right to anything else. Both roles are set for the transaction alone, so a pooled connection carries nothing over.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import doorbell
from app.security import keyring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

TENANT = text("SELECT set_config('role', 'regulars_app', true), set_config('app.shop_id', :shop_id, true)")
CLERK = text("SELECT set_config('role', 'regulars_clerk', true), set_config('app.shop_id', '', true)")
ROLE = text("SELECT set_config('role', :role, true)")
RECORD_LOCK = 7_261_601
"""Facts about a shop's people are recorded, and people erased, by one process at a time: what was read stays true until
it is written."""


class _Bound:
    engine: Engine | None = None


def bind(engine: Engine) -> None:
    """Name the database (called once at start)."""
    _Bound.engine = engine


def engine() -> Engine:
    """The engine; for the few who need a connection of their own (locks, group commit)."""
    if _Bound.engine is None:
        message = "transaction.bind() has not been called: create_app does it"
        raise RuntimeError(message)
    return _Bound.engine


def place(shop_id: int) -> str:
    """What a shop's sealed columns are bound to."""
    return f"shop {shop_id}"


@contextmanager
def transaction(shop_id: int) -> Iterator[Session]:
    """Begin, enter the shop, and commit; leaving by an exception rolls back. Then ring whatever was asked for."""
    with keyring.at(place(shop_id)), _committed() as session:
        session.info["shop_id"] = shop_id
        session.execute(TENANT, {"shop_id": str(shop_id)})
        yield session


@contextmanager
def across_shops() -> Iterator[Session]:
    """A transaction for claims and intake, which know no single shop."""
    with _committed() as session:
        session.execute(CLERK)
        yield session


@contextmanager
def as_clerk(session: Session) -> Iterator[None]:
    """Within a shop's transaction, for the one or two things that only the clerk may do there.

    The clerk's policies know no tenant: every statement has to name its shop itself.
    """
    session.flush()
    session.execute(ROLE, {"role": "regulars_clerk"})
    yield
    session.execute(ROLE, {"role": "regulars_app"})  # an exception ends the transaction, and the role with it


@contextmanager
def _committed() -> Iterator[Session]:
    with Session(engine(), expire_on_commit=False) as session:
        session.info["rings"] = set()
        yield session
        session.commit()
        rings: set[str] = session.info["rings"]
    for queue in sorted(rings):
        doorbell.ring(queue)


def record_alone(session: Session) -> None:
    """Wait until nobody else records facts about this shop, and keep others waiting until the transaction ends."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(CAST(:lock AS int), CAST(:shop AS int))"),
        {"lock": RECORD_LOCK, "shop": session.info["shop_id"] % 2**31},
    )


def ring_after_commit(session: Session, queue: str) -> None:
    """Ask for a queue to be rung once this transaction is durable."""
    session.info["rings"].add(queue)
