"""A process that dies at a named point: what it had begun is finished by others, once.

The points lie before and after each commit, after a request is written, and after its answer has come.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from app.messages.states import OPEN_STATES
from tests.chaos.cluster import until
from tests.chaos.scenarios.seen import Seen, none
from tests.chaos.store import Store

if TYPE_CHECKING:
    import random

    from tests.chaos.cluster import Cluster
    from tests.chaos.scenarios.seen import Figure

BEFORE_THE_INTENT = ("after_claim_commit", "before_intent", "before_intent_commit")
AFTER_THE_INTENT = (
    "after_intent",
    "at_call:25",  # some calls are made, some aren't
    "at_call:50:0.15",  # all requests of a chunk are written, no answer has come
    "after_response:1",  # some answers have come
    "after_response:50",  # most have
    "before_settle",
    "before_settle_commit",
)
OF_ONE_CALL = ("after_intent", "at_call", "at_call:1:0.15", "after_response", "before_settle", "before_settle_commit")
SENDING = (*BEFORE_THE_INTENT, *AFTER_THE_INTENT, "after_settle", "before_claim_commit")
"""The last leaves its messages due: the next worker would take them up."""
ACCEPTING = ("before_accept_commit", "after_accept_commit")
APPLYING = ("after_react", "before_apply_commit", "after_apply_commit")
PLANNING = ("before_plan_commit", "after_plan_commit")
PATIENCE_SECONDS = 180
SHOWN = ("accepted", "delivered", "failed")
"""What became of a message that a provider took: a few texts fail on their way in the simulated world, too."""


def on_the_way_out(cluster: Cluster, rng: random.Random, emails: int = 15, texts: int = 35, workers: int = 4) -> Seen:
    """So few that each worker has one chunk in its hands, and each email a call of its own."""
    deaths = [(point, nr) for nr in range(workers) for point in rng.sample(SENDING, len(SENDING))]
    shops = {(point, nr): _dies_sending(cluster, point, emails, texts, nr) for point, nr in deaths}
    begun = {death: _unsettled(cluster, shop_id) for death, shop_id in shops.items()}
    return _finished_by_others(
        cluster,
        f"{workers} sending workers die at each of {len(SENDING)} named points, each over {emails} emails and {texts} "
        "texts",
        none("begun before their intent", sum(n for (point, _), n in begun.items() if point in BEFORE_THE_INTENT)),
        none("deaths after the intent that left nothing open",
             sum(not n for (point, _), n in begun.items() if point in AFTER_THE_INTENT)),
    )  # fmt: skip


def around_one_call(cluster: Cluster, rng: random.Random, emails: int = 200) -> Seen:
    """So many emails that they leave in one call."""
    shops = {p: _dies_sending(cluster, p, emails, 0) for p in rng.sample(OF_ONE_CALL, len(OF_ONE_CALL))}
    begun = [_unsettled(cluster, shop_id) for shop_id in shops.values()]
    return _finished_by_others(
        cluster,
        f"a sending worker dies at each of {len(OF_ONE_CALL)} named points around one call for {emails} emails",
        none("not on record as begun", sum(emails - n for n in begun)),
    )


def _finished_by_others(cluster: Cluster, done: str, *figures: Figure) -> Seen:
    """A worker that lives cleans up after all the dead."""
    cluster.healthy()
    cluster.spawn("clock", "workers.clock")
    cluster.spawn("heir")
    cluster.spawn("slow", argument="slow")
    others = cluster.make_shop()
    while cluster.sql("SELECT 1 FROM message WHERE shop_id <> %s AND state = ANY(%s)", others, list(OPEN_STATES)):
        # Elsewhere traffic goes on, and with it the receipts that give silence a meaning.
        cluster.make_messages(others, 1, 1)
        time.sleep(1)
    until(lambda: cluster.left() == 0, PATIENCE_SECONDS, "everything to be settled")
    ledger = cluster.ledger()
    taken = Counter(ledger[row[0]] for row in cluster.sql("SELECT id FROM message"))
    states = cluster.states()
    return Seen(
        done,
        (
            none("missing", taken[0]),
            none("doubled", sum(n for times, n in taken.items() if times > 1)),
            none("not shown for what they are", sum(n for s, n in states.items() if s not in SHOWN)),
            *figures,
        ),
    )


def _dies_sending(cluster: Cluster, point: str, emails: int, texts: int, nr: int = 0) -> int:
    shop_id = cluster.make_shop(f"{nr}-{_domain(point)}")
    cluster.make_messages(shop_id, emails, texts)
    slow = {"delay_ms": 400 if point.endswith(":0.15") else 0}
    cluster.faults(twilio=slow, sendgrid=slow)
    _doomed(cluster, point, "send")
    return shop_id


def _unsettled(cluster: Cluster, shop_id: int) -> int:
    """Hand-overs that somebody began and nobody ended: only these may be of unknown outcome."""
    rows = cluster.sql("SELECT count(*) FROM attempt WHERE shop_id = %s AND outcome IS NULL", shop_id)
    return int(rows[0][0])


def on_the_way_in(cluster: Cluster, rng: random.Random, orders: int = 200) -> Seen:
    """The web server, inbox workers and planning workers die over the orders of as many shops; each has a thank-you."""
    points = [*ACCEPTING, *APPLYING, *PLANNING]
    stores = [Store(cluster, _domain(point)) for point in rng.sample(points, len(points))]
    shops = [cluster.make_shop(store.domain) for store in stores]
    cluster.run("-m", "tests.chaos.furnish", "post_purchase")
    for point, store in zip(ACCEPTING, stores, strict=False):
        cluster.stop_web()
        cluster.start_web(FAULT_POINT=point)
        store.deliver_at_once(range(1, orders + 1))
        until(cluster.web_has_died, 60, f"death at {point}")
    cluster.stop_web()
    cluster.start_web()
    for store in stores:
        store.deliver_at_once(range(1, orders + 1))
    for point in rng.sample(APPLYING, len(APPLYING)):
        _doomed(cluster, point, "inbox")
    cluster.spawn("inbox", argument="inbox")
    until(lambda: not cluster.sql("SELECT 1 FROM delivery WHERE state = 'pending'"), 120, "the inbox to be applied")
    for point in PLANNING:
        _doomed(cluster, point, "plan")
    for queue in ("plan", "send"):
        cluster.spawn(queue, argument=queue)
    cluster.spawn("clock", "workers.clock")
    until(lambda: not cluster.sql("SELECT 1 FROM enrolment WHERE due_at <= now()"), 120, "everybody to be planned")
    until(lambda: cluster.left() == 0, PATIENCE_SECONDS, "every thank-you to be settled")
    lost = sum(len(store.promised() - _kept(cluster, shop)) for shop, store in zip(shops, stores, strict=True))
    known, people, thanked = (
        [cluster.sql(f"SELECT count(*) FROM {table} WHERE shop_id = %s", shop_id)[0][0] for shop_id in shops]  # noqa: S608
        for table in ("orders", "customer", "message")
    )
    taken = Counter(cluster.ledger().values())
    return Seen(
        f"web server, inbox or planning worker dies at each of {len(points)} named points, {orders} orders for each",
        (
            none("answered 200 but not there", lost),
            none("orders lost or doubled", sum(abs(n - orders) for n in known)),
            none("people lost or doubled", sum(abs(n - orders) for n in people)),
            none("thank-yous lost or doubled in the plan", sum(abs(n - orders) for n in thanked)),
            none("thank-yous missing at the provider", len(stores) * orders - sum(taken.values())),
            none("doubled there", sum(n for times, n in taken.items() if times > 1)),
        ),
    )


def _kept(cluster: Cluster, shop_id: int) -> set[str]:
    return {row[0] for row in cluster.sql("SELECT webhook_id FROM delivery WHERE shop_id = %s", shop_id)}


def _doomed(cluster: Cluster, point: str, queue: str) -> None:
    cluster.spawn("doomed", argument=queue, FAULT_POINT=point)
    until(lambda: not cluster.is_alive("doomed"), 60, f"death at {point}")


def _domain(point: str) -> str:
    return f"{point.translate(str.maketrans('_:.', '---'))}.myshopify.com"
