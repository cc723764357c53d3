"""Somebody gets a dump of the database, without the key: no token, link or secret of anybody's is in it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

from app import clock
from app.shops.models import ProviderAccount, ShopToken
from app.transaction import transaction
from tests.conftest import API_SECRET, environment
from tests.core.conftest import checkout, order, world  # noqa: F401 a fixture

if TYPE_CHECKING:
    from local.services import Postgres, Redis
    from tests.core.conftest import World

SECRETS = {
    "access token": "shpat_5d1e8c0f2b7a49d6a3",
    "refresh token": "shprt_91b3f7e2c6d80a45ef",
    "a shop's own mail key": "SG.q8Zr1mT5w.Yp3kLs7VdXn0",
    "a shop's own text token": "7e4c1a9f83b25d60c7e4c1a9f83b25d6",
    "recovery link": "recover?key=Kq73vLx0Zp",
    "status page": "authenticate?key=Wm29dNs4Rt",
}


def forms(secret: str) -> list[bytes]:
    """A secret as it stands, as a dump writes binary columns, and in base64 wherever it begins in a group of three."""
    raw = secret.encode()
    encoded = [base64.b64encode(b"x" * shift + raw)[4 if shift else 0 :].rstrip(b"=")[:-1] for shift in range(3)]
    return [raw, raw.hex().encode(), *encoded]


def dump(postgres: Postgres) -> dict[str, bytes]:
    """What `pg_dump` writes of each table."""
    found = {}
    with psycopg.connect(postgres.url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            with connection.cursor().copy(f'COPY "{name}" TO STDOUT') as rows:
                found[name] = b"".join(bytes(row) for row in rows)
    return found


def test_a_dump_holds_no_secret(world: World, services: tuple[Postgres, Redis]) -> None:  # noqa: F811 the fixture
    now = datetime.now(UTC)
    with transaction(world.shop_id) as session:
        session.add(
            ShopToken(
                shop_id=world.shop_id, access_token=SECRETS["access token"], refresh_token=SECRETS["refresh token"],
                expires_at=now + timedelta(hours=1), refresh_expires_at=now + timedelta(days=9), refreshing_until=None,
                updated_at=clock.now(),
            )
        )  # fmt: skip
        for channel, provider, key in (("email", "sendgrid", "a shop's own mail key"),
                                       ("sms", "twilio", "a shop's own text token")):  # fmt: skip
            own = ProviderAccount(shop_id=world.shop_id, channel=channel, provider=provider,
                                  credentials={"key": SECRETS[key]}, created_at=clock.now())  # fmt: skip
            session.add(own)
    world.turn_on()
    link = f"https://acme.example/checkouts/tok-1/{SECRETS['recovery link']}"
    world.deliver("checkouts/update", checkout(world, abandoned_checkout_url=link))
    world.pass_time(hours=4)
    world.deliver("orders/create", order(world, order_status_url=f"https://acme.example/{SECRETS['status page']}"))
    world.pass_time(hours=2)
    assert len(world.messages()) >= 2
    settings = environment("", "")
    host = {name: settings[name] for name in ("SECRET_KEY", "SHOPIFY_API_SECRET", "SENDGRID_API_KEY")}
    assert host["SHOPIFY_API_SECRET"] == API_SECRET
    written = dump(services[0])
    assert b"ana@shopper.example" in written["customer"], "the search finds what is there"
    assert len(written["delivery"]) > 500
    for what, secret in {**SECRETS, **host}.items():
        for table, rows in written.items():
            assert not any(form in rows for form in forms(secret)), f"{what} stands in {table}"
