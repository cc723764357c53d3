"""Seven million messages wait: how fast they are claimed and sent, and how much memory it takes.

    python -m bench.backlog [messages] [seconds]

Rows are made in SQL. Two workers send for so many seconds; that the rest stays behind is the point.
"""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

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
METHOD = f"""\
All messages are due at once, in one shop, made in SQL. {WORKERS} sending workers run against a provider that answers
after {LATENCY_MS} ms; then the same with a thousandth of the messages waiting, in the same run.
"""
CLAIMS = 30


def rows(found: House, count: int, seconds: float) -> list[Row]:
    """The queue full, and nearly empty."""
    shop = found.make_shop()
    town.people(found, shop, min(PEOPLE, count))
    town.orders(found, shop)
    town.starters(found, shop)
    results = []
    for number in (max(1000, count // 1000), count):
        _queue(found, shop, number)
        results.append((number, _claims(found), *_sent(found, seconds)))
    (few, few_claim, few_rate, _), (many, many_claim, many_rate, peak) = results
    return [
        Row(
            f"claim of {BATCH} with {many:,} waiting",
            f"{many_claim:.1f} ms",
            f"with {few:,} waiting: {few_claim:.1f} ms",
            many_claim / few_claim,
            Target(2, "x", at_most=True),
        ),
        Row(
            f"sent with {many:,} waiting, {WORKERS} workers",
            f"{many_rate:,.0f}/s",
            f"with {few:,} waiting: {few_rate:,.0f}/s",
            many_rate / few_rate,
            Target(0.8, "x"),
        ),
        Row("peak memory of a worker", f"{peak:.0f} MB", "", peak, Target(150, " MB", at_most=True)),
    ]


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
