"""Every column that can hold something about a person is in the registry, and the registry means what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.extensions import Base
from app.inbox.models import BODY_PURPOSE
from app.privacy import registry

if TYPE_CHECKING:
    from flask import Flask

    from tests.privacy.conftest import Eyes


def listed() -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for table, entry in registry.TABLES.items():
        for column, kind in entry.kinds():
            found.setdefault((table, column), []).append(kind)
    return found


def test_every_text_json_and_byte_column_is_classified(app: Flask, eyes: Eyes) -> None:
    del app
    there = {(t, c) for t, c in eyes.columns() if t != "alembic_version"}
    assert len(there) > 150
    assert there - listed().keys() == set(), (
        "classify these in app/privacy/registry.py: personal, pseudonymous, operational or secret?"
    )
    assert listed().keys() - there == set(), "these columns are gone: take them out of app/privacy/registry.py"


def test_a_column_has_one_kind() -> None:
    assert {place: kinds for place, kinds in listed().items() if len(kinds) > 1} == {}


def test_every_table_that_names_a_customer_says_whose_its_rows_are() -> None:
    naming = {t.name for t in Base.metadata.tables.values() if "customer_id" in t.c or "message_id" in t.c}
    ours = {name for name, entry in registry.TABLES.items() if entry.of_person is not None}
    assert naming - ours == set()


def test_whatever_is_personal_can_be_emptied() -> None:
    for name, entry in registry.TABLES.items():
        if entry.of_person is not None and not entry.whole:
            for column in entry.personal.split():
                assert registry.emptied(registry.table(name).c[column]) in ("NULL", "''", "'{}'", "'{}'::jsonb")


def test_sealed_columns_are_personal_or_secret() -> None:
    sealed = {(t.name, c.name) for t in Base.metadata.tables.values() for c in t.c if registry.sealed(c)}
    assert len(sealed) > 8
    kinds = {place: registry.kinds()[place] for place in sealed | registry.SEALED_BY_HAND.keys()}
    assert set(kinds.values()) <= {"personal", "secret"}
    assert registry.SEALED_BY_HAND["delivery", "body"] == BODY_PURPOSE


def test_the_columns_that_name_people_are_personal() -> None:
    for name in ("email", "phone", "first_name", "last_name", "city", "postal_code", "words"):
        for table in Base.metadata.tables.values():
            if name in table.c:
                assert registry.kinds()[table.name, name] == "personal", table.name
