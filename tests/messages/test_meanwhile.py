"""Between claim and hand-over the world goes on: what is committed meanwhile counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.messages import claiming
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person, run_sql, state

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
    run_sql(world, "INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, "
"source, "
                   "double_opt_in, evidence, recorded_at) SELECT shop_id, id, 'email', 'marketing', 'unsubscribed', "
":now, "
                   "'link', false, '{}', :now FROM customer", now=world.time.at)  # fmt: skip


def erased(world: World) -> None:
    run_sql(world, "UPDATE customer SET erased_at = :now, email = NULL, phone = NULL", now=world.time.at)


def uninstalled(world: World) -> None:
    from app.journeys.service import stop_shop
    from app.shops import service as shops

    with transaction(world.shop_id) as session:
        shops.uninstall(session, shops.get(session), world.time.at)
        stop_shop(session)


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
def test_what_is_committed_between_claim_and_hand_over_stops_all_twenty(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[World], None],
    channel: str,
    reason: tuple[str, str],
) -> None:
    exits = {"exits": [{"if": [{"field": "customer.orders_count", "is": "at_least", "value": 1}], "reason": "bought"}]}
    messages = [
        make_message(world, make_person(world, n), channel, step=f"s{n}", conditions=exits) for n in range(1, 21)
    ]
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
    assert {state(world, m) for m in messages} == {reason}
