"""Bringing the database's tables to the newest version, and telling whether they are there."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app import transaction

FOLDER = Path(__file__).parent.parent / "migrations"


def upgrade() -> None:
    """Run every migration that hasn't run yet."""
    command.upgrade(_config(), "head")


def is_current() -> bool:
    """Whether the database has every migration this code knows."""
    with transaction.engine().connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config
