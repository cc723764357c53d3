"""A shop that removed the app is erased, unless it has come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import text

from app.privacy import processors, requests, shop_erasing
from app.shops import service as shops
from app.transaction import transaction
from tests.conftest import make_shop
from tests.core.conftest import checkout
from tests.privacy.conftest import EMAIL, shop_rows

if TYPE_CHECKING:
    from local.services import Postgres, Redis
    from tests.privacy.conftest import Eyes, Office


def removes_the_app(office: Office) -> None:
    office.world.deliver("app/uninstalled", {"id": 954889, "domain": "acme.myshopify.com"})
    office.world.apply()


def redact(office: Office) -> None:
    office.world.deliver("shop/redact", {"shop_id": 954889, "shop_domain": "acme.myshopify.com"})
    office.world.apply()


def rows_of(postgres: Postgres, shop_id: int) -> dict[str, int]:
    with psycopg.connect(postgres.url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name = 'shop_id'"
        ).fetchall()
        counts = {
            name: _count(connection, f'SELECT count(*) FROM "{name}" WHERE shop_id = {shop_id}')  # noqa: S608
            for (name,) in tables
        }
        counts["shop"] = _count(connection, f"SELECT count(*) FROM shop WHERE id = {shop_id}")  # noqa: S608
    return {name: number for name, number in counts.items() if number}


def _count(connection: psycopg.Connection[Any], statement: str) -> int:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def test_everything_of_the_shop_is_deleted_and_of_no_other(
    office: Office, eyes: Eyes, services: tuple[Postgres, Redis]
) -> None:
    other = make_shop("other.myshopify.com")
    with transaction(other) as session:
        session.execute(
            text("INSERT INTO customer (shop_id, email, first_name, last_name, first_seen_at) "
                 "VALUES (:shop, 'kept@shopper.example', '', '', now())"), {"shop": other},
        )  # fmt: skip
    assert len(rows_of(services[0], office.shop_id)) > 12
    removes_the_app(office)
    office.world.time.move(days=2)
    redact(office)
    office.work()
    assert rows_of(services[0], office.shop_id) == {}
    assert eyes.traces(EMAIL, "acme.myshopify.com") == {}
    assert rows_of(services[0], other) == {"customer": 1, "retention": 1, "sending_domain": 1, "shop": 1}
    assert office.processor.asked == [[EMAIL]]
    record = shop_rows(0, "SELECT action, targets FROM audit_entry")
    assert [r.action for r in record] == ["shop_erased", "provider_asked_to_erase"]
    assert record[0].targets["shop"] == office.shop_id


def test_a_shop_that_was_installed_again_is_left_alone_on_record(office: Office) -> None:
    removes_the_app(office)
    office.world.time.move(days=2)
    asked_at = office.world.time.at
    office.world.time.move(hours=1)
    shops.install(office.shop_id, ["read_orders"])
    office.world.deliver("shop/redact", {"shop_id": 1, "shop_domain": "acme.myshopify.com"}, at=asked_at)
    office.world.apply()
    office.work()
    assert office.one("SELECT email FROM customer").email == EMAIL
    assert office.audit() == ["shop_erasure_refused"]
    entry = office.one("SELECT after FROM audit_entry").after
    assert entry["asked_at"] < entry["installed_at"]
    assert office.requests()[0].done_at is not None
    assert office.processor.asked == []


def test_removed_once_more_it_is_erased_after_all(office: Office, services: tuple[Postgres, Redis]) -> None:
    test_a_shop_that_was_installed_again_is_left_alone_on_record(office)
    office.world.time.move(days=5)
    removes_the_app(office)
    office.world.time.move(days=2)
    redact(office)
    office.work()
    assert rows_of(services[0], office.shop_id) == {}


def test_an_erasure_that_is_stopped_goes_on(
    office: Office, services: tuple[Postgres, Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_erasing, "BATCH", 2)
    removes_the_app(office)
    office.world.time.move(days=2)
    redact(office)
    calls, runs, left = 0, 0, [1_000]

    def now_and_then() -> bool:
        nonlocal calls
        calls += 1
        return calls % 4 == 0

    while rows_of(services[0], office.shop_id):
        requests.run(now_and_then)
        left.append(sum(rows_of(services[0], office.shop_id).values()))
        runs += 1
        assert left[-1] <= left[-2]
        assert runs < 200
    assert runs > 3
    assert len(shop_rows(0, "SELECT 1 FROM processor_erasure")) == 1


def test_installing_half_way_through_ends_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    removes_the_app(office)
    office.world.time.move(days=2)
    redact(office)
    calls = 0

    def then_comes_back() -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            office.world.time.move(minutes=1)
            shops.install(office.shop_id, ["read_orders"])
        return False

    monkeypatch.setattr(shop_erasing, "BATCH", 1)
    requests.run(then_comes_back)
    assert office.one("SELECT state FROM shop").state == "installed"
    assert office.audit() == ["shop_erasure_refused"]
    assert office.rows("SELECT 1 FROM import") != []


def test_webhooks_after_the_erasure_are_a_strangers(office: Office) -> None:
    removes_the_app(office)
    office.world.time.move(days=2)
    redact(office)
    office.work()
    office.world.deliver("checkouts/update", checkout(office.world))
    office.world.apply()
    assert [r.reason for r in shop_rows(0, "SELECT reason FROM delivery")] == ["unknown_shop"]
    office.world.time.move(days=8)
    office.work()
    assert shop_rows(0, "SELECT 1 FROM delivery WHERE body IS NOT NULL") == []


def gone(office: Office) -> None:
    removes_the_app(office)
    office.world.time.move(days=2)
    redact(office)


def test_its_texts_are_deleted_at_twilio_though_the_shop_is_gone(
    office: Office, services: tuple[Postgres, Redis]
) -> None:
    office.rows(
        "UPDATE message SET channel = 'sms', provider = 'twilio', provider_ref = 'SM' || id, state = 'delivered' "
        "RETURNING 1"
    )
    sids = [row.provider_ref for row in office.rows("SELECT provider_ref FROM message")]
    assert sids
    office.processor.answers = [202, 500]  # SendGrid's; Twilio is in trouble
    gone(office)
    office.work()
    assert rows_of(services[0], office.shop_id) == {}
    office.world.time.move(minutes=3)
    office.work()
    account = "AC" + "0" * 32
    deleted = [f"/2010-04-01/Accounts/{account}/Messages/{sid}.json" for sid in sids]
    assert office.processor.deleted == [*deleted[:1], *deleted]
    assert shop_rows(0, "SELECT 1 FROM processor_erasure WHERE done_at IS NULL OR addresses IS NOT NULL") == []


def test_killed_while_its_errands_are_written_the_next_process_asks(
    office: Office, services: tuple[Postgres, Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    gone(office)
    with monkeypatch.context() as dying:
        dying.setattr(processors, "ask_twilio", dies)
        with pytest.raises(Killed):
            requests.run()
    office.work()
    assert rows_of(services[0], office.shop_id) == {}
    assert office.processor.asked == [[EMAIL]]
