"""A shop with people in it, a SendGrid that can forget them, and eyes that see every column of every table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]  # its hints are a package of their own
import lz4.block
import psycopg
import pytest
from sqlalchemy import text

from app.privacy import registry, resealing, service
from app.security.keyring import CannotOpenError, keyring
from app.shops.models import PrivacyRequest
from app.transaction import place, transaction
from tests.conftest import SHARED
from tests.core.conftest import checkout, world  # noqa: F401 a fixture
from tests.listening import Listener, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config import Settings
    from local.services import Postgres, Redis
    from tests.core.conftest import World

SPEC = SHARED / "platform" / "openapi" / "tsg_recipients_data_erasure_v3.json"
EMAIL, PHONE = "ana@shopper.example", "+12125550123"


@dataclass
class Processor:
    """SendGrid's erasure call, over real HTTP; checks each request by the specification, where it is at hand."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """What to answer next; 202 when empty."""
    asked: list[list[str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    """Addresses of Twilio's texts."""

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        data = json.loads(body)
        self.faults += _faults(path, data)
        self.asked.append(data["email_addresses"])
        self.keys.append(headers["Authorization"])
        status = self.answers.pop(0) if self.answers else 202
        return status, json.dumps({"job_id": f"job-{len(self.asked)}"} if status == 202 else {"errors": []}).encode()


def _faults(path: str, data: Any) -> list[str]:
    if not SPEC.exists():
        return []
    spec = json.loads(SPEC.read_text())
    schema = spec["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema.Draft202012Validator({**schema, "components": spec["components"]})
    return [error.message for error in validator.iter_errors(data)]


@pytest.fixture
def processor() -> Iterator[Processor]:
    made = Processor()

    class Endpoint(Listener):
        protocol_version = "HTTP/1.1"

        def posted(self) -> None:
            self.answer(*made.take(self.path, self.headers, self.heard()))

        def deleted(self) -> None:
            made.deleted.append(self.path)
            made.keys.append(self.headers["Authorization"])
            status = made.answers.pop(0) if made.answers else 204
            self.answer(status, headers={"Retry-After": "100"} if status == 429 else None)

    with listening(Endpoint) as made.url:
        yield made
    assert made.faults == []


@dataclass
class Office:
    """The world, and the slow worker's part in it."""

    world: World
    settings: Settings
    processor: Processor

    @property
    def shop_id(self) -> int:
        return self.world.shop_id

    def work(self) -> int:
        return service.run(self.settings)

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        return self.world.rows(statement, **parameters)

    def one(self, statement: str, **parameters: Any) -> Any:
        return self.rows(statement, **parameters)[0]

    def redact(self, orders: list[int] | None = None, **customer: Any) -> None:
        """The store's webhook."""
        self.world.deliver("customers/redact", self.payload(customer, orders_to_redact=orders or []))
        self.world.apply()

    def request_data(self, number: int = 1, orders: list[int] | None = None, **customer: Any) -> None:
        payload = self.payload(customer, orders_requested=orders or [], data_request={"id": number})
        self.world.deliver("customers/data_request", payload)
        self.world.apply()

    def payload(self, customer: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"shop_id": 954889, "shop_domain": "acme.myshopify.com", "customer": customer, **more}

    def requests(self) -> list[PrivacyRequest]:
        with transaction(self.shop_id) as session:
            return list(session.query(PrivacyRequest).order_by(PrivacyRequest.id))

    def audit(self) -> list[str]:
        return [row.action for row in self.rows("SELECT action FROM audit_entry ORDER BY id")]

    def bodies(self) -> int:
        return int(self.one("SELECT count(*) AS n FROM delivery WHERE body IS NOT NULL").n)


@pytest.fixture
def office(world: World, settings: Settings, processor: Processor) -> Office:  # noqa: F811 the fixture's value
    """A shop where Ana has left a checkout and been written to about it."""
    sendgrid = replace(settings.sendgrid, api_base=processor.url)
    twilio = replace(settings.twilio, api_base=processor.url)
    made = Office(world, replace(settings, sendgrid=sendgrid, twilio=twilio), processor)
    world.turn_on("abandoned_checkout")
    world.deliver("checkouts/update", checkout(world))
    world.pass_time(hours=1)
    assert [o.to for o in world.email.sent] == [EMAIL]
    return made


@dataclass
class Eyes:
    """Reads every text, JSON and byte column there is, as the owner of the database; opens what is sealed."""

    url: str

    def columns(self) -> list[tuple[str, str]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
                "AND data_type IN ('text', 'json', 'jsonb', 'bytea', 'ARRAY', 'character varying', 'character') "
                "ORDER BY 1, 2"
            ).fetchall()

    def traces(self, *words: str) -> dict[str, int]:
        """`table.column` -> in how many rows one of the words is found."""
        wanted = [word.casefold() for word in words]
        found: dict[str, int] = {}
        with psycopg.connect(self.url) as connection:
            places = self._places(connection)
            for table, column in self.columns():
                rows = connection.execute(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL').fetchall()  # noqa: S608
                hits = sum(any(word in self._plain(value, places) for word in wanted) for (value,) in rows)
                if hits:
                    found[f"{table}.{column}"] = hits
        return found

    def _places(self, connection: psycopg.Connection[Any]) -> list[str]:
        shops = connection.execute("SELECT id, domain FROM shop").fetchall()
        return ["", *(place(id_) for id_, _ in shops), *(domain for _, domain in shops)]

    def _plain(self, value: Any, places: list[str]) -> str:
        if isinstance(value, bytes):
            return " ".join(self._opened(value, places)).casefold()
        return json.dumps(value, ensure_ascii=False, default=str).casefold()

    def _opened(self, value: bytes, places: list[str]) -> Iterator[str]:
        yield value.decode("utf-8", "replace")
        purposes = {purpose for _, purpose in resealing.sealed_columns()} | set(registry.SEALED_BY_HAND.values())
        for purpose in purposes:
            for spot in places:
                try:
                    plain = keyring().open(value, purpose, spot)
                except CannotOpenError:
                    continue
                yield plain.decode("utf-8", "replace")
                try:
                    yield lz4.block.decompress(plain).decode("utf-8", "replace")
                except (lz4.block.LZ4BlockError, MemoryError, ValueError):
                    continue


@pytest.fixture
def eyes(services: tuple[Postgres, Redis]) -> Eyes:
    return Eyes(services[0].url)


def customer_id(office: Office, email: str = EMAIL) -> int:
    return int(office.one("SELECT id FROM customer WHERE email = :email", email=email).id)


def shop_rows(shop_id: int, statement: str) -> list[Any]:
    with transaction(shop_id) as session:
        return list(session.execute(text(statement)).all())
