"""From an installed app to the first message that a shopper reads, in one sitting."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from local.run import procfile
from tests.admin.stage import inside, playing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from local.services import Postgres, Redis

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPEED = 1200.0
"""Business seconds in a real one: an hour takes three."""


@pytest.fixture(scope="module")
def address(
    services: tuple[Postgres, Redis], sweep: Callable[[], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A store's admin in which nobody has opened the app yet, and everything that runs in production."""
    with playing(
        services,
        tmp_path_factory.mktemp("simulator"),
        [name for name in procfile() if name != "release"],
        "--no-install",
        CLOCK_SPEED=f"{SPEED:g}",
        CLOCK_EPOCH=datetime.now(UTC).isoformat(),
    ) as simulator:
        yield simulator
    sweep()


def test_a_merchant_installs_sets_up_and_reads_the_first_message_as_the_shopper_does(address: str, page: Page) -> None:
    app, shopper = inside(page), page.context.new_page()
    opens_the_app(page, address)
    says_who_writes(page, address)
    turns_the_first_journey_on(page)
    name = abandons_a_checkout(shopper, address)

    # An hour later the merchant's log has it, with its reasons and as it was written.
    log = page.locator("#app-nav a", has_text="Messages")
    row = app.locator("tbody tr", has_text=name)
    sent = row.locator(".badge", has_text=re.compile("^(Sent|Delivered)$"))
    for _ in range(80):
        log.click()
        expect(app.locator("main h1")).to_have_text("Messages")
        if sent.count():
            break
        page.wait_for_timeout(200)
    row.get_by_role("link", name=name).click()
    expect(app.locator("header.page")).to_contain_text("Abandoned checkout")
    expect(app.locator(".log").first).to_contain_text("It is time for this message")
    expect(app.locator(".log").first).to_contain_text("Everything allowed it")
    mine = app.frame_locator(".mail iframe").locator("body")
    expect(mine).to_contain_text("Unsubscribe")

    # The shopper's mailbox has the same, to the letter.
    shopper.goto(f"{address}/inboxes")
    shopper.locator("#messages a", has_text=name).click()
    theirs = shopper.frame_locator(".mail iframe").locator("body")
    expect(theirs).to_contain_text("Unsubscribe")
    assert theirs.inner_text() == mine.inner_text()
    expect(app.locator("main h1")).to_contain_text(shopper.locator(".mail h1").inner_text())


def opens_the_app(page: Page, address: str) -> None:
    """Opening it installs it; the history comes by itself, and one sees how far it is."""
    guide = inside(page).locator("#guide")
    page.goto(address)
    expect(inside(page).get_by_role("heading", name="Sage & Stone")).to_be_visible()
    expect(guide.locator("#task-store")).to_have_class("done")
    expect(guide.locator("#task-history progress")).to_be_visible()
    expect(guide.locator("#task-history")).to_have_class("done")
    expect(inside(page).locator("#imports")).to_contain_text("Your store's history is in")


def says_who_writes(page: Page, address: str) -> None:
    """The guide says what is missing, and notices when it no longer is."""
    app = inside(page)
    app.locator("#guide").get_by_role("link", name="Set the sender").click()
    app.locator("#sender\\.email").fill("hello@sage-and-stone.example")
    with page.expect_response("**/admin/settings/sender"):
        app.locator("#sender button").click()
    # Nights pass by the dozen here; only in this test may one be written to in them.
    app.locator("#quiet_hours\\.enabled").uncheck()
    with page.expect_response("**/admin/settings/quiet_hours"):
        app.locator("#quiet_hours button").click()
    app.get_by_role("link", name="Sending", exact=True).click()
    expect(app.locator("#domain > header .badge")).to_have_text("Verified")
    page.goto(f"{address}/app/")
    expect(app.locator("#task-sender")).to_have_class("done")


def turns_the_first_journey_on(page: Page) -> None:
    """What will happen is said before it does."""
    app = inside(page)
    app.locator("#guide").get_by_role("link", name="Look at the journeys").click()
    expect(app.locator("main h1")).to_have_text("Journeys")
    app.get_by_role("link", name="Abandoned checkout").click()
    app.get_by_role("link", name="Turn on").click()
    expect(app.get_by_role("heading", name="Who gets in")).to_be_visible()
    app.get_by_role("button", name="Turn on").click()
    expect(app.locator("main h1 .badge")).to_have_text("On")


def abandons_a_checkout(shopper: Page, address: str) -> str:
    """Somebody of the store's shoppers leaves; returns who."""
    shopper.goto(f"{address}/controls")
    shopper.get_by_role("button", name="Abandon a checkout").click()
    outcome = shopper.locator("#outcome")
    expect(outcome).to_have_text(re.compile(r": .+ \(.+@.+\)"))
    return (outcome.text_content() or "").partition(": ")[2].partition(" (")[0]
