"""May we write to this person? The answer and the gates are one function; here they are tried against each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, strategies as st
from sqlalchemy import text

from app.customers import service as customers
from app.messages import permission
from app.messages.rules import Defer, Go, Skip, gate
from app.shops.models import Shop
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person, run_sql, say_no
from tests.messages.test_gates import NIGHT, NOW, OPEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from app.messages.rules import Asked
    from tests.core.conftest import World

ASKED = st.builds(
    lambda channel, purpose, consent, unreachable, active, stopped, hours: replace(
        OPEN,
        channel=channel,
        purpose=purpose,
        consent=consent,
        unreachable=unreachable,
        shop_active=active,
        shop_stopped=stopped,
        sent_at=[NOW - timedelta(hours=h) for h in hours],
    ),
    st.sampled_from(["email", "sms"]),
    st.sampled_from(["marketing", "transactional"]),
    st.sampled_from([None, "subscribed", "unsubscribed", "pending", "never_asked", "unconfirmed"]),
    st.sampled_from([None, "no_address", "erased", "suppressed:complaint"]),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(1, 160), max_size=3),
)


@given(ASKED, st.sampled_from([NOW, NIGHT]))
def test_the_answer_is_the_gates_own(asked: Asked, now: datetime) -> None:
    found, verdict = permission.answer(asked, "marketing", now), gate(asked, now)
    assert found.may is not isinstance(verdict, Skip)
    assert found.reason == ("all_gates_open" if isinstance(verdict, Go) else verdict.reason)
    assert found.not_before == (verdict.until if isinstance(verdict, Defer) else None)


def stop(world: World) -> None:
    with transaction(world.shop_id) as session:
        shop = session.get_one(Shop, world.shop_id)
        shop.settings = {"stopped": True}


def suppress(world: World) -> None:
    with transaction(world.shop_id) as session:
        customers.suppress(session, "email", "p1@shopper.example", "complained", "test")


CHANGES: dict[str, Callable[[Any], Any]] = {
    "nothing": str,
    "unsubscribed": lambda world: say_no(world, "email"),
    "stopped": stop,
    "erased": lambda world: run_sql(world, "UPDATE customer SET erased_at = now()"),
    "no address": lambda world: run_sql(world, "UPDATE customer SET email = NULL"),
    "suppressed": suppress,
    "uninstalled": lambda world: run_sql(world, "UPDATE shop SET state = 'uninstalled'"),
    "night": lambda world: setattr(world.time, "at", NIGHT),
}


def answers(world: World, who: int) -> dict[tuple[str, str], permission.Answer]:
    with transaction(world.shop_id) as session:
        found = permission.of_person(session, who)
    assert found is not None
    return {(a.channel, a.purpose): a for a in found.answers}


def test_what_the_page_says_is_what_happens_to_a_message(world: World) -> None:
    for name, change in CHANGES.items():
        with transaction(world.shop_id) as session:
            for table in ("message", "suppression", "customer"):
                session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
            session.execute(text("UPDATE shop SET state = 'installed', settings = '{}'"))
        who = make_person(world)
        change(world)
        said = answers(world, who)["email", "marketing"]
        message = make_message(world, who, "email", useful_until=world.time.at + timedelta(days=9))
        world.handover.drain()
        (row,) = world.rows("SELECT state, reason, due_at FROM message WHERE id = :id", id=message)
        assert (row.state in ("accepted", "deferred")) is said.may, name
        assert (row.reason or "all_gates_open") == said.reason, name
        assert said.not_before == (row.due_at if row.state == "deferred" else None), name


def test_it_tells_since_when_on_what_evidence_and_what_was_refused(world: World) -> None:
    who = make_person(world, consent=False)
    with transaction(world.shop_id) as session:
        word = customers.Word(who, "sms", "subscribed", world.time.at, "page", collected="page", wording="footer-3",
                              evidence={"ip": "192.0.2.7"})  # fmt: skip
        customers.consent(session, [word])
    make_message(world, who, "email")
    world.handover.drain()
    found = answers(world, who)
    assert found["email", "marketing"].reason == "no_consent"
    assert found["sms", "marketing"].reason == "all_gates_open"
    assert found["sms", "basket"].reason == "not_confirmed", "a plain yes isn't enough for texts about baskets"
    assert found["email", "transactional"].may
    assert (found["whatsapp", "marketing"].may, found["whatsapp", "marketing"].reason) == (False, "channel_not_used")
    with transaction(world.shop_id) as session:
        whole = permission.of_person(session, who)
        assert permission.of_person(session, 10**9) is None
    assert whole is not None
    assert whole.states == {"sms": ("subscribed", world.time.at)}
    assert [(e.source, e.wording, e.ip) for e in whole.evidence] == [("page", "footer-3", "192.0.2.7")]
    assert [(r.reason, r.channel) for r in whole.refused] == [("no_consent", "email")]
    plain = whole.plain()
    assert plain["states"]["sms"] == {"state": "subscribed", "since": world.time.at.isoformat()}
    assert plain["evidence"][0]["effective_at"] == world.time.at.isoformat()


def test_of_two_people_who_become_one_the_stricter_word_holds_back_the_message(world: World) -> None:
    """Both as the store tells it, by webhook, in either order of the merge and the word."""
    for number, merge_first in ((1, False), (2, True)):
        kept, removed = 500 + number, 600 + number
        now = world.time.at
        word: dict[str, Any] = {}
        for who, state, minutes in ((kept, "subscribed", 5), (removed, "unsubscribed", 9)):
            email = f"p{who}@x.example"
            world.deliver("customers/create", {"id": who, "email": email, "created_at": now.isoformat(),
                                               "updated_at": now.isoformat()})  # fmt: skip
            said = {"state": state, "opt_in_level": "single_opt_in",
                    "consent_updated_at": (now - timedelta(minutes=minutes)).isoformat()}  # fmt: skip
            word = {"customer_id": who, "email_address": email, "email_marketing_consent": said}
            if not (merge_first and who == removed):
                world.deliver("customers_email_marketing_consent/update", word)
        world.apply()
        ids = {"admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept}",
               "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{removed}"}  # fmt: skip
        world.deliver("customers/merge", {**ids, "status": "completed"})
        if merge_first:
            world.apply()
            world.deliver("customers_email_marketing_consent/update", word)
        world.apply()
        (person,) = world.rows("SELECT id FROM customer WHERE external_id = :id", id=str(kept))
        assert answers(world, person.id)["email", "marketing"].reason == "unsubscribed"
        message = make_message(world, person.id, "email")
        world.handover.drain()
        (row,) = world.rows("SELECT state, reason FROM message WHERE id = :id", id=message)
        assert row[:] == ("skipped", "unsubscribed")
