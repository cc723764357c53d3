"""Plans stay right while the first customers come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import text

from app import transaction
from workers import statistics

if TYPE_CHECKING:
    from local.services import Postgres, Redis

PEOPLE = text("""
    INSERT INTO customer (shop_id, first_name, last_name, first_seen_at)
    SELECT :shop, 'Person', 'Number ' || n, now() FROM generate_series(1, 2000) AS n
""")
REFERENCE = "SELECT 1 FROM ONLY customer WHERE shop_id = $1 AND id = $2 FOR KEY SHARE"
"""As PostgreSQL itself asks whether a referenced customer is there."""


def plan(address: str) -> str:
    """How a reference is checked by whoever began when all tables were empty; it is asked anew after each look."""
    with psycopg.connect(address) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE reference (bigint, bigint) AS {REFERENCE}")
        lines = connection.execute("EXPLAIN EXECUTE reference (1, 1)").fetchall()
    return " ".join(str(line[0]) for line in lines)


def test_a_table_that_fills_is_looked_at_before_its_plans_do_harm(services: tuple[Postgres, Redis], shop: int) -> None:
    assert "pk_customer" not in plan(services[0].url), "on an empty table any index will do"
    with transaction.engine().execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(PEOPLE, {"shop": shop})
        assert "customer" in statistics.refresh(connection)
        assert "pk_customer" in plan(services[0].url)
        assert statistics.refresh(connection) == [], "once is enough until it has grown much more"
        for _ in range(4):
            connection.execute(PEOPLE, {"shop": shop})
        assert statistics.refresh(connection) == ["customer"]
