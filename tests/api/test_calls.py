"""Whoever calls the API: who they are, how fast they may, what is told when something is wrong, and never twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, strategies as st
from werkzeug.routing import IntegerConverter

from app.api.calls import OPERATIONS
from app.api.document import document
from app.api.problems import CODES
from app.hooks import service as hooks
from app.keys import rules, service as keys
from app.keys.rules import Spent, Wait, spend
from app.security.redaction import redact
from app.transaction import transaction
from tests.admin.conftest import add_customer, add_message, rows
from tests.api.conftest import Program

if TYPE_CHECKING:
    import pytest
    from flask import Flask
    from flask.testing import FlaskClient

NOW = datetime(2026, 6, 10, tzinfo=UTC)


def test_without_a_good_key_nothing_is_told(client: FlaskClient, program: Program, stranger: Program) -> None:
    mixed = program.key.replace(f"rgl_{program.shop_id}_", f"rgl_{stranger.shop_id}_")
    for header in (
        "",
        "Bearer",
        "Basic eDp5",
        "Bearer x",
        f"Bearer {program.key}x",
        f"Bearer {mixed}",
        "Bearer rgl_1_é",
    ):
        answer = client.get("/api/v1/settings", headers={"Authorization": header} if header else {})
        assert answer.status_code == 401, header
        assert answer.mimetype == "application/problem+json"
        assert answer.json is not None
        assert answer.json["code"] in ("no_key", "bad_key")
        assert "Acme" not in answer.text
    assert program.get("/settings").status_code == 200


def test_a_revoked_key_opens_nothing(program: Program) -> None:
    with transaction(program.shop_id) as session:
        keys.revoke(session, program.key_id)
    assert program.get("/settings").json["code"] == "bad_key"


def test_a_key_of_a_store_that_removed_the_app_opens_nothing(program: Program, shop: int) -> None:
    rows(shop, "UPDATE shop SET state = 'uninstalled' WHERE id = :shop RETURNING id")
    answer = program.get("/settings")
    assert (answer.status_code, answer.json["code"]) == (403, "uninstalled")


def test_a_key_is_kept_nowhere_and_masked_in_logs(program: Program, shop: int) -> None:
    (row,) = rows(shop, "SELECT * FROM api_key WHERE shop_id = :shop")
    assert program.key not in str(row)
    assert row.hint == program.key[-4:]
    assert program.key not in redact(f"it came with {program.key}")


def test_every_operation_asks_for_its_scope(app: Flask, client: FlaskClient, shop: int) -> None:
    tried = 0
    for rule in app.url_map.iter_rules():
        operation = next((o for o in OPERATIONS if f"api.{o.name}" == rule.endpoint), None)
        if operation is None:
            continue
        built = rule.build({n: 1 if isinstance(c, IntegerConverter) else "x" for n, c in rule._converters.items()})
        assert built is not None
        with transaction(shop) as session:
            _, key = keys.make(session, "All but one", set(rules.SCOPES) - {operation.scope}, "42")
        answer = client.open(built[1], method=operation.method, headers={"Authorization": f"Bearer {key}"}, json={})
        assert (answer.status_code, answer.json["code"]) == (403, "missing_scope"), operation.name  # type: ignore[index]
        tried += 1
    assert tried == len(OPERATIONS) >= 17


def test_another_shops_ids_are_not_found(app: Flask, client: FlaskClient, program: Program, stranger: Program) -> None:
    customer = add_customer(program.shop_id)
    ids = {"customer_id": customer, "message_id": add_message(program.shop_id, customer)}
    with transaction(program.shop_id) as session:
        hook = hooks.make(session, "https://erp.example/hook", ["message.sent"], "user:42")
        assert not isinstance(hook, hooks.TooMany)
        hooks.test(session, hook)
    (delivery,) = rows(program.shop_id, "SELECT id FROM hook_delivery WHERE shop_id = :shop")
    ids |= {"hook_id": hook.id, "delivery_id": delivery.id}
    bodies = {"record_consent": {"channel": "sms", "state": "subscribed", "effective_at": "2026-06-01T00:00:00Z"}}
    tried = 0
    for rule in app.url_map.iter_rules():
        operation = next((o for o in OPERATIONS if f"api.{o.name}" == rule.endpoint), None)
        if operation is None or not any(isinstance(c, IntegerConverter) for c in rule._converters.values()):
            continue
        for number in (None, 2**63, 2**70):
            built = rule.build({name: number or ids.get(name, 987_654_321) for name in rule._converters})
            assert built is not None
            answer = client.open(
                built[1], method=operation.method, json=bodies.get(operation.name, {}),
                headers={"Authorization": f"Bearer {stranger.key}"},
            )  # fmt: skip
            assert (answer.status_code, answer.json["code"]) == (404, "not_found"), operation.name  # type: ignore[index]
            tried += 1
    assert tried >= 27
    assert rows(program.shop_id, "SELECT 1 FROM consent_entry WHERE shop_id = :shop") == []


def test_what_is_wrong_is_told_by_field(program: Program) -> None:
    customer = add_customer(program.shop_id)
    path = f"/customers/{customer}/consent"
    answer = program.post(path, {"channel": "post", "state": "subscribed", "effective_at": "soon", "colour": 1})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert {fault["pointer"] for fault in answer.json["errors"]} == {"/channel", "/effective_at", "/colour"}
    assert "soon" not in answer.text, "what was sent isn't repeated"
    assert program.get("/customers?limit=0").status_code == 400
    assert program.get("/customers?limit=1&limit=2").status_code == 400
    assert program.get("/customers?cursor=x").status_code == 400
    assert program.get("/customers?email=%00").status_code == 400
    assert program.get("/customers?colour=red").status_code == 400
    raw = {"Authorization": f"Bearer {program.key}"}
    client = program.client
    assert client.post(f"/api/v1{path}", data="{", content_type="application/json", headers=raw).status_code == 400
    assert client.post(f"/api/v1{path}", data="[]", content_type="application/json", headers=raw).status_code == 400
    assert client.post(f"/api/v1{path}", data="a=b", content_type="text/plain", headers=raw).status_code == 415


def test_addresses_and_methods_that_are_not_there_are_problems_too(program: Program) -> None:
    answer = program.get("/nothing")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    answer = program.call("DELETE", "/settings")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
    elsewhere = program.client.get("/nothing", headers={"Accept": "text/html"})
    assert elsewhere.mimetype == "text/html", "pages answer as pages do"


def test_an_answer_that_is_as_it_was_is_not_sent_again(program: Program) -> None:
    tag = program.get("/settings").headers["ETag"]
    again = program.get("/settings", If_None_Match=tag)
    assert (again.status_code, again.data) == (304, b"")


# -- not twice --------------------------------------------------------------------------------------------------------


def test_a_request_made_again_is_answered_as_before_and_does_nothing(program: Program, shop: int) -> None:
    message = add_message(shop, add_customer(shop))
    first = program.post(f"/messages/{message}/drop", Idempotency_Key="once")
    assert (first.status_code, first.json["state"]) == (200, "cancelled")
    again = program.post(f"/messages/{message}/drop", Idempotency_Key="once")
    assert (again.status_code, again.json) == (200, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert program.post(f"/messages/{message}/drop").status_code == 409, "without the key it is a new request"
    assert len(rows(shop, "SELECT 1 FROM decision WHERE shop_id = :shop")) == 1


def test_the_same_key_for_something_else_is_refused(program: Program, shop: int) -> None:
    customer = add_customer(shop)
    one = program.post(f"/customers/{customer}/suppress", {"channels": ["sms"]}, Idempotency_Key="k")
    assert one.status_code == 200
    other = program.post(f"/customers/{customer}/suppress", {"channels": ["email"]}, Idempotency_Key="k")
    assert (other.status_code, other.json["code"]) == (422, "other_request")
    assert [r.channel for r in rows(shop, "SELECT channel FROM suppression WHERE shop_id = :shop")] == ["sms"]


def test_two_at_once_with_one_key_do_it_once(app: Flask, program: Program, shop: int) -> None:
    customer = add_customer(shop)
    answers: list[tuple[int, object]] = []

    def ask() -> None:
        twin = Program.__new__(Program)
        twin.client, twin.shop_id, twin.key = app.test_client(), shop, program.key
        answer = twin.post(f"/customers/{customer}/erase", Idempotency_Key="erase-once")
        answers.append((answer.status_code, answer.json))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {202}
    assert len({str(body) for _, body in answers}) == 1
    assert len(rows(shop, "SELECT 1 FROM privacy_request WHERE shop_id = :shop")) == 1


def test_after_a_day_the_key_is_free_again(program: Program, shop: int) -> None:
    customer = add_customer(shop)
    program.post(f"/customers/{customer}/exclude", Idempotency_Key="k")
    rows(shop, "UPDATE api_answer SET created_at = created_at - interval '25 hours' WHERE shop_id = :shop RETURNING 1")
    answer = program.post(f"/customers/{customer}/suppress", {}, Idempotency_Key="k")
    assert answer.status_code == 200
    assert "Idempotency-Replayed" not in answer.headers


# -- not too fast -----------------------------------------------------------------------------------------------------


def test_too_many_are_told_when_to_come_again(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "STEP", timedelta(hours=1))
    monkeypatch.setattr(rules, "BURST", 3)
    left = [program.get("/settings").headers["RateLimit"] for _ in range(3)]
    assert left == ['"key";r=2', '"key";r=1', '"key";r=0']
    answer = program.get("/settings")
    assert (answer.status_code, answer.json["code"]) == (429, "too_many")
    assert 3590 <= int(answer.headers["Retry-After"]) <= 3601


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_in_any_span_no_more_go_than_the_allowance(gaps: list[float]) -> None:
    step, burst = timedelta(seconds=1), 5
    busy, now, gone = None, NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        verdict = spend(busy, now, step=step, burst=burst)
        if isinstance(verdict, Spent):
            busy = verdict.busy_until
            gone.append(now)
            assert 0 <= verdict.left < burst
        else:
            assert verdict.seconds > 0
            later = now + timedelta(seconds=verdict.seconds)
            assert not isinstance(spend(busy, later, step=step, burst=burst), Wait), "after the wait it goes"
    for first, at in enumerate(gone):
        for last in range(first, len(gone)):
            assert last - first + 1 <= burst + (gone[last] - at) / step + 1e-6


# -- the document -----------------------------------------------------------------------------------------------------


def test_the_document_tells_every_operation_and_needs_no_key(client: FlaskClient) -> None:
    found = client.get("/api/v1/openapi.json").json
    assert found is not None
    assert found["openapi"] == "3.1.0"
    named = {o["operationId"] for some in found["paths"].values() for o in some.values()}
    assert named == {operation.name for operation in OPERATIONS}
    assert found == document()


def test_the_documents_page_shows_it_without_any_script(client: FlaskClient) -> None:
    answer = client.get("/api/v1/docs")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in answer.text
    for code in CODES:
        assert f'id="{code}"' in answer.text
