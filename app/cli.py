"""Commands for the operator: `flask --app wsgi regulars ...`. They need the database; Redis may be away."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app import migrate
from app.inbox import replaying
from app.shops import service as shops

cli = AppGroup("regulars", help="Run and look after Regulars.")


@cli.command("upgrade")
def upgrade() -> None:
    """Bring the database to the newest version of its tables."""
    migrate.upgrade()
    click.echo("The database is up to date.")


@cli.command("replay")
@click.option("--shop", "domain", required=True, help="The store's address, such as acme.myshopify.com.")
@click.option("--parked", is_flag=True, help="Only deliveries that could not be applied.")
def replay(domain: str, *, parked: bool) -> None:
    """Apply a shop's webhooks once more. What is already right stays as it is."""
    shop_id = shops.find(domain)
    if shop_id is None:
        raise click.ClickException(f"No shop with the address {domain} is known.")
    number = replaying.replay(shop_id, only_parked=parked)
    click.echo(f"{number} {'delivery waits' if number == 1 else 'deliveries wait'} to be applied again.")
