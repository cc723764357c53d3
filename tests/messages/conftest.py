"""Messages without their journeys: rows as planning writes them, and providers that record."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, text

from app.customers import service as customers
from app.messages import breaker
from app.messages.models import Message
from app.transaction import transaction
from tests.core.conftest import world  # noqa: F401 a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.core.conftest import World

EMAIL = """<mjml><mj-head><mj-title>Hello {{ customer.first_name }}</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>Hello {{ customer.first_name }}</mj-text></mj-column></mj-section></mj-body></mjml>"""
SMS = "Hello {{ customer.first_name }}. Reply STOP to opt out"


@pytest.fixture(autouse=True)
def nothing_heard_yet() -> Iterator[None]:
    breaker._Heard.noted.clear()
    breaker._Heard.deaf_until.clear()
    yield
    breaker._Heard.noted.clear()
    breaker._Heard.deaf_until.clear()


def make_person(world: World, number: int = 1, *, consent: bool = True) -> int:  # noqa: F811 the fixture's value
    with transaction(world.shop_id) as session:
        id_: int = session.execute(
            text("INSERT INTO customer (shop_id, external_id, email, phone, first_name, last_name, first_seen_at) "
                 "VALUES (:shop, :external, :email, :phone, :name, 'Lee', :now) RETURNING id"),
            {"shop": world.shop_id, "external": f"c{number}", "email": f"p{number}@shopper.example",
             "phone": f"+1212{5550000 + number}", "name": f"P{number}", "now": world.time.at},
        ).scalar_one()  # fmt: skip
        if consent:
            for channel in ("email", "sms"):
                session.execute(
                    text("INSERT INTO consent_entry (shop_id, customer_id, channel, purpose, state, effective_at, "
"source, "
                         "double_opt_in, evidence, recorded_at) VALUES (:shop, :id, :channel, 'marketing', "
                         "'subscribed', :now, 'test', false, '{}', :now)"),
                    {"shop": world.shop_id, "id": id_, "channel": channel, "now": world.time.at - timedelta(days=9)},
                )  # fmt: skip
    return id_


def make_template(world: World, channel: str, source: str | None = None) -> int:  # noqa: F811
    source = source or (EMAIL if channel == "email" else SMS)
    parameters = {"shop": world.shop_id, "channel": channel, "source": source, "now": world.time.at}
    with transaction(world.shop_id) as session:
        session.execute(
            text("INSERT INTO template (shop_id, channel, source, digest, created_at) VALUES (:shop, :channel, "
                 ":source, sha256(CAST(:source AS text)::bytea), :now) ON CONFLICT DO NOTHING"), parameters,
        )  # fmt: skip
        id_: int = session.execute(
            text("SELECT id FROM template WHERE shop_id = :shop AND channel = :channel AND source = :source"),
            parameters,
        ).scalar_one()
    return id_


def make_message(world: World, person: int, channel: str = "email", **more: Any) -> int:  # noqa: F811
    """A message that is due now, as planning writes it."""
    now = world.time.at
    source = more.pop("source", None)
    row = {
        "shop_id": world.shop_id, "customer_id": person, "step": "hello", "channel": channel, "purpose": "marketing",
        "audience": "subscribers", "priority": 50, "subject_kind": "none", "subject_key": "", "since": now,
        "state": "due", "planned_at": now, "due_at": now, "useful_until": now + timedelta(days=1), "updated_at": now,
        "conditions": {}, "template_id": make_template(world, channel, source), **more,
    }  # fmt: skip
    with transaction(world.shop_id) as session:
        id_: int = session.execute(insert(Message).values(**row).returning(Message.id)).scalar_one()
    return id_


def state(world: World, message_id: int) -> tuple[str, str | None]:  # noqa: F811
    row = world.rows("SELECT state, reason FROM message WHERE id = :id", id=message_id)[0]
    return row.state, row.reason


def run_sql(world: World, statement: str, **parameters: Any) -> None:  # noqa: F811
    with transaction(world.shop_id) as session:
        session.execute(text(statement), parameters)


def say_no(world: World, channel: str) -> None:  # noqa: F811
    """Everybody unsubscribes now."""
    with transaction(world.shop_id) as session:
        people = session.scalars(text("SELECT id FROM customer WHERE shop_id = :shop"), {"shop": world.shop_id})
        words = [customers.Word(id_, channel, "unsubscribed", world.time.at, "test") for id_ in people]
        customers.consent(session, words)
