"""Seven million messages wait: how fast they are claimed and sent, and how much memory it takes.

    python -m bench.backlog [messages] [seconds]

Rows are made in SQL. Two workers send for so many seconds; that the rest stays behind is the point.
"""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from app import clock, doorbell
from app.messages.claiming import BATCH, claim, release
from bench import town
from bench.__main__ import page
from bench.house import ROOT, house
from bench.sending import LATENCY_MS, WORKERS, peak_megabytes
from bench.table import Row, Target, as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.house import House

RESULTS = ROOT / "bench" / "BACKLOG.md"
PEOPLE = 100_000
FEWER = 100
LOOK_SECONDS = 5
METHOD = f"""\
All messages are due at once, in one shop, made in SQL: by INSERT ... SELECT, {PEOPLE:,} at a time, with every index in
place, without the triggers that count them and look up what they refer to; then VACUUM ANALYZE. {WORKERS} sending
workers run against a provider that answers after {LATENCY_MS} ms. The reference is the mean of the same with 1 % of the
messages waiting, once before and once after, in the same run. What others took of the machine was looked at for
{LOOK_SECONDS} s before each of the three, with nothing of ours at work: where that is much, ratios say more than rates.
"""
CLAIMS = 30


@dataclass(frozen=True, slots=True)
class Seen:
    """What one queue was like."""

    claim: float
    """Milliseconds."""
    rate: float
    """Messages a second."""
    megabytes: float
    """The larger worker's peak."""
    others: float
    """Per cent of the machine."""


def rows(found: House, count: int, seconds: float) -> list[Row]:
    """The queue nearly empty, full, and nearly empty again."""
    shop = found.make_shop()
    town.people(found, shop, min(PEOPLE, count))
    town.orders(found, shop)
    town.starters(found, shop)
    few = max(1000, count // FEWER)
    before, full, after = (_with(found, shop, number, seconds) for number in (few, count, few))
    claimed, sent = (before.claim + after.claim) / 2, (before.rate + after.rate) / 2
    others = sorted(seen.others for seen in (before, full, after))
    return [
        Row(
            f"claim of {BATCH} with {count:,} waiting",
            f"{full.claim:.1f} ms",
            f"with {few:,} waiting: {claimed:.1f} ms ({before.claim:.1f}, {after.claim:.1f})",
            full.claim / claimed,
            Target(2, "x", at_most=True),
        ),
        Row(
            f"sent with {count:,} waiting, {WORKERS} workers",
            f"{full.rate:,.0f}/s",
            f"with {few:,} waiting: {sent:,.0f}/s ({before.rate:,.0f}, {after.rate:,.0f})",
            full.rate / sent,
            Target(0.8, "x"),
        ),
        Row("peak memory of a worker", f"{full.megabytes:.0f} MB", f"with {few:,} waiting: {after.megabytes:.0f} MB",
            full.megabytes, Target(150, " MB", at_most=True)),
        Row("what others took of the machine meanwhile", f"{others[0]:.0f} to {others[-1]:.0f} %", "", others[-1]),
    ]  # fmt: skip


def _with(found: House, shop: int, number: int, seconds: float) -> Seen:
    begun = time.perf_counter()
    _queue(found, shop, number)
    print(f"{number:,} wait, after {time.perf_counter() - begun:.0f} s", flush=True)
    others = psutil.cpu_percent(LOOK_SECONDS)
    claim = _claims(found)
    return Seen(claim, *_sent(found, seconds), others)


def _queue(found: House, shop: int, number: int) -> None:
    found.sql("TRUNCATE message, attempt, message_content, decision, engagement")
    orders = found.sql("SELECT count(*) FROM orders")[0][0]
    for _ in range(number // orders):
        town.messages(found, shop)
    if number % orders:
        town.messages(found, shop, number % orders)
    found.settle()


def _claims(found: House) -> float:
    """Milliseconds of one claim, median; each is given back."""
    spent = []
    with found.app.app_context():
        for _ in range(CLAIMS):
            begun = time.perf_counter()
            claimed = claim(clock.now(), ["email"], 60)
            spent.append(time.perf_counter() - begun)
            release(claimed.token)
    return statistics.median(spent) * 1000


def _sent(found: House, seconds: float) -> tuple[float, float]:
    """Messages a second, and the larger worker's peak of memory in MB."""
    with ExitStack() as stack:
        stack.enter_context(found.provider(LATENCY_MS))
        begun = _accepted(found)
        workers = [stack.enter_context(found.process("-m", "workers.run", "send")) for _ in range(WORKERS)]
        while _accepted(found) == begun:
            time.sleep(0.1)
        first, started = _accepted(found), time.perf_counter()
        while (spent := time.perf_counter() - started) < seconds and _accepted(found) < _all(found):
            doorbell.ring("send")
            time.sleep(0.3)
        return (_accepted(found) - first) / spent, max(map(peak_megabytes, workers))


def _accepted(found: House) -> int:
    return int(found.sql("SELECT count(*) FROM attempt WHERE outcome = 'accepted'")[0][0])


def _all(found: House) -> int:
    return int(found.sql("SELECT reltuples::bigint FROM pg_class WHERE relname = 'message'")[0][0])


def main(arguments: Sequence[str]) -> None:
    """Fill, send, write down."""
    count = int(arguments[0]) if arguments else 7_000_000
    with house() as found:
        made = rows(found, count, float(arguments[1]) if len(arguments) > 1 else 60.0)
    print(as_text(made))
    if not arguments:
        RESULTS.write_text(page(made, "Seven million messages wait", METHOD), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
