"""One person nobody could mistake goes all the way, at debug level; then every place for words is looked into."""

from __future__ import annotations

import base64
import io
import json
import logging
import time as real
import uuid
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import redis
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text

from app import create_app, transaction as transactions
from app.channels.email import receipts as email_receipts
from app.customers.queries import profiles
from app.privacy.models import DataFile
from app.security import tokens
from app.security.redaction import JsonLines, configure_logging
from app.transaction import transaction
from tests.conftest import API_SECRET
from tests.core.conftest import checkout, order
from tests.inbox.conftest import signed
from tests.journeys.conftest import live, parcel
from tests.privacy.conftest import Eyes, Office

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from app.channels.base import Answer, Outbound
    from config import Settings
    from local.services import Postgres, Redis
    from tests.core.conftest import World
    from tests.privacy.conftest import Processor

KEY = ec.generate_private_key(ec.SECP256R1())
MAIL, PHONE = "zaphodine.quillfeather@canary-mail.example", "+12125557391"
FIRST, LAST, STREET, CITY, ZIP = "Zaphodine", "Quillfeather", "77 Nightjar Passage", "Owlminster", "90417-7391"
REVIEW = "Smells like Nightjar Passage in spring"
CANARY = (MAIL, PHONE, "2125557391", "212-555-7391", FIRST, LAST, "Nightjar", CITY, ZIP)
CUSTOMER_ID, ORDER_ID = 8712345678901, 5512345678901


@pytest.fixture
def said() -> io.StringIO:
    """All that the process has written to its log."""
    return io.StringIO()


@pytest.fixture
def loud(settings: Settings, app: Flask, processor: Processor, said: io.StringIO) -> Iterator[Flask]:
    """The whole application anew, at debug level, with a SendGrid key to check receipts by."""
    del app
    engine = transactions.engine()
    public = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    sendgrid = replace(settings.sendgrid, webhook_public_key=base64.b64encode(public).decode(), api_base=processor.url)
    twilio = replace(settings.twilio, api_base=processor.url)
    made = create_app(replace(settings, log_level="DEBUG", sendgrid=sendgrid, twilio=twilio))
    own = transactions.engine()
    (handler,) = [h for h in logging.root.handlers if isinstance(h.formatter, JsonLines)]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(said)
    yield made
    own.dispose()
    transactions.bind(engine)
    configure_logging(settings.log_level)


class Raw(logging.Handler):
    """What was logged before anything masked it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        values = {name: value for name, value in record.__dict__.items() if name not in ("exc_info", "exc_text")}
        self.lines.append(f"{record.getMessage()} {values}")


class Story:
    """The canary's life as a shopper, told over HTTP."""

    def __init__(self, app: Flask, office: Office) -> None:
        self.client, self.office, self.world = app.test_client(), office, office.world

    def tell(self, topic: str, payload: dict[str, Any]) -> None:
        body = json.dumps(payload).encode()
        headers = signed(body, API_SECRET, topic=topic, webhook_id=str(uuid.uuid4()))
        headers["X-Shopify-Triggered-At"] = self.world.time.at.isoformat()
        assert self.client.post("/webhooks/shopify", data=body, headers=headers).status_code == 200
        self.world.settle()

    def report(self, reference: str, *events: str) -> None:
        now = int(datetime.now(UTC).timestamp())
        body = json.dumps([
            {"event": event, "sg_event_id": f"{event}-{reference[-8:]}", "sg_message_id": "x.y", "timestamp": now,
             "reference": reference, "email": MAIL, "reason": f"said {MAIL}", "useragent": f"Mail for {FIRST} {LAST}"}
            for event in events
        ]).encode()  # fmt: skip
        signature = KEY.sign(str(now).encode() + body, ec.ECDSA(hashes.SHA256()))
        headers = {
            email_receipts.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
            email_receipts.TIMESTAMP_HEADER: str(now),
        }
        assert self.client.post("/receipts/sendgrid", data=body, headers=headers).status_code == 200

    def person(self) -> dict[str, Any]:
        now = self.world.time.at.isoformat()
        return {"id": CUSTOMER_ID, "email": MAIL, "phone": PHONE, "first_name": FIRST, "last_name": LAST,
                "tags": f"vip, of {CITY}", "created_at": now, "updated_at": now,
                "default_address": self.address()}  # fmt: skip

    def address(self) -> dict[str, Any]:
        return {"first_name": FIRST, "last_name": LAST, "name": f"{FIRST} {LAST}", "address1": STREET, "city": CITY,
                "zip": ZIP, "country_code": "US", "province_code": "NY", "phone": "(212) 555-7391"}  # fmt: skip

    def basket(self, name: str = "tok-canary", **more: Any) -> dict[str, Any]:
        return checkout(self.world, name, email=MAIL, sms_marketing_phone=PHONE, customer=self.person(),
                        shipping_address=self.address(), billing_address=self.address(),
                        abandoned_checkout_url=f"https://acme.example/recover?email={MAIL}", **more)  # fmt: skip

    def lives(self) -> None:
        """Leaves a checkout, is written to, buys, gets it, is asked for a review and writes one."""
        self.tell("customers/create", self.person())
        self.tell("checkouts/update", self.basket())
        self.world.confirm_texts(self.basket())
        live(self.world, hours=5)
        assert len(self.world.email.sent) == 1
        assert len(self.world.sms.sent) == 1
        self.report(self.world.email.sent[0].reference, "processed", "delivered", "open", "click", "bounce")
        bought = order(self.world, ORDER_ID, "tok-canary", email=MAIL, phone=PHONE, customer=self.person(),
                       shipping_address=self.address(), order_status_url=f"https://acme.example/{LAST}/status",
                       note=f"for {FIRST}", buyer_accepts_marketing=True)  # fmt: skip
        self.tell("orders/create", bought)
        self.tell("fulfillments/create", parcel(self.world, ORDER_ID, destination=self.address()))
        live(self.world, days=2)
        self.tell("fulfillments/update", parcel(self.world, ORDER_ID, delivered=True, destination=self.address()))
        live(self.world, days=20)
        asked = self.office.rows("SELECT id FROM message WHERE subject_kind = 'order' ORDER BY id DESC LIMIT 1")[0].id
        token = tokens.make("review", self.office.shop_id, asked, 0, 5)
        answer = self.client.post(f"/review/{token}", data={"rating": "5", "words": REVIEW})
        assert answer.status_code == 200

    def goes_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What speaks of them spoils things on its way, so that there is something to complain of in the log."""

        def broken(outbound: Outbound) -> Answer:
            raise ValueError(f"no good: {outbound.to} of {FIRST} {LAST}")

        self.tell("checkouts/update", {"token": {"a": LAST}, "email": MAIL, "created_at": STREET})
        self.tell("orders/create", {"id": MAIL, "customer": {"id": FIRST}, "created_at": f"{LAST}"})
        with monkeypatch.context() as patched:
            patched.setattr(self.world.email, "answer", broken)
            patched.setattr(self.world.sms, "answer", broken)
            self.tell("checkouts/update", self.basket("tok-wrong"))
            live(self.world, days=4)
        self.report("no-such-reference", "bounce")
        assert self.client.post("/receipts/sendgrid", data=f"{MAIL}").status_code == 403
        assert self.client.get(f"/u/{MAIL}").status_code == 404

    def redacts(self) -> None:
        customer = {"id": CUSTOMER_ID, "email": MAIL, "phone": PHONE}
        self.tell("customers/redact", self.office.payload(customer, orders_to_redact=[ORDER_ID]))


@pytest.fixture
def story(loud: Flask, world: World, processor: Processor) -> Story:
    made = Story(loud, Office(world, loud.extensions["settings"], processor))
    world.turn_on("abandoned_checkout", "review_request")
    return made


def in_redis(url: str) -> str:
    """Everything Redis holds, unpacked: jobs are compressed."""
    found: list[Any] = []
    client: Any = redis.Redis.from_url(url)
    for key in client.scan_iter("*"):
        found.append(key)
        match client.type(key):
            case b"hash":
                for name, value in client.hgetall(key).items():
                    found += [name, value, _unpacked(value)]
            case b"list":
                found += client.lrange(key, 0, -1)
            case b"set":
                found += client.smembers(key)
            case b"zset":
                found += client.zrange(key, 0, -1)
            case b"string":
                found.append(client.get(key) or b"")
            case b"stream":
                found.append(repr(client.xrange(key)).encode())
    client.close()
    return b"\n".join(found).decode("utf-8", "replace")


def _unpacked(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""


def hits(words: str) -> list[str]:
    return [word for word in CANARY if word.casefold() in words.casefold()]


def test_the_canary_leaves_no_trace_outside_the_database_and_after_redact_none_inside(
    story: Story,
    eyes: Eyes,
    services: tuple[Postgres, Redis],
    said: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = Raw()
    for name in ("app", "workers", "flask", "werkzeug", ""):
        logging.getLogger(name).addHandler(raw)
    try:
        story.lives()
        story.goes_wrong(monkeypatch)
        before = eyes.traces(*CANARY, REVIEW)
        expected = {
            "customer.email", "customer.phone", "customer.first_name", "customer.city", "customer.tags",
            "message_content.context", "delivery.body", "review.words", "checkout.recovery_url", "orders.status_url",
        }  # fmt: skip
        assert expected <= before.keys(), "the scan sees what is there"

        story.redacts()
        began = real.monotonic()
        story.office.work()
        took = real.monotonic() - began
        after = eyes.traces(*CANARY, REVIEW)
        outside = in_redis(services[1].url)
        metrics = story.client.get("/metrics").get_data(as_text=True)
    finally:
        for name in ("app", "workers", "flask", "werkzeug", ""):
            logging.getLogger(name).removeHandler(raw)
    assert raw.lines, "there was something to hear"
    assert '"event": "provider_raised"' in said.getvalue()
    assert "rq:" in outside
    assert after == {}
    assert took < 60
    assert story.office.requests()[0].done_at is not None
    assert story.office.processor.asked == [[MAIL]]
    assert "regulars_" in metrics
    assert hits(metrics) == []
    assert hits(outside) == []
    assert hits(said.getvalue()) == []
    assert hits("\n".join(raw.lines)) == [], "not even before the masks"
    suppressed = story.office.rows("SELECT channel, reason FROM suppression ORDER BY channel")
    assert {(r.channel, r.reason) for r in suppressed} >= {("sms", "erased")}
    assert {r.channel for r in suppressed} == {"email", "sms"}


def test_the_log_was_really_listened_to(story: Story, said: io.StringIO) -> None:
    logging.getLogger("app.anything").debug("heard %s", "this")
    assert '"event": "heard this"' in said.getvalue()
    with pytest.raises(Exception, match="parameters hidden") as error, transaction(story.office.shop_id) as session:
        session.execute(text("SELECT 1 / CAST(:zero AS int) FROM shop WHERE name <> :name"), {"zero": 0, "name": MAIL})
    assert MAIL not in str(error.value)


def test_the_canary_comes_back_and_stays_suppressed(story: Story) -> None:
    story.lives()
    sent = len(story.world.email.sent), len(story.world.sms.sent)
    story.redacts()
    story.office.work()
    story.world.time.move(days=30)
    story.tell("checkouts/update", story.basket("tok-again"))
    guest = story.basket("tok-guest") | {"customer": None}
    story.tell("checkouts/update", guest)
    live(story.world, days=5)
    assert (len(story.world.email.sent), len(story.world.sms.sent)) == sent
    back = story.office.one("SELECT id FROM customer WHERE email = :email", email=MAIL).id
    with transaction(story.office.shop_id) as session:
        unreachable = profiles(session, story.office.shop_id, [back])[back].unreachable
    assert set(unreachable) == {"email", "sms"}
    assert all(reason.startswith("suppressed:") for reason in unreachable.values())


def test_the_canarys_file_holds_all_of_them_and_nobody_else(story: Story) -> None:
    other = story.basket("tok-other") | {
        "email": "hidden.heron@canary-mail.example", "sms_marketing_phone": "+12125550888", "shipping_address": {
            "country_code": "US", "province_code": "NY", "city": "Heronton", "zip": "10888"},
        "customer": {"id": 99, "email": "hidden.heron@canary-mail.example", "first_name": "Heron", "last_name": "Hi"},
        "abandoned_checkout_url": "https://acme.example/recover?heron",
    }  # fmt: skip
    story.lives()
    story.tell("checkouts/update", other)
    customer = {"id": CUSTOMER_ID, "email": MAIL}
    asked = story.office.payload(customer, orders_requested=[ORDER_ID], data_request={"id": 4})
    story.tell("customers/data_request", asked)
    story.office.work()
    with transaction(story.office.shop_id) as session:
        file = session.query(DataFile).one()
        words = json.dumps(file.content, ensure_ascii=False)
    for word in (MAIL, PHONE, FIRST, LAST, CITY, ZIP, REVIEW, "vip", f"recover?email={MAIL}", f"{LAST}/status",
                 "House blend", "after_1_hour", str(ORDER_ID)):  # fmt: skip
        assert word in words, word
    for word in ("heron", "Heron", "10888", "5550888"):
        assert word not in words
    assert story.office.requests()[0].done_at is not None
