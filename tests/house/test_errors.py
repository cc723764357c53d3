"""What is answered when something goes wrong, to whom, and what is not told."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from app import transaction
from app.security import tokens
from app.security.redaction import JsonLines
from tests.admin.conftest import HERS, add_customer, add_message, id_token, let_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient

pytestmark = pytest.mark.filterwarnings("ignore:The HMAC key is")
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def client(app: Flask, shop: int, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    let_in(shop)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", value=False)
    return app.test_client()


@pytest.fixture
def broken(client: FlaskClient, shop: int) -> int:
    """A message whose content was sealed with a key that is lost."""
    del client
    message = add_message(shop, add_customer(shop))
    with transaction.transaction(shop) as session:
        session.execute(
            text(
                "INSERT INTO message_content (shop_id, message_id, context, links, rendered_at) "
                "VALUES (:shop, :message, 'lost', 'lost', now())"
            ),
            {"shop": shop, "message": message},
        )
    return message


@pytest.fixture
def no_database(client: FlaskClient) -> Iterator[None]:
    """Nobody listens where the database was."""
    del client
    before = transaction.engine()
    engine = create_engine("postgresql+psycopg://regulars@127.0.0.1:9/regulars")
    transaction.bind(engine)
    yield
    transaction.bind(before)
    engine.dispose()


def session_of(**more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {id_token(HERS)}", **more}


@pytest.mark.parametrize("address", ["/c/made-up", "/u/made-up", "/review/made-up", "/nowhere"])
def test_a_shopper_whose_link_leads_nowhere_is_told_what_to_do(client: FlaskClient, address: str) -> None:
    answer = client.get(address, headers=BROWSER)
    assert answer.status_code == 404
    assert "This link leads nowhere" in answer.text
    assert "Open the message once more" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    german = client.get(address, headers={**BROWSER, "Accept-Language": "de-AT,en;q=0.5"})
    assert "Dieser Link führt nirgendwohin" in german.text
    assert '<html lang="de"' in german.text
    program = client.get(address)
    assert (program.status_code, program.mimetype) == (404, "text/plain")


def test_a_fault_of_ours_shows_a_reference_and_nothing_else(
    client: FlaskClient, shop: int, broken: int, caplog: pytest.LogCaptureFixture
) -> None:
    token = tokens.make("click", shop, broken, 0)
    with caplog.at_level(logging.ERROR):
        answer = client.get(f"/c/{token}", headers=BROWSER)
    assert answer.status_code == 500
    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (told.getMessage(), told.__dict__["endpoint"]) == ("request_failed", "links.click")
    assert told.__dict__["reference"] in answer.text
    assert token not in JsonLines().format(told)
    assert "CannotOpen" not in answer.text


def test_a_merchants_page_and_script_are_each_told_in_their_way(client: FlaskClient, broken: int) -> None:
    address = f"/admin/messages/{broken}"
    opened = client.get(address, headers=session_of())
    assert opened.status_code == 500
    assert "Something went wrong on our side" in opened.text
    assert f"https://{HERS}" in opened.headers["Content-Security-Policy"], "the admin may still frame it"
    asked = client.get(address, headers=session_of(**{"HX-Request": "true"}))
    assert (asked.status_code, asked.headers["HX-Reswap"]) == (500, "none")
    assert json.loads(asked.headers["HX-Trigger"])["said"]["bad"] is True


@pytest.mark.usefixtures("no_database")
def test_while_the_database_is_away_everybody_is_asked_to_come_back(client: FlaskClient) -> None:
    shopper = client.get(f"/c/{tokens.make('click', 1, 1, 0)}", headers=BROWSER)
    merchant = client.get("/admin/messages", headers=session_of())
    for answer in (shopper, merchant):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert "back in a moment" in answer.text
    program = client.get("/api/v1/settings", headers={"Authorization": f"Bearer rgl_1_{'x' * 43}"})
    assert (program.status_code, program.get_json()["code"], program.headers["Retry-After"]) == (
        503,
        "unavailable",
        "30",
    )
