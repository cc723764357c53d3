"""What is sealed opens in its own shop only; after a new key everything is sealed anew while the app works."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import select, text

from app.orders.models import Checkout
from app.privacy import resealing
from app.reviews.models import Review
from app.security import keyring
from app.security.keyring import CannotOpenError, Keyring
from app.shops.models import ProviderAccount
from app.transaction import transaction
from tests.conftest import NOON, make_shop
from tests.core.conftest import checkout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config import Settings
    from local.services import Postgres, Redis
    from tests.privacy.conftest import Office

NEW = "f7e6d5c4b3a2918070605040302010ffeeddccbb"


@pytest.fixture
def rotated(settings: Settings) -> Iterator[Keyring]:
    """The keyring after a new key was put before the old one."""
    yield Keyring((NEW, *settings.secret_keys))
    keyring.use(Keyring(settings.secret_keys))


def account(shop_id: int, key: str) -> ProviderAccount:
    return ProviderAccount(
        shop_id=shop_id, channel="email", provider="sendgrid", credentials={"api_key": key}, created_at=NOON
    )


def sealed_values(url: str) -> dict[str, list[bytes]]:
    with psycopg.connect(url) as connection:
        return {
            f"{column.table.name}.{column.name}": [
                row[0]
                for row in connection.execute(
                    f'SELECT "{column.name}" FROM "{column.table.name}" WHERE "{column.name}" IS NOT NULL'  # noqa: S608
                ).fetchall()
            ]
            for column, _ in resealing.sealed_columns()
        }


def test_a_value_moved_to_another_shops_row_does_not_open(shop: int, services: tuple[Postgres, Redis]) -> None:
    other = make_shop("other.myshopify.com")
    for number, owner in enumerate((shop, other)):
        with transaction(owner) as session:
            session.add(account(owner, f"SG.{number}"))
    with psycopg.connect(services[0].url, autocommit=True) as owner_of_all:
        owner_of_all.execute(
            "UPDATE provider_account SET credentials = (SELECT credentials FROM provider_account WHERE shop_id = %s) "
            "WHERE shop_id = %s",
            [shop, other],
        )
    with transaction(shop) as session:
        assert session.scalars(select(ProviderAccount)).one().credentials == {"api_key": "SG.0"}
    with pytest.raises(CannotOpenError), transaction(other) as session:
        session.scalars(select(ProviderAccount)).one()


def test_a_delivery_moved_to_another_shop_is_parked(office: Office, services: tuple[Postgres, Redis]) -> None:
    other = make_shop("other.myshopify.com")
    with psycopg.connect(services[0].url, autocommit=True) as owner_of_all:
        owner_of_all.execute("UPDATE delivery SET shop_id = %s, state = 'pending'", [other])
    office.world.apply()
    with transaction(other) as session:
        found = session.execute(text("SELECT state, reason FROM delivery")).one()
    assert tuple(found) == ("parked", "sealed_with_a_lost_key")


def test_what_was_sealed_before_values_were_bound_still_opens_and_is_bound_by_resealing(office: Office) -> None:
    unbound = keyring.keyring().seal(b"https://acme.example/old", "checkout.recovery_url", "")
    assert unbound[:1] == keyring.UNBOUND
    with transaction(office.shop_id) as session:
        session.execute(text("UPDATE checkout SET recovery_url = :value"), {"value": unbound})
    assert recovery_url(office) == "https://acme.example/old"
    assert resealing.reseal().values == 1
    assert recovery_url(office) == "https://acme.example/old"
    assert bytes(office.one("SELECT recovery_url FROM checkout").recovery_url)[:1] == keyring.BOUND


def recovery_url(office: Office) -> str | None:
    with transaction(office.shop_id) as session:
        return session.scalars(select(Checkout.recovery_url)).one()


def test_everything_sealed_is_sealed_with_the_newest_key(
    office: Office, rotated: Keyring, settings: Settings, services: tuple[Postgres, Redis]
) -> None:
    with transaction(office.shop_id) as session:
        session.add(ProviderAccount(shop_id=office.shop_id, channel="sms", provider="twilio",
                                    credentials={"auth_token": "t"}, created_at=office.world.time.at))  # fmt: skip
    office.redact(email="somebody@shopper.example")
    keyring.use(rotated)
    done = resealing.reseal()
    values = sealed_values(services[0].url)
    filled = {place for place, some in values.items() if some}
    assert filled >= {"delivery.body", "checkout.recovery_url", "message_content.context", "privacy_request.details"}
    assert done.values == sum(map(len, values.values()))
    assert done.unreadable == 0
    assert {v[:5] for some in values.values() for v in some} == {rotated.newest_header}
    assert resealing.reseal().values == 0
    keyring.use(Keyring([NEW]))
    assert recovery_url(office) == "https://acme.example/checkouts/tok-1/recover?key=abc"
    assert settings.secret_keys[0] != NEW


def test_it_may_be_stopped_anywhere_and_begun_again(
    office: Office, rotated: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        office.world.deliver("checkouts/update", checkout(office.world, f"tok-{number}"))
    office.world.apply()
    keyring.use(rotated)
    monkeypatch.setattr(resealing, "BATCH", 4)
    calls, total, runs = 0, 0, 0

    def now_and_then() -> bool:
        nonlocal calls
        calls += 1
        return calls % 5 == 0

    while found := resealing.reseal(now_and_then).values:
        total += found
        runs += 1
    total += resealing.reseal().values
    assert runs >= 2
    assert total >= 25
    assert resealing.reseal().values == 0


def test_a_value_of_a_lost_key_is_counted_and_left(office: Office, rotated: Keyring) -> None:
    lost = Keyring(["another-key-altogether-0123456789abcdef"]).seal(b"x", "checkout.recovery_url", "shop 1")
    with transaction(office.shop_id) as session:
        session.execute(text("UPDATE checkout SET recovery_url = :value"), {"value": lost})
    keyring.use(rotated)
    assert resealing.reseal().unreadable == 1
    assert bytes(office.one("SELECT recovery_url FROM checkout").recovery_url) == lost


def test_under_traffic_nothing_fails_to_open(
    office: Office, rotated: Keyring, services: tuple[Postgres, Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Webhooks come in and are applied, links are read and reviews written while everything is sealed anew."""
    for number in range(150):
        office.world.deliver("checkouts/update", checkout(office.world, f"tok-{number}"))
    office.world.apply()
    monkeypatch.setattr(resealing, "BATCH", 10)
    keyring.use(rotated)
    stop, failures, reads = threading.Event(), [], [0]

    def read() -> None:
        while not stop.is_set():
            try:
                with transaction(office.shop_id) as session:
                    reads[0] += len(session.scalars(select(Checkout.recovery_url).limit(20)).all())
                    session.scalars(select(Review.words)).all()
            except Exception as error:  # noqa: BLE001 whatever it is, it is a failure
                failures.append(error)

    def hear() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            office.world.time.move(seconds=1)
            office.world.deliver("checkouts/update", checkout(office.world, f"tok-{number % 150}",
                                 abandoned_checkout_url=f"https://acme.example/{number}"))  # fmt: skip
            office.world.apply()

    threads = [threading.Thread(target=work) for work in (read, read, hear)]
    for thread in threads:
        thread.start()
    try:
        done = resealing.reseal()
        again = resealing.reseal()
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert failures == []
    assert done.values > 250
    assert done.unreadable == again.unreadable == 0
    assert reads[0] > 0
    parked: Any = office.one("SELECT count(*) AS n FROM delivery WHERE state = 'parked'").n
    assert parked == 0
    values = sealed_values(services[0].url)
    assert {v[:5] for some in values.values() for v in some} == {rotated.newest_header}
