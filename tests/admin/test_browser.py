"""A merchant works in a real browser, in the simulated store's admin; every page is fit for everybody."""

from __future__ import annotations

import io
import os
import re
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Error, Route, expect

from app import clock
from app.customers import files
from app.customers.lines import Mapping
from app.customers.models import PeopleFile
from app.reports import service as reports
from app.transaction import transaction
from tests.admin.conftest import AXE, add_customer, add_delivery, add_message, rows
from tests.admin.stage import app_frame, inside, installed, playing
from tests.reports.test_attribution import click, order, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from playwright.sync_api import Browser, FloatRect, Frame, Page

    from local.services import Postgres, Redis

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""A folder to write every page's picture into, for a person to look at."""
EVERY_RULE = "{}"
CONTRAST = "{runOnly: ['color-contrast']}"
"""All that a change of colours can change."""


@pytest.fixture(scope="module")
def frame(
    services: tuple[Postgres, Redis], sweep: Callable[[], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    """The address of the store's admin with the app installed in it, and the shop's number."""
    folder = tmp_path_factory.mktemp("simulator")
    with playing(services, folder, ["web"], "--speed", "1", "--journeys-off") as simulator:
        yield simulator, installed(simulator)
    sweep()  # nothing of this store may be there for the next module's tests


def test_a_merchant_turns_journeys_on_changes_a_wait_and_signs_the_mail(frame: tuple[str, int], page: Page) -> None:
    address, shop = frame
    page.goto(address)
    inside(page).get_by_role("button", name="Turn on all 6").click()
    expect(page.locator(".toast")).to_have_text("All journeys are on")
    assert len(rows(shop, "SELECT 1 FROM journey WHERE shop_id = :shop AND is_on")) == 6

    page.locator("#app-nav a", has_text="Journeys").click()
    expect(inside(page).locator("main h1")).to_have_text("Journeys")  # home has such a link, too
    inside(page).get_by_role("link", name="Abandoned checkout").click()
    expect(page).to_have_url(f"{address}/app/admin/journeys/abandoned_checkout")
    inside(page).get_by_role("link", name="Edit", exact=True).click()
    inside(page).get_by_role("link", name="Change “after 1 hour”").click()
    hours = inside(page).locator("[name='span.number']")
    hours.fill("two")
    expect(page.locator("#save-bar")).to_be_visible()
    page.locator("#save-bar button[value=save]").click()
    expect(inside(page).locator("#panel .error")).to_have_text("Use a whole number, such as 1 or 24.")
    expect(hours).to_have_value("two")
    hours.fill("2")
    inside(page).get_by_role("button", name="Done").click()
    expect(inside(page).get_by_text("Wait 2 hours after the checkout was last touched")).to_be_visible()
    inside(page).get_by_role("link", name="Publish…").click()
    inside(page).get_by_role("button", name="Publish version 2").click()
    expect(inside(page).get_by_role("link", name="Version 2", exact=True)).to_be_visible()

    page.locator("#app-nav a", has_text="Settings").click()
    inside(page).locator("#sender\\.name").fill("Sage")
    inside(page).locator("#sender button").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    settings = rows(shop, "SELECT settings FROM shop WHERE id = :shop")[0].settings
    assert settings["sender"]["name"] == "Sage"
    page.go_back()
    expect(inside(page).get_by_role("heading", name="What happens")).to_be_visible()


def test_a_journey_is_built_by_keyboard_counted_undone_and_told_in_words(frame: tuple[str, int], page: Page) -> None:
    address, shop = frame
    page.goto(f"{address}/app/admin/journeys/post_purchase/edit")
    add = inside(page).locator("summary", has_text="Add a step behind “thanks”")
    add.focus()
    add.press("Enter")
    inside(page).locator("details.add[open]").get_by_role("button", name="Split").press("Enter")
    field = inside(page).locator("[id='c0.field']")
    field.select_option("customer.country")
    inside(page).locator("[id='c0.is']").select_option("one_of")
    value = inside(page).locator("[id='c0.value']")
    value.fill("Sweden")
    value.press("Tab")
    expect(inside(page).locator("[id='c0.error']")).to_have_text("Use countries' two letters, such as US or SE.")
    value.fill("SE, NO")
    value.press("Tab")
    expect(inside(page).locator(".passing")).to_contain_text(re.compile("would pass|nothing to count"))
    inside(page).get_by_role("button", name="Done").click()
    expect(inside(page).get_by_text("Does it hold that their country is one of SE, NO?")).to_be_visible()
    up = inside(page).get_by_role("button", name="Move “split” up")
    up.focus()
    up.press("Enter")
    expect(inside(page).locator("li.step[id]").first).to_have_id("step-split")
    inside(page).get_by_role("button", name="Undo").click()
    expect(inside(page).locator("li.step[id]").first).to_have_id("step-thanks")
    inside(page).get_by_role("link", name="Publish…").click()
    expect(inside(page).locator(".differences .added")).to_contain_text("Does it hold that their country")
    inside(page).get_by_role("button", name="Publish version 2").click()
    expect(page.locator(".toast")).to_have_text("Version 2 is published")
    assert rows(shop, "SELECT made_by FROM journey_version WHERE shop_id = :shop AND number = 2 AND "
                "definition->>'key' = 'post_purchase'")  # fmt: skip


def test_what_is_typed_while_an_answer_is_awaited_stays(frame: tuple[str, int], page: Page) -> None:
    page.goto(f"{frame[0]}/app/admin/journeys/post_purchase/edit")
    inside(page).locator("summary", has_text="Add a step behind “thanks”").click()
    inside(page).locator("details.add[open]").get_by_role("button", name="Split").click()
    inside(page).locator("[id='c0.field']").select_option("customer.country")
    value = inside(page).locator("[id='c0.value']")
    expect(value).to_have_attribute("placeholder", "US")
    held: list[Route] = []
    page.route("**/edit/conditions?*", lambda route: route.continue_() if held else held.append(route))
    value.fill("US")
    value.press("Tab")
    expect(inside(page).locator("#conditions.htmx-request")).to_be_visible()
    value.fill("SE")
    with suppress(Error):  # it may have been given up already
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(value).to_have_value("SE")
    value.press("Tab")
    expect(inside(page).locator(".passing")).to_contain_text(re.compile("would pass|nothing to count"))
    expect(value).to_have_value("SE")


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
def test_a_step_is_dragged_to_another_place(frame: tuple[str, int], page: Page, *, touch: bool) -> None:
    page.goto(f"{frame[0]}/app/admin/journeys/abandoned_checkout/edit")
    expect(inside(page).locator("li.step[id]").first).to_have_id("step-after_1_hour")
    grip = inside(page).locator("[data-drag=first]").bounding_box()
    place = inside(page).locator("[data-place=start]").bounding_box()
    assert grip
    assert place
    start, end = _middle(grip), _middle(place)
    between = [(end[0], start[1] + (end[1] - start[1]) * part / 4) for part in (1, 2, 3, 4)]
    if touch:
        fingers = page.context.new_cdp_session(page)
        fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [_finger(start)]})
        for each in between:
            fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [_finger(each)]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    else:
        page.mouse.move(*start)
        page.mouse.down()
        for each in between:
            page.mouse.move(*each)
        expect(inside(page).locator("[data-place=start]")).to_have_class(re.compile("aim"))
        page.mouse.up()
    expect(inside(page).locator("li.step[id]").first).to_have_id("step-first")
    inside(page).get_by_role("button", name="Undo").click()
    expect(inside(page).locator("li.step[id]").first).to_have_id("step-after_1_hour")


def _middle(box: FloatRect) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _finger(at: tuple[float, float]) -> dict[str, float]:
    return {"x": at[0], "y": at[1]}


def test_a_mail_is_made_of_blocks_checked_and_kept_in_the_draft(frame: tuple[str, int], page: Page) -> None:
    address, shop = frame
    page.goto(f"{address}/app/admin/journeys/abandoned_checkout/edit/text/first/email")
    inside(page).get_by_role("link", name="Move blocks about").click()
    expect(inside(page).locator("body[data-designer=ready]")).to_be_attached()
    mail = inside(page).frame_locator("#canvas iframe.gjs-frame").locator("body")
    expect(mail).to_contain_text("You left something behind")
    expect(mail).to_contain_text("Only if checkout.items.size > 1")
    expect(mail.locator("[data-gjs-ours=mj-include]").last).to_contain_text("Unsubscribe")
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/designer.png")

    inside(page).get_by_label("Subject").fill("Still yours, {{ customer.first_name }}")
    inside(page).get_by_role("button", name="Keep it").click()
    expect(inside(page).locator("#outcome")).to_contain_text("Not everybody has customer.first_name")
    words = mail.locator("[data-gjs-type=mj-text] div", has_text="we kept your cart").last
    words.dblclick()
    page.keyboard.press("End")
    page.keyboard.type(" Come and see.")
    inside(page).locator(".gjs-block", has_text="Divider").press("Enter")
    inside(page).get_by_label("Subject").fill("Still yours")
    inside(page).get_by_role("button", name="Keep it").click()
    expect(inside(page).locator("#outcome")).to_contain_text("nothing to mend")
    expect(inside(page).locator("#outcome #links")).to_contain_text("Check again")  # the sites have answered
    kept = rows(shop, "SELECT t.source FROM template t JOIN journey_revision r ON r.shop_id = t.shop_id "
                      "WHERE t.shop_id = :shop ORDER BY r.number DESC, t.id DESC LIMIT 1")[0].source  # fmt: skip
    assert "<mj-title>Still yours</mj-title>" in kept
    assert "Come and see." in kept
    assert "<mj-divider" in kept
    assert "{% if checkout.items.size > 1 %}" in kept
    assert '<mj-include path="footer"/>' in kept


def test_a_mail_is_previewed_in_a_frame_that_may_do_nothing(frame: tuple[str, int], page: Page) -> None:
    page.goto(f"{frame[0]}/app/admin/journeys/review_request/preview/request/email")
    mail = inside(page).locator(".mail iframe")
    expect(mail).to_be_visible()
    assert mail.get_attribute("sandbox") == ""
    expect(inside(page).frame_locator(".mail iframe").locator("body")).to_contain_text("unsubscribe", ignore_case=True)
    inside(page).get_by_label("Phone").check()
    box = mail.bounding_box()
    assert box is not None
    assert box["width"] <= 375
    inside(page).get_by_label("With the data of").select_option("yen")
    expect(inside(page).frame_locator(".mail iframe").locator("body")).to_contain_text("抹茶セット")


def test_a_merchant_looks_ahead_looks_for_holes_and_takes_figures_along(frame: tuple[str, int], page: Page) -> None:
    address, shop = frame
    bea = add_customer(shop, 7, first_name="Beatrix", last_name="Holm")
    page.goto(f"{address}/app/admin/journeys/abandoned_cart")
    inside(page).get_by_role("link", name="Preview as").click()
    search = inside(page).get_by_role("searchbox")
    search.fill("beatr")
    search.press("Enter")
    inside(page).get_by_role("link", name="Beatrix Holm").click()
    expect(inside(page).get_by_role("heading", name="What follows for Beatrix Holm")).to_be_visible()
    expect(page).to_have_url(f"{address}/app/admin/journeys/abandoned_cart/preview?customer={bea}")
    inside(page).get_by_role("link", name="One item").click()
    inside(page).locator("summary").first.press("Enter")
    expect(inside(page).locator(".mail iframe").first).to_be_visible()

    page.goto(f"{address}/app/")
    inside(page).get_by_role("link", name="Health", exact=True).first.click()
    expect(inside(page).locator(".verdict")).to_be_visible()
    page.goto(f"{address}/app/admin/data-check")
    inside(page).get_by_role("link", name="Beatrix Holm").click()
    expect(inside(page).get_by_role("heading", name="Beatrix Holm")).to_be_visible()

    yesterday = clock.now() - timedelta(days=1)
    send(shop, bea, accepted_at=yesterday, planned_at=yesterday)
    page.goto(f"{address}/app/admin/reports")
    inside(page).locator("summary", has_text="As a table").first.press("Enter")
    with page.expect_download() as file:
        inside(page).get_by_role("link", name="Messages as CSV").click()
    assert file.value.path().read_text(encoding="utf-8-sig").startswith("journey,message,revenue_usd_minor,")


PAGES = [
    "/", "/admin/journeys", "/admin/journeys/replenishment", "/admin/journeys/new",
    "/admin/journeys/abandoned_cart/edit?open=trigger", "/admin/journeys/review_request/edit?open=step:request",
    "/admin/journeys/review_request/edit/text/request/email",
    "/admin/journeys/review_request/edit/text/request/sms", "/admin/journeys/review_request/edit/design/request",
    "/admin/journeys/replenishment/edit?open=exit:new",
    "/admin/journeys/post_purchase/publish", "/admin/journeys/post_purchase/versions",
    "/admin/journeys/replenishment/turn-on",
    "/admin/journeys/abandoned_checkout/preview?customer={ana}", "/admin/journeys/review_request/preview?q=ana",
    "/admin/journeys/review_request/preview/request/sms",
    "/admin/messages", "/admin/messages/{message}", "/admin/customers", "/admin/customers/{ana}",
    "/admin/settings", "/admin/deliveries", "/admin/none", "/admin/health", "/admin/data-check", "/admin/reports",
    "/admin/settings/sending", "/admin/messages?state=parked", "/admin/settings/team",
    "/admin/may-we-write", "/admin/customers/{ana}/may-we-write", "/admin/people-files",
    "/admin/people-files/{waiting}", "/admin/people-files/{read}",
    "/admin/settings/audit", "/admin/settings/keys", "/admin/settings/hooks",
    "/admin/settings/privacy", "/admin/settings/plan",
]  # fmt: skip
"""Those in braces are of the furnished shop."""


@pytest.fixture(scope="module")
def furnished(frame: tuple[str, int]) -> dict[str, int]:
    """A customer, a message and two files of people, with a little of everything around them."""
    shop = frame[1]
    ana = add_customer(shop)
    message = add_message(shop, ana)
    # Nothing in it may be broken between words.
    long = add_customer(
        shop, 8, last_name="Wolfeschlegelsteinhausenbergerdorff" * 2, email=f"{'w' * 60}@{'x' * 60}.example"
    )
    add_message(shop, long, 8, channel="email")
    add_delivery(shop)
    yesterday = clock.now() - timedelta(days=1)
    click(shop, send(shop, ana, 2, accepted_at=yesterday, planned_at=yesterday), yesterday)
    order(shop, ana, placed_at=yesterday + timedelta(hours=1))
    reports.attribute(shop)
    waiting, read = _files_of_people(shop)
    return {"ana": ana, "message": message, "waiting": waiting, "read": read}


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """A window into which axe may be put, which the pages' own policy rightly forbids."""
    context = browser.new_context(reduced_motion="reduce", bypass_csp=True)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_fit_for_everybody(
    frame: tuple[str, int], furnished: dict[str, int], window: Page, path: str
) -> None:
    """Wide and narrow, light and dark; loaded once, as a page changes with its window."""
    window.set_viewport_size({"width": 1280, "height": 1600})
    window.emulate_media(color_scheme="light")
    window.goto(f"{frame[0]}/app{path.format(**furnished)}")
    expect(inside(window).locator("main h1")).to_be_visible()
    app = app_frame(window)
    app.evaluate(AXE.read_text())
    found: dict[str, list[Any]] = {}
    for width in (1280, 320):
        window.set_viewport_size({"width": width, "height": 1600})
        for scheme, rules in (("light", EVERY_RULE), ("dark", CONTRAST)):
            window.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            if SCREENSHOTS:
                name = re.sub(r"\W+", "_", path).strip("_") or "home"
                window.screenshot(path=f"{SCREENSHOTS}/{name}-{scheme}-{width}.png")
            found[f"{scheme}, {width} pixels"] = _look(app, rules)
    assert {where: problems for where, problems in found.items() if problems} == {}


def _files_of_people(shop: int) -> tuple[int, int]:
    """One that waits for its mapping, and one that is in."""
    head = b"Email,First name,Accepts email marketing,Consent date\n"
    content = head + b"bo@shopper.example,Bo,yes,2025-03-04\nnobody,Cy,yes,2025-03-04\ndi@shopper.example,Di,perhaps,\n"
    taken = [files.take(shop, "people.csv", io.BytesIO(content), "user:1") for _ in range(2)]
    assert all(isinstance(number, int) for number in taken)
    with transaction(shop) as session:
        file = session.get_one(PeopleFile, (shop, taken[1]))
        files.begin(session, file, Mapping.model_validate(file.mapping))
    files.run()
    return taken[0], taken[1]  # type: ignore[return-value]


def test_the_apis_page_is_fit_for_everybody(app: Flask, frame: tuple[str, int], browser: Browser) -> None:
    del app
    context = browser.new_context(viewport={"width": 320, "height": 900}, color_scheme="dark", bypass_csp=True)
    page = context.new_page()
    page.goto(f"{frame[0]}/app/")
    expect(inside(page).locator("main h1")).to_be_visible()
    page.goto(f"{app_frame(page).url.partition('/?')[0]}/api/v1/docs")
    expect(page.get_by_role("heading", name="Regulars API")).to_be_visible()
    page.evaluate(AXE.read_text())
    assert _look(page.main_frame, EVERY_RULE) == []
    context.close()


def _look(frame: Frame, rules: str) -> list[Any]:
    """What axe finds, and whether the page is wider than its window, once that is drawn."""
    problems: list[Any] = frame.evaluate(f"""
        new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
            .then(() => axe.run(document, {{iframes: false, resultTypes: ["violations"], ...{rules}}}))
            .then((r) => r.violations.map((v) => [v.id, v.nodes.map((n) => n.html)]))
    """)
    wide = frame.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*problems, f"{wide} pixels too wide"] if wide > 0 else problems
