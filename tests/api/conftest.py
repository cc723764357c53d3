"""A developer's program with a key, beside the merchant's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.journeys import service as journeys
from app.keys import rules, service as keys
from app.transaction import transaction
from tests.admin.conftest import OTHERS
from tests.conftest import make_shop

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Flask
    from flask.testing import FlaskClient


class Program:
    """Calls the API with a key."""

    def __init__(self, client: FlaskClient, shop_id: int, scopes: Collection[str] = rules.SCOPES) -> None:
        self.client, self.shop_id = client, shop_id
        with transaction(shop_id) as session:
            made, self.key = keys.make(session, "A program", scopes, "42")
            self.key_id = made.id

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(
            f"/api/v1{path}", method=method, json=body, headers={"Authorization": f"Bearer {self.key}", **named}
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)


@pytest.fixture
def client(app: Flask, database: str) -> FlaskClient:
    del database
    return app.test_client()


def started(shop_id: int) -> int:
    with transaction(shop_id) as session:
        journeys.install_starters(session)
    return shop_id


@pytest.fixture
def program(client: FlaskClient, shop: int) -> Program:
    return Program(client, started(shop))


@pytest.fixture
def stranger(client: FlaskClient, program: Program) -> Program:
    """A program of another shop."""
    del program
    return Program(client, started(make_shop(OTHERS)))
