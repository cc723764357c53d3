"""Why a target is missed, where one is: what the profile (py-spy) shows, and the limit it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.table import Row

REASONS: dict[str, str] = {
    "webhook accepted": (
        "a durable webhook costs 84 to 98 us of CPU in the server and 30 us in PostgreSQL, the no-op 105 to 145 us in "
        "one process: equal within the noise. A quarter of the server's share is HMAC, compression and encryption, a "
        "sixth psycopg, a quarter granian. The load generator shares the two cores, so ratios move with what else runs."
    ),
    "webhook applied, one process": (
        "40 % of the time is what five starter journeys make of an order, 25 % reading the payload into facts, 19 % "
        "whose it is (addresses, merges, consent), 9 % the order itself; 23 % of all is waiting for PostgreSQL. The "
        "plain way it is measured against knows one journey, no refusals, no merges and no order of arrival."
    ),
    "plan": (
        "a third of the time reads what each enrolment is about, an eighth the people; writing the rows is a twentieth."
    ),
    "hand-over": (
        "one process spends 1.1 to 1.3 ms of CPU on a message, of which 0.2 ms are the call: half is rendering with "
        "its signed links, a sixth SQL statements and their rows, the rest gates and what is written down. So its one "
        "interpreter ends below 900/s however many calls it waits for; more sending processes are the way up."
    ),
    "memory of a sending worker": (
        "115 MB are there once the application is imported (SQLAlchemy, psycopg, cryptography, Liquid, the providers' "
        "libraries); 132 threads, templates, and languages make the rest."
    ),
    "peak memory of a worker": "as for a sending worker in RESULTS.md: it doesn't grow with what waits.",
}
"""The beginning of a line's path -> one sentence or two."""


def reason(row: Row) -> str:
    """What is known about a missed line."""
    return next((words for path, words in REASONS.items() if row.path.startswith(path)), "not looked into yet.")
