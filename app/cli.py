"""Commands for the operator: `flask --app wsgi regulars ...`. They need the database; Redis may be away."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from app import migrate
from app.inbox import replaying
from app.privacy import proof, resealing, service as privacy
from app.reports import counting, service as reports
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


@cli.command("erase")
@click.option("--shop", "domain", required=True, help="The store's address, such as acme.myshopify.com.")
@click.option("--email", required=True, help="The person's email address.")
def erase(domain: str, email: str) -> None:
    """Erase a person from a shop, for good. The slow worker does it, within a minute."""
    shop_id = shops.find(domain)
    if shop_id is None:
        raise click.ClickException(f"No shop with the address {domain} is known.")
    number = privacy.ask_to_erase(shop_id, email=email, actor="operator")
    click.echo(f"Request {number} is on the list. The person is suppressed and erased within a minute.")


@cli.command("verify-proof")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify_proof(file: Path) -> None:
    """Say whether a file of consent is as it was made here. Ends with 1 when it isn't."""
    with file.open("rb") as lines:
        verdict = proof.verify(lines)
    match verdict:
        case proof.Unchanged(key, entries):
            click.echo(f"Unchanged. {entries} {'entry' if entries == 1 else 'entries'}, signed by key {key}.")
        case proof.Changed(reason):
            raise click.ClickException(WHY_NOT[reason])


WHY_NOT = {
    "no_signature": "This is no proof of consent: its last line holds no signature.",
    "other_key": "Signed by a key that isn't in SECRET_KEY here. It may be genuine, from another installation.",
    "changed": "CHANGED: what it says is not what was signed.",
}


@cli.command("reseal")
def reseal() -> None:
    """Encrypt everything with the newest key. It may be stopped and begun again; the app may go on working."""
    done = resealing.reseal()
    click.echo(f"{done.values} {'value is' if done.values == 1 else 'values are'} sealed with the newest key now.")
    if done.unreadable:
        click.echo(f"{done.unreadable} can't be opened by any key in SECRET_KEY and stayed as they were.")
    click.echo("Leave the oldest key in SECRET_KEY: addresses that must not be written to are known by it.")


@cli.command("attribute")
@click.option("--shop", "domain", required=True, help="The store's address, such as acme.myshopify.com.")
@click.option("--recompute", is_flag=True, help="Look at every order anew, not only at those without a fact.")
def attribute(domain: str, *, recompute: bool) -> None:
    """Find out which message brought which order. Facts are only added: what differs becomes a further revision."""
    shop_id = shops.find(domain)
    if shop_id is None:
        raise click.ClickException(f"No shop with the address {domain} is known.")
    if recompute:
        done = reports.recompute(shop_id)
        click.echo(f"{done.orders} orders looked at anew; {done.changed} differ from the record.")
    else:
        click.echo(f"{reports.attribute(shop_id)} orders looked at for the first time.")


@cli.command("recount")
@click.option("--shop", "domain", required=True, help="The store's address, such as acme.myshopify.com.")
def recount(domain: str) -> None:
    """Count a shop's messages by day anew. The figures are the same as before, unless somebody wrote past them."""
    shop_id = shops.find(domain)
    if shop_id is None:
        raise click.ClickException(f"No shop with the address {domain} is known.")
    click.echo(f"Figures that were wrong: {counting.recompute(shop_id)}.")
