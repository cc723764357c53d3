"""`python -m tests.chaos.moving REVISION`: the database's tables as an earlier release had them."""

from __future__ import annotations

import sys

from alembic import command

from app import create_app, migrate
from config import Settings


def main(revision: str) -> None:
    """Upgrade an empty database so far and no further."""
    with create_app(Settings.from_env()).app_context():
        command.upgrade(migrate._config(), revision)


if __name__ == "__main__":
    main(sys.argv[1])
