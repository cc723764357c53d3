"""The store's history comes in whole, whatever dies on the way; what webhooks lost, reconciliation finds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app import clock, registry, transaction
from app.customers import service as customers
from app.inbox import importing, reconciling, service as inbox
from app.platforms import access
from app.platforms.base import (
    ExportFailed,
    ExportReady,
    ExportRunning,
    ExportStarted,
    ShopAccess,
    StoreSilentError,
    TokenGranted,
    TokenRefused,
    TokenResult,
    TokenUnavailable,
)
from app.platforms.events import (
    AppUninstalled,
    CustomerChanged,
    Fact,
    Line,
    OrderChanged,
    OrderChannel,
    Payment,
    Person,
    ProductChanged,
    Version,
)
from app.shops import service as shops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.inbox.conftest import House

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)


def customer(n: int) -> tuple[Fact, ...]:
    at = BEGIN + timedelta(minutes=n)
    return (CustomerChanged(Person(f"{n}", f"c{n}@shopper.example"), Version(at), at),)


def product(n: int) -> tuple[Fact, ...]:
    return (ProductChanged(f"{n}", Version(BEGIN + timedelta(minutes=n)), f"P{n}"),)


def order(n: int) -> tuple[Fact, ...]:
    at = BEGIN + timedelta(minutes=n)
    return (
        OrderChanged(f"{n}", Version(at), f"#{n}", at, "USD", 100, (Line("x", 1, 100),), Person(f"{n}"), Payment.PAID,
                     OrderChannel.ONLINE),
    )  # fmt: skip


class KilledError(Exception):
    """What stands for kill -9: nothing after it runs, nothing is caught on the way."""


@dataclass
class Store:
    """A store whose answers a test chooses."""

    things: dict[str, list[tuple[Fact, ...]]] = field(default_factory=dict)
    key: str = "shopify"
    asked: list[tuple[str, Any, Any]] = field(default_factory=list)
    failures: list[ExportFailed] = field(default_factory=list)
    running: int = 0
    silent_after: int | None = None
    killed_after: int | None = None
    started_reading_at: list[int] = field(default_factory=list)
    refreshes: list[str] = field(default_factory=list)
    refresh_answer: TokenResult | None = None

    def start_export(self, access: ShopAccess, kind: str, since: Any, until: Any) -> ExportStarted | ExportFailed:
        del access
        if self.failures:
            return self.failures.pop(0)
        self.asked.append((kind, since, until))
        return ExportStarted(f"{kind}-{len(self.asked)}")

    def export_status(self, access: ShopAccess, export_id: str) -> Any:
        del access
        if self.running:
            self.running -= 1
            return ExportRunning(5)
        if self.failures:
            return self.failures.pop(0)
        kind = export_id.partition("-")[0]
        mine = self.things.get(kind, [])
        return ExportReady(kind if mine else None, len(mine), len(mine))

    def read_export(self, url: str, kind: str, done: int) -> Iterator[tuple[int, tuple[Fact, ...]]]:
        del url
        self.started_reading_at.append(done)
        for number, facts in enumerate(self.things[kind], start=1):
            if number <= done:
                continue
            if self.silent_after is not None and number > self.silent_after:
                self.silent_after = None
                raise StoreSilentError("cut_off")
            if self.killed_after is not None and number > self.killed_after:
                self.killed_after = None
                raise KilledError
            yield number, facts

    def changes_since(self, access: ShopAccess, kind: str, since: datetime) -> Iterator[Fact]:
        del access
        self.asked.append((kind, since, None))
        for number, facts in enumerate(self.things.get(kind, [])):
            if self.silent_after is not None and number >= self.silent_after:
                self.silent_after = None
                raise StoreSilentError("timeout")
            if facts[0].version.at >= since:  # type: ignore[union-attr]
                yield from facts

    def refresh(self, shop: str, refresh_token: str) -> TokenResult:
        del shop
        self.refreshes.append(refresh_token)
        clock.pause(0.2)
        return self.refresh_answer or granted(len(self.refreshes) + 1)


def granted(n: int, lasts: timedelta = timedelta(hours=1)) -> TokenGranted:
    now = clock.real_now()
    return TokenGranted(f"shpat_{n}", now + lasts, f"shprt_{n}", now + timedelta(days=90), ("read_orders",))


@pytest.fixture
def store(house: House, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Installed now, with a token."""
    made = Store()
    monkeypatch.setattr(registry._Found, "platforms", {**registry._Found.platforms, "shopify": made})
    monkeypatch.setattr(importing, "BATCH", 10)
    with transaction.transaction(house.shop_id) as session:
        session.execute(text("UPDATE shop SET state = 'known' WHERE id = :id"), {"id": house.shop_id})
    assert shops.install(house.shop_id, ["read_orders"])
    access.keep(house.shop_id, granted(1))
    return made


def imports(house: House) -> list[tuple[str, str, str]]:
    rows = house.rows("SELECT kind, span, state FROM import ORDER BY generation, position")
    return [(row.kind, row.span, row.state) for row in rows]


def run_all(house: House, *, hours: float = 3) -> None:
    """Let imports go on while time passes."""
    end = house.time.at + timedelta(hours=hours)
    while house.time.at < end:
        importing.run()
        house.time.move(seconds=30)


def count(house: House, table: str) -> int:
    return int(house.rows(f"SELECT count(*) AS n FROM {table}")[0].n)  # noqa: S608 - the test's own words


def test_history_comes_newest_first_and_whole(house: House, store: Store) -> None:
    store.things = {"customers": [customer(n) for n in range(1, 36)], "orders": [order(n) for n in range(1, 26)],
                    "products": [product(1)]}  # fmt: skip
    store.running = 2
    border = house.time.at - timedelta(days=90)
    run_all(house)
    assert store.asked == [
        ("customers", border, None), ("products", None, None), ("orders", border, None), ("customers", None, border),
        ("orders", None, border),
    ]  # fmt: skip
    assert {state for _, _, state in imports(house)} == {"done"}
    assert (count(house, "customer"), count(house, "orders"), count(house, "product")) == (35, 25, 1)
    assert count(house, "enrolment") == 0


@pytest.mark.parametrize("dies_after", [0, 1, 9, 10, 11, 20, 34])
def test_an_import_goes_on_after_a_kill_where_its_last_commit_was(house: House, store: Store, dies_after: int) -> None:
    store.things = {"customers": [customer(n) for n in range(1, 36)]}
    store.killed_after = dies_after
    with pytest.raises(KilledError):
        run_all(house)
    begun = house.rows("SELECT lines_read FROM import WHERE position = 0")[0].lines_read
    assert begun == dies_after // 10 * 10
    assert count(house, "customer") == begun
    assert importing.run() == 0, "its lease keeps others away for a while"
    run_all(house)
    assert count(house, "customer") == 35
    assert store.started_reading_at[:2] == [0, begun]


def test_a_kill_between_facts_and_commit_leaves_neither(
    house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Position and facts are one commit: there is no moment at which only one of them is true."""
    store.things = {"customers": [customer(n) for n in range(1, 21)]}
    real, turns = customers.record, iter([False, True])

    def dies(session: Any, facts: Any) -> Any:
        found = real(session, facts)
        if next(turns, False):
            raise BaseException("kill -9")  # noqa: TRY002 - what no handler may catch
        return found

    with monkeypatch.context() as killed:
        killed.setattr(customers, "record", dies)
        with pytest.raises(BaseException, match="kill -9"):
            run_all(house)
    assert house.rows("SELECT lines_read FROM import WHERE position = 0")[0].lines_read == 10
    assert count(house, "customer") == 10
    run_all(house)
    assert count(house, "customer") == 20


def test_a_download_that_breaks_off_and_an_export_that_is_lost_are_tried_again(house: House, store: Store) -> None:
    store.things = {"customers": [customer(n) for n in range(1, 36)], "orders": [order(1)]}
    store.failures = [ExportFailed("busy"), ExportFailed("throttled"), ExportFailed("expired", lost=True)]
    store.silent_after = 23
    run_all(house, hours=6)
    assert count(house, "customer") == 35
    assert {state for _, _, state in imports(house)} == {"done"}


def test_an_export_that_never_works_is_shown_as_failed_and_the_next_kind_goes_on(house: House, store: Store) -> None:
    store.failures = [ExportFailed("forbidden")] * importing.MOST_TRIES
    store.things = {"products": [product(1)]}
    run_all(house, hours=20)
    assert imports(house)[:2] == [("customers", "recent", "failed"), ("products", "recent", "done")]
    assert house.rows("SELECT error FROM import WHERE position = 0")[0].error == "forbidden"
    assert count(house, "product") == 1


def test_a_thing_that_cannot_be_recorded_is_left_out_and_the_others_come(
    house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.things = {"customers": [customer(n) for n in range(1, 36)]}
    real = customers.record

    def fails(session: Any, facts: Any) -> Any:
        if any("c17@" in repr(fact) for fact in facts):
            session.execute(text("SELECT 1 / 0"))
        return real(session, facts)

    monkeypatch.setattr(customers, "record", fails)
    run_all(house)
    assert count(house, "customer") == 34
    assert {state for _, _, state in imports(house)} == {"done"}


def test_two_workers_do_not_read_one_export_at_once(house: House, store: Store) -> None:
    store.things = {"customers": [customer(n) for n in range(1, 200)]}
    importing.run()
    house.time.move(seconds=30)
    threads = [threading.Thread(target=importing.run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.started_reading_at == [0]
    assert count(house, "customer") == 199


def test_an_import_that_is_told_to_stop_goes_on_at_once_when_asked_again(house: House, store: Store) -> None:
    store.things = {"customers": [customer(n) for n in range(1, 36)]}
    importing.run()
    house.time.move(seconds=30)
    answers = iter([False, True])
    importing.run(lambda: next(answers, True))
    assert count(house, "customer") == 10
    importing.run()
    assert store.started_reading_at == [0, 10]
    assert count(house, "customer") == 35


def test_removing_the_app_ends_the_import_in_the_middle_and_a_reinstall_imports_anew(
    house: House, store: Store
) -> None:
    store.things = {"customers": [customer(n) for n in range(1, 36)]}
    importing.run()
    house.time.move(seconds=30)

    def stop_and_remove() -> bool:
        if count(house, "customer") == 10:
            with transaction.transaction(house.shop_id) as session:
                inbox.record(session, [AppUninstalled(Version(house.time.at))])
        return False

    importing.run(stop_and_remove)
    assert count(house, "customer") == 10
    assert {state for _, _, state in imports(house)} == {"failed"}
    assert count(house, "shop_token") == count(house, "reconciliation") == 0
    assert access.open_store(house.shop_id) is None
    house.time.move(hours=2)
    assert shops.install(house.shop_id, ["read_orders"])
    assert not shops.install(house.shop_id, ["read_orders"])
    access.keep(house.shop_id, granted(2))
    run_all(house)
    assert count(house, "customer") == 35
    assert [state for _, _, state in imports(house)] == ["failed"] * 5 + ["done"] * 5


def test_word_of_an_earlier_removal_does_not_end_the_present_install(house: House, store: Store) -> None:
    del store
    for minutes, state in ((-1, "installed"), (1, "uninstalled")):
        with transaction.transaction(house.shop_id) as session:
            inbox.record(session, [AppUninstalled(Version(house.time.at + timedelta(minutes=minutes)))])
        assert house.rows("SELECT state FROM shop")[0].state == state


def test_what_webhooks_lost_is_found_within_a_quarter_of_an_hour(house: House, store: Store) -> None:
    assert reconciling.run() == 0
    lost = house.time.at + timedelta(minutes=5)
    store.things = {"orders": [(order(1)[0], *customer(1))]}
    store.things["orders"] = [
        (OrderChanged("9", Version(lost), "#9", lost, "USD", 100, (Line("x", 1, 100),), Person("9"), Payment.PAID,
                      OrderChannel.ONLINE),)
    ]  # fmt: skip
    house.time.move(minutes=15)
    assert reconciling.run() == 3
    assert [row.name for row in house.rows("SELECT name FROM orders")] == ["#9"]
    assert reconciling.run() == 0
    store.asked.clear()
    house.time.move(minutes=15)
    assert reconciling.run() == 3
    since = {kind: at for kind, at, _ in store.asked}
    assert since["orders"] == house.time.at - timedelta(minutes=15) - reconciling.OVERLAP


def test_a_sweep_that_breaks_off_keeps_its_gains_and_goes_on_from_there(
    house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "BATCH", 10)
    with transaction.transaction(house.shop_id) as session:
        session.execute(text("UPDATE reconciliation SET cursor_at = :at"), {"at": BEGIN})
    store.things = {"customers": [customer(n) for n in range(1, 61)]}
    store.silent_after = 45
    house.time.move(minutes=15)
    reconciling.run()
    assert count(house, "customer") == 40
    [told] = house.rows("SELECT cursor_at, error FROM reconciliation WHERE kind = 'customers'")
    assert (told.cursor_at, told.error) == (BEGIN + timedelta(minutes=40), "timeout")
    house.time.move(minutes=15)
    reconciling.run()
    assert count(house, "customer") == 60
    assert ("customers", BEGIN + timedelta(minutes=38), None) in store.asked


def test_a_sweep_that_is_told_to_stop_goes_on_at_the_next_turn(
    house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "BATCH", 10)
    with transaction.transaction(house.shop_id) as session:
        session.execute(text("UPDATE reconciliation SET cursor_at = :at"), {"at": BEGIN})
        session.execute(text("DELETE FROM reconciliation WHERE kind <> 'customers'"))
    store.things = {"customers": [customer(n) for n in range(1, 31)]}
    house.time.move(minutes=15)
    answers = iter([False, True])
    assert reconciling.run(lambda: next(answers, True)) == 1
    assert count(house, "customer") == 10
    assert reconciling.run() == 1
    assert count(house, "customer") == 30


def test_twenty_at_the_expiry_of_a_token_make_one_refresh_and_all_get_in(house: House, store: Store) -> None:
    access.keep(house.shop_id, granted(1, timedelta(seconds=-1)))
    gate = threading.Barrier(20)

    def open_it(_: int) -> str | None:
        gate.wait()
        opened = access.open_store(house.shop_id)
        return opened[1].access_token if opened else None

    with ThreadPoolExecutor(20) as pool:
        tokens = list(pool.map(open_it, range(20)))
    assert tokens == ["shpat_2"] * 20
    assert store.refreshes == ["shprt_1"]


def test_a_token_about_to_end_is_still_used_while_somebody_refreshes_it(house: House, store: Store) -> None:
    access.keep(house.shop_id, granted(1, timedelta(minutes=2)))
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: access.open_store(house.shop_id), range(8)))
    assert {o[1].access_token for o in opened if o} <= {"shpat_1", "shpat_2"}
    assert None not in opened
    assert store.refreshes == ["shprt_1"]


def test_a_refresh_without_an_answer_is_tried_again_and_loses_nothing(house: House, store: Store) -> None:
    access.keep(house.shop_id, granted(1, timedelta(seconds=-1)))
    store.refresh_answer = TokenUnavailable("timeout", 1.0)
    assert access.open_store(house.shop_id) is None
    store.refresh_answer = None
    opened = access.open_store(house.shop_id)
    assert opened is not None
    assert store.refreshes == ["shprt_1", "shprt_1"]
    assert not house.rows("SELECT needs_reauthorization FROM shop")[0].needs_reauthorization


def test_a_refusal_for_good_waits_for_the_merchant(house: House, store: Store) -> None:
    access.keep(house.shop_id, granted(1, timedelta(seconds=-1)))
    store.refresh_answer = TokenRefused("invalid_grant", final=True)
    assert access.open_store(house.shop_id) is None
    assert house.rows("SELECT needs_reauthorization FROM shop")[0].needs_reauthorization
