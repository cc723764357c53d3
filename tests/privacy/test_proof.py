"""A file of consent proves itself: whatever is changed in it, it says so."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from app.admin.spreadsheets import safe
from app.privacy import proof
from app.privacy.proof import Changed, Head, Unchanged
from app.security import keyring

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from tests.privacy.conftest import Office

ROW = dict.fromkeys(proof.COLUMNS, "x") | {"customer": 1, "double_opt_in": True, "email": "=ana@shopper.example"}
SECRET = "s" * 40


@pytest.fixture(autouse=True)
def keys(app: Flask) -> None:
    del app


def files(count: int = 3) -> list[bytes]:
    rows = [{**ROW, "customer": number} for number in range(count)]
    return [
        b"".join(proof.as_json(Head("acme.myshopify.com", "everybody"), rows)),
        b"".join(proof.as_csv(rows, safe)),
    ]


def verdict(content: bytes) -> Unchanged | Changed:
    return proof.verify(io.BytesIO(content))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_file_as_it_was_made_is_recognised(count: int) -> None:
    for content in files(count):
        found = verdict(content)
        assert isinstance(found, Unchanged)
        assert found.entries == count
    told = json.loads(files(count)[0])
    assert told["store"] == "acme.myshopify.com"
    assert len(told["entries"]) == count


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_any_byte_that_is_changed_shows(where: int, by: int) -> None:
    for content in files():
        position = where % (len(content.rstrip()) - 1)
        changed = bytearray(content)
        changed[position] ^= by
        assert isinstance(verdict(bytes(changed)), Changed)


def test_lines_taken_out_added_or_turned_around_show() -> None:
    for content in files():
        lines = content.splitlines(keepends=True)
        for other in (lines[:1] + lines[2:], lines[:2] + lines[1:], [lines[0], lines[2], lines[1], *lines[3:]],
                      lines[:-1], []):  # fmt: skip
            assert isinstance(verdict(b"".join(other)), Changed)


def test_a_key_of_before_still_verifies_and_a_foreign_one_does_not(app: Flask) -> None:
    del app
    content = files()[0]
    before = keyring.keyring()
    try:
        keyring.use(keyring.Keyring([SECRET]))
        assert verdict(content) == Changed("other_key")
        own = files()[0]
        keyring.use(keyring.Keyring(["n" * 40, SECRET]))
        assert isinstance(verdict(own), Unchanged)
    finally:
        keyring.use(before)


def test_the_ledger_of_a_shop_comes_whole_and_the_command_judges_it(office: Office, app: Flask, tmp_path: Path) -> None:
    rows = list(proof.entries(office.shop_id))
    assert {row["channel"] for row in rows} == {"email", "sms"}
    assert {row["email"] for row in rows} == {"ana@shopper.example"}
    assert all(row["collected"] == "checkout_box" for row in rows)
    assert list(proof.entries(office.shop_id, 10**9)) == []
    path = tmp_path / "consent.json"
    content = b"".join(proof.as_json(Head("acme.myshopify.com", "everybody"), rows))
    path.write_bytes(content)
    said = app.test_cli_runner().invoke(args=["regulars", "verify-proof", str(path)])
    assert (said.exit_code, "Unchanged. 2 entries" in said.output) == (0, True)
    path.write_bytes(content.replace(b"subscribed", b"unsubscribed"))
    said = app.test_cli_runner().invoke(args=["regulars", "verify-proof", str(path)])
    assert (said.exit_code, "CHANGED" in said.output) == (1, True)
