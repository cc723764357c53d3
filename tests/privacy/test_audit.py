"""What is on record stays as it was written, and holds nobody's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.privacy import audit
from app.privacy.audit import Action
from app.transaction import across_shops, transaction

if TYPE_CHECKING:
    from local.services import Postgres, Redis


def write(shop: int, **more: Any) -> None:
    with transaction(shop) as session:
        audit.note(session, "user:42", Action.SETTINGS_CHANGED, targets={"shop": shop}, **more)


def entry(shop: int) -> Any:
    with transaction(shop) as session:
        return session.execute(text("SELECT * FROM audit_entry ORDER BY id DESC LIMIT 1")).one()


def test_who_did_what_and_when(shop: int) -> None:
    write(shop, before={"stopped": False}, after={"stopped": True})
    found = entry(shop)
    assert (found.actor, found.action) == ("user:42", "settings_changed")
    assert (found.before, found.after) == ({"stopped": False}, {"stopped": True})
    assert found.at is not None


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET actor = 'system'", "DELETE FROM audit_entry",
                                       "TRUNCATE audit_entry", "DROP TABLE audit_entry",
                                       "ALTER TABLE audit_entry DISABLE TRIGGER ALL"])  # fmt: skip
def test_the_apps_roles_cannot_change_it(shop: int, statement: str) -> None:
    write(shop)
    for scope in (transaction(shop), across_shops()):
        with pytest.raises(ProgrammingError, match="InsufficientPrivilege"), scope as session:
            session.execute(text(statement))
    assert entry(shop).actor == "user:42"


def test_not_even_with_the_right_to_the_trigger_lets_it_be_changed(shop: int, services: tuple[Postgres, Redis]) -> None:
    write(shop)
    with psycopg.connect(services[0].url) as owner:
        for statement in ("UPDATE audit_entry SET actor = 'system'", "DELETE FROM audit_entry"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"), owner.transaction():
                owner.execute(statement)


def test_it_goes_with_its_shop_only(shop: int) -> None:
    write(shop)
    with transaction(shop) as session:
        session.execute(text("DELETE FROM shop WHERE id = :shop"), {"shop": shop})
    with transaction(shop) as session:
        assert session.scalar(text("SELECT count(*) FROM audit_entry")) == 0


def test_secrets_and_people_are_masked(shop: int) -> None:
    write(
        shop,
        before={"api_key": "SG.abc", "sender": {"email": "old@shop.example", "name": "Acme"}, "limit": 4, "logo": ""},
        after={"access_token": "shpat_0123456789abcdef", "note": "write to ana@shopper.example or +12125550123",
               "credentials": {"account_sid": "AC1", "auth_token": "x"}, "list": ["bo@shopper.example"], "on": True},
    )  # fmt: skip
    found = entry(shop)
    assert found.before == {
        "api_key": "[secret]",
        "sender": {"email": "[personal]", "name": "[personal]"},
        "limit": 4,
        "logo": "",
    }
    assert found.after == {
        "access_token": "[secret]",
        "note": "write to [email] or [phone]",
        "credentials": "[secret]",
        "list": ["[email]"],
        "on": True,
    }


@pytest.mark.parametrize("actor", ["", "ana@shopper.example", "user:", "user:a b", "admin", "system\n"])
def test_an_actor_is_one_of_ours(shop: int, actor: str) -> None:
    with pytest.raises(ValueError, match="actor"), transaction(shop) as session:
        audit.note(session, actor, Action.PERSON_VIEWED, targets={})


def test_words_are_said_once() -> None:
    assert len({a.value for a in Action}) == len(Action)
    assert all(a.value == a.name.lower() for a in Action)
