"""Bringing the database's tables to the newest version, and telling whether they are there.

Alembic is imported where it is used: most processes never migrate, and it costs a tenth of a second of start-up.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app import transaction

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent.parent / "migrations"


def upgrade() -> None:
    """Run every migration that hasn't run yet."""
    from alembic import command

    command.upgrade(_config(), "head")


def is_current() -> bool:
    """Whether the database has every migration this code knows."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with transaction.engine().connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config
