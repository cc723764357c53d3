"""What shoppers reach: a person with a message, its links, and the app to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.core.conftest import world  # noqa: F401 a fixture
from tests.messages.conftest import nothing_heard_yet  # noqa: F401 a fixture

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture
def client(app: Flask, database: str) -> FlaskClient:
    del database
    return app.test_client()
