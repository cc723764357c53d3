"""Did a human do it? A corpus of what opens and clicks look like, and what follows from the verdicts."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.messages import engagement
from app.messages.engagement import TRAP, Visit, network_of
from app.messages.verdicts import Seen, system_of, verdict
from app.transaction import transaction
from tests.messages.conftest import make_message, make_person

if TYPE_CHECKING:
    from tests.core.conftest import World

CORPUS = list(csv.DictReader((Path(__file__).parent / "engagements.csv").read_text("utf-8").splitlines()))
LEAST_PRECISION, LEAST_RECALL = 0.97, 0.9
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
DESK = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
HOME, OFFICE, CLOUD = "203.0.113.7", "198.51.100.9", "192.0.2.200"


class Mail:
    """One mail that went out at noon, and who comes to it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.id = make_message(world, make_person(world), state="delivered", accepted_at=world.time.at)
        self.time = world.time

    def visit(self, kind: str, link: int | None = None, agent: str = PHONE, address: str = HOME, **more: Any) -> None:
        with transaction(self.world.shop_id) as session:
            engagement.seen(session, self.id, kind, link, Visit(agent, network=network_of(address), **more))

    def click(self, link: int | None = 0, agent: str = PHONE, address: str = HOME, **more: Any) -> None:
        self.visit("click", link, agent, address, **more)

    def verdicts(self) -> list[tuple[str, str]]:
        rows = self.world.rows("SELECT verdict, verdict_reason FROM engagement ORDER BY id")
        return [tuple(row) for row in rows]

    def counted(self) -> tuple[bool, bool]:
        (row,) = self.world.messages()
        return row.opened_at is not None, row.clicked_at is not None


@pytest.fixture
def mail(world: World) -> Mail:
    return Mail(world)


def judged(row: dict[str, str]) -> str:
    since = timedelta(seconds=float(row["seconds"])) if row["seconds"] else None
    flags = row["signs"].split()
    seen = Seen(
        row["kind"], row["agent"], row["method"], since, int(row["links"]), "prefetch" in flags, "trap" in flags,
        "second_network" in flags,
    )  # fmt: skip
    return verdict(seen).verdict


def test_precision_and_recall_over_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    """Of what is called human, how much is (precision); of what humans did, how much is called so (recall)."""
    found = [(row["is"], judged(row)) for row in CORPUS]
    count = Counter(found)
    called = sum(n for (_, said), n in count.items() if said == "human")
    humans = sum(n for (real, _), n in count.items() if real == "human")
    precision, recall = count["human", "human"] / called, count["human", "human"] / humans
    machines = sum(n for (real, _), n in count.items() if real == "machine")
    caught = sum(n for (real, said), n in count.items() if real == "machine" and said != "human") / machines
    figures = f"precision {precision:.3f} and recall {recall:.3f}; of machines {caught:.3f} are not called human"
    with capsys.disabled():
        print(f"\n  {len(CORPUS)} opens and clicks: human with {figures}")  # noqa: T201 the figures are to be seen
    assert len(CORPUS) >= 120
    assert precision >= LEAST_PRECISION
    assert recall >= LEAST_RECALL
    assert not [row for row in CORPUS if row["is"] == "proxy" and judged(row) == "human"]


def test_a_reader_counts(mail: Mail) -> None:
    mail.time.move(minutes=20)
    mail.visit("open")
    mail.time.move(seconds=30)
    mail.click()
    assert mail.verdicts() == [("human", "no_sign_of_a_machine")] * 2
    assert mail.counted() == (True, True)


def test_of_a_machine_that_follows_every_link_none_counts_not_even_the_first(mail: Mail) -> None:
    mail.time.move(hours=1)
    for link in range(6):
        mail.click(link, DESK, CLOUD)
    assert {reason for _, reason in mail.verdicts()} == {"all_links_at_once"}
    assert mail.counted() == (False, False)


def test_whoever_follows_the_hidden_link_is_a_machine_before_and_after_it(mail: Mail) -> None:
    mail.time.move(hours=1)
    mail.click(0, DESK, CLOUD)
    mail.time.move(seconds=20)
    mail.click(TRAP, DESK, CLOUD)
    mail.time.move(seconds=20)
    mail.click(1, DESK, CLOUD)
    assert mail.verdicts() == [("machine", "hidden_link")] * 3
    mail.time.move(minutes=10)
    mail.click(0)
    assert mail.verdicts()[-1][0] == "human"
    assert mail.counted() == (False, True)


def test_a_second_network_within_seconds_leaves_nobody_sure(mail: Mail) -> None:
    mail.time.move(hours=1)
    mail.click(0, DESK, CLOUD)
    mail.time.move(seconds=5)
    mail.click(0, PHONE, HOME)
    assert mail.verdicts() == [("machine", "second_network"), ("unknown", "second_network")]
    assert mail.counted() == (False, False)
    mail.time.move(seconds=40)
    mail.click(1, PHONE, HOME)
    assert mail.counted() == (False, True)


def test_the_same_reader_on_another_device_later_is_still_a_reader(mail: Mail) -> None:
    mail.time.move(hours=1)
    mail.click(0, PHONE, HOME)
    mail.time.move(seconds=16)
    mail.click(0, DESK, OFFICE)
    assert {word for word, _ in mail.verdicts()} == {"human"}


def test_a_prefetch_and_a_look_at_the_head_are_nobodys(mail: Mail) -> None:
    mail.time.move(hours=1)
    mail.click(0, prefetch=True)
    mail.click(0, method="HEAD")
    assert [reason for _, reason in mail.verdicts()] == ["prefetch", "head_request"]
    assert mail.counted() == (False, False)


def test_a_form_filled_in_is_a_word(mail: Mail) -> None:
    with transaction(mail.world.shop_id) as session:
        engagement.answered(session, mail.id, "")
    assert mail.verdicts() == [("human", "filled_in_a_form")]


def test_no_address_is_kept_and_neighbours_share_a_network(mail: Mail) -> None:
    assert network_of("203.0.113.7") == network_of("203.0.113.250") != network_of("203.0.114.7")
    assert network_of("2001:db8:1::1") == network_of("2001:db8:1:ffff::2") != network_of("2001:db8:2::1")
    assert network_of("nonsense") is network_of(None) is None
    mail.click()
    (row,) = mail.world.rows("SELECT * FROM engagement")
    assert b"203" not in bytes(row.network)
    assert row.system == "ios"


@pytest.mark.parametrize(
    ("agent", "system"),
    [(PHONE, "ios"), (DESK, "windows"), ("Mozilla/5.0 (Linux; Android 15)", "android"), ("curl/8", None)],
)
def test_systems(agent: str, system: str | None) -> None:
    assert system_of(agent) == system
