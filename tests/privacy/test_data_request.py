"""A person asks for their data: the merchant gets one file, complete, and of nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.privacy import exporting, registry, service
from app.privacy.exporting import label
from app.transaction import transaction
from tests.core.conftest import checkout, order
from tests.journeys.conftest import person
from tests.privacy.conftest import EMAIL, PHONE, customer_id

if TYPE_CHECKING:
    from tests.privacy.conftest import Eyes, Office


def content(office: Office) -> dict[str, Any]:
    (row,) = office.rows("SELECT id FROM data_file")
    with transaction(office.shop_id) as session:
        found = service.download(session, row.id, "user:7")
    assert found is not None
    return found


def test_the_file_holds_what_is_known_in_words(office: Office) -> None:
    office.world.deliver("orders/create", order(office.world))
    office.world.apply()
    office.request_data(email=EMAIL, id=501)
    office.work()
    file = content(office)
    assert file["Store"] == "Acme"
    (who,) = file["Person"]
    assert (who["Email"], who["Phone"], who["First name"], who["Id in the store"]) == (EMAIL, PHONE, "Ana", "501")
    assert {c["Channel"] for c in file["Consent"]} == {"email", "sms"}
    assert file["Orders"][0]["Link to the order's page"] == "https://acme.example/orders/1"
    assert file["Checkouts"][0]["Link back to the checkout"].startswith("https://acme.example/checkouts/tok-1")
    assert file["Messages"][0]["Channel"] == "email"
    assert file["Contents of messages"][0]["What the message was made of"]["data"]["customer"]["first_name"] == "Ana"
    assert [n["Topic"] for n in file["Webhooks"]["Notices"]] == [
        "checkouts/update",
        "orders/create",
        "customers/data_request",
    ]
    assert office.requests()[0].details == {}


def test_every_personal_column_of_the_person_is_in_the_file(office: Office) -> None:
    """By the registry: each is filled with a word of its own, and each word is looked for."""
    office.world.deliver("orders/create", order(office.world))
    office.world.apply()
    who = customer_id(office)
    words: dict[str, str] = {}
    with transaction(office.shop_id) as session:
        session.execute(text("RESET ROLE"))  # the app itself can't change what stands in the ledger
        for table in ("customer", "consent_entry", "checkout", "orders"):
            for column in registry.TABLES[table].personal.split():
                kind = registry.table(table).c[column]
                if registry.sealed(kind) or column in exporting.REPEATED:
                    continue
                word = f"canary-{table}-{column}"
                value = {"jsonb": json.dumps({word: 1}), "text[]": "{" + word + "}"}.get(str(kind.type).lower(), word)
                value = json.dumps({word: 1}) if "JSON" in str(kind.type) else value
                value = "{" + word + "}" if "[]" in str(kind.type) or "ARRAY" in str(kind.type) else value
                cast = "jsonb" if "JSON" in str(kind.type) else "text[]" if value.startswith("{") else "text"
                session.execute(
                    text(f'UPDATE "{table}" SET "{column}" = CAST(:value AS {cast})'),  # noqa: S608
                    {"value": value},
                )
                words[f"{table}.{column}"] = word
    assert len(words) > 10
    assert {f"customer.{column}" for column in exporting.REPEATED.values()} <= words.keys()
    office.request_data(id=501)
    office.work()
    found = json.dumps(content(office))
    assert [place for place, word in words.items() if word not in found] == []
    assert who > 0


def test_nothing_of_another_person_is_in_it(office: Office) -> None:
    office.world.deliver("checkouts/update", checkout(office.world, "tok-5", **person(5)))
    office.world.pass_time(hours=2)
    office.request_data(id=501, email=EMAIL, phone=PHONE)
    office.work()
    words = json.dumps(content(office))
    for word in ("p5@shopper.example", "+12125550005", "P5", "9005", "tok-5"):
        assert word not in words


def test_an_erased_persons_data_is_in_no_file(office: Office, eyes: Eyes) -> None:
    office.request_data(id=501)
    office.work()
    assert "data_file.content" in eyes.traces(EMAIL)
    office.redact(id=501, email=EMAIL)
    office.work()
    assert office.rows("SELECT 1 FROM data_file") == []
    office.request_data(2, id=501, email=EMAIL)
    office.work()
    words = json.dumps(content(office))
    for word in (EMAIL, PHONE, "Ana"):
        assert word not in words


def test_nobody_found_is_said_so(office: Office) -> None:
    office.request_data(email="nobody@shopper.example")
    office.work()
    assert content(office)["Person"] == "Nobody of this id, email or phone is known here."


def test_the_file_is_there_for_thirty_days_and_each_download_is_on_record(office: Office) -> None:
    office.request_data(id=501)
    office.work()
    file_id = office.one("SELECT id FROM data_file").id
    content(office)
    assert office.audit() == ["data_file_made", "data_file_downloaded"]
    assert office.one("SELECT actor FROM audit_entry ORDER BY id DESC LIMIT 1").actor == "user:7"
    office.world.time.move(days=31)
    with transaction(office.shop_id) as session:
        assert service.download(session, file_id, "user:7") is None
    office.work()
    assert office.rows("SELECT 1 FROM data_file") == []


def test_another_shop_cannot_open_it(office: Office) -> None:
    from tests.conftest import make_shop

    office.request_data(id=501)
    office.work()
    file_id = office.one("SELECT id FROM data_file").id
    with transaction(make_shop("other.myshopify.com")) as session:
        assert service.download(session, file_id, "user:1") is None


def test_labels_are_words() -> None:
    assert label("first_name") == "First name"
    assert label("postal_code") == "Postal code"
