"""How fast do due messages leave, and what does it take? Against a provider that answers after 50 ms.

Beside the bare HTTP client, which knows no database and no template, and beside one RQ job per message.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import rq

from app import doorbell, registry, transaction
from app.channels.base import Accepted, Account
from app.channels.email.sendgrid import MOST_TOGETHER, PATH, SendGridProvider
from app.messages.handover import CHUNK, LANES, Handover
from app.security.http import Client, Reply
from bench import naive_sending, town
from bench.table import Row, Target, interleaved

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

    import psutil

    from app.channels.base import OutboundEmail
    from bench.house import House

LATENCY_MS = 50
WORKERS = 2
"""Sending processes on each side: as many as the machine has cores."""
AT_ONCE = CHUNK * LANES
"""Calls that one process has under way."""


def prepare(house: House, count: int) -> int:
    """A shop with so many thank-you emails to send."""
    shop = house.make_shop()
    town.people(house, shop, count)
    town.orders(house, shop)
    town.starters(house, shop)
    town.messages(house, shop)
    house.settle()
    return shop


def rows(house: House, count: int, naive_count: int, rounds: int) -> list[Row]:
    """All lines about sending."""
    shop = prepare(house, count)
    with house.provider(LATENCY_MS):
        mails, held = _watched(house)
        found = [*_handover(house, mails, rounds), held, _in_calls_for_many(house, mails, rounds)]
        found += _whole_way(house, shop, count, naive_count, rounds)
    found += _doorbell(house, shop, count, naive_count, rounds)
    house.empty()
    return found


def _watched(house: House) -> tuple[list[OutboundEmail], Row]:
    """Every mail as it is handed over, and how many database connections were in use at each call.

    By a process whose one chunk at a time is calling: another chunk's gates, meanwhile, are no call.
    """
    town.again(house, alone=True)
    mails: list[OutboundEmail] = []
    held: list[int] = []
    provider: Any = registry.provider("sendgrid")
    send = provider.send

    def watched(outbound: OutboundEmail, account: Account) -> Any:
        mails.append(outbound)
        held.append(transaction.engine().pool.checkedout())  # type: ignore[attr-defined]  # a queue pool counts
        return send(outbound, account)

    with ThreadPoolExecutor(CHUNK) as calls, ThreadPoolExecutor(1) as lane, house.app.app_context():
        provider.send = watched
        try:
            Handover(house.settings, calls, lane).drain()
        finally:
            del provider.send
    seen = f"{len(held):,} calls watched"
    return mails, Row("database connections held during a call", seen, "", max(held), Target(0, "", at_most=True))


def _handover(house: House, mails: Sequence[OutboundEmail], rounds: int) -> list[Row]:
    """One process, one provider: the whole hand-over beside the client alone, as many calls at once."""
    handover, count = Handover.start(house.settings), len(mails)

    def ours(*, alone: bool) -> float:
        town.again(house, alone=alone)
        begun = time.perf_counter()
        with house.app.app_context():
            handover.drain()
        rate = count / (time.perf_counter() - begun)
        _check(house, count)
        return rate

    body = orjson.dumps({"content": [{"type": "text/html", "value": mails[0].html + mails[0].text}]})
    found = interleaved(
        rounds,
        {
            "alone": partial(ours, alone=True),
            "together": partial(ours, alone=False),
            "bare": lambda: _bare(house, count, body),
        },
    )
    path = f"hand-over, provider answers in {LATENCY_MS} ms, one process"
    bare = f"HTTP client alone, {AT_ONCE} at once: {found['bare']:,.0f}/s"
    return [
        Row(path, f"{found['alone']:,.0f}/s", bare, found["alone"] / found["bare"], Target(0.6, "x")),
        Row(f"{path}, in batches", f"{found['together']:,.0f}/s", bare, found["together"] / found["bare"]),
    ]


def _bare(house: House, count: int, body: bytes) -> float:
    client = Client(house.settings.sendgrid.api_base, (1.5, 10.0))

    def call(_: int) -> bool:
        return isinstance(client.call("POST", PATH, {"Content-Type": "application/json"}, body), Reply)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = time.perf_counter()
        answered = sum(pool.map(call, range(count)))
        rate = count / (time.perf_counter() - begun)
    client.close()
    if answered != count:
        raise SystemExit("the provider did not answer every call")
    return rate


def _in_calls_for_many(house: House, mails: Sequence[OutboundEmail], rounds: int) -> Row:
    """Rendered mails to accepted ones, by the provider's adapter alone: one call each, or a call for up to 1,000."""
    provider = SendGridProvider(house.settings.sendgrid.api_key, house.settings.sendgrid.api_base)
    account = Account("sendgrid")

    def rate(send: Callable[[], int]) -> float:
        begun = time.perf_counter()
        if send() != len(mails):
            raise SystemExit("the provider did not take every mail")
        return len(mails) / (time.perf_counter() - begun)

    def alone() -> int:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(isinstance(a, Accepted) for a in pool.map(lambda mail: provider.send(mail, account), mails))

    def together() -> int:
        with ThreadPoolExecutor(LANES) as pool:
            return sum(pool.map(some, range(0, len(mails), MOST_TOGETHER)))

    def some(begin: int) -> int:
        part = mails[begin : begin + MOST_TOGETHER]
        parcels = provider.pack(part)
        answers = [a for parcel in parcels for a in provider.send_parcel(parcel, account, lambda: True)]
        alone = set(range(len(part))) - {place for parcel in parcels for place in parcel.places}
        answers += [provider.send(part[place], account) for place in sorted(alone)]
        return sum(isinstance(answer, Accepted) for answer in answers)

    found = interleaved(rounds, {"alone": lambda: rate(alone), "together": lambda: rate(together)})
    provider.close()
    return Row(
        f"SendGrid batches of up to {MOST_TOGETHER:,}, rendered mails to accepted ones",
        f"{found['together']:,.0f}/s",
        f"one call per message, {AT_ONCE} at once: {found['alone']:,.0f}/s",
        found["together"] / found["alone"],
        Target(10, "x"),
    )


def _check(house: House, count: int) -> None:
    states = _states(house)
    if states != {"accepted": count}:
        raise SystemExit(f"not every message was accepted: {states}")


def _states(house: House) -> dict[str, int]:
    return dict(house.sql("SELECT state, count(*) FROM message GROUP BY state"))


def _whole_way(house: House, shop: int, count: int, naive_count: int, rounds: int) -> list[Row]:
    """Two worker processes on either side, warm, from the first ring to the last accepted."""
    with ExitStack() as stack:
        ours = [stack.enter_context(house.process("-m", "workers.run", "send")) for _ in range(WORKERS)]
        for _ in range(WORKERS):
            stack.enter_context(house.process("-m", "bench.naive_sending"))
        _warm(house, 2 * WORKERS)
        ids = [row[0] for row in house.sql("SELECT id FROM message ORDER BY id LIMIT %s", naive_count)]
        found = interleaved(
            rounds,
            {
                "alone": lambda: _drained(house, count, lambda: None, alone=True),
                "together": lambda: _drained(house, count, lambda: None),
                "naive": lambda: _drained(house, naive_count, lambda: _enqueue(house, shop, ids, "send"), only=ids),
            },
        )
        peak = max(peak_megabytes(process) for process in ours)
    naive = f"one RQ job per message: {found['naive']:,.1f}/s"
    alone, together = found["alone"], found["together"]
    return [
        Row(
            f"whole way out, one call per message, {WORKERS} workers",
            f"{alone:,.0f}/s",
            naive,
            alone / found["naive"],
            Target(30, "x"),
        ),
        Row(
            f"whole way out in batches, {WORKERS} workers",
            f"{together:,.0f}/s",
            naive,
            together / found["naive"],
            Target(300, "x"),
        ),
        Row("memory of a sending worker", f"{peak:.0f} MB at most", "", peak, Target(150, " MB", at_most=True)),
    ]


def _drained(
    house: House, count: int, begin: Callable[[], None], only: list[int] | None = None, *, alone: bool = False
) -> float:
    """Messages a second from the moment that they are due. With `only`, jobs bring them; without, our doorbell."""
    house.sql("UPDATE message SET state = 'cancelled'")
    wait_until(lambda: house.sql("SELECT count(*) FROM message WHERE state IN ('claimed', 'sending')")[0][0] == 0)
    if only is None:
        town.again(house, alone=alone)
    begin()
    begun = rung = time.perf_counter()
    while house.sql("SELECT count(*) FROM message WHERE state = 'accepted'")[0][0] < count:
        now = time.perf_counter()
        if only is None and now >= rung:
            doorbell.ring("send")
            rung = now + 0.3
        if now - begun > 300:
            raise SystemExit(f"not everything was sent: {_states(house)}")
        time.sleep(0.05)
    return count / (time.perf_counter() - begun)


def wait_until(holds: Callable[[], bool], seconds: float = 240) -> None:
    """Wait for something to be so.

    Raises:
        SystemExit: it isn't, after so long.
    """
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise SystemExit("waited in vain")
        time.sleep(0.05)


def _warm(house: House, workers: int) -> None:
    """Wait until so many workers listen: their start isn't what is measured."""
    connection = naive_sending.queue(house.settings).connection
    wait_until(lambda: sum(w.get_state() == "idle" for w in rq.Worker.all(connection)) >= workers)


def _enqueue(house: House, shop: int, ids: list[int], job: str) -> None:
    queue = naive_sending.queue(house.settings)
    queue.enqueue_many(
        [queue.prepare_data(f"bench.naive_sending.{job}", (shop, one), result_ttl=0, timeout=60) for one in ids]
    )


def peak_megabytes(process: subprocess.Popen[bytes] | psutil.Process) -> float:
    """The most memory a process has held so far."""
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _doorbell(house: House, shop: int, count: int, naive_count: int, rounds: int) -> list[Row]:
    """What RQ itself costs a message: claimed by one job for all, or each by a job of its own. Nothing is sent."""
    queue = naive_sending.queue(house.settings)
    ids = [row[0] for row in house.sql("SELECT id FROM message ORDER BY id LIMIT %s", 4 * naive_count)]

    def claimed(number: int) -> float:
        begun = time.perf_counter()
        wait_until(lambda: queue.count == 0)
        wait_until(lambda: house.sql("SELECT count(*) FROM message WHERE state = 'claimed'")[0][0] >= number)
        return number / (time.perf_counter() - begun)

    def by_bell() -> float:
        town.again(house)
        queue.enqueue("bench.naive_sending.claim_all", house.settings.lease_seconds, result_ttl=0)
        return claimed(count)

    def by_job() -> float:
        town.again(house)
        _enqueue(house, shop, ids, "claim")
        return claimed(len(ids))

    with house.process("-m", "bench.naive_sending"):
        _warm(house, 1)
        found = interleaved(rounds, {"bell": by_bell, "job": by_job})
    return [
        Row(
            "through the doorbell (claimed, not sent), one worker",
            f"{found['bell']:,.0f}/s",
            f"one RQ job per message: {found['job']:,.0f}/s",
            found["bell"] / found["job"],
            Target(30, "x"),
        )
    ]
