"""The editor: what merchants see and do, what is answered beside the field, and who is told when two edit at once."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

import pytest
from werkzeug.datastructures import MultiDict

from app.admin import flow
from app.admin.editing import conditions, difference, panels
from app.journeys import files, service
from app.journeys.catalogue import FIELDS, VALUELESS, fields
from app.journeys.definition import KINDS, Definition, Step, walk
from app.journeys.editing import Add, Delete, Head, Leave, Move, apply, data_of
from tests.admin.conftest import add_customer, id_token, rows
from tests.conftest import NOON

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.admin.conftest import Admin

KEY = "abandoned_checkout"
EDIT = f"/admin/journeys/{KEY}/edit"
STARTERS = {key: starter.definition for key, starter in service.library().items()}


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def act(admin: Admin, do: str, key: str = KEY, **more: str) -> TestResponse:
    now = seen(admin.get(f"/admin/journeys/{key}/edit").text)
    return admin.post(f"/admin/journeys/{key}/edit", {"seen": now, "do": do, **more})


def order(admin: Admin, key: str = KEY) -> list[str]:
    return re.findall(r'id="step-([a-z0-9_]+)"', admin.get(f"/admin/journeys/{key}/edit").text)


def live(shop: int, key: str = KEY) -> Any:
    return rows(
        shop,
        "SELECT v.number, v.definition, v.made_by FROM journey j JOIN journey_version v ON v.shop_id = j.shop_id "
        "AND v.id = j.version_id WHERE j.shop_id = :shop AND j.key = :key",
        key=key,
    )[0]


# -- the flow --------------------------------------------------------------------------------------------------------


def test_steps_are_added_moved_copied_and_deleted_and_all_of_it_undone(admin: Admin, shop: int) -> None:
    before = order(admin)
    page = act(admin, "add wait after:first").text
    assert 'id="panel"' in page, "a new step's panel is open"
    assert order(admin)[:3] == ["after_1_hour", "first", "wait"]
    act(admin, "up wait")
    assert order(admin)[:3] == ["after_1_hour", "wait", "first"]
    act(admin, "copy wait")
    act(admin, "delete second")
    act(admin, "move last", where="start")
    assert order(admin)[:4] == ["last", "after_1_hour", "wait", "wait_2"]
    for _ in range(5):
        assert act(admin, "undo").status_code == 200
    assert order(admin) == before
    assert "it is what runs" in admin.get(EDIT).text or "The journey is off" in admin.get(EDIT).text
    act(admin, "redo")
    assert "wait" in order(admin)
    act(admin, "discard")
    assert order(admin) == before
    assert live(shop).number == 1, "nothing of it was published"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_step_the_engine_knows_is_added_moved_copied_and_deleted(admin: Admin, kind: str) -> None:
    before = order(admin)
    assert f'value="add {kind} start"' in admin.get(EDIT).text, "there is a button for it"
    page = act(admin, f"add {kind} start")
    assert page.status_code == 200
    (new,) = set(order(admin)) - set(before)
    has_settings = bool(get_args(Step.model_fields[kind].annotation)[0].model_fields)
    assert ('<form id="panel"' in page.text) == has_settings, "what can be set is asked at once"
    assert order(admin)[0] == new
    act(admin, f"down {new}")
    assert order(admin)[1] == new
    act(admin, f"move {new}", where="after:last")
    assert order(admin)[-1] == new
    act(admin, f"copy {new}")
    assert order(admin)[-2:] == [new, f"{new}_2"]
    for each in (new, f"{new}_2"):
        act(admin, f"delete {each}")
    assert order(admin) == before
    for _ in range(6):
        act(admin, "undo")
    assert order(admin) == before


def test_what_cannot_be_done_is_said_and_nothing_changes(admin: Admin) -> None:
    before = order(admin)
    answer = act(admin, "delete first")
    assert answer.status_code == 422
    assert "“text”: This journey knows nothing of that." in answer.text
    for nonsense in (
        "",
        "explode",
        "delete",
        "add bomb start",
        "move first",
        "unexit x",
        "unexit 99",
        "again 1",
        "drop x",
    ):
        assert act(admin, nonsense).status_code == 422, nonsense
    assert order(admin) == before


def test_a_split_is_deleted_with_or_without_its_ways(admin: Admin) -> None:
    act(admin, "add split after:first")
    act(admin, "add wait yes:split")
    act(admin, "delete split yes")
    assert "split" not in order(admin)
    assert "wait" in order(admin)


@pytest.mark.parametrize("key", STARTERS)
def test_every_panel_of_every_starter_opens_and_saves_without_changing_anything(admin: Admin, key: str) -> None:
    definition = STARTERS[key]
    for target in [
        "about", "trigger", *(f"exit:{n}" for n in range(len(definition.exits))),
        *(f"step:{s.id}" for s in walk(definition.steps) if not s.let_go),
    ]:  # fmt: skip
        page = admin.get(f"/admin/journeys/{key}/edit", open=target).text
        form = page[page.index('<form id="panel"') : page.index("</form>", page.index('<form id="panel"'))]
        boxes = re.findall(r'type="checkbox"[^>]* name="([^"]+)" value="([^"]+)" checked', form)
        typed = dict(re.findall(r'<input(?! type="checkbox")[^>]*? name="([^"]+)" value="([^"]*)"', form))
        for select in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
            chosen = re.search(r'value="([^"]*)" selected', select[1]) or re.search(r'value="([^"]*)"', select[1])
            typed[select[0]] = chosen[1] if chosen else ""
        both = MultiDict([*((n, v.replace("&#39;", "'")) for n, v in typed.items()), *boxes])
        answer = admin.client.post(f"/admin/journeys/{key}/edit", data=both, headers=admin.headers())
        assert answer.status_code == 200, (target, typed)
    assert "Published" in admin.get(f"/admin/journeys/{key}/edit").text, "nothing differs from what is published"


# -- panels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "unit", "word"),
    [("soon", "h", "whole number"), ("-1", "h", "whole number"), ("1.5", "d", "whole number"),
     ("", "h", "whole number"), ("900", "d", "Two years"), ("99999", "w", "Two years"), ("<b>", "h", "whole number")],
)  # fmt: skip
def test_a_wait_that_cannot_be_is_answered_beside_its_field(
    admin: Admin, shop: int, number: str, unit: str, word: str
) -> None:
    wait = {"span.number": number, "span.unit": unit, "after": "entered", "by": "span", "share": "80"}
    answer = act(admin, "save", open="step:after_1_hour", **wait)
    assert answer.status_code == 422
    assert word in re.findall(r'id="span.help">([^<]+)<', answer.text)[0]
    shown = number.replace("<", "&lt;").replace(">", "&gt;")
    assert f'name="span.number" value="{shown}"' in answer.text
    assert '<option value="entered" selected>' in answer.text, "the rest is kept"
    assert rows(shop, "SELECT 1 FROM journey_draft WHERE shop_id = :shop") == []


def test_a_changed_wait_is_a_draft_until_it_is_published(admin: Admin, shop: int) -> None:
    wait = {"span.number": "90", "span.unit": "m", "after": "trigger", "by": "span", "share": "80"}
    act(admin, "save", open="step:after_1_hour", **wait)
    assert "There are changes that aren&#39;t published" in admin.get(f"/admin/journeys/{KEY}").text
    assert "Unpublished changes" in admin.get("/admin/journeys").text
    page = admin.get(f"/admin/journeys/{KEY}/publish").text
    assert "<del>Wait 1 hour after the checkout was last touched.</del>" in page
    assert "<ins>Wait 90 minutes after the checkout was last touched.</ins>" in page
    assert "Nobody is under way" in page
    answer = admin.post(f"/admin/journeys/{KEY}/publish", {"seen": seen(page), "waiting": "stay"})
    assert "Version 2 is published" in answer.headers["HX-Trigger"]
    assert (live(shop).number, live(shop).made_by) == (2, "user:42")
    assert live(shop).definition["steps"][0]["wait"]["for"] == "90m"
    noted = rows(shop, "SELECT after FROM audit_entry WHERE shop_id = :shop AND action = 'journey_changed' ORDER BY id")
    assert noted[-1].after == {"version": 2, "waiting": "stay", "moved": 0, "stayed": 0}


def test_publishing_asks_what_happens_to_people_under_way(admin: Admin, shop: int) -> None:
    ana = add_customer(shop)
    rows(
        shop,
        "INSERT INTO enrolment (shop_id, journey_id, version_id, customer_id, subject_kind, subject_key, round, state, "
        "step, anchor_at, since, entered_at, due_at) SELECT shop_id, id, version_id, :ana, 'none', 'x', 1, 'active', "
        "'after_1_hour', :now, :now, :now, :due FROM journey WHERE shop_id = :shop AND key = :key RETURNING id",
        ana=ana, now=NOON, due=NOON + timedelta(hours=1), key=KEY,
    )  # fmt: skip
    wait = {"span.number": "3", "span.unit": "h", "after": "trigger", "by": "span", "share": "80"}
    assert "1 people wait here now" in admin.get(EDIT, open="step:after_1_hour").text
    act(admin, "save", open="step:after_1_hour", **wait)
    page = admin.get(f"/admin/journeys/{KEY}/publish").text
    assert "One person is under way. What happens to them?" in page
    assert admin.post(f"/admin/journeys/{KEY}/publish", {"seen": seen(page), "waiting": "?"}).status_code == 422
    answer = admin.post(f"/admin/journeys/{KEY}/publish", {"seen": seen(page), "waiting": "keep_time"})
    assert "1 people went over" in answer.headers["HX-Trigger"]
    enrolled = rows(shop, "SELECT e.*, v.number FROM enrolment e JOIN journey_version v ON v.shop_id = e.shop_id AND "
                    "v.id = e.version_id WHERE e.shop_id = :shop")[0]  # fmt: skip
    assert (enrolled.number, enrolled.due_at, enrolled.data["kept"]["step"]) == (
        2,
        NOON + timedelta(hours=1),
        "after_1_hour",
    )


def test_conditions_are_built_from_fields_and_counted_as_they_are_typed(admin: Admin, shop: int) -> None:
    people = [add_customer(shop, n) for n in range(1, 4)]
    for number, person in enumerate(people):
        rows(
            shop,
            "INSERT INTO checkout (shop_id, token, customer_id, currency, total, subtotal, lines, accepts_email, "
            "accepts_sms, created_at, version_at, version_tie) VALUES (:shop, :token, :person, 'USD', :total, 1, "
            "'[{\"title\": \"Tea\", \"quantity\": 1, \"is_gift_card\": false}]', false, false, :now, :now, '') "
            "RETURNING id",
            token=f"t{number}", person=person, total=2000 * (number + 1), now=NOON,
        )  # fmt: skip
    typed = {"open": "trigger", "c0.field": "checkout.total", "c0.is": "at_least", "c0.value": "40"}
    part = admin.get(f"{EDIT}/conditions", **typed).text
    assert "2 of the last 3 would pass: 2 people." in part
    assert 'value="clicked"' not in part, "nothing was sent yet on the way in"
    more = admin.get(f"{EDIT}/conditions", **typed, more="1").text
    assert 'name="c1.field"' in more
    assert 'name="c0.field"' not in admin.get(f"{EDIT}/conditions", **typed, less="0").text
    wrong = admin.get(f"{EDIT}/conditions", **(typed | {"c0.value": "lots"})).text
    assert "Use an amount, such as 45.00." in wrong
    assert 'value="lots"' in wrong
    assert "Complete the conditions" in wrong
    other = admin.get(
        f"{EDIT}/conditions", **(typed | {"c0.was": "checkout.total", "c0.field": "customer.country"})
    ).text
    assert 'placeholder="US"' in other, "another field, another kind of value"
    form = {
        **typed,
        "within.number": "12",
        "within.unit": "h",
        "again": "move",
        "cooldown.number": "7",
        "cooldown.unit": "d",
    }
    assert act(admin, "save", **form).status_code == 200
    assert "the checkout&#39;s total is at least $40.00" in admin.get(EDIT).text
    assert admin.get(f"{EDIT}/conditions", open="nonsense").status_code == 404


def test_a_reason_to_leave_is_added_and_deleted(admin: Admin) -> None:
    typed = {"open": "exit:new", "c0.field": "customer.tags", "c0.is": "has", "c0.value": "vip"}
    assert act(admin, "save", **typed).status_code == 200
    assert "their tags has “vip”" in admin.get(EDIT).text
    act(admin, "unexit 3")
    assert "their tags" not in admin.get(EDIT).text
    assert "Add at least one condition." in act(admin, "save", open="exit:new").text


# -- texts -----------------------------------------------------------------------------------------------------------


def test_a_text_is_shown_with_what_it_costs_and_pictures_that_are_there(admin: Admin) -> None:
    sms = admin.get(f"{EDIT}/text/text/sms").text
    assert re.search(r"1 segment · GSM-7 · \d+ characters · \$13.00 at most for a thousand", sms)
    mail = admin.get(f"{EDIT}/text/first/email").text
    assert "data:image/svg+xml" in mail, "made-up things have drawn pictures"
    assert "fernandoak.example/cdn" not in mail.partition("srcdoc=")[2]
    assert "hello@fernandoak.example" not in mail, "the shop's own address, where it has one, else none"


def test_a_new_message_begins_with_a_plain_text_that_can_be_written(admin: Admin) -> None:
    act(admin, "add send start")
    assert order(admin)[0] == "message"
    address = f"{EDIT}/text/message/email"
    page = admin.get(address).text
    assert "&lt;mjml" in page
    assert "<iframe sandbox srcdoc=" in page
    broken = admin.post(address, {"seen": seen(page), "source": "<mjml><mj-body>{{ oops"})
    assert broken.status_code == 422
    assert re.search(r'id="source.help"[^>]*>Line \d+: ', broken.text)
    assert "{{ oops" in broken.text
    column = "<mj-section><mj-column><mj-text>Hello</mj-text></mj-column></mj-section>"
    head = "<mj-head><mj-title>Hi</mj-title></mj-head>"
    source = f'<mjml>{head}<mj-body>{column}<mj-include path="footer"/></mj-body></mjml>'
    assert admin.post(address, {"seen": seen(page), "source": source}).status_code == 200
    page = admin.get(f"/admin/journeys/{KEY}/publish").text
    admin.post(f"/admin/journeys/{KEY}/publish", {"seen": seen(page), "waiting": "stay"})
    assert "Hello" in admin.get(f"/admin/journeys/{KEY}/preview/message/email").text
    assert admin.get(f"{EDIT}/text/message/sms").status_code == 404
    assert admin.get(f"{EDIT}/text/nobody/email").status_code == 404


def test_a_text_that_two_steps_share_is_changed_for_one(admin: Admin) -> None:
    act(admin, "copy text")
    page = admin.get(f"{EDIT}/text/text_2/sms").text
    admin.post(f"{EDIT}/text/text_2/sms", {"seen": seen(page), "source": "Only this one {{ checkout.url }}"})
    assert "Only this one" in admin.get(f"{EDIT}/text/text_2/sms").text
    assert "Only this one" not in admin.get(f"{EDIT}/text/text/sms").text


def test_a_message_takes_a_text_of_another_journey_but_never_of_another_shop(
    admin: Admin, other: Admin, shop: int
) -> None:
    page = admin.get(EDIT, open="step:first").text
    theirs = re.findall(r'value="(\+id:\d+)"', page)
    form = {"open": "step:first", "useful_for.number": "1", "useful_for.unit": "d", "purpose": "marketing",
            "audience": "anyone", "sms": ""}  # fmt: skip
    assert act(admin, "save", email=theirs[0], **form).status_code == 200
    assert "first_email" in str(
        rows(shop, "SELECT templates FROM journey_revision WHERE shop_id = :shop ORDER BY id")[-1]
    )
    answer = act(other, "save", email=theirs[0], **form)
    assert answer.status_code == 422, "the other shop has no such text"


# -- two at once -----------------------------------------------------------------------------------------------------


def test_the_second_of_two_is_told_and_can_make_their_change_on_top(admin: Admin) -> None:
    opened = seen(admin.get(EDIT).text)
    act(admin, "copy last")
    ben = {"Authorization": f"Bearer {id_token(sub='43')}", "HX-Request": "true"}
    admin.post("/admin/settings/team/newcomers", {"role": "editor"})
    late = admin.client.post(EDIT, data={"seen": opened, "do": "copy second"}, headers=ben)
    assert late.status_code == 409
    assert "Somebody was faster" in late.text
    assert "What they changed" in late.text
    assert "Set aside: a change by you" in late.text
    assert "second_2" not in order(admin)
    assert "Set aside: a change by somebody else of your team" in admin.get(EDIT).text
    number = re.search(r'value="again (\d+)"', late.text)
    assert number is not None
    done = admin.client.post(EDIT, data={"seen": "", "do": f"again {number[1]}"}, headers=ben)
    assert "The change is made" in done.headers["HX-Trigger"]
    assert {"last_2", "second_2"} <= set(order(admin))
    assert "Set aside" not in admin.get(EDIT).text


def test_nobody_publishes_what_they_have_not_seen(admin: Admin, shop: int) -> None:
    act(admin, "copy last")
    page = admin.get(f"/admin/journeys/{KEY}/publish").text
    act(admin, "copy last")
    answer = admin.post(f"/admin/journeys/{KEY}/publish", {"seen": seen(page), "waiting": "stay"})
    assert answer.status_code == 409
    assert live(shop).number == 1


# -- versions and files ----------------------------------------------------------------------------------------------


def test_versions_tell_what_each_changed_and_come_back_as_new_ones(admin: Admin, shop: int) -> None:
    act(admin, "delete last")
    admin.post(f"/admin/journeys/{KEY}/publish", {"seen": seen(admin.get(f"/admin/journeys/{KEY}/publish").text)})
    page = admin.get(f"/admin/journeys/{KEY}/versions").text
    assert "Send an email (“last”)" in page
    assert "How it began." in page
    answer = admin.post(f"/admin/journeys/{KEY}/versions/1/restore", {"seen": seen(page)})
    assert "Version 1 is your draft now" in answer.headers["HX-Trigger"]
    admin.post(f"/admin/journeys/{KEY}/publish", {"seen": seen(answer.text)})
    assert live(shop).number == 3
    assert live(shop).definition == data_of(STARTERS[KEY])
    assert admin.post(f"/admin/journeys/{KEY}/versions/9/restore", {"seen": "v3"}).status_code == 404


@pytest.mark.parametrize("key", STARTERS)
def test_a_journey_goes_out_as_a_file_and_comes_back(admin: Admin, shop: int, key: str) -> None:
    answer = admin.get(f"/admin/journeys/{key}/export")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{key}.json"'
    made = upload(admin, answer.data)
    assert made.status_code == 200, made.text
    own = rows(shop, "SELECT key FROM journey WHERE shop_id = :shop AND key LIKE 'own%'")[0].key
    assert live(shop, own).definition == data_of(STARTERS[key]) | {"key": own}


def upload(admin: Admin, content: bytes) -> TestResponse:
    return admin.client.post(
        "/admin/journeys/import", data={"file": (io.BytesIO(content), "j.json")}, headers=admin.headers()
    )


def test_a_file_that_is_too_large_is_not_even_read(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 1000)
    answer = upload(admin, b"{" * 5000)
    assert answer.status_code == 422
    assert "too large" in answer.text


def test_a_file_that_cannot_be_is_answered_flaw_by_flaw(admin: Admin, shop: int) -> None:
    good = json.loads(admin.get(f"/admin/journeys/{KEY}/export").data)
    cases: list[tuple[Any, str, str]] = [
        (b"", "file", "Choose a file."),
        (b"{", "file", "This isn&#39;t a journey&#39;s file"),
        (b"[]", "file", "This isn&#39;t a journey&#39;s file"),
        (b"\xff\xfe", "file", "This isn&#39;t a journey&#39;s file"),
        ({**good, "regulars_journey": 2}, "regulars_journey", "newer release"),
        ({**good, "texts": None}, "texts", "This is missing."),
        ({**good, "definition": None}, "definition.steps", "valid dictionary"),
        ({**good, "texts": good["texts"] | {"first_email": {"channel": "email", "source": "{{"}}},
         "texts.first_email", "Line 1"),
        ({**good, "texts": good["texts"] | {"first_email": {"channel": "sms", "source": "Hi"}}},
         "texts.first_email.channel", "sends it by email"),
        ({**good, "definition": good["definition"] | {"steps": [{"id": "x", "wait": "soon"}]}},
         "definition.steps.0.wait.for", "30m, 1h, 3d or 2w"),
        ({**good, "definition": good["definition"] | {"prioritty": 9}}, "definition.prioritty", "no such setting"),
    ]  # fmt: skip
    for content, where, what in cases:
        answer = upload(admin, content if isinstance(content, bytes) else json.dumps(content).encode())
        assert answer.status_code == 422, where
        assert f"<code>{where}</code>" in answer.text
        assert what in answer.text
    assert len(rows(shop, "SELECT 1 FROM journey WHERE shop_id = :shop")) == len(STARTERS)


def test_a_journey_of_ones_own_is_made_turned_on_and_only_deleted_before_it_ran(admin: Admin, shop: int) -> None:
    for base in ("+order_placed", "+checkout_abandoned", "+cart_abandoned", "+product_running_low", "review_request"):
        assert admin.post("/admin/journeys/new", {"name": f"Ours {base}", "base": base}).status_code == 200
    assert admin.post("/admin/journeys/new", {"name": "", "base": "+order_placed"}).status_code == 422
    assert admin.post("/admin/journeys/new", {"name": "Ours", "base": "nothing"}).status_code == 422
    keys = [r.key for r in rows(shop, "SELECT key FROM journey WHERE shop_id = :shop AND key LIKE 'own%' ORDER BY id")]
    assert len(keys) == 5
    page = admin.get(f"/admin/journeys/{keys[0]}/turn-on").text
    assert "After 1 hour" in page
    assert "nobody is written to about what happened before" in page
    admin.post(f"/admin/journeys/{keys[0]}/on")
    assert admin.post(f"/admin/journeys/{keys[0]}/delete").status_code == 422, "it is on"
    assert admin.post(f"/admin/journeys/{keys[1]}/delete").status_code == 200
    assert admin.get(f"/admin/journeys/{keys[1]}").status_code == 404
    assert admin.post(f"/admin/journeys/{KEY}/delete").status_code == 422, "a starter stays"


def test_another_shops_edits_are_not_found(admin: Admin, other: Admin) -> None:
    opened = seen(admin.get(EDIT).text)
    act(admin, "copy last")
    late = admin.post(EDIT, {"seen": opened, "do": "copy second"})
    number = re.search(r'value="again (\d+)"', late.text)
    assert number is not None
    assert act(other, f"again {number[1]}").status_code == 422
    assert act(other, f"drop {number[1]}").status_code == 422
    assert "last_2" not in order(other)


# -- words -----------------------------------------------------------------------------------------------------------


def test_every_field_and_choice_has_words() -> None:
    assert {f.name for f in FIELDS} <= flow.FIELDS.keys()
    assert {choice for f in FIELDS for choice in f.choices} <= flow.VALUES.keys()
    assert {c for f in FIELDS for c in (*f.comparisons, *VALUELESS)} <= flow.COMPARISONS.keys()


def test_differences_are_told_in_words() -> None:
    before = STARTERS[KEY]
    after: Definition | list[Any] = before
    for edit in (
        Move(step="last", where="after:first"), Delete(step="second"), Add(kind="wait", where="start"),
        Head(values={"name": "Come back", "filters": []}), Leave(number=0),
    ):  # fmt: skip
        assert isinstance(after, Definition)
        after = apply(after, edit, before.templates)
    assert isinstance(after, Definition)
    found = [(d.sign, d.what) for d in difference.between(before, after)]
    assert found == [
        ("~", "Name"), ("-", "Who gets in: Only when more than gift cards are in it."),
        ("-", "They leave when they bought"),
        ("-", "Send an email (“second”)"), ("+", "Wait 24 hours after the step before (“wait”)"),
        (">", "Moved: Send an email (“last”)"),
    ]  # fmt: skip
    assert difference.between(before, before) == []


@pytest.mark.parametrize("key", STARTERS)
def test_forms_of_conditions_read_back_what_they_show(key: str) -> None:
    definition = STARTERS[key]
    about = conditions.asking(definition.trigger.event, ["first"], "JPY")
    for condition in [*definition.trigger.filters, *(c for x in definition.exits for c in x.when)]:
        row = conditions.shown([condition], about).rows[0]
        form: MultiDict[str, str] = MultiDict(
            [("c0.field", row.field), ("c0.is", row.comparison), *(("c0.value", v) for v in row.values)]
        )
        assert conditions.typed(form, about).found == (condition,)


def test_no_panel_opens_for_what_is_not_there() -> None:
    for target in ("", "step:gone", "exit:99", "exit:x", "exit:", "nonsense", "step:"):
        assert panels.opened(STARTERS[KEY], target, "USD") is None, target
    assert "checkout.total" in fields("checkout_abandoned")
