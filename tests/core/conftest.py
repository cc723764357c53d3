"""A small world: a shop, its store, providers that record what they get, and hands on the clock."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from app import registry
from app.channels.base import Absent, Accepted, Account, Answer, CannotTell, Evidence, Outbound, Receipt
from app.inbox.accept import Taken, ThreadedIntake, row_of
from app.inbox.service import apply_pending
from app.journeys import service as journeys
from app.journeys.models import Journey
from app.journeys.planning import plan_due
from app.messages import receipts
from app.messages.handover import Handover
from app.platforms import access
from app.platforms.base import ConsentTold, Envelope, Platform, ShopAccess, TellAnswer, ToldConsent
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from config import Settings
    from tests.conftest import Time

intake = ThreadedIntake()


@dataclass
class FakeProvider:
    """Takes messages and keeps them; answers as told."""

    key: str
    channel: str
    sent: list[Outbound] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    answer: Callable[[Outbound], Answer] = lambda outbound: Accepted(f"ref-{outbound.reference[-6:]}")
    evidence: Evidence = field(default_factory=CannotTell)

    def send(self, outbound: Outbound, account: Account) -> Answer:
        self.accounts.append(account)
        self.sent.append(outbound)
        return self.answer(outbound)

    def look_up(self, outbound: Outbound, account: Account, since: datetime) -> Evidence:
        del account, since
        known = any(o.reference == outbound.reference for o in self.sent)
        return self.evidence if known else Absent()


class FakeStore:
    """The real adapter for payloads; the store behind it answers as told."""

    def __init__(self, real: Platform) -> None:
        self._real = real
        self.bought: bool | None = False
        self.told: list[ToldConsent] = []
        self.tell_answer: TellAnswer = ConsentTold()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def tell_consent(self, access: ShopAccess, told: ToldConsent) -> TellAnswer:
        del access
        self.told.append(told)
        return self.tell_answer

    def order_exists(self, access: ShopAccess, **_question: Any) -> bool | None:
        del access
        return self.bought


@dataclass
class World:
    """Everything a story needs."""

    shop_id: int
    time: Time
    settings: Settings
    email: FakeProvider
    sms: FakeProvider
    store: FakeStore
    handover: Handover

    def deliver(self, topic: str, payload: Any, *, webhook_id: str | None = None, at: datetime | None = None) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        envelope = Envelope(
            "acme.myshopify.com", topic, webhook_id or str(uuid.uuid4()), "2026-10", "", at or self.time.at
        )
        assert intake.take(row_of("shopify", envelope, body)) is Taken.STORED

    def confirm_texts(self, payload: dict[str, Any]) -> None:
        """The store's word that the checkout's customer confirmed their yes to texts: those about baskets need it."""
        said = {
            "id": payload["customer"]["id"],
            "phone": payload["sms_marketing_phone"],
            "sms_marketing_consent": {
                "state": "subscribed",
                "opt_in_level": "confirmed_opt_in",
                "consent_updated_at": payload["created_at"],
                "consent_collected_from": "shopify",
            },
        }
        self.deliver("customers_marketing_consent/update", said)

    def apply(self) -> None:
        apply_pending()

    def pass_time(self, **span: float) -> None:
        """Let business time pass in steps of half an hour, with everything due done at each."""
        end = self.time.at + timedelta(**span)
        while self.time.at < end:
            self.time.at = min(end, self.time.at + timedelta(minutes=30))
            self.settle()

    def settle(self) -> None:
        apply_pending()
        while plan_due() + self.handover.drain():
            pass

    def turn_on(self, *keys: str) -> None:
        with transaction(self.shop_id) as session:
            for journey in session.scalars(select(Journey)):
                if journey.key in keys or not keys:
                    journeys.turn_on(session, journey)

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        with transaction(self.shop_id) as session:
            return list(session.execute(text(statement), parameters).all())

    def messages(self) -> list[Any]:
        return self.rows("SELECT * FROM message ORDER BY id")

    def decisions(self) -> list[tuple[str, str, str]]:
        return [(r.step, r.outcome, r.reason) for r in self.rows("SELECT * FROM decision ORDER BY id")]

    def receipt(self, outbound: Outbound, kind: str, **more: Any) -> int:
        given = {"event_id": str(uuid.uuid4()), "at": self.time.at, "reference": outbound.reference, **more}
        return receipts.apply("sendgrid", [Receipt(kind=kind, **given)])


@pytest.fixture
def world(shop: int, time: Time, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    registry.load(settings)
    store = FakeStore(registry.platform("shopify"))
    email, sms = FakeProvider("sendgrid", "email"), FakeProvider("twilio", "sms")
    monkeypatch.setattr(registry._Found, "platforms", {"shopify": store})
    monkeypatch.setattr(registry._Found, "providers", {"sendgrid": email, "twilio": sms})
    monkeypatch.setattr(access, "open_store", lambda shop_id: (store, ShopAccess(shop_id, "acme.myshopify.com", "t")))
    with transaction(shop) as session:
        journeys.install_starters(session)
    handover = Handover.start(settings)
    yield World(shop, time, settings, email, sms, store, handover)
    handover.pool.shutdown()


HOUSE_BLEND = {
    "variant_id": 91,
    "product_id": 81,
    "title": "House blend",
    "quantity": 2,
    "price": "20.00",
    "variant_title": "250 g",
    "sku": "HB",
    "gift_card": False,
    "requires_shipping": True,
}


def _ana(now: str) -> dict[str, Any]:
    return {
        "id": 501,
        "email": "ana@shopper.example",
        "first_name": "Ana",
        "last_name": "Lee",
        "phone": "+12125550123",
        "updated_at": now,
        "created_at": now,
    }


def checkout(world: World, token: str = "tok-1", **more: Any) -> dict[str, Any]:
    now = world.time.at.isoformat()
    return {
        "token": token,
        "cart_token": f"cart-{token}",
        "email": "ana@shopper.example",
        "created_at": now,
        "updated_at": now,
        "completed_at": None,
        "currency": "USD",
        "total_price": "45.00",
        "subtotal_price": "40.00",
        "abandoned_checkout_url": f"https://acme.example/checkouts/{token}/recover?key=abc",
        "buyer_accepts_marketing": True,
        "buyer_accepts_sms_marketing": True,
        "sms_marketing_phone": "+12125550123",
        "customer_locale": "en-US",
        "shipping_address": {"country_code": "US", "province_code": "NY", "city": "New York"},
        "customer": _ana(now),
        "line_items": [
            {
                "key": "k1",
                **HOUSE_BLEND,
            }
        ],
        **more,
    }


def order(world: World, order_id: int = 7001, token: str | None = "tok-1", **more: Any) -> dict[str, Any]:
    now = world.time.at.isoformat()
    return {
        "id": order_id,
        "name": f"#{order_id}",
        "checkout_token": token,
        "cart_token": f"cart-{token}" if token else None,
        "email": "ana@shopper.example",
        "created_at": now,
        "processed_at": now,
        "updated_at": now,
        "currency": "USD",
        "total_price": "45.00",
        "current_total_price": "45.00",
        "financial_status": "paid",
        "fulfillment_status": None,
        "test": False,
        "source_name": "web",
        "cancelled_at": None,
        "order_status_url": "https://acme.example/orders/1",
        "customer": _ana(now),
        "line_items": [
            {
                "id": 1,
                **HOUSE_BLEND,
            }
        ],
        **more,
    }
