"""`python -m bench`: every hot path beside what it replaces, in one table; `--small` for a look in seconds.

    python -m bench [--small] [--only ingest,planning,...]

A full run takes under ten minutes and writes `bench/RESULTS.md`. PostgreSQL (with fsync) and Redis are our own, in a
folder that goes away. `python -m bench.backlog` tries seven million queued messages.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import applying, ingest, pages, people, planning, render, screens, sending
from bench.house import ROOT, house
from bench.limits import reason
from bench.table import as_markdown, as_text, commit, machine, today

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.house import House
    from bench.table import Row

RESULTS = ROOT / "bench" / "RESULTS.md"
METHOD = """\
Each line is taken side by side with its reference in one run, in interleaved rounds, and is the median of the rounds;
rates move by 20 to 40 % with what else the machine does, ratios less. PostgreSQL keeps fsync and synchronous commits;
servers, workers, load generator, provider and database share the machine. Webhooks are 6 kB orders with a correct HMAC
and an id of their own. Mails are the starter journeys' own. The provider answers 50 ms after the request is complete
and looks at nothing. One ORM transaction per event does the same job the plain way: it opens the stored delivery, looks
the person up by id, email and phone and lets a guest become them, minds the order of arrival, writes the order, its
lines, the totals and the word of consent, asks the same journeys by the same rules, and writes entries and refusals
with their reasons. Sending is measured on thank-you mails; reminders of abandoned checkouts ask the store once more
per message before they go. How pages are on a phone is what Lighthouse says, asked as it comes: mobile, simulated.

Many mails in a call: every mail is rendered for its reader all the same; what the mails of a call share is sent once,
what differs for each. The orders behind them hold the same three things, so little more than names, numbers and signed
links differs; one call per message is measured with messages that had an unknown outcome before, which go alone.
A file of people goes in through the web server and the slow worker, into a shop that knows nobody yet; one of 100,000
lines, the most that may be uploaded, has a run of its own, `python -m bench.people`.
Seven million queued messages have a run of their own, `python -m bench.backlog`: [BACKLOG.md](BACKLOG.md).
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    webhooks: int
    people: int
    messages: int
    naive: int
    seconds: float
    shops: tuple[int, int, int]
    """Customers of a small, a middling and a large shop."""
    visits: tuple[int, int]
    """Of each page, in a shop that is compared and in one that is busy."""
    applied: int
    rounds: int
    lines: int
    """Of a file of people."""
    screens: int
    """Pages shown to Lighthouse, which takes its time for each."""


FULL = Scale(10_000, 6_000, 3_000, 60, 3.0, (1_000, 100_000, 1_000_000), (15, 40), 2_000, 3, 20_000, 6)
SMALL = Scale(100, 100, 40, 3, 0.05, (50, 60, 70), (1, 2), 30, 1, 500, 1)


def parts(found: House, scale: Scale) -> Mapping[str, Callable[[], Sequence[Row]]]:
    """What can be run, by name, in the order of the table."""
    return {
        "ingest": lambda: ingest.rows(ingest.measure(found, scale.webhooks, scale.rounds)),
        "applying": lambda: applying.rows(found, scale.applied, scale.shops, scale.rounds),
        "planning": lambda: planning.rows(found, scale.people, scale.rounds),
        "render": lambda: render.rows(render.measure(scale.seconds)),
        "sending": lambda: sending.rows(found, scale.messages, scale.naive, scale.rounds),
        "people": lambda: people.rows(found, scale.lines),
        "pages": lambda: pages.rows(found, scale.shops, scale.visits),
        "screens": lambda: screens.rows(found, scale.shops[0], scale.screens),
    }


def run(scale: Scale, only: Sequence[str] = ()) -> list[Row]:
    """Measure; says on the way what it is at."""
    rows: list[Row] = []
    with house() as found:
        for name, part in parts(found, scale).items():
            if only and name not in only:
                continue
            begun = time.perf_counter()
            rows += part()
            print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    return rows


def page(rows: Sequence[Row], title: str, method: str) -> str:
    """The results as they are kept."""
    missed = [f"- **{row.path}** ({row.reference}): {reason(row)}" for row in rows if row.verdict == "MISSED"]
    return "\n".join(
        (
            f"# {title}\n",
            f"{today()}, commit {commit()}, {machine()}.\n",
            method,
            as_markdown(rows),
            "",
            *(("## What is missed, and why\n", *missed, "") if missed else ()),
        )
    )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--small", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    parser.add_argument("--only", default="", help="names of parts, separated by commas; nothing is written then")
    asked = parser.parse_args()
    only = [name for name in asked.only.split(",") if name]
    rows = run(SMALL if asked.small else FULL, only)
    print(f"\n{as_text(rows)}")
    if not asked.small and not only:
        RESULTS.write_text(page(rows, "How fast", METHOD), "utf-8")
        print(f"\nwritten to {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
