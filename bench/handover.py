"""How fast messages are handed over: `python -m bench.handover [messages]`.

One run on this machine, the same providers (simulated, each answer after 50 ms) and the same people for all variants:
- bare: the provider's HTTP call alone, 64 at once; nothing is claimed, checked, rendered or written down
- ours: claim, gates, render, intent, call, settle, by one process
- one job each: an RQ job per message that loads it by the ORM, renders, calls and commits (the usual way to write it)
Rounds are interleaved; medians are printed.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
import rq

from app import create_app, registry, transaction
from app.channels.base import Account, OutboundEmail
from app.content.email import compile_email
from app.content.faults import TemplateFault
from app.customers.models import Customer
from app.messages.handover import Handover
from app.messages.models import Message
from config import Settings
from tests.chaos.cluster import EMAIL, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
DELAY_MS = 50
AT_ONCE = 64
NAIVE_SHARE = 20
"""The naive variant does one in so many: it would take all day."""
HTTP_ACCEPTED = Account("sendgrid")


def outbound(number: int) -> OutboundEmail:
    """A mail as big as ours."""
    body = "<p>Hello</p>" * 80
    return OutboundEmail(
        f"bench-{number}", f"p{number}@shopper.example", "P", "hello@shop.example", "Acme", None, "Hello", body, "Hello"
    )


def bare(count: int) -> None:
    """Nothing but the calls."""
    provider = registry.provider("sendgrid")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda n: provider.send(outbound(n), HTTP_ACCEPTED), range(count)):
            pass


def naive_job(shop_id: int, message_id: int) -> None:
    """One message, as most would write it: load, render, call, commit."""
    with transaction.transaction(shop_id) as session:
        message = session.get_one(Message, (shop_id, message_id))
        customer = session.get_one(Customer, (shop_id, message.customer_id))
        template = compile_email(EMAIL)
        assert not isinstance(template, TemplateFault)  # noqa: S101 ours
        context: dict[str, Any] = {"customer": {"first_name": customer.first_name}, "shop": {"name": "acme"}}
        template.render(context, "en", "USD", "UTC", lambda url: url)
        registry.provider("sendgrid").send(outbound(message_id), HTTP_ACCEPTED)
        message.state = "accepted"


def one_job_each(redis_url: str, shop_id: int, ids: list[int]) -> None:
    """A job for every message, and a worker that forks for none of them."""
    with redis.Redis.from_url(redis_url) as connection:
        queue = rq.Queue("naive", connection=connection)
        for message_id in ids:
            queue.enqueue_call(naive_job, args=(shop_id, message_id))
        rq.SimpleWorker([queue], connection=connection).work(burst=True, logging_level="WARNING")


def rate(count: int, work: Callable[[], object]) -> float:
    """Messages a second."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def main(count: int) -> None:
    """Run all variants and print their medians."""
    folder = Path(tempfile.mkdtemp(prefix="handover-", dir="/var/tmp"))
    cluster = Cluster(folder, lease=120, grace=60)
    try:
        cluster.start()
        settings = Settings.from_env(cluster.env)
        create_app(settings)
        registry.load(settings)
        handover = Handover.start(settings)
        figures: dict[str, list[float]] = {"bare": [], "ours": [], "one job each": []}
        for _ in range(ROUNDS):
            cluster.clear()
            cluster.faults(sendgrid={"delay_ms": DELAY_MS, "receipts": "off"})
            shop_id = cluster.make_shop()
            cluster.make_messages(shop_id, count + count // NAIVE_SHARE, 0)
            rows = cluster.sql(
                "UPDATE message SET state = 'planned' WHERE id IN (SELECT id FROM message ORDER BY id DESC LIMIT %s) "
                "RETURNING id",
                count // NAIVE_SHARE,
            )
            ids = [row[0] for row in rows]
            figures["bare"].append(rate(count, partial(bare, count)))
            figures["ours"].append(rate(count, handover.drain))
            assert cluster.states()["accepted"] == count, cluster.states()  # noqa: S101 a benchmark that lies is none
            naive = partial(one_job_each, cluster.redis.url, shop_id, ids)
            figures["one job each"].append(rate(len(ids), naive))
        bare_rate = statistics.median(figures["bare"])
        for name, rates in figures.items():
            median = statistics.median(rates)
            print(f"{name:13} {median:8.0f} messages/s   {median / bare_rate:5.2f} of bare")
        handover.pool.shutdown()
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
