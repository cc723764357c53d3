"""The second wall really holds: for every table of a shop, and for both roles, tried with rows.

The rows are made up from the catalogue, so a table that comes tomorrow is tried tomorrow without a line here.
"""

# ruff: noqa: S608 - statements are made of the names of our own tables

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.extensions import Base
from app.transaction import across_shops, transaction
from tests.conftest import make_shop
from tests.house.tree import sources

if TYPE_CHECKING:
    from local.services import Postgres, Redis

for _source in sources("app"):
    if "__tablename__" in _source.text:  # a table is known once its model is imported
        importlib.import_module(_source.module)
TENANT_TABLES = sorted(t.name for t in Base.metadata.tables.values() if "shop_id" in t.columns)
DENIED = "InsufficientPrivilege"

CLERK_MAY = {
    "shop": {"SELECT", "INSERT"},
    "delivery": {"SELECT", "INSERT"},
    "message": {"SELECT", "UPDATE (due_at, lease_token, lease_until, reason, state, updated_at)"},
    "enrolment": {"SELECT"},
    "import": {"SELECT"},
    "reconciliation": {"SELECT"},
    "breaker": {"SELECT", "INSERT", "UPDATE"},
    "alembic_version": {"SELECT"},
    "privacy_request": {"SELECT (done_at, id, kind, shop_id)"},
    "processor_erasure": {"SELECT (done_at, due_at, id, request_id, shop_id)"},
    "retention": {"SELECT"},
    "hook_delivery": {"SELECT (due_at, id, lease_until, shop_id, state)"},
    "consent_entry": {"SELECT (customer_id, evidence, shop_id)", "UPDATE (evidence)"},
    "consent_write": {"SELECT (done_at, due_at, id, shop_id)"},
    "opt_in": {"SELECT (asked_at, done_at, due_at, id, shop_id)"},
    "people_file": {"SELECT (due_at, id, shop_id, state)"},
    "message_count_change": {"SELECT (shop_id)"},
    "message_count_zone": {"SELECT"},
    "report_stale": {"SELECT (shop_id)"},
    "brake": {"SELECT (due_at, shop_id)"},
    "sending_domain": {"SELECT (domain, due_at, shop_id, state)"},
    "hosted_service": {"SELECT (due_at, id, number, number_sid, service, shop_id)"},  # which numbers are taken
    "messaging_service": {"SELECT"},  # whose a text is, by the number it came to; holds no account's keys
}
"""All that a transaction across shops may do: take deliveries in, see what is due, claim messages. Widening this
widens what one mistake can reach: argue it in the migration that does."""

APPEND_ONLY = {"audit_entry", "consent_entry", "consent_wording"}
"""The app may not delete a row, nor change what it says."""

PLAIN_VALUES = {
    "bigint": "1", "integer": "1", "smallint": "1", "boolean": "false", "double precision": "0.5", "real": "0.5",
    "numeric": "1", "timestamp with time zone": "now()", "date": "current_date", "bytea": "'\\x00'", "jsonb": "'{}'",
    "text[]": "'{}'", "bigint[]": "'{}'", "uuid": "gen_random_uuid()", "interval": "'1 day'",
}  # fmt: skip


@pytest.fixture
def admin(services: tuple[Postgres, Redis], database: str) -> Any:
    del database
    address = services[0].admin_url.rpartition("/")[0] + "/regulars"
    with psycopg.connect(address, autocommit=True) as connection:
        # Rows of single tables, without those they refer to: the wall is tried here, not the references.
        connection.execute("SET session_replication_role = replica")
        yield connection


def made_up_row(admin: psycopg.Connection[Any], table: str, shop_id: int) -> str:
    """The INSERT of a row that the table's own checks accept."""
    columns = admin.execute(
        "SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a LEFT JOIN pg_attrdef d "
        "ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = %s::regclass AND a.attnum > 0 "
        "AND NOT a.attisdropped AND a.attnotnull AND d.adnum IS NULL AND a.attidentity = '' AND a.attgenerated = ''",
        [f'"{table}"'],
    ).fetchall()
    checks = admin.execute(
        "SELECT string_agg(pg_get_constraintdef(oid), ' ') FROM pg_constraint WHERE conrelid = %s::regclass "
        "AND contype = 'c'",
        [f'"{table}"'],
    ).fetchone()
    values = {}
    for name, kind in columns:
        allowed = re.search(rf"\b{name} = ANY \(ARRAY\['([^']+)'", (checks or [""])[0] or "")
        values[name] = f"'{allowed[1]}'" if allowed else PLAIN_VALUES.get(kind, f"'{table}-{name}'")
    values["shop_id"] = str(shop_id)
    names, given = ", ".join(f'"{n}"' for n in values), ", ".join(values.values())
    return f'INSERT INTO "{table}" ({names}) VALUES ({given})'


def test_tables_were_found() -> None:
    assert len(TENANT_TABLES) > 20
    assert {"customer", "orders", "message", "delivery", "shop_token"} <= set(TENANT_TABLES)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_inside_one_shop_the_other_does_not_exist(table: str, admin: psycopg.Connection[Any]) -> None:
    ours, theirs = make_shop("ours.myshopify.com", verified=False), make_shop("theirs.myshopify.com", verified=False)
    for shop_id in (ours, theirs):
        admin.execute(made_up_row(admin, table, shop_id))
    with transaction(ours) as session:
        assert session.execute(text(f'SELECT array_agg(shop_id) FROM "{table}"')).scalar_one() == [ours]
        for statement in (
            f'UPDATE "{table}" SET shop_id = shop_id WHERE shop_id = :theirs',
            f'DELETE FROM "{table}" WHERE shop_id = :theirs',
        ):
            if table in APPEND_ONLY:
                continue  # not even in its own shop: tests/privacy tries that
            assert session.execute(text(statement), {"theirs": theirs}).rowcount == 0  # type: ignore[attr-defined]
    for statement in (
        made_up_row(admin, table, theirs),
        f'UPDATE "{table}" SET shop_id = {theirs}',
    ):
        with pytest.raises(ProgrammingError, match=DENIED), transaction(ours) as session:
            session.execute(text(statement.replace(":", "\\:")))
    kept = admin.execute(f'SELECT shop_id, count(*) FROM "{table}" GROUP BY 1').fetchall()
    assert dict(kept) == {ours: 1, theirs: 1}


def test_a_shop_sees_itself_and_no_other_shop(admin: psycopg.Connection[Any]) -> None:
    del admin
    ours, theirs = make_shop("ours.myshopify.com", verified=False), make_shop("theirs.myshopify.com", verified=False)
    with transaction(ours) as session:
        assert session.scalars(text("SELECT id FROM shop")).all() == [ours]
        renamed = session.execute(text("UPDATE shop SET name = 'x' WHERE id = :id"), {"id": theirs})
        assert renamed.rowcount == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("forgotten", ["", "0", "9223372036854775807"])
def test_a_transaction_without_its_shop_sees_nothing(forgotten: str, admin: psycopg.Connection[Any]) -> None:
    shop_id = make_shop("ours.myshopify.com", verified=False)
    for table in TENANT_TABLES:
        admin.execute(made_up_row(admin, table, shop_id))
    with transaction(shop_id) as session:
        session.execute(text("SELECT set_config('app.shop_id', :forgotten, true)"), {"forgotten": forgotten})
        for table in TENANT_TABLES:
            assert session.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one() == 0, table


def test_a_pooled_connection_carries_no_shop_over(admin: psycopg.Connection[Any]) -> None:
    del admin
    from app.transaction import engine

    shop_id = make_shop("ours.myshopify.com", verified=False)
    with transaction(shop_id):
        pass
    with engine().connect() as connection:
        left = connection.execute(text("SELECT current_user, current_setting('app.shop_id', true)")).one()
    assert left[0] == "regulars"
    assert left[1] in (None, "")


def test_leaving_by_an_exception_writes_nothing(admin: psycopg.Connection[Any]) -> None:
    shop_id = make_shop("ours.myshopify.com", verified=False)

    def changes_then_fails() -> None:
        with transaction(shop_id) as session:
            session.execute(text("UPDATE shop SET name = 'changed'"))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        changes_then_fails()
    assert admin.execute("SELECT name FROM shop WHERE id = %s", [shop_id]).fetchone() == ("Acme",)


def rights(admin: psycopg.Connection[Any], role: str) -> dict[str, set[str]]:
    """Everything a role may do with tables, by PostgreSQL's own account; column rights spelled out."""
    found: dict[str, set[str]] = {}
    for table, right in admin.execute(
        "SELECT c.relname, x.privilege_type FROM pg_class c, aclexplode(c.relacl) x "
        "JOIN pg_roles r ON r.oid = x.grantee "
        "WHERE r.rolname = %s AND c.relkind IN ('r', 'p', 'v')",
        [role],
    ):
        found.setdefault(table, set()).add(right)
    columns: dict[tuple[str, str], list[str]] = {}
    for table, right, column in admin.execute(
        "SELECT c.relname, x.privilege_type, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, "
        "aclexplode(a.attacl) x JOIN pg_roles r ON r.oid = x.grantee WHERE r.rolname = %s ORDER BY a.attname",
        [role],
    ):
        columns.setdefault((table, right), []).append(column)
    for (table, right), names in columns.items():
        found.setdefault(table, set()).add(f"{right} ({', '.join(names)})")
    return found


def test_the_clerk_may_do_what_is_written_here_and_nothing_else(admin: psycopg.Connection[Any]) -> None:
    assert rights(admin, "regulars_clerk") == CLERK_MAY


@pytest.mark.parametrize("table", sorted(set(TENANT_TABLES) - CLERK_MAY.keys()))
def test_the_clerk_cannot_read_what_people_bought_or_said(table: str, database: str) -> None:
    del database
    for statement in (f'SELECT 1 FROM "{table}"', f'DELETE FROM "{table}"'):
        with pytest.raises(ProgrammingError, match=DENIED), across_shops() as session:
            session.execute(text(statement))


def test_the_clerk_cannot_change_what_a_message_says_or_to_whom(database: str) -> None:
    del database
    for column in ("customer_id", "template_id", "shop_id"):
        with pytest.raises(ProgrammingError, match=DENIED), across_shops() as session:
            session.execute(text(f"UPDATE message SET {column} = 1"))


def test_neither_role_is_more_than_it_seems(admin: psycopg.Connection[Any]) -> None:
    """No superuser, no way around the policies, nothing owned, no login, no member of anything stronger."""
    found = admin.execute(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin FROM pg_roles "
        "WHERE rolname IN ('regulars_app', 'regulars_clerk') ORDER BY 1"
    ).fetchall()
    assert found == [("regulars_app", *[False] * 5), ("regulars_clerk", *[False] * 5)]
    owned = admin.execute(
        "SELECT count(*) FROM pg_class WHERE relowner IN ('regulars_app'::regrole, 'regulars_clerk'::regrole)"
    ).fetchone()
    assert owned == (0,)
    members = admin.execute(
        "SELECT count(*) FROM pg_auth_members WHERE member IN ('regulars_app'::regrole, 'regulars_clerk'::regrole)"
    ).fetchone()
    assert members == (0,)


def test_a_shops_transaction_cannot_change_the_tables_themselves(database: str) -> None:
    del database
    shop_id = make_shop("ours.myshopify.com", verified=False)
    for statement in (
        "ALTER TABLE customer DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON customer",
        "CREATE TABLE public.copy AS SELECT 1 AS one",
        "TRUNCATE customer CASCADE",
        "UPDATE alembic_version SET version_num = 'x'",
    ):
        with pytest.raises(ProgrammingError, match=r"InsufficientPrivilege"), transaction(shop_id) as session:
            session.execute(text(statement))
