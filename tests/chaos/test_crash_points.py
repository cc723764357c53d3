"""A process that dies at a known point: what it had begun is finished by others, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.cluster import until

if TYPE_CHECKING:
    from tests.chaos.cluster import Cluster

EMAILS, TEXTS = 15, 35
"""So few that each goes in a call of its own."""
TOGETHER = 120
"""So many emails that they leave in one call."""

BEFORE_THE_INTENT = ("after_claim_commit", "before_intent", "before_intent_commit")
AFTER_THE_INTENT = (
    "after_intent",
    "at_call:25",  # some calls are made, some aren't
    "at_call:50:0.15",  # all requests are written, no answer has come
    "after_response:1",  # some answers have come
    "after_response:50",  # all have
    "before_settle",
    "before_settle_commit",
)
OF_ONE_CALL = ("after_intent", "at_call", "at_call:1:0.15", "after_response", "before_settle", "before_settle_commit")
SETTLED = ("after_settle",)
POINTS = (*BEFORE_THE_INTENT, *AFTER_THE_INTENT, *SETTLED, "before_claim_commit")
"""The last leaves its messages due: the next worker would take them up."""


def dies_at(cluster: Cluster, point: str, emails: int = EMAILS, texts: int = TEXTS) -> int:
    """A shop's messages, and a worker that dies over them; returns the shop."""
    shop_id = cluster.make_shop(f"{point.replace('_', '-').replace(':', '-').replace('.', '-')}.myshopify.com")
    cluster.make_messages(shop_id, emails, texts)
    slow = {"delay_ms": 400 if point.endswith(":0.15") else 0}
    cluster.faults(twilio=slow, sendgrid=slow)
    cluster.spawn("doomed", FAULT_POINT=point)
    until(lambda: not cluster.is_alive("doomed"), 15, f"death at {point}")
    return shop_id


def unsettled(cluster: Cluster, shop_id: int) -> int:
    """Hand-overs that somebody began and nobody ended: only these may be of unknown outcome."""
    rows = cluster.sql("SELECT count(*) FROM attempt WHERE shop_id = %s AND outcome IS NULL", shop_id)
    return int(rows[0][0])


def test_a_death_at_any_named_point_loses_and_doubles_nothing(cluster: Cluster) -> None:
    shops = {point: dies_at(cluster, point) for point in POINTS}
    for point, shop_id in shops.items():
        open_ends = unsettled(cluster, shop_id)
        assert (open_ends > 0) == (point in AFTER_THE_INTENT), f"{point}: {open_ends} hand-overs without an outcome"
    finished_by_others(cluster, shops, EMAILS + TEXTS)


def test_a_death_around_a_call_for_many_loses_and_doubles_nothing(cluster: Cluster) -> None:
    shops = {point: dies_at(cluster, point, TOGETHER, 0) for point in OF_ONE_CALL}
    for point, shop_id in shops.items():
        assert unsettled(cluster, shop_id) == TOGETHER, point
    finished_by_others(cluster, shops, TOGETHER)


def finished_by_others(cluster: Cluster, shops: dict[str, int], messages: int) -> None:
    cluster.healthy()
    cluster.spawn("clock", "workers.clock")
    cluster.spawn("heir")
    cluster.spawn("slow", argument="slow")
    until(lambda: cluster.left() == 0, 45, "everything to be settled")
    ledger = cluster.ledger()
    for point, shop_id in shops.items():
        taken = [ledger[row[0]] for row in cluster.sql("SELECT id FROM message WHERE shop_id = %s", shop_id)]
        assert taken == [1] * messages, f"{point}: {taken.count(0)} missing, {sum(n > 1 for n in taken)} doubled"
        assert set(cluster.states(shop_id)) <= {"accepted", "delivered"}, point
