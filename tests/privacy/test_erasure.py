"""A person is erased: nothing of them is left but that they must not be written to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.customers import service as customers
from app.customers.queries import profiles
from app.messages import claiming, evidence, handover
from app.privacy import processors, requests, searching
from app.privacy.erasing import Asked, erase_person
from app.privacy.searching import Search, Traces
from app.security.sealed import seal_bytes
from app.shops.models import ProviderAccount
from app.transaction import transaction
from tests.core.conftest import checkout, order
from tests.messages.conftest import make_message, make_person
from tests.privacy.conftest import EMAIL, PHONE, customer_id, shop_rows

if TYPE_CHECKING:
    from tests.privacy.conftest import Eyes, Office


def test_a_redact_empties_the_person_and_ends_what_was_under_way(office: Office) -> None:
    person = customer_id(office)
    office.redact(id=501, email=EMAIL, phone=PHONE)
    office.work()
    row = office.one("SELECT * FROM customer WHERE id = :id", id=person)
    assert row.erased_at == office.world.time.at
    assert (row.email, row.phone, row.first_name, row.last_name, row.city) == (None, None, "", "", None)
    assert row.external_id == "501", "the store's number stays, so that late webhooks find them erased"
    assert office.one("SELECT state, end_reason FROM enrolment")[:] == ("exited", "erased")
    assert office.rows("SELECT 1 FROM message_content") == []
    assert office.rows("SELECT 1 FROM customer_address") == []
    assert office.one("SELECT recovery_url FROM checkout").recovery_url is None
    assert ("after_4_hours", "exited", "erased") in office.world.decisions()
    office.world.pass_time(hours=80)
    assert len(office.world.email.sent) == 1
    assert office.world.sms.sent == []


def test_messages_that_wait_are_cancelled_and_never_sent(office: Office) -> None:
    office.world.confirm_texts(checkout(office.world))
    office.world.apply()
    office.world.time.move(hours=3)
    from app.journeys.planning import plan_due

    plan_due()
    assert [m.state for m in office.world.messages()] == ["accepted", "due"]
    office.redact(id=501)
    office.work()
    office.world.handover.drain()
    assert [(m.state, m.reason) for m in office.world.messages()][1] == ("cancelled", "erased")
    assert office.world.sms.sent == []


def test_consent_stays_as_proof_without_address_or_evidence(office: Office) -> None:
    with transaction(office.shop_id) as session:
        word = customers.Word(
            customer_id(office), "email", "subscribed", office.world.time.at, "page", evidence={"ip": "192.0.2.7"}
        )
        customers.consent(session, [word])
    assert office.rows("SELECT 1 FROM consent_entry WHERE evidence <> '{}'")
    before = office.rows("SELECT channel, state, effective_at, source FROM consent_entry ORDER BY id")
    assert before
    office.redact(id=501)
    office.work()
    assert office.rows("SELECT channel, state, effective_at, source FROM consent_entry ORDER BY id") == before
    assert {str(r.evidence) for r in office.rows("SELECT evidence FROM consent_entry")} == {"{}"}


@pytest.mark.parametrize("named", [{"id": 501}, {"email": "Ana@Shopper.example"}, {"phone": PHONE}])
def test_an_id_or_an_email_or_a_phone_is_enough(office: Office, eyes: Eyes, named: dict[str, Any]) -> None:
    office.redact(**named)
    office.work()
    assert eyes.traces(EMAIL, "2125550123") == {}
    assert {r.channel for r in office.rows("SELECT channel FROM suppression WHERE reason = 'erased'")} == {
        "email",
        "sms",
    }


def test_somebody_else_with_the_same_phone_keeps_their_data(office: Office) -> None:
    office.world.deliver(
        "customers/create",
        {"id": 777, "email": "bo@shopper.example", "first_name": "Bo", "phone": PHONE,
         "created_at": office.world.time.at.isoformat(), "updated_at": office.world.time.at.isoformat()},
    )  # fmt: skip
    office.world.apply()
    office.redact(id=501, email=EMAIL, phone=PHONE)
    office.work()
    assert office.one("SELECT first_name, erased_at FROM customer WHERE external_id = '777'")[:] == ("Bo", None)


def test_orders_named_in_the_request_lose_what_is_personal_whoever_they_belong_to(office: Office) -> None:
    office.world.deliver("orders/create", order(office.world, 7002, None, customer=None, email="guest@shopper.example"))
    office.world.apply()
    assert office.one("SELECT status_url FROM orders").status_url is not None
    office.redact([7002], id=501)
    office.work()
    assert office.one("SELECT status_url FROM orders").status_url is None


def test_erasing_twice_changes_nothing_more(office: Office) -> None:
    office.redact(id=501)
    office.work()
    office.world.time.move(minutes=5)
    before = office.rows("SELECT * FROM customer"), office.rows("SELECT * FROM suppression ORDER BY id")
    office.redact(id=501, email=EMAIL)
    office.work()
    assert (office.rows("SELECT * FROM customer"), office.rows("SELECT * FROM suppression ORDER BY id")) == before
    assert all(r.done_at for r in office.requests())
    assert [r.details for r in office.requests()] == [{}, {}]


def test_the_same_request_delivered_again_is_the_same_request(office: Office) -> None:
    payload, at = office.payload({"id": 501}, orders_to_redact=[]), office.world.time.at
    for _ in range(3):
        office.world.deliver("customers/redact", payload, at=at)
    office.world.apply()
    assert len(office.requests()) == 1


# Webhooks as they came


def test_only_the_webhooks_that_speak_of_them_are_emptied(office: Office) -> None:
    office.world.deliver("products/update", {"id": 81, "title": "House blend", "variants": [],
                                             "updated_at": office.world.time.at.isoformat()})  # fmt: skip
    bo = {
        "email": "bo@shopper.example",
        "customer": None,
        "sms_marketing_phone": None,
        "buyer_accepts_sms_marketing": 0,
    }
    office.world.deliver("checkouts/update", checkout(office.world, "tok-2", **bo))
    office.world.apply()
    assert office.bodies() == 3
    office.redact(id=501)
    assert office.bodies() == 4
    office.work()
    kept = office.rows("SELECT topic FROM delivery WHERE body IS NOT NULL ORDER BY id")
    assert [r.topic for r in kept] == ["products/update", "checkouts/update"]


def test_a_parcel_that_names_only_the_order_is_found(office: Office, eyes: Eyes) -> None:
    office.world.deliver("orders/create", order(office.world, 700100200300))
    office.world.deliver("fulfillments/create", {
        "id": 5, "order_id": 700100200300, "status": "success", "created_at": office.world.time.at.isoformat(),
        "updated_at": office.world.time.at.isoformat(), "destination": {"address1": "77 Nightjar Passage"},
    })  # fmt: skip
    office.world.apply()
    assert eyes.traces("nightjar") == {"delivery.body": 1}
    office.redact(email=EMAIL)
    office.work()
    assert eyes.traces("nightjar", EMAIL) == {}


def test_a_webhook_not_applied_yet_never_is(office: Office) -> None:
    office.redact(email=EMAIL)
    office.world.deliver("checkouts/update", checkout(office.world, "tok-9"))
    requests.run()
    assert office.one("SELECT state, reason, body FROM delivery ORDER BY id DESC LIMIT 1")[:] == (
        "ignored",
        "erased",
        None,
    )
    office.world.apply()
    assert office.rows("SELECT 1 FROM checkout WHERE token = 'tok-9'") == []


def test_webhooks_from_before_the_shop_was_known_are_searched_too(office: Office) -> None:
    with transaction(0) as session:
        session.execute(
            text("INSERT INTO delivery (shop_id, webhook_id, platform, shop_domain, topic, event_id, api_version, "
                 "received_at, body, state) VALUES (0, :id, 'shopify', :domain, 'carts/update', '', '', now(), :body, "
                 "'parked')"),
            [
                {"id": "stray-1", "domain": "acme.myshopify.com",
                 "body": seal_bytes(b'{"email":"ANA@shopper.example"}', "delivery.body", "acme.myshopify.com")},
                {"id": "stray-2", "domain": "other.myshopify.com",
                 "body": seal_bytes(b'{"email":"ana@shopper.example"}', "delivery.body", "other.myshopify.com")},
            ],
        )  # fmt: skip
    office.redact(email=EMAIL)
    office.work()
    kept = shop_rows(0, "SELECT webhook_id FROM delivery WHERE body IS NOT NULL")
    assert [r.webhook_id for r in kept] == ["stray-2"], "another store's copy is another store's to erase"


@pytest.mark.parametrize(
    "body",
    [
        b'{"email": "ANA@Shopper.example"}',
        b'{"email": "ana\\u0040shopper.example"}',
        b'{"note": "call (212) 555-0123 please"}',
        b'{"phone": "212.555.0123"}',
        b'{"customer": {"id": 9007199254740993}}',
        b'{"customer": {"admin_graphql_api_id": "gid://shopify/Customer/9007199254740993"}}',
        b'{"order_id":450789469}',
        b'{"token": "abcdef0123"}',
        b"not json at all, but ana@shopper.example is in it",
    ],
)
def test_a_person_is_found_however_a_payload_spells_them(body: bytes) -> None:
    traces = Traces((EMAIL,), (PHONE,), ("9007199254740993",), ("450789469",), ("abcdef0123",))
    assert Search(traces).speaks_of(body)


@pytest.mark.parametrize(
    "body",
    [b'{"email": "joana@shopper.example.org"}', b'{"price": "450.00", "id": 14507894691}', b"{}", b"\xff\xfe", b"[[["],
)
def test_others_are_left_alone(body: bytes) -> None:
    traces = Traces(("ana@shop.example",), (PHONE,), ("9007199254740993",), ("450789469", "450"), ())
    assert not Search(traces).speaks_of(body)
    assert not Search(Traces()).speaks_of(body)


# Interrupted


def test_a_search_that_is_stopped_goes_on_where_it_was(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BATCH", 1)
    monkeypatch.setattr(searching.find, "__defaults__", (1,))
    for number in range(6):
        office.world.deliver("checkouts/update", checkout(office.world, f"tok-{number}"))
    office.world.apply()
    office.redact(id=501)
    calls, runs = 0, 0

    def after_a_few() -> bool:
        nonlocal calls
        calls += 1
        return calls % 3 == 0

    while any(r.done_at is None for r in office.requests()):
        requests.run(after_a_few)
        processors.run(office.settings)
        runs += 1
        assert runs < 50
    assert runs > 3
    assert office.bodies() == 0


def test_a_crash_half_way_leaves_the_request_open_and_the_next_run_ends_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, eyes: Eyes
) -> None:
    office.redact(email=EMAIL)

    def crash(*_: Any, **__: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(requests, "find", crash)
        assert office.work() >= 0
    assert office.requests()[0].done_at is None
    assert set(eyes.traces(EMAIL)) == {"delivery.body", "privacy_request.details"}
    office.work()
    assert office.requests()[0].done_at is not None
    assert eyes.traces(EMAIL) == {}


# Providers


def test_sendgrid_is_asked_to_forget_them_and_then_the_request_is_done(office: Office) -> None:
    office.redact(id=501)
    office.work()
    assert office.processor.asked == [[EMAIL]]
    assert office.processor.keys == ["Bearer SG.test"]
    assert office.one("SELECT outcome, provider_ref, addresses FROM processor_erasure")[:] == (
        "accepted",
        "job-1",
        None,
    )
    assert office.requests()[0].done_at is not None
    assert office.audit() == ["person_erased", "provider_asked_to_erase"]


def test_who_was_never_mailed_is_not_told_to_sendgrid(office: Office) -> None:
    office.redact(email="nobody@shopper.example")
    office.work()
    assert office.processor.asked == []
    assert office.requests()[0].done_at is not None


def test_a_shops_own_account_is_the_one_that_is_asked(office: Office) -> None:
    with transaction(office.shop_id) as session:
        session.add(ProviderAccount(shop_id=office.shop_id, channel="email", provider="sendgrid",
                                    credentials={"api_key": "SG.own"}, created_at=office.world.time.at))  # fmt: skip
    office.redact(id=501)
    office.work()
    assert office.processor.keys == ["Bearer SG.own"]


@pytest.mark.parametrize("trouble", [429, 500, 401, 503])
def test_a_provider_that_fails_is_asked_again_until_it_takes_it(office: Office, eyes: Eyes, trouble: int) -> None:
    office.processor.answers = [trouble, trouble]
    office.redact(id=501)
    office.work()
    assert office.requests()[0].done_at is None
    assert set(eyes.traces(EMAIL)) == {"processor_erasure.addresses"}, "nothing else waits for the provider"
    for _ in range(3):
        office.world.time.move(minutes=3)
        office.work()
    assert office.processor.asked == [[EMAIL]] * 3
    assert office.requests()[0].done_at is not None
    assert eyes.traces(EMAIL) == {}


def test_nobody_asks_before_it_is_time_again(office: Office) -> None:
    office.processor.answers = [500]
    office.redact(id=501)
    for _ in range(5):
        office.work()
    assert len(office.processor.asked) == 1


def test_one_refused_address_does_not_keep_the_others(office: Office) -> None:
    with transaction(office.shop_id) as session:
        processors.ask(session, None, [f"p{n}@shopper.example" for n in range(4)], ["sendgrid"])
    office.processor.answers = [400, 400]  # the four, then the first two of them
    for _ in range(5):
        processors.run(office.settings)
    assert sorted(map(len, office.processor.asked)) == [1, 1, 2, 2, 4]
    assert {r.done_at is None for r in office.rows("SELECT done_at FROM processor_erasure")} == {False}


# Coming back


def test_an_erased_person_imported_again_stays_suppressed(office: Office) -> None:
    office.redact(email=EMAIL, id=501)
    office.work()
    office.world.time.move(days=1)
    office.world.deliver("checkouts/update", checkout(office.world, "tok-7", customer=None))
    office.world.pass_time(days=4)
    person = customer_id(office)
    with transaction(office.shop_id) as session:
        profile = profiles(session, office.shop_id, [person])[person]
    assert profile.unreachable == {"email": "suppressed:erased", "sms": "suppressed:erased"}
    assert len(office.world.email.sent) == 1
    assert office.world.sms.sent == []


def test_late_webhooks_about_an_erased_customer_of_the_store_tell_nothing(office: Office, eyes: Eyes) -> None:
    office.redact(id=501)
    office.work()
    later = (office.world.time.at + timedelta(days=1)).isoformat()
    told = {"id": 501, "email": EMAIL, "first_name": "Ana", "phone": PHONE, "updated_at": later}
    office.world.deliver("customers/update", told)
    office.world.apply()
    assert set(eyes.traces(EMAIL)) == {"delivery.body"}


def test_a_suppressed_person_merged_into_another_stays_suppressed(office: Office) -> None:
    world, now = office.world, office.world.time.at
    with transaction(office.shop_id) as session:
        customers.suppress(session, "email", EMAIL, "complaint", "receipt")
        customers.consent(session, [customers.Word(customer_id(office), "email", "unsubscribed", now, "provider")])
    world.time.move(hours=1)
    world.deliver("customers/create", {"id": 900, "email": None, "first_name": "A", "created_at": now.isoformat(),
                                       "updated_at": now.isoformat()})  # fmt: skip
    world.deliver("customers/merge", {"admin_graphql_api_customer_kept_id": "gid://shopify/Customer/900",
                                      "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/501",
                                      "status": "completed"})  # fmt: skip
    world.apply()
    kept = office.one("SELECT id, email FROM customer WHERE external_id = '900'")
    assert kept.email == EMAIL
    with transaction(office.shop_id) as session:
        profile = profiles(session, office.shop_id, [kept.id])[kept.id]
    assert profile.unreachable["email"] == "suppressed:complaint"
    assert profile.consent["email"] == "unsubscribed"


def test_a_merged_persons_erasure_takes_both_rows(office: Office, eyes: Eyes) -> None:
    world, now = office.world, office.world.time.at
    world.deliver("customers/create", {"id": 900, "email": "ana.lee@work.example", "first_name": "Ana-Maria",
                                       "created_at": now.isoformat(), "updated_at": now.isoformat()})  # fmt: skip
    world.deliver("customers/merge", {"admin_graphql_api_customer_kept_id": "gid://shopify/Customer/900",
                                      "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/501",
                                      "status": "completed"})  # fmt: skip
    world.apply()
    office.redact(id=900)
    office.work()
    assert eyes.traces(EMAIL, "ana.lee@work", "Ana-Maria") == {}
    assert [r.erased_at is None for r in office.rows("SELECT erased_at FROM customer")] == [False, False]


def test_a_message_of_unknown_outcome_is_not_repeated_after_erasure(office: Office) -> None:
    with transaction(office.shop_id) as session:
        session.execute(text("UPDATE message SET state = 'unknown', lease_until = clock_timestamp() - interval '1 h'"))
    office.redact(id=501)
    office.work()
    evidence.resolve(office.settings)
    office.world.settle()
    assert len(office.world.email.sent) == 1


def test_an_open_request_for_data_is_settled_by_the_erasure(office: Office, eyes: Eyes) -> None:
    office.request_data(email=EMAIL)
    office.redact(email=EMAIL)
    with transaction(office.shop_id) as session:
        session.execute(text("UPDATE privacy_request SET id = id + 100 WHERE kind = 'data_request'"))
    office.work()
    assert eyes.traces(EMAIL) == {}
    assert office.rows("SELECT 1 FROM data_file") == []


def test_nobody_else_is_touched(office: Office) -> None:
    from tests.journeys.conftest import person

    office.world.deliver("checkouts/update", checkout(office.world, "tok-5", **person(5)))
    office.world.pass_time(hours=2)
    before = office.one("SELECT * FROM customer WHERE external_id = '9005'")
    office.redact(id=501, email=EMAIL, phone=PHONE)
    office.work()
    assert office.one("SELECT * FROM customer WHERE external_id = '9005'") == before
    assert office.one("SELECT count(*) AS n FROM message_content").n == 1


def test_two_hundred_people_erased_between_claim_and_hand_over_get_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [make_person(office.world, number) for number in range(100, 300)]
    for person_id in people:
        make_message(office.world, person_id)
    claim = claiming.claim

    def claims_and_then_all_are_erased(*args: Any, **kwargs: Any) -> Any:
        claimed = claim(*args, **kwargs)
        for number in range(100, 300):
            with transaction(office.shop_id) as session:
                erase_person(session, Asked(customer_id=f"c{number}"))
        return claimed

    sent = len(office.world.email.sent)
    with monkeypatch.context() as between:
        between.setattr(handover, "claim", claims_and_then_all_are_erased)
        office.world.handover.drain(limit=1)
    office.world.handover.drain()
    assert len(office.world.email.sent) == sent
    states = office.rows("SELECT state, reason, count(*) AS n FROM message WHERE step = 'hello' GROUP BY 1, 2")
    assert [tuple(row) for row in states] == [("cancelled", "erased", 200)]


# Texts at Twilio


@pytest.fixture
def texted(office: Office) -> Office:
    office.rows(
        "UPDATE message SET channel = 'sms', provider = 'twilio', provider_ref = 'SM' || id, accepted_at = :now, "
        "state = 'delivered' RETURNING 1",
        now=office.world.time.at,
    )
    office.rows("UPDATE attempt SET provider = 'twilio' RETURNING 1")
    return office


def test_twilio_is_asked_to_delete_the_texts_and_then_the_request_is_done(texted: Office) -> None:
    sids = [row.provider_ref for row in texted.rows("SELECT provider_ref FROM message ORDER BY provider_ref")]
    assert sids
    texted.redact(id=501)
    texted.work()
    account = "AC" + "0" * 32
    assert texted.processor.deleted == [f"/2010-04-01/Accounts/{account}/Messages/{sid}.json" for sid in sids]
    assert texted.one("SELECT provider, outcome, addresses FROM processor_erasure")[:] == ("twilio", "accepted", None)
    assert texted.requests()[0].done_at is not None


@pytest.mark.parametrize("trouble", [429, 401, 500, 409])
def test_twilio_in_trouble_is_asked_again(texted: Office, trouble: int) -> None:
    texted.processor.answers = [trouble]
    texted.redact(id=501)
    texted.work()
    assert texted.requests()[0].done_at is None
    texted.world.time.move(minutes=3)
    texted.processor.answers = [404] * 20  # whoever is gone already is forgotten too
    texted.work()
    assert texted.requests()[0].done_at is not None


def test_a_pause_that_twilio_asks_for_is_kept(texted: Office) -> None:
    texted.processor.answers = [429]
    texted.redact(id=501)
    texted.work()
    due_at = texted.one("SELECT due_at FROM processor_erasure").due_at
    assert due_at == texted.world.time.at + timedelta(seconds=100)


def test_texts_are_deleted_at_the_shops_own_account_and_at_the_hosts_where_they_may_have_gone_before(
    texted: Office,
) -> None:
    own = {"account_sid": "ACown", "auth_token": "own", "messaging_service_sid": "MGown"}
    with transaction(texted.shop_id) as session:
        session.add(ProviderAccount(shop_id=texted.shop_id, channel="sms", provider="twilio", credentials=own,
                                    created_at=texted.world.time.at))  # fmt: skip
    texted.redact(id=501)
    texted.processor.answers = [404]
    texted.work()
    sids = [row.provider_ref for row in texted.rows("SELECT provider_ref FROM message ORDER BY provider_ref")]
    hosts = "AC" + "0" * 32
    assert texted.processor.deleted == [
        f"/2010-04-01/Accounts/{account}/Messages/{sid}.json" for account in ("ACown", hosts) for sid in sids
    ]
    assert texted.processor.keys[0] == "Basic QUNvd246b3du"
    assert texted.requests()[0].done_at is not None
