"""Subscribers are told what happened: signed, again when it fails, and not for ever."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st
from sqlalchemy import text

from app import clock
from app.customers import service as customers
from app.hooks import delivering, recording, rules, service as hooks
from app.hooks.recording import Happened
from app.privacy import retention
from app.transaction import transaction
from tests.admin.conftest import add_customer, rows
from tests.conftest import make_shop
from tests.core.conftest import checkout
from tests.hooks.conftest import stored, subscribe

if TYPE_CHECKING:
    from tests.conftest import Time
    from tests.core.conftest import World
    from tests.hooks.conftest import Receiver


def happen(shop: int, kind: str = "review.received", **data: Any) -> None:
    with transaction(shop) as session:
        recording.tell(session, [Happened(kind, 7, data)])


def hook_of(shop: int) -> Any:
    return stored(shop, "hook")[0]


def test_the_signature_is_the_one_of_the_specification() -> None:
    """Standard Webhooks' own example."""
    assert (
        rules.signatures(
            ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50), st.binary(max_size=50))
def test_only_the_same_body_and_secret_give_the_same_signature(secret: bytes, body: bytes, other: bytes) -> None:
    made = rules.signatures([rules.secret_of(secret)], "evt_1", 1, body)
    assert (made == rules.signatures([rules.secret_of(secret)], "evt_1", 1, other)) is (body == other)
    assert made != rules.signatures([rules.secret_of(secret[::-1] + b"x")], "evt_1", 1, body)
    assert len(base64.b64decode(made.removeprefix("v1,"))) == 32


def test_tries_go_on_for_about_three_days() -> None:
    waits: list[timedelta] = []
    while (wait := rules.next_try(len(waits) + 1)) is not None:
        waits.append(wait)
    assert len(waits) == 9
    assert timedelta(days=3) <= sum(waits, timedelta()) <= timedelta(days=4)
    assert waits == sorted(waits)


def test_an_event_is_told_signed_and_once(shop: int, receiver: Receiver) -> None:
    made = subscribe(shop, receiver.url, "review.received")
    happen(shop, rating=5)
    happen(shop, "consent.changed")
    assert delivering.run() == 1
    assert delivering.run() == 0
    ((headers, body),) = receiver.heard
    assert receiver.believes(made.secret, headers, body)
    (event,) = stored(shop, "hook_event")
    assert headers["webhook-id"] == f"evt_{event.id}"
    assert receiver.told == [
        {"type": "review.received", "timestamp": "2026-06-10T16:00:00Z", "data": {"customer_id": 7, "rating": 5}}
    ]
    (delivery,) = stored(shop, "hook_delivery")
    assert (delivery.state, delivery.status, delivery.tries) == ("done", 204, 1)


def test_where_nobody_listens_nothing_is_written(shop: int, receiver: Receiver) -> None:
    happen(shop)
    made = subscribe(shop, receiver.url)
    with transaction(shop) as session:
        found = hooks.find(session, made.id)
        assert found is not None
        hooks.change(found, on=False)
    happen(shop)
    other = make_shop("umbrella.myshopify.com")
    happen(other)
    assert stored(shop, "hook_event") == stored(other, "hook_event") == []


def test_what_fails_is_tried_again_under_the_same_id(shop: int, receiver: Receiver, time: Time) -> None:
    subscribe(shop, receiver.url)
    receiver.answers = [500, 302, 200]
    happen(shop)
    assert delivering.run() == 1
    assert delivering.run() == 0
    time.move(seconds=4)
    assert delivering.run() == 0
    time.move(seconds=1)
    assert delivering.run() == 1
    (delivery,) = stored(shop, "hook_delivery")
    assert (delivery.state, delivery.code) == ("due", "http_302")
    assert hook_of(shop).failing_since is not None
    time.move(minutes=5)
    delivering.run()
    assert stored(shop, "hook_delivery")[0].state == "done"
    assert hook_of(shop).failing_since is None
    assert len({headers["webhook-id"] for headers, _ in receiver.heard}) == 1
    assert len(receiver.heard) == 3


def test_after_three_days_of_silence_it_stops_and_says_so(shop: int, receiver: Receiver, time: Time) -> None:
    subscribe(shop, receiver.url)
    receiver.answers = [503] * 50
    happen(shop)
    for _ in range(12):
        delivering.run()
        time.move(hours=24)
    assert len(receiver.heard) == 10
    assert stored(shop, "hook_delivery")[0].state == "failed"
    assert hook_of(shop).state == "stopped"
    happen(shop)
    assert len(stored(shop, "hook_event")) == 1
    with transaction(shop) as session:
        found = hooks.find(session, hook_of(shop).id)
        assert found is not None
        hooks.change(found, on=True)
    receiver.answers = []
    happen(shop)
    delivering.run()
    assert (hook_of(shop).state, hook_of(shop).failing_since) == ("on", None)


def test_who_says_gone_is_left_alone(shop: int, receiver: Receiver) -> None:
    subscribe(shop, receiver.url)
    receiver.answers = [410]
    happen(shop)
    happen(shop)
    delivering.run()
    assert hook_of(shop).state == "stopped"
    assert {d.state for d in stored(shop, "hook_delivery")} <= {"failed", "done", "dropped"}


def test_a_try_goes_out_although_it_is_off(shop: int, receiver: Receiver) -> None:
    made = subscribe(shop, receiver.url)
    happen(shop)
    with transaction(shop) as session:
        found = hooks.find(session, made.id)
        assert found is not None
        hooks.change(found, on=False)
        hooks.test(session, found)
    delivering.run()
    assert [event["type"] for event in receiver.told] == ["webhook.test"]
    assert [d.state for d in stored(shop, "hook_delivery")] == ["dropped", "done"]


def test_for_a_day_both_secrets_sign(shop: int, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    old = subscribe(shop, receiver.url).secret
    with transaction(shop) as session:
        found = hooks.find(session, hook_of(shop).id)
        assert found is not None
        new = hooks.new_secret(found)
    assert new != old
    happen(shop)
    delivering.run()
    assert all(receiver.believes(secret, *receiver.heard[0]) for secret in (old, new))
    later = clock.real_now() + timedelta(hours=25)
    monkeypatch.setattr(clock, "real_now", lambda: later)
    happen(shop)
    delivering.run()
    assert receiver.believes(new, *receiver.heard[1])
    assert not receiver.believes(old, *receiver.heard[1])


def test_a_worker_that_died_leaves_nothing_behind(shop: int, receiver: Receiver) -> None:
    subscribe(shop, receiver.url)
    happen(shop)
    (ids,) = delivering._due(clock.now()).values()
    assert len(delivering._claim(shop, ids)) == 1
    assert delivering.run() == 0, "somebody has it in hand"
    rows(shop, "UPDATE hook_delivery SET lease_until = now() - interval '1 second' WHERE shop_id = :shop RETURNING 1")
    assert delivering.run() == 1
    assert stored(shop, "hook_delivery")[0].state == "done"


@pytest.mark.parametrize("url", ["https://127.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/latest"])
def test_nobody_beside_us_is_called(shop: int, url: str) -> None:
    subscribe(shop, url)
    happen(shop)
    delivering.run()
    (delivery,) = stored(shop, "hook_delivery")
    assert (delivery.state, delivery.status) == ("due", None)
    assert "refused" in delivery.code


def test_what_is_removed_takes_its_deliveries_along(shop: int, receiver: Receiver) -> None:
    subscribe(shop, receiver.url)
    happen(shop)
    with transaction(shop) as session:
        found = hooks.find(session, hook_of(shop).id)
        assert found is not None
        hooks.remove(session, found)
    assert delivering.run() == 0
    assert stored(shop, "hook_delivery") == []


def test_what_was_told_stays_as_it_was_told_for_thirty_days(shop: int, receiver: Receiver, time: Time) -> None:
    subscribe(shop, receiver.url)
    happen(shop)
    with pytest.raises(Exception, match="stays as it was told"), transaction(shop) as session:
        session.execute(text("UPDATE hook_event SET data = '{}'"))
    time.move(days=29)
    retention.apply(shop)
    assert len(stored(shop, "hook_event")) == 1
    time.move(days=2)
    retention.apply(shop)
    assert stored(shop, "hook_event") == stored(shop, "hook_delivery") == []


def test_a_message_is_told_from_entering_to_leaving(world: World, receiver: Receiver) -> None:
    shop = world.shop_id
    subscribe(shop, receiver.url)
    world.turn_on("abandoned_checkout")
    world.deliver("checkouts/update", checkout(world))
    world.pass_time(hours=1)
    delivering.run()
    told = {event["type"]: event["data"] for event in receiver.told}
    assert {"journey.entered", "message.sent"} <= set(told)
    (message,) = stored(shop, "message")
    sent = told["message.sent"]
    assert (sent["message_id"], sent["journey"], sent["channel"]) == (message.id, "abandoned_checkout", "email")
    assert "@" not in str(receiver.heard), "nobody's address is told"


def test_people_and_consent(shop: int, receiver: Receiver) -> None:
    subscribe(shop, receiver.url)
    ana = add_customer(shop)
    with transaction(shop) as session:
        word = customers.Word(ana, "email", "unsubscribed", clock.now(), "link")
        customers.consent(session, [word])
        customers.consent(session, [word])
        for _ in range(2):
            customers.suppress(session, "email", "ana1@shopper.example", "complaint", "receipt")
    delivering.run()
    told = sorted((event["type"], event["data"]["customer_id"]) for event in receiver.told)
    assert told == [("consent.changed", ana), ("customer.suppressed", ana)]
