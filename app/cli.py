"""Commands for the operator: `flask --app wsgi regulars ...`."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app import migrate

cli = AppGroup("regulars", help="Run and look after Regulars.")


@cli.command("upgrade")
def upgrade() -> None:
    """Bring the database to the newest version of its tables."""
    migrate.upgrade()
    click.echo("The database is up to date.")
