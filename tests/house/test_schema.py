"""The wall between shops, as PostgreSQL itself tells it: keys, references, policies, and models equal to migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app import transaction
from app.extensions import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from local.services import Postgres, Redis

NOT_A_SHOPS = {
    "shop": "the tenant itself; its wall goes by its own id",
    "breaker": "how a provider is doing is the same for all shops; holds no shop's data",
    "alembic_version": "which migrations have run",
}
"""Tables without shop_id, and why."""


@pytest.fixture(scope="module")
def catalogue(app: Flask, services: tuple[Postgres, Redis]) -> Iterator[psycopg.Connection[Any]]:
    """The migrated database, seen by its superuser."""
    del app
    postgres = services[0]
    with psycopg.connect(postgres.admin_url.rpartition("/")[0] + "/regulars", autocommit=True) as connection:
        yield connection


def tables(catalogue: psycopg.Connection[Any]) -> set[str]:
    rows = catalogue.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows}


def tenant_tables(catalogue: psycopg.Connection[Any]) -> set[str]:
    rows = catalogue.execute(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'shop_id'"
    )
    return {row[0] for row in rows} & tables(catalogue)


def test_every_table_belongs_to_a_shop_or_says_why_not(catalogue: psycopg.Connection[Any]) -> None:
    assert tables(catalogue) - tenant_tables(catalogue) == set(NOT_A_SHOPS), (
        "derive the model from Tenant or OfShop, or name the table in NOT_A_SHOPS with its reason"
    )
    assert len(tenant_tables(catalogue)) > 20


def test_shop_id_comes_first_in_every_unique_key(catalogue: psycopg.Connection[Any]) -> None:
    rows = catalogue.execute("""
        SELECT t.relname, i.relname, a.attname
        FROM pg_index x
        JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
        JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public'
        LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
        WHERE x.indisunique
    """).fetchall()
    keyed = {table for table, _, _ in rows}
    assert tenant_tables(catalogue) <= keyed, "a table without any key"
    wrong = [
        f"{index} of {table} begins with {column}"
        for table, index, column in rows
        if table not in NOT_A_SHOPS and column != "shop_id"
    ]
    assert wrong == [], "put shop_id first: two shops must never compete for a key, nor meet in one"


def test_no_reference_can_leave_its_shop(catalogue: psycopg.Connection[Any]) -> None:
    rows = catalogue.execute("""
        SELECT c.conname, t.relname, f.relname,
            (SELECT attname FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = c.conkey[1]),
            (SELECT attname FROM pg_attribute WHERE attrelid = c.confrelid AND attnum = c.confkey[1]),
            cardinality(c.conkey)
        FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
        WHERE c.contype = 'f'
    """).fetchall()
    assert rows
    wrong = []
    for name, table, target, column, target_column, width in rows:
        to_shop = target == "shop" and (column, target_column, width) == ("shop_id", "id", 1)
        if not to_shop and not (column == target_column == "shop_id" and width > 1):
            wrong.append(f"{name}: {table} -> {target}")
    assert wrong == [], "refer with extensions.same_shop(column, table): (shop_id, column) -> (shop_id, id)"
    bound = {table for _, table, target, *_ in rows if target == "shop"}
    while more := {part for part, whole in wholes(catalogue) if whole in bound} - bound:
        bound |= more
    assert tenant_tables(catalogue) - bound == set(), (
        "a table of a shop refers to shop, or is a part of what does, so that it goes when the shop goes"
    )


def wholes(catalogue: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """(table, table whose rows its own can't be without and go with)."""
    return catalogue.execute("""
        SELECT t.relname, f.relname
        FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
        WHERE c.contype = 'f' AND c.confdeltype = 'c' AND c.convalidated AND NOT EXISTS (
            SELECT 1 FROM pg_attribute a
            WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) AND NOT a.attnotnull)
    """).fetchall()


def test_every_table_of_a_shop_has_its_wall(catalogue: psycopg.Connection[Any]) -> None:
    walled = {
        row[0]
        for row in catalogue.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
        )
    }
    expected = tenant_tables(catalogue) | {"shop"}
    assert walled == expected, "end the migration that makes a table with walls.build()"
    policies = catalogue.execute(
        "SELECT tablename, policyname, roles::text[], cmd, permissive, qual, with_check FROM pg_policies "
        "WHERE schemaname = 'public'"
    ).fetchall()
    for table in sorted(expected):
        found = {row[1]: row[2:] for row in policies if row[0] == table}
        assert found.keys() == {"tenant", "clerk"}, table
        roles, command, permissive, qual, check = found["tenant"]
        assert (roles, command, permissive, check) == (["regulars_app"], "ALL", "PERMISSIVE", None), table
        column = "id" if table == "shop" else "shop_id"
        assert qual == f"({column} = (NULLIF(current_setting('app.shop_id'::text, true), ''::text))::bigint)", table
        assert found["clerk"][0] == ["regulars_clerk"], table


def test_models_equal_migrations(app: Flask) -> None:
    del app
    with transaction.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)
    assert differences == [], "the models and the migrated database differ: write the migration that is missing"
