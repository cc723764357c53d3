"""A shop that hears webhooks, and a way to compare what came of them."""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, table, text

from app import registry, transaction
from app.extensions import Base
from app.inbox.accept import Row, Taken, ThreadedIntake, row_of
from app.inbox.service import apply_pending
from app.platforms.base import Envelope
from app.security.keyring import keyring
from tests.inbox.traffic import DOMAIN, Webhook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from flask import Flask

    from config import Settings
    from local.services import Postgres, Redis
    from tests.conftest import Time


OWN_TIMES = {"recorded_at", "received_at", "applied_at", "updated_at", "entered_at", "tries", "due_at"}
"""When we heard of something is ours, and differs from run to run."""
SEALED = {"recovery_url": "checkout.recovery_url", "status_url": "orders.status_url"}
SIGNPOST = ("id", "shop_id", "external_id", "merged_into_id", "merged_at", "deleted_at")
NOT_STATE = {"delivery", "alembic_version", "shop", "template", "journey", "journey_version", "sending_domain"}


@dataclass
class House:
    """A shop and its inbox."""

    shop_id: int
    url: str
    time: Time
    intake: ThreadedIntake

    def row(self, webhook: Webhook, domain: str = DOMAIN) -> Row:
        envelope = Envelope(domain, webhook.topic, webhook.webhook_id, "2026-10", "", webhook.at)
        return row_of("shopify", envelope, webhook.body)

    def deliver(
        self,
        topic: str,
        payload: Any,
        *,
        at: datetime | None = None,
        webhook_id: str | None = None,
        domain: str = DOMAIN,
    ) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        envelope = Envelope(domain, topic, webhook_id or str(uuid.uuid4()), "2026-10", "", at or self.time.at)
        assert self.intake.take(row_of("shopify", envelope, body)) is Taken.STORED

    def deliver_all(self, webhooks: Iterable[Webhook]) -> None:
        """Store many at once; how the intake does that is not what is tried here."""
        rows = [self.row(webhook) for webhook in webhooks]
        with transaction.transaction(self.shop_id) as session:
            session.execute(
                text(
                    "INSERT INTO delivery (shop_id, platform, shop_domain, topic, webhook_id, event_id, api_version, "
                    "triggered_at, received_at, body, state) VALUES (:shop, :a, :b, :c, :d, :e, :f, :g, :h, :i, "
                    "'pending') ON CONFLICT DO NOTHING"
                ),
                [{"shop": self.shop_id, **dict(zip("abcdefghi", row, strict=True))} for row in rows],
            )

    def apply(self) -> int:
        return apply_pending()

    def hear(self, *batches: Sequence[Webhook]) -> None:
        """Deliver and apply batch after batch."""
        for batch in batches:
            self.deliver_all(batch)
            self.apply()

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        with transaction.transaction(self.shop_id) as session:
            return list(session.execute(text(statement), parameters).all())

    def states(self) -> dict[str, int]:
        return {r.state: r.n for r in self.rows("SELECT state, count(*) AS n FROM delivery GROUP BY state")}

    def forget(self) -> None:
        """Begin anew with the same shop. Deleting a few rows takes a tenth of the time of truncating."""
        with transaction.engine().begin() as connection:
            for name in ["delivery", *state_tables()]:
                connection.execute(table(name).delete())

    def state(self) -> dict[str, list[Any]]:
        """Everything that is known, without our own numbers: references by the store's names of things."""
        with transaction.transaction(self.shop_id) as session:
            tables = {
                name: [dict(row) for row in session.execute(select(text("*")).select_from(table(name))).mappings()]
                for name in state_tables()
            }
            people = {row["id"]: row["external_id"] or row["email"] or row["phone"] for row in tables["customer"]}
            orders = {row["id"]: row["external_id"] for row in tables["orders"]}
            # A guest merged into a customer leaves a signpost where the guest came first, and none where not; on other
            # signposts only the direction counts.
            tables["customer"] = [
                {name: r[name] for name in SIGNPOST} if r["merged_into_id"] else r
                for r in tables["customer"]
                if r["merged_into_id"] is None or r["external_id"]
            ]
            return {
                name: sorted((_plain(row, people, orders) for row in rows), key=repr) for name, rows in tables.items()
            }


def signed(
    body: bytes,
    secret: str,
    *,
    topic: str = "orders/create",
    webhook_id: str = "w-1",
    domain: str = DOMAIN,
    family: str = "X-Shopify-",
) -> dict[str, str]:
    """The headers of a genuine webhook."""
    mac = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    return {
        f"{family}Hmac-Sha256": mac,
        f"{family}Topic": topic,
        f"{family}Shop-Domain": domain,
        f"{family}Webhook-Id": webhook_id,
        f"{family}Triggered-At": "2026-06-10T16:00:00Z",
    }


def state_tables() -> list[str]:
    """Those who refer to others first."""
    tables = reversed(Base.metadata.sorted_tables)
    return [t.name for t in tables if "shop_id" in t.c and t.name not in NOT_STATE]


def _plain(row: dict[str, Any], people: dict[int, str], orders: dict[int, str]) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if name not in OWN_TIMES | {"id", "shop_id"}}
    for name in ("customer_id", "merged_into_id"):
        if plain.get(name) is not None:
            plain[name] = people[plain[name]]
    if plain.get("order_id") is not None:
        plain["order_id"] = orders[plain["order_id"]]
    for name, purpose in SEALED.items():
        if plain.get(name) is not None:
            plain[name] = keyring().open(plain[name], purpose)
    return plain


@pytest.fixture
def intake() -> Iterator[ThreadedIntake]:
    """An intake of the test's own."""
    with closing(ThreadedIntake()) as made:
        yield made


@pytest.fixture
def house(
    shop: int, time: Time, settings: Settings, app: Flask, services: tuple[Postgres, Redis], intake: ThreadedIntake
) -> House:
    del app
    registry.load(settings)
    return House(shop, services[0].url, time, intake)
