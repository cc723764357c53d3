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
        "an order costs 280 to 310 us of CPU in Python and as much in PostgreSQL. Python's half is a third what the "
        "journeys make of it, a quarter reading the payload into facts, a fifth whose it is (addresses, merges, "
        "consent), an eighth the order itself. PostgreSQL's is rows: an order, its three lines, a word of consent, two "
        "enrolments with their reasons and the person's totals, a dozen rows in forty indexes; a quarter of it looks "
        "up what they refer to."
    ),
    "plan": (
        "150 to 170 us of CPU in Python and 100 to 110 in PostgreSQL. A quarter of Python's share reads what each "
        "enrolment is about, a fifth the people, a tenth decides, an eighth writes messages and where people stand. "
        "The reference writes the messages alone: no facts, no reasons, nobody moved on."
    ),
    "hand-over": (
        "the bare client does nothing for its message but the call. Of ours, by CPU, the call is a quarter. Of the "
        "time that the interpreter is held, a third is rendering the mail, a fifth SQLAlchemy and psycopg, a 14th "
        "signing links; the rest is the facts that its gates look at, and what is written down before and after. One "
        "interpreter does it all, one message after the other, however many calls it waits for; more sending "
        "processes are the way up."
    ),
    "whole way out in batches": (
        "the call costs next to nothing then (30 us a mail to find what mails share, 5 us to write it down): what is "
        "left is rendering each mail for its reader and signing its links (half of a worker's time), its gates and "
        "their facts (a quarter), and PostgreSQL, whose three updates of a message, attempt, content and decision are "
        "200 to 280 us. On two cores that ends near 2e6 / 800 us, whatever the provider takes."
    ),
    "SendGrid batches": (
        "30 us of CPU a mail go into finding what the mails of a call share, 5 us into the request; one call per "
        "message costs its client 0.3 to 0.5 ms. Both sides share the two cores with the provider."
    ),
    "through the doorbell": (
        "PostgreSQL's update of a claimed row, with the indexes it is in, is most of it on our side; the reference "
        "pays RQ's ten round trips to Redis and a commit for each message."
    ),
    "memory of a sending worker": (
        "107 MB are there once what it sends with is imported (SQLAlchemy, psycopg, cryptography, Liquid), 28 of them "
        "files that all workers share; the first mail brings tables, languages and its template to 121. 250 rendered "
        "mails that leave in one call are 11 MB for each of two lanes, 128 threads with a call each another 5."
    ),
    "peak memory of a worker": "as for a sending worker in RESULTS.md: it doesn't grow with what waits.",
}
"""The beginning of a line's path -> one sentence or two."""


def reason(row: Row) -> str:
    """What is known about a missed line."""
    return next((words for path, words in REASONS.items() if row.path.startswith(path)), "not looked into yet.")
