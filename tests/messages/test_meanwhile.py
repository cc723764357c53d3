"""Between claim and hand-over the world goes on: what is committed meanwhile counts."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.customers import service as customers
from app.messages import claiming
from app.messages.models import Message
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person, run_sql

PEOPLE = 200
COLUMNS = [column.name for column in Message.__table__.columns]

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.conftest import World


def bought(world: World) -> None:
    run_sql(world, "INSERT INTO orders (shop_id, external_id, name, customer_id, currency, total, payment, channel, "
                   "is_test, fulfilled, placed_at, version_tie) SELECT shop_id, 'o' || id, '', id, 'USD', 1, 'paid', "
                   "'online', false, false, :now, '' FROM customer", now=world.time.at)  # fmt: skip


def said_stop(world: World) -> None:
    from app.channels.base import InboundText
    from app.messages.inbound import receive

    for row in world.rows("SELECT phone FROM customer"):
        receive(InboundText(f"e{row.phone}", row.phone, "+18885550188", "STOP"))


def unsubscribed(world: World) -> None:
    with transaction(world.shop_id) as session:
        customers.consent(
            session,
            [
                customers.Word(row.id, "email", "unsubscribed", world.time.at, "link")
                for row in world.rows("SELECT id FROM customer")
            ],
        )


def complained(world: World) -> None:
    with transaction(world.shop_id) as session:
        for row in world.rows("SELECT email FROM customer"):
            customers.suppress(session, "email", row.email, "complaint", "receipt")


def erased(world: World) -> None:
    run_sql(world, "UPDATE customer SET erased_at = :now, email = NULL, phone = NULL", now=world.time.at)


def uninstalled(world: World) -> None:
    from app.journeys.service import stop_shop
    from app.shops import service as shops

    with transaction(world.shop_id) as session:
        shops.uninstall(session, shops.get(session), world.time.at)
        stop_shop(session)


def multiply(world: World, people: int) -> None:
    """Of the one person there is, with their consent and message, so many."""
    run_sql(world, "INSERT INTO customer (shop_id, external_id, email, phone, first_name, last_name, first_seen_at) "
                   "SELECT shop_id, 'c' || n, 'p' || n || '@shopper.example', '+1212555' || lpad(n::text, 4, '0'), "
                   "first_name, last_name, first_seen_at FROM customer, generate_series(2, :people) n",
            people=people)  # fmt: skip
    run_sql(world, "INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, source, "
                   "double_opt_in, evidence, recorded_at) SELECT e.shop_id, c.id, e.channel, e.purpose, e.state, "
                   "e.effective_at, e.source, false, '{}', e.recorded_at FROM consent_entry e JOIN customer c "
                   "ON c.id <> e.customer_id AND c.shop_id = e.shop_id")  # fmt: skip
    same = [column for column in COLUMNS if column not in ("id", "customer_id", "step")]
    run_sql(world, f"INSERT INTO message ({', '.join(same)}, customer_id, step) "  # noqa: S608 our own columns
                   f"SELECT {', '.join(f'm.{column}' for column in same)}, c.id, 's' || c.id FROM message m "
                   "JOIN customer c ON c.id <> m.customer_id AND c.shop_id = m.shop_id")  # fmt: skip


@pytest.mark.parametrize(
    ("happens", "channel", "reason"),
    [
        (unsubscribed, "email", ("skipped", "unsubscribed")),
        (said_stop, "sms", ("skipped", "suppressed:opted_out")),
        (bought, "email", ("cancelled", "bought")),
        (erased, "email", ("skipped", "erased")),
        (uninstalled, "email", ("cancelled", "uninstalled")),
    ],
)
def test_what_is_committed_between_claim_and_hand_over_stops_all_two_hundred(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[World], None],
    channel: str,
    reason: tuple[str, str],
) -> None:
    exits = {"exits": [{"if": [{"field": "customer.orders_count", "is": "at_least", "value": 1}], "reason": "bought"}]}
    make_message(world, make_person(world), channel, conditions=exits)
    multiply(world, PEOPLE)
    real = claiming.claim
    done: list[str] = []

    def claim_then(*args: Any, **more: Any) -> Any:
        claimed = real(*args, **more)
        if claimed.by_shop and not done:
            done.append("")
            happens(world)
            if happens is bought:
                run_sql(world, "UPDATE customer SET orders_count = 1")
        return claimed

    monkeypatch.setattr("app.messages.handover.claim", claim_then)
    world.handover.drain()
    assert done == [""]
    assert world.email.sent == world.sms.sent == []
    assert [(m.state, m.reason) for m in world.messages()] == [reason] * PEOPLE


@pytest.mark.parametrize("happens", [unsubscribed, said_stop, complained])
def test_a_no_waits_for_hand_overs_that_are_being_decided(world: World, happens: Callable[[World], None]) -> None:
    """Else it could be committed, and shown to its reader, while a mail is rendered that is begun after it."""
    make_person(world)
    saying = Thread(target=happens, args=[world])
    with transaction(world.shop_id) as session:
        # As the hand-over does when it begins to ask its gates.
        session.execute(
            text("SELECT id FROM customer WHERE shop_id = :shop FOR NO KEY UPDATE"), {"shop": world.shop_id}
        )
        saying.start()
        saying.join(0.3)
        assert saying.is_alive()
    saying.join(10)
    assert not saying.is_alive()
