"""How fast does a merchant's file of people go in, and how much memory does it take? Beside one transaction a line.

    python -m bench.people [lines]

Through the front door: uploaded to the web server as a form, taken in by the slow worker, with the clock beside it, in
a shop that knows nobody yet.
"""

from __future__ import annotations

import sys
import time
import urllib.request
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psutil

from app.customers import lines
from bench import pages
from bench.house import house
from bench.naive_people import bring_in
from bench.screens import wait
from bench.sending import peak_megabytes, wait_until
from bench.table import Row, Target, as_text
from local.ports import free_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from bench.house import House

HEADER = "Email,Phone,First Name,Accepts Email Marketing,Accepts SMS Marketing,Consent Date"
NAIVE_SHARE = 100
"""The reference gets a hundredth of the lines: its time per line doesn't depend on how many there are."""
MOST_LINES = 100_000
LONGEST_SECONDS = 1_800


def content(count: int) -> bytes:
    """A file of so many people: an email and a number each, every third with a yes to texts."""
    rows = (
        f"p{n}@shopper.example,+1212{2_000_000 + n},Person,yes,{'' if n % 3 else 'yes'},2025-0{n % 9 + 1}-1{n % 10}"
        for n in range(count)
    )
    return "\n".join((HEADER, *rows)).encode()


def rows(found: House, count: int) -> list[Row]:
    """Lines for the table: how fast, whether it stays so, and the memory of both processes."""
    naive = _naive(found, content(max(1, count // NAIVE_SHARE)))
    port = free_port()
    app = f"http://127.0.0.1:{port}"
    server = ("-m", "granian", "--interface", "rsgi", "--http", "1", "--no-ws", "--port", str(port), "rsgi:app")
    with (
        found.process(*server, PUBLIC_URL=app) as web,
        found.process("-m", "workers.run", "slow") as worker,
        found.process("-m", "workers.clock"),
    ):
        wait(f"{app}/healthz")
        pages.open_store(found, found.make_shop(pages.domain_of("people")))
        _post(f"{app}/admin/people-files", content(1))  # what the first request of a process loads isn't the file's
        before = _peak(web)
        begun = time.perf_counter()
        _post(f"{app}/admin/people-files", content(count))
        uploaded = time.perf_counter() - begun
        grown = _peak(web) - before
        number = found.sql("SELECT max(id) FROM people_file")[0][0]
        mapping = {f"column_{place}": meaning for meaning, place in lines.guess(HEADER.split(",")).items()}
        _call(f"{app}/admin/people-files/{number}", urlencode(mapping).encode(), "application/x-www-form-urlencoded")
        spent, first, last = _watched(found, number, count)
        peak = _peak(worker)
    found.empty()
    path = "file of people"
    return [
        Row(
            f"{path}, {count:,} lines into an empty shop, one worker",
            f"{count / spent:,.0f}/s",
            f"one ORM transaction per line: {naive:,.0f}/s",
            count / spent / naive,
        ),
        Row(
            f"{path}: time per line in its last fifth",
            f"{last * 1e6:,.0f} us",
            f"in its first: {first * 1e6:,.0f} us",
            last / first,
            Target(1.5, "x", at_most=True),
        ),
        Row(f"{path}: memory of the worker", f"{peak:.0f} MB at most", "", peak, Target(150, " MB", at_most=True)),
        Row(
            f"{path}: memory the web server needs for the upload",
            f"{grown:.0f} MB more",
            f"of {len(content(count)) / 2**20:.1f} MB, taken in {uploaded:.1f} s",
            grown,
            Target(50, " MB", at_most=True),
        ),
    ]


def _naive(found: House, some: bytes) -> float:
    shop = found.make_shop()
    with found.app.app_context():
        begun = time.perf_counter()
        count = bring_in(shop, some)
        rate = count / (time.perf_counter() - begun)
    found.empty()
    return rate


def _watched(found: House, number: int, count: int) -> tuple[float, float, float]:
    """Seconds from the merchant's go to the last line; and per line, in the first fifth and in the last."""
    seen: list[tuple[float, int]] = []

    def done() -> bool:
        state, read = found.sql("SELECT state, lines_read FROM people_file WHERE id = %s", number)[0]
        if not seen or read > seen[-1][1]:
            seen.append((time.perf_counter(), read))
        return bool(state == "done")

    wait_until(done, LONGEST_SECONDS)
    taken, refused = found.sql("SELECT taken, refused FROM people_file WHERE id = %s", number)[0]
    if (taken, refused) != (count, 0):
        raise SystemExit(f"of {count} lines {taken} went in and {refused} were refused")
    early = next(each for each in seen if each[1] >= count / 5)
    late = next(each for each in seen if each[1] >= count * 4 / 5)
    return seen[-1][0] - seen[0][0], _each(seen[0], early), _each(late, seen[-1])


def _each(begin: tuple[float, int], end: tuple[float, int]) -> float:
    return (end[0] - begin[0]) / max(1, end[1] - begin[1])


def _peak(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a process and those it started have held so far."""
    first = psutil.Process(process.pid)
    return max(peak_megabytes(each) for each in (first, *first.children(recursive=True)))


def _post(address: str, file: bytes) -> None:
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n\r\n'
    _call(address, head.encode() + file + f"\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}")


def _call(address: str, body: bytes, kind: str) -> None:
    headers = {"Authorization": f"Bearer {pages.id_token(pages.domain_of('people'))}", "Content-Type": kind}
    asked = urllib.request.Request(address, body, headers)  # noqa: S310 our own server
    with urllib.request.urlopen(asked, timeout=120) as answer:  # noqa: S310
        answer.read()


def main(arguments: Sequence[str]) -> None:
    """Measure a file as large as may be uploaded."""
    with house() as found:
        print(as_text(rows(found, int(arguments[0]) if arguments else MOST_LINES)))


if __name__ == "__main__":
    main(sys.argv[1:])
