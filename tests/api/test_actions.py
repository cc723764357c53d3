"""What programs do by the API is what merchants do in their pages: the same rows, the same record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from app.api.event_schemas import KIND
from app.hooks.rules import KINDS
from tests.admin.conftest import add_customer, add_message, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from tests.api.conftest import Program


def on_record(program: Program) -> list[tuple[str, str]]:
    found = rows(program.shop_id, "SELECT actor, action FROM audit_entry WHERE shop_id = :shop ORDER BY id")
    return [(row.actor, row.action) for row in found]


def pages(program: Program, path: str) -> list[Any]:
    found, cursor = [], ""
    for _ in range(50):
        page = program.get(f"{path}{'&' if '?' in path else '?'}limit=2{cursor}").json
        found.append([row["id"] for row in page["data"]])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"
    raise AssertionError("no last page")


def test_lists_come_page_by_page_newest_first(program: Program, stranger: Program) -> None:
    add_customer(stranger.shop_id)
    ids = [add_customer(program.shop_id, n) for n in range(1, 6)]
    assert pages(program, "/customers") == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    (found,) = program.get("/customers?email=ANA3@shopper.example").json["data"]
    assert (found["id"], found["external_id"], found["phone"]) == (ids[2], "c3", "+12125550003")
    assert [r["id"] for r in program.get("/customers?phone=%2B12125550004").json["data"]] == [ids[3]]
    messages = [add_message(program.shop_id, ids[0], n) for n in range(3)]
    assert pages(program, f"/messages?customer_id={ids[0]}") == [[messages[2], messages[1]], [messages[0]]]
    assert pages(program, "/messages?state=accepted") == [[]]
    assert on_record(program)[0] == (f"key:{program.key_id}", "people_listed")


def test_somebody_is_suppressed_taken_out_and_erased(program: Program, shop: int) -> None:
    ana = add_customer(shop)
    version = rows(shop, "SELECT journey_id, id FROM journey_version WHERE shop_id = :shop ORDER BY id LIMIT 1")[0]
    rows(
        shop,
        "INSERT INTO enrolment (shop_id, journey_id, version_id, customer_id, subject_kind, subject_key, round, state, "
        "step, anchor_at, since, entered_at, data) VALUES (:shop, :journey, :version, :ana, 'none', 'x', 1, 'active', "
        "'wait', :now, :now, :now, '{}') RETURNING id",
        journey=version.journey_id, version=version.id, ana=ana, now=NOON,
    )  # fmt: skip
    message = add_message(shop, ana, state="due", reason=None, journey_id=version.journey_id)
    answer = program.post(f"/customers/{ana}/exclude")
    assert answer.json == {"customer_id": ana, "journeys_ended": 1, "messages_cancelled": 1}
    (row,) = rows(shop, "SELECT state, reason FROM message WHERE shop_id = :shop AND id = :id", id=message)
    assert (row.state, row.reason) == ("cancelled", "excluded_by_merchant")
    assert program.post(f"/customers/{ana}/suppress", {}).json == {"customer_id": ana, "channels": ["email", "sms"]}
    assert [s["reason"] for s in program.get("/suppressions").json["data"]] == ["merchant", "merchant"]
    asked = program.post(f"/customers/{ana}/erase")
    assert asked.status_code == 202
    (request,) = rows(shop, "SELECT id, kind FROM privacy_request WHERE shop_id = :shop")
    assert asked.json == {"request_id": request.id, "customer_id": ana}
    rows(shop, "UPDATE customer SET erased_at = now() WHERE shop_id = :shop RETURNING id")
    assert program.post(f"/customers/{ana}/erase").status_code == 409
    assert [action for _, action in on_record(program)] == ["customer_excluded", "suppression_added", "erasure_asked"]


def test_consent_is_written_down_and_the_latest_word_counts(program: Program, shop: int) -> None:
    ana = add_customer(shop)
    path = f"/customers/{ana}/consent"
    word = {"channel": "email", "state": "unsubscribed", "effective_at": "2026-06-02T10:00:00+02:00"}
    assert program.post(path, word).status_code == 201
    earlier = word | {"state": "subscribed", "effective_at": "2026-06-01T10:00:00Z", "double_opt_in": True}
    told = program.post(path, earlier).json
    assert told["states"] == [
        {"channel": "email", "state": "unsubscribed"},
        {"channel": "sms", "state": "never_asked"},
        {"channel": "whatsapp", "state": "never_asked"},
    ]
    ledger = program.get(path).json["data"]
    assert [(e["state"], e["source"], e["double_opt_in"]) for e in ledger] == [
        ("subscribed", "api", True),
        ("unsubscribed", "api", False),
    ]
    future = program.post(path, word | {"effective_at": "2030-01-01T00:00:00Z"})
    assert (future.status_code, future.json["errors"][0]["pointer"]) == (422, "/effective_at")
    assert program.post(path, word | {"effective_at": "2026-06-01T10:00:00"}).status_code == 422, "without a zone"


def test_the_answer_whether_to_write_is_the_one_the_messages_get(program: Program, shop: int) -> None:
    ana = add_customer(shop)
    word = {"channel": "email", "state": "subscribed", "effective_at": "2026-06-01T10:00:00Z"}
    program.post(f"/customers/{ana}/consent", word)
    told = program.get(f"/customers/{ana}/permission").json
    answers = {(a["channel"], a["purpose"]): (a["may"], a["reason"]) for a in told["answers"]}
    assert answers["sms", "marketing"] == (False, "no_consent")
    assert [(e["state"], e["source"]) for e in told["evidence"]] == [("subscribed", "api")]
    kept = program.post(f"/customers/{ana}/consent", word | {"channel": "whatsapp"}).json
    assert {"channel": "whatsapp", "state": "subscribed"} in kept["states"]
    told = program.get(f"/customers/{ana}/permission").json
    assert {"whatsapp"} == {a["channel"] for a in told["answers"] if a["reason"] == "channel_not_used"}
    assert "whatsapp" in {e["channel"] for e in told["evidence"]}, "on record all the same"
    program.post(f"/customers/{ana}/suppress", {"channels": ["email"]})
    answers = program.get(f"/customers/{ana}/permission").json["answers"]
    assert {a["reason"] for a in answers if a["channel"] == "email"} == {"suppressed:merchant"}


def test_parked_messages_are_tried_again_or_dropped(program: Program, shop: int) -> None:
    ana = add_customer(shop)
    one, two = add_message(shop, ana, 1), add_message(shop, ana, 2)
    assert program.post(f"/messages/{one}/retry").json["state"] == "due"
    assert program.post(f"/messages/{two}/drop").json["reason"] == "dropped_by_merchant"
    assert program.post(f"/messages/{two}/retry").json["code"] == "conflict"
    assert program.get(f"/messages/{one}").json["journey"] is None
    assert [action for _, action in on_record(program)] == ["message_repeated", "message_cancelled"]


def test_journeys_are_turned_on_and_off(program: Program, shop: int) -> None:
    assert len(program.get("/journeys").json["data"]) >= 5
    assert program.post("/journeys/abandoned_cart/on").json["is_on"] is True
    assert program.get("/journeys/abandoned_cart").json["is_on"] is True
    assert program.post("/journeys/abandoned_cart/off").json["is_on"] is False
    assert program.post("/journeys/none/on").status_code == 404
    assert [action for _, action in on_record(program)] == ["journey_turned_on", "journey_turned_off"]
    assert rows(shop, "SELECT 1 FROM journey WHERE shop_id = :shop AND is_on") == []


def test_figures_and_settings_are_those_of_the_pages(program: Program) -> None:
    report = program.get("/reports/figures?first=2026-06-01&last=2026-06-07").json
    assert len(report["by_day"]) == 7
    assert report["total"]["sent"] == 0
    assert program.get("/reports/figures?first=2026-06-07&last=2026-06-01").status_code == 400
    assert program.get("/reports/figures?first=2020-06-07&last=2026-06-01").status_code == 400
    told = program.get("/settings").json
    assert (told["domain"], told["settings"]["limits"]["email_per_week"]) == ("acme.myshopify.com", 4)


def test_an_address_is_subscribed_changed_tried_and_removed(program: Program, shop: int) -> None:
    wanted = {"url": "https://erp.example/hook", "kinds": ["message.sent"]}
    made = program.post("/webhooks", wanted, Idempotency_Key="hook")
    assert made.status_code == 201
    secret, hook = made.json["secret"], made.json["webhook"]
    assert program.post("/webhooks", wanted, Idempotency_Key="hook").json["secret"] == secret
    (kept,) = rows(shop, "SELECT body FROM api_answer WHERE shop_id = :shop")
    assert secret.encode() not in bytes(kept.body)
    path = f"/webhooks/{hook['id']}"
    assert program.get(path).json == hook
    assert program.call("PATCH", path, {"kinds": ["consent.changed"], "on": False}).json["state"] == "off"
    assert program.call("PATCH", path, {"on": True}).json["kinds"] == ["consent.changed"]
    assert program.post(f"{path}/secret").json["secret"] != secret
    sent = program.post(f"{path}/test")
    assert sent.status_code == 202
    (delivery,) = program.get(f"{path}/deliveries").json["data"]
    assert (delivery["event_id"], delivery["kind"], delivery["state"]) == (sent.json["event_id"], "webhook.test", "due")
    assert program.post(f"/webhook-deliveries/{delivery['id']}/again").json == sent.json
    (event,) = program.get("/events?kind=webhook.test").json["data"]
    assert event["webhook_id"] == sent.json["webhook_id"]
    assert program.call("DELETE", path).json == {"id": hook["id"]}
    assert program.get("/webhooks").json == {"data": []}
    assert {action for _, action in on_record(program)} == {
        "hook_made", "hook_changed", "hook_secret_changed", "test_sent", "event_sent_again", "hook_removed",
    }  # fmt: skip


def test_an_address_inside_is_refused_by_field(program: Program) -> None:
    for url in ("http://erp.example/", "https://me:you@erp.example/", "javascript:alert(1)"):
        answer = program.post("/webhooks", {"url": url, "kinds": ["message.sent"]})
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/url")
    answer = program.post("/webhooks", {"url": "https://erp.example/", "kinds": ["message.read"]})
    assert answer.json["errors"][0]["pointer"] == "/kinds/0"


def test_every_kind_of_event_can_be_subscribed_to() -> None:
    assert set(get_args(KIND)) == set(KINDS)
