"""What each role may do, tried on every route there is; who gets which role; and that nothing is done unseen."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st
from werkzeug.routing import IntegerConverter

from app.admin.roles import NEEDED
from app.hooks import service as hooks
from app.keys import service as keys
from app.platforms.base import StaffMember
from app.team import rules, service as team
from app.team.rules import Role
from app.transaction import transaction
from tests.admin.conftest import Admin, add_customer, add_delivery, add_message, id_token, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.routing import Rule

    from tests.conftest import Time

KEY = "abandoned_checkout"
WORDS = {"key": KEY, "step": "first", "channel": "email", "part": "postal_address", "rest": "x", "deed": "test"}
FORMS: Mapping[str, Mapping[str, str]] = {
    "admin.settings_part": {"postal_address": "2 Main St"},
    "admin.journey_edit": {"seen": "v1", "do": "copy last"},
    "admin.journey_make": {"name": "Ours", "base": "+order_placed"},
    "admin.team_role": {"role": "editor"},
    "admin.team_newcomers": {"role": "editor"},
    "admin.hook_make": {"url": "https://shop.example/hook", "kinds": "message.sent"},
    "admin.key_make": {"name": "A program", "scopes": "customers:read"},
}
"""What has to be typed for an action to be done."""
NO_ID = 987_654_321
NUMBERS = itertools.count(100)


class Staff(Admin):
    """Another member of the same store's staff."""

    def __init__(self, client: FlaskClient, domain: str, user_id: str) -> None:
        super().__init__(client, domain)
        self.user_id = user_id

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {id_token(self.domain, sub=self.user_id)}", "HX-Request": "true"}


def changing(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every route of the admin that changes something, with each method."""
    for rule in sorted(app.url_map.iter_rules(), key=str):
        if rule.endpoint.startswith("admin."):
            for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
                yield rule, method


def address(rule: Rule, ids: Mapping[str, int]) -> str:
    values: dict[str, Any] = {
        name: ids.get(name, NO_ID) if isinstance(rule._converters[name], IntegerConverter) else WORDS.get(name, "x")
        for name in rule.arguments
    }
    built = rule.build(values)
    assert built is not None
    return built[1]


def member(shop: int, user_id: str) -> Any:
    return rows(shop, "SELECT * FROM member WHERE shop_id = :shop AND user_id = :user", user=user_id)[0]


@pytest.fixture
def owner(admin: Admin) -> Admin:
    admin.get("/admin/settings/team")
    return admin


@pytest.fixture
def viewer(owner: Admin, client: FlaskClient) -> Staff:
    made = Staff(client, owner.domain, "77")
    assert made.get("/admin/settings/team").status_code == 200
    return made


@pytest.fixture
def editor(owner: Admin, client: FlaskClient, shop: int) -> Staff:
    owner.post("/admin/settings/team/newcomers", {"role": "editor"})
    made = Staff(client, owner.domain, "88")
    made.get("/admin/settings/team")
    assert member(shop, "88").role == "editor"
    return made


def some(shop: int) -> dict[str, int]:
    """Things of a shop, by the names that addresses give their ids."""
    number = next(NUMBERS)
    customer = add_customer(shop, number)
    message = add_message(shop, customer, number)
    delivery = add_delivery(shop, number)
    with transaction(shop) as session:
        key, _ = keys.make(session, "A program", ["customers:read"], "42")
        for old in hooks.everyone(session, shop):  # a shop has twenty at most
            hooks.remove(session, old)
        hook = hooks.make(session, "https://shop.example/hook", ["message.sent"], "user:42")
        assert not isinstance(hook, hooks.TooMany)
    return {
        "customer_id": customer,
        "message_id": message,
        "delivery_id": delivery,
        "key_id": key.id,
        "hook_id": hook.id,
    }


def on_record(shop: int) -> list[Any]:
    return rows(shop, "SELECT * FROM audit_entry WHERE shop_id = :shop ORDER BY id")


def test_nothing_can_be_changed_by_somebody_who_may_only_look(
    app: Flask, client: FlaskClient, viewer: Staff, shop: int
) -> None:
    ids = some(shop) | {"member_id": member(shop, "42").id}
    before = len(on_record(shop))
    tried = 0
    for rule, method in changing(app):
        form = FORMS.get(rule.endpoint, {})
        answer = client.open(address(rule, ids), method=method, data=form, headers=viewer.headers())
        assert answer.status_code == 403, rule
        assert answer.headers["HX-Reswap"] == "none", "what they typed stays where it is"
        tried += 1
    assert tried >= 15
    assert len(on_record(shop)) == before
    assert member(shop, "42").role == "owner"


def test_a_viewer_looks_at_everything_but_what_is_an_owners(app: Flask, viewer: Staff, shop: int) -> None:
    ids = some(shop)
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("admin.") and "GET" in (rule.methods or ()) and not rule.endpoint.endswith("csv"):
            answer = viewer.get(address(rule, ids))
            refused = rule.endpoint in NEEDED
            assert (answer.status_code == 403) is refused, rule
    page = viewer.get("/admin/settings").text
    assert "You can look, but not change anything" in page
    assert 'class="looks-only"' in page


def test_what_is_an_owners_is_refused_to_an_editor(app: Flask, editor: Staff, shop: int) -> None:
    ids = some(shop) | {"member_id": member(shop, "42").id}
    for rule in app.url_map.iter_rules():
        if NEEDED.get(rule.endpoint) is Role.OWNER:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                answer = editor.client.open(address(rule, ids), method=method, headers=editor.headers())
                assert answer.status_code == 403, rule
    assert editor.post("/admin/settings/stop").status_code == 200
    assert editor.get("/admin/customers.csv").status_code == 200
    assert "Only an owner" in editor.get("/admin/settings/audit").text


def test_every_route_that_asks_for_more_exists(app: Flask) -> None:
    assert set(NEEDED) <= {rule.endpoint for rule in app.url_map.iter_rules()}


def test_every_route_with_an_id_answers_that_there_is_no_such_thing(app: Flask, admin: Admin, other: Admin) -> None:
    ids = some(team_shop(admin)) | {"member_id": member(team_shop(admin), "42").id}
    tried = 0
    for rule in app.url_map.iter_rules():
        by_number = [n for n in rule.arguments if isinstance(rule._converters[n], IntegerConverter)]
        if rule.endpoint.startswith("admin.") and by_number:
            for found in (ids, dict.fromkeys(ids, 2**63)):
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    answer = other.client.open(address(rule, found), method=method, headers=other.headers())
                    assert answer.status_code == 404, f"{method} {rule}"
                    tried += 1
    assert tried >= 10


def team_shop(admin: Admin) -> int:
    from app.shops import service as shops

    admin.get("/admin/settings/team")
    found = shops.find(admin.domain)
    assert found is not None
    return found


ONLY_LOOK = {"admin.journey_text_check"}
"""Post because what they ask about is long, and change nothing."""


def test_every_action_leaves_its_entry(app: Flask, owner: Admin, viewer: Staff, shop: int) -> None:
    done: dict[str, str] = {}
    for rule, method in changing(app):
        ids = some(shop) | {"member_id": member(shop, viewer.user_id).id}
        before = len(on_record(shop))
        form = FORMS.get(rule.endpoint, {})
        answer = owner.client.open(address(rule, ids), method=method, data=form, headers=owner.headers())
        assert answer.status_code < 500, rule
        if answer.status_code < 400 and rule.endpoint not in ONLY_LOOK:
            entries = [e for e in on_record(shop)[before:] if not e.action.endswith(("_viewed", "_listed"))]
            assert entries, rule
            assert {e.actor for e in entries} == {"user:42"}
            done[rule.endpoint.removeprefix("admin.")] = entries[0].action
    assert done.items() >= {
        "journey_on": "journey_turned_on", "journey_off": "journey_turned_off", "turn_on_all": "journey_turned_on",
        "journey_edit": "journey_changed", "journey_make": "journey_changed",
        "message_retry": "message_repeated", "message_drop": "message_cancelled",
        "parked_retry": "message_repeated", "parked_drop": "message_cancelled", "redrive": "deliveries_replayed",
        "redrive_all": "deliveries_replayed", "settings_part": "settings_changed", "settings_stop": "settings_changed",
        "settings_resume": "settings_changed", "team_role": "role_changed", "team_newcomers": "settings_changed",
        "hook_make": "hook_made", "hook_deed": "test_sent", "key_make": "api_key_made", "key_revoke": "api_key_revoked",
    }.items()  # fmt: skip


def test_looking_at_people_leaves_its_entry(owner: Admin, shop: int) -> None:
    ids = some(shop)
    before = len(on_record(shop))
    for path in (
        "/admin/customers", f"/admin/customers/{ids['customer_id']}", "/admin/messages",
        f"/admin/messages/{ids['message_id']}", "/admin/messages.json?customer=c1", "/admin/data-check",
        f"/admin/journeys/{KEY}/preview?customer={ids['customer_id']}", "/admin/customers.csv", "/admin/reports.csv",
    ):  # fmt: skip
        assert owner.get(path).status_code == 200
    found = [(e.action, e.targets) for e in on_record(shop)[before:]]
    assert found == [
        ("people_listed", {"page": "customers"}),
        ("person_viewed", {"customer": ids["customer_id"]}),
        ("people_listed", {"page": "messages"}),
        ("message_viewed", {"message": ids["message_id"]}),
        ("person_viewed", {"store_customer": "c1"}),
        ("people_listed", {"page": "data_check"}),
        ("person_viewed", {"customer": ids["customer_id"]}),
        ("people_listed", {"page": "customers_csv"}),
        ("figures_exported", {"page": "reports_csv"}),
    ]


# -- the team ---------------------------------------------------------------------------------------------------------


def test_who_comes_first_is_an_owner_and_the_next_may_look(viewer: Staff, shop: int) -> None:
    assert member(shop, "42").role == "owner"
    assert member(shop, viewer.user_id).role == "viewer"
    joined = [e for e in on_record(shop) if e.action == "member_joined"]
    assert [(e.actor, e.after) for e in joined] == [
        ("user:42", {"role": "owner"}),
        ("user:77", {"role": "viewer"}),
    ]


def test_a_role_counts_from_the_next_click(owner: Admin, viewer: Staff, shop: int) -> None:
    assert viewer.post("/admin/settings/stop").status_code == 403
    answer = owner.post(f"/admin/settings/team/{member(shop, '77').id}", {"role": "editor"})
    assert answer.status_code == 200
    assert viewer.post("/admin/settings/stop").status_code == 200
    entry = on_record(shop)[-2]
    assert (entry.action, entry.before, entry.after) == ("role_changed", {"role": "viewer"}, {"role": "editor"})


def test_the_last_owner_stays_one(owner: Admin, viewer: Staff, shop: int) -> None:
    mine = f"/admin/settings/team/{member(shop, '42').id}"
    answer = owner.post(mine, {"role": "viewer"})
    assert answer.status_code == 422
    assert "This is the only owner" in answer.text
    assert owner.post(mine, {"role": "king"}).status_code == 422
    owner.post(f"/admin/settings/team/{member(shop, '77').id}", {"role": "owner"})
    assert owner.post(mine, {"role": "viewer"}).status_code == 200
    assert owner.post(mine, {"role": "owner"}).status_code == 403, "gone is gone"
    assert viewer.post(mine, {"role": "owner"}).status_code == 200


def test_the_stores_own_owner_is_one_whenever_they_come(shop: int, time: Time) -> None:
    team.enter(shop, "1", lambda: None)
    boss, is_new = team.enter(shop, "2", lambda: StaffMember("Robin Sage", "robin@sage.example", is_account_owner=True))
    assert (boss.role, is_new) == ("owner", True)
    known, is_new = team.enter(shop, "2", lambda: pytest.fail("asked on each visit"))
    assert (known.name, known.email, is_new) == ("Robin Sage", "robin@sage.example", False)
    raw = rows(shop, "SELECT name, email FROM member WHERE shop_id = :shop AND user_id = '2'")[0]
    assert b"Robin" not in bytes(raw.name)
    time.move(days=2)
    boss, _ = team.enter(shop, "2", lambda: StaffMember("Robin Sage", "robin@sage.example", is_account_owner=False))
    assert (boss.role, boss.is_account_owner) == ("owner", False), "a role is taken away by a person only"
    with transaction(shop) as session:
        assert [m.user_id for m in team.everybody(session, shop)] == ["1", "2"]


@given(is_account_owner=st.booleans(), has_owner=st.booleans(), newcomers=st.sampled_from(["viewer", "editor"]))
def test_a_shop_always_has_an_owner(*, is_account_owner: bool, has_owner: bool, newcomers: str) -> None:
    role = rules.first_role(is_account_owner=is_account_owner, has_owner=has_owner, newcomers=newcomers)
    assert has_owner or role is Role.OWNER
    assert role is Role.OWNER or role == newcomers


@given(
    current=st.sampled_from(list(Role)),
    wanted=st.sampled_from(list(Role)),
    is_account_owner=st.booleans(),
    owners=st.integers(1, 3),
)
def test_no_change_leaves_a_shop_without_an_owner(
    *, current: Role, wanted: Role, is_account_owner: bool, owners: int
) -> None:
    code = rules.refusal(current=current, wanted=wanted, is_account_owner=is_account_owner, owners=owners)
    left = owners - (current is Role.OWNER and wanted is not Role.OWNER)
    assert code is not None or left >= 1
    assert code is None or current is Role.OWNER


def test_more_is_allowed_to_more() -> None:
    for role in Role:
        assert [rules.allows(role, needed) for needed in Role] == [
            rules.RANKS[role] >= rank for rank in range(len(Role))
        ]


# -- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_is_filtered_paged_and_taken_along(owner: Admin, shop: int) -> None:
    customer = some(shop)["customer_id"]
    for _ in range(55):
        owner.get(f"/admin/customers/{customer}")
    owner.post("/admin/settings/stop")
    page = owner.get("/admin/settings/audit")
    assert "Changed the settings" in page.text
    assert "stopped" in page.text
    assert 'rel="next"' in page.text
    only = owner.get("/admin/settings/audit", action="settings_changed").text
    assert f"/admin/customers/{customer}" not in only
    assert "no → yes" in only
    assert "No such entries" in owner.get("/admin/settings/audit", actor="system").text
    assert "No such entries" in owner.get("/admin/settings/audit", until="2020-01-01").text
    assert (
        owner.get("/admin/settings/audit", since="x", until="9999-12-31", action="\0", before="1-1").status_code == 200
    )
    file = owner.get("/admin/settings/audit.csv", action="person_viewed").text
    assert file.count("person_viewed") == 55
    assert "settings_changed" not in file
    assert on_record(shop)[-1].action == "audit_exported"


def test_every_word_of_the_log_has_its_sentence() -> None:
    from app.admin.audit_words import ACTIONS
    from app.privacy.audit import Action

    assert set(ACTIONS) == {action.value for action in Action}
