"""The storm: messages go out while processes are killed, Redis is flushed, PostgreSQL crashes; then it is counted."""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from app.messages.states import OPEN_STATES
from tests.chaos.cluster import until

if TYPE_CHECKING:
    from tests.chaos.cluster import Cluster

WEATHER = {"429": 0.02, "5xx": 0.02, "drop_after_accept": 0.03}
CREW = {
    "send-1": ("workers.run", "send"),
    "send-2": ("workers.run", "send"),
    "slow": ("workers.run", "slow"),
    "clock-1": ("workers.clock", ""),
    "clock-2": ("workers.clock", ""),
}
FLUSH_EVERY = 5.0
KILL_EVERY = (0.8, 2.0)
LOOK_EVERY = 0.5
NEARLY_ALL = 0.97
"""Nobody is killed after that: what is left then waits for graces and leases."""


@dataclass(slots=True)
class Count:
    """What came of it."""

    seed: int
    messages: int
    seconds: float
    kills: int
    flushes: int
    database_crashes: int
    missing: int
    """Neither at a provider nor parked for the merchant to see."""
    doubled: int
    without_a_story: int
    parked: int
    unknown_on_the_way: int
    """Hand-overs whose outcome nobody knew at first."""
    repeated_emails: int

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in asdict(self).items())


@dataclass(slots=True)
class Storm:
    """One run, replayable by its seed as far as timing allows."""

    cluster: Cluster
    messages: int
    seed: int
    crashes: int = 1
    patience: float = 60.0
    _shop: int = 0
    _elsewhere: int = 0

    def run(self) -> Count:
        rng = random.Random(self.seed)
        cluster = self.cluster
        self._shop, self._elsewhere = cluster.make_shop(), cluster.make_shop("elsewhere.myshopify.com")
        # Texts can be looked up at the provider; emails can't, so they show the one repeat that is allowed.
        emails = self.messages * 2 // 5
        cluster.make_messages(self._shop, emails, self.messages - emails)
        cluster.sql("ANALYZE")
        cluster.faults(sendgrid=WEATHER, twilio=WEATHER)
        begun = time.monotonic()
        for name, (module, argument) in CREW.items():
            cluster.spawn(name, module, argument)
        kills = flushes = crashed = handed_over = 0
        next_kill, next_flush, next_look = begun + rng.uniform(*KILL_EVERY), begun + FLUSH_EVERY, begun
        while True:
            now = time.monotonic()
            if now >= next_look:
                # Not more often: it reads every row, and would take half a core from those it looks at.
                handed_over, left = self._progress()
                next_look = now + LOOK_EVERY
                if not left:
                    break
                assert now - begun < self.patience, f"not done in {self.patience:.0f} s: {cluster.states()}"
                if handed_over > self.messages * NEARLY_ALL:
                    # Traffic goes on after a storm, and with it the receipts that give silence a meaning.
                    cluster.make_messages(self._elsewhere, 1, 1)
            if now >= next_kill and handed_over <= self.messages * NEARLY_ALL:
                name = rng.choice([*CREW, "send-1", "send-2"])
                cluster.kill(name)
                cluster.spawn(name, *CREW[name])
                kills, next_kill = kills + 1, time.monotonic() + rng.uniform(*KILL_EVERY)
            if now >= next_flush:
                cluster.flush()
                flushes, next_flush = flushes + 1, now + FLUSH_EVERY
            if crashed < self.crashes and handed_over > self.messages * (crashed + 1) / (self.crashes + 1):
                cluster.restart_database()
                crashed += 1
            time.sleep(0.05)
        return self._count(time.monotonic() - begun, kills, flushes, crashed)

    def _progress(self) -> tuple[int, int]:
        """How many messages of the storm were handed over, and how many are still under way."""
        states = self.cluster.states(self._shop)
        handed_over = sum(states.get(state, 0) for state in ("accepted", "delivered", "failed"))
        return handed_over, sum(states.get(state, 0) for state in OPEN_STATES)

    def _count(self, seconds: float, kills: int, flushes: int, crashed: int) -> Count:
        cluster = self.cluster
        ledger = cluster.ledger()
        rows = cluster.sql("SELECT id, state FROM message WHERE shop_id = %s", self._shop)
        parked = {id_ for id_, state in rows if state == "parked"}
        figures = cluster.sql(
            "SELECT (SELECT count(*) FROM attempt WHERE shop_id = %s AND (outcome IS NULL OR outcome = 'unknown')), "
            "(SELECT count(*) FROM message WHERE shop_id = %s AND repeats > 0), "
            "(SELECT count(*) FROM message WHERE shop_id = %s AND (state = ANY(%s) "
            "OR state NOT IN ('accepted', 'delivered') AND reason IS NULL))",
            self._shop, self._shop, self._shop, list(OPEN_STATES),
        )[0]  # fmt: skip
        return Count(
            self.seed, len(rows), round(seconds, 1), kills, flushes, crashed,
            missing=sum(id_ not in ledger and id_ not in parked for id_, _ in rows),
            doubled=sum(times > 1 for times in ledger.values()),
            without_a_story=figures[2], parked=len(parked), unknown_on_the_way=figures[0], repeated_emails=figures[1],
        )  # fmt: skip


def settled(cluster: Cluster, seconds: float = 120) -> None:
    """Wait until nothing is on its way any more."""
    try:
        until(lambda: cluster.left() == 0, seconds, "everything to be settled")
    except AssertionError as error:
        found = cluster.sql("SELECT channel, state, reason, count(*) FROM message GROUP BY 1, 2, 3")
        found += cluster.sql("SELECT * FROM breaker")
        raise AssertionError(f"{error}: {found}") from None
