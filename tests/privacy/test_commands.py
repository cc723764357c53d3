"""What the operator may ask for at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.privacy.conftest import EMAIL

if TYPE_CHECKING:
    from flask import Flask

    from tests.privacy.conftest import Eyes, Office


def test_a_person_is_erased_by_their_email(office: Office, app: Flask, eyes: Eyes) -> None:
    runner = app.test_cli_runner()
    result = runner.invoke(args=["regulars", "erase", "--shop", "acme.myshopify.com", "--email", f" {EMAIL.upper()} "])
    assert result.exit_code == 0, result.output
    assert "is on the list" in result.output
    assert EMAIL not in result.output
    office.work()
    assert eyes.traces(EMAIL) == {}
    entry = office.one("SELECT actor, action FROM audit_entry ORDER BY id LIMIT 1")
    assert tuple(entry) == ("operator", "person_erased")


def test_a_shop_nobody_knows_is_said_so(office: Office, app: Flask) -> None:
    del office
    result = app.test_cli_runner().invoke(args=["regulars", "erase", "--shop", "nobody.example", "--email", EMAIL])
    assert result.exit_code == 1
    assert "No shop with the address nobody.example is known." in result.output


def test_resealing_tells_how_much_it_did(office: Office, app: Flask) -> None:
    del office
    result = app.test_cli_runner().invoke(args=["regulars", "reseal"])
    assert result.exit_code == 0, result.output
    assert "0 values are sealed with the newest key now." in result.output
