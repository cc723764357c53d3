"""What can't be applied is parked once, with its reason; everything around it goes on. Replaying changes nothing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import transaction
from app.customers import service as customers
from app.inbox import replaying, service
from tests.inbox.test_any_order import differences
from tests.inbox.traffic import BEGIN, Traffic, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.conftest import Time
    from tests.inbox.conftest import House

LINE = {"id": 1, "title": "x", "quantity": 1, "price": "10.00"}
ORDER: dict[str, Any] = {
    "id": 1, "currency": "USD", "total_price": "10.00", "created_at": stamp(BEGIN), "updated_at": stamp(BEGIN),
    "line_items": [LINE], "financial_status": "paid",
}  # fmt: skip
UNREADABLE: list[bytes] = [
    b"", b"null", b"[]", b"7", b"{", b'{"id": 1', b"\xef\xbb\xbf{}", '{"id": 1}'.encode("utf-16"), b"\xff\xfe\xfa",
    b'{"a":' * 10_000, b"[" * 10_000, b'{"id": NaN}', b"\x00", b"{}", b'{"id": "\\ud83d"}',
    orjson.dumps({**ORDER, "currency": "coins"}), orjson.dumps({**ORDER, "total_price": "9" * 40}),
    orjson.dumps({**ORDER, "id": None}),
]  # fmt: skip
ODD: list[dict[str, Any]] = [
    {**ORDER, "id": "31"}, {**ORDER, "id": 2**60}, {**ORDER, "id": 33, "email": "a\x00b@shopper.example"},
    {**ORDER, "id": 34, "customer": None, "email": None, "phone": "+442071838750"},
    {**ORDER, "id": 35, "currency": "JPY", "total_price": "1000"},
    {**ORDER, "id": 36, "currency": "KWD", "total_price": "1.234"},
    {**ORDER, "id": 37, "email": "x" * 320 + "@shopper.example"}, {**ORDER, "id": 38, "shipping_address": []},
    {**ORDER, "id": 39, "customer": {"id": 7, "first_name": "שלום 👩‍👩‍👧 <b>", "last_name": "x" * 5000}},
    {**ORDER, "id": 40, "line_items": [LINE] * 1000}, {**ORDER, "id": 41, "note": "x" * 4_000_000},
    {**ORDER, "id": 42, "created_at": "0001-01-01T00:00:00Z"},
    {**ORDER, "id": 43, "updated_at": "9999-12-31T23:59:59Z"},
    {**ORDER, "id": 44, "test": True}, {**ORDER, "id": 45, "source_name": "pos", "customer": {"id": 8}},
    {**ORDER, "id": 46, "email": "quoted@xn--bcher-kva.example", "customer": {"id": "gid://shopify/Customer/9"}},
]  # fmt: skip


def test_one_poison_in_ten_leaves_the_others_as_they_would_have_been(house: House) -> None:
    events = Traffic(seed=3, shoppers=8).run(180)[:180]
    house.hear(events)
    expected = house.state()
    house.forget()
    for number, event in enumerate(events):
        if number % 10 == 0:
            house.deliver("orders/create", UNREADABLE[number // 10 % len(UNREADABLE)], webhook_id=f"poison-{number}")
        house.deliver_all([event])
    house.apply()
    parked = house.rows("SELECT webhook_id, state, reason, tries FROM delivery WHERE webhook_id LIKE 'poison-%'")
    assert len(parked) == 18
    assert {row.state for row in parked} == {"parked"}
    assert all(row.reason and not row.reason.startswith("error:") for row in parked), parked
    assert {row.tries for row in parked} == {1}
    assert differences(expected, house.state()) == []
    assert house.apply() == 0


def test_odd_but_genuine_payloads_are_stored(house: House) -> None:
    for payload in ODD:
        house.deliver("orders/create", orjson.dumps(payload))
    assert house.apply() == len(ODD)
    assert [r.reason for r in house.rows("SELECT reason FROM delivery WHERE state <> 'applied'")] == []
    assert len(house.rows("SELECT 1 FROM orders")) == len(ODD)


def sizes_of_batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many deliveries are applied together, batch by batch, from now on."""
    sizes: list[int] = []
    real = service._apply

    def apply(session: Any, rows: Any) -> None:
        sizes.append(len(rows))
        real(session, rows)

    monkeypatch.setattr(service, "_apply", apply)
    return sizes


def fail_on(marker: str, fail: Callable[[Any], None]) -> Callable[..., Any]:
    """Recording people fails while somebody of this name is among them: a bug of ours, or of the database."""
    real = customers.record

    def record(session: Any, facts: Any) -> Any:
        if any(marker in repr(fact) for fact in facts):
            fail(session)
        return real(session, facts)

    return record


def _refused_by_the_database(session: Any) -> None:
    session.execute(text("SELECT 1 / 0"))


def _a_bug(_: Any) -> None:
    raise KeyError("nobody thought of this")


def _too_slow(session: Any) -> None:
    session.execute(text("SET LOCAL statement_timeout = '20ms'"))
    session.execute(text("SELECT pg_sleep(5)"))


@pytest.mark.parametrize(
    ("fail", "reason"),
    [
        (_refused_by_the_database, "error:DivisionByZero"),
        (_a_bug, "error:KeyError"),
        (_too_slow, "error:QueryCanceled"),
    ],
)
def test_a_delivery_that_makes_us_fail_is_found_among_hundreds_and_parked_once(
    house: House, monkeypatch: pytest.MonkeyPatch, fail: Callable[[Any], None], reason: str
) -> None:
    events = Traffic(seed=4, shoppers=8).run(200)
    house.hear(events)
    expected = house.state()
    house.forget()
    house.deliver_all(events[:77])
    house.deliver("orders/create", {**ORDER, "email": "poison@shopper.example"}, webhook_id="poison")
    house.deliver_all(events[77:])
    batches = sizes_of_batches(monkeypatch)
    monkeypatch.setattr(customers, "record", fail_on("poison@", fail))
    house.apply()
    [parked] = house.rows("SELECT * FROM delivery WHERE state = 'parked'")
    assert (parked.webhook_id, parked.reason, parked.tries) == ("poison", reason, 1)
    assert differences(expected, house.state()) == []
    assert len(batches) < 20, "halving finds one in 200 in 8 rounds; one by one would take 200"


def test_a_database_that_fails_for_one_shop_parks_nothing_and_does_not_cost_the_others_their_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import make_shop

    other = make_shop("other.myshopify.com")
    house.deliver("orders/create", {**ORDER, "email": "poison@shopper.example"})
    house.deliver("orders/create", ORDER, domain="other.myshopify.com")

    def gone(_: Any) -> None:
        raise OperationalError("SELECT", {}, psycopg.errors.DeadlockDetected("deadlock"))

    monkeypatch.setattr(customers, "record", fail_on("poison@", gone))
    with pytest.raises(OperationalError):
        house.apply()
    assert house.states() == {"pending": 1}
    with transaction.transaction(other) as session:
        assert session.scalar(text("SELECT state FROM delivery")) == "applied"


def test_a_worker_that_is_told_to_stop_leaves_the_rest_for_the_next(house: House) -> None:
    from tests.conftest import make_shop

    for number in range(5):
        make_shop(f"s{number}.myshopify.com")
        house.deliver("orders/create", ORDER, domain=f"s{number}.myshopify.com")
    calls = iter([False, False, False, True])
    assert service.apply_pending(lambda: next(calls, True)) == 2


def test_huge_deliveries_are_taken_a_few_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH_BYTES", 3_000_000)
    noise = random.Random(2)
    for number in range(4):
        note = "".join(chr(noise.randint(0x4E00, 0x9FFF)) for _ in range(600_000))
        house.deliver("orders/create", orjson.dumps({**ORDER, "id": number + 1, "note": note}))
    sizes = sizes_of_batches(monkeypatch)
    assert house.apply() == 4
    assert max(sizes) <= 2


TABLES_OF_OTHERS = {"delivery", "alembic_version"}


def hashes(house: House) -> dict[str, str]:
    with psycopg.connect(house.url) as connection:
        tables = [
            row[0]
            for row in connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        ]
        hashed = sql.SQL("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
        return {
            name: str(connection.execute(hashed.format(sql.Identifier(name))).fetchone())
            for name in tables
            if name not in TABLES_OF_OTHERS
        }


def test_replaying_the_whole_inbox_changes_no_row(house: House, time: Time) -> None:
    house.hear(Traffic(seed=9, shoppers=10).run(300))
    before, states = hashes(house), house.states()
    time.move(hours=5)
    assert replaying.replay(house.shop_id) == sum(states.values())
    assert house.states() == {"pending": sum(states.values())}
    house.apply()
    assert house.states() == states
    after = hashes(house)
    assert [name for name in before if before[name] != after[name]] == []


def test_the_operator_replays_what_was_parked(house: House, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    house.deliver("orders/create", {**ORDER, "email": "poison@shopper.example"})
    house.deliver("orders/create", {**ORDER, "id": 2})
    with monkeypatch.context() as broken:
        broken.setattr(customers, "record", fail_on("poison@", _a_bug))
        house.apply()
    assert house.states() == {"parked": 1, "applied": 1}
    run = app.test_cli_runner().invoke
    result = run(args=["regulars", "replay", "--shop", "acme.myshopify.com", "--parked"])
    assert result.output == "1 delivery waits to be applied again.\n"
    house.apply()
    assert house.states() == {"applied": 2}
    again = run(args=["regulars", "replay", "--shop", "acme.myshopify.com", "--parked"])
    assert again.output == "0 deliveries wait to be applied again.\n"
    assert run(args=["regulars", "replay", "--shop", "acme.myshopify.com"]).output.startswith("2 deliveries")


def test_deliveries_of_a_shop_we_did_not_know_yet_can_be_replayed_once_we_do(house: House) -> None:
    from tests.conftest import make_shop

    house.deliver("orders/create", {**ORDER, "id": 77}, domain="late.myshopify.com")
    house.apply()
    late = make_shop("late.myshopify.com")
    assert replaying.replay(late, only_parked=True) == 1
    house.apply()
    with transaction.transaction(late) as session:
        assert session.scalars(text("SELECT external_id FROM orders")).all() == ["77"]
    assert replaying.replay(late, only_parked=True) == 0
