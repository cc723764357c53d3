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

    def run(self) -> Count:
        rng = random.Random(self.seed)
        cluster = self.cluster
        shop_id = cluster.make_shop()
        # Texts can be looked up at the provider; emails can't, so they show the one repeat that is allowed.
        emails = self.messages * 2 // 5
        cluster.make_messages(shop_id, emails, self.messages - emails)
        cluster.faults(sendgrid=WEATHER, twilio=WEATHER)
        begun = time.monotonic()
        for name, (module, argument) in CREW.items():
            cluster.spawn(name, module, argument)
        kills = flushes = crashed = 0
        next_kill, next_flush, next_trickle = begun + rng.uniform(*KILL_EVERY), begun + FLUSH_EVERY, begun
        while not self._done(begun):
            now = time.monotonic()
            if now >= next_kill and self._handed_over() < self.messages * 0.97:
                name = rng.choice([*CREW, "send-1", "send-2"])
                cluster.kill(name)
                cluster.spawn(name, *CREW[name])
                kills, next_kill = kills + 1, time.monotonic() + rng.uniform(*KILL_EVERY)
            if now >= next_flush:
                cluster.flush()
                flushes, next_flush = flushes + 1, now + FLUSH_EVERY
            if crashed < self.crashes and self._handed_over() > self.messages * (crashed + 1) / (self.crashes + 1):
                cluster.restart_database()
                crashed += 1
            if now >= next_trickle and self._handed_over() > self.messages * 0.97:
                # Traffic goes on after a storm, and with it the receipts that give silence a meaning.
                cluster.make_messages(shop_id, 1, 1)
                next_trickle = now + 2.0
            time.sleep(0.1)
        return self._count(time.monotonic() - begun, kills, flushes, crashed)

    def _done(self, begun: float) -> bool:
        assert time.monotonic() - begun < self.patience, f"not done in {self.patience:.0f} s: {self.cluster.states()}"
        return self.cluster.left() == 0

    def _handed_over(self) -> int:
        return sum(self.cluster.states().get(state, 0) for state in ("accepted", "delivered", "failed"))

    def _count(self, seconds: float, kills: int, flushes: int, crashed: int) -> Count:
        cluster = self.cluster
        ledger = cluster.ledger()
        rows = cluster.sql("SELECT id, state FROM message")
        parked = {id_ for id_, state in rows if state == "parked"}
        figures = cluster.sql(
            "SELECT (SELECT count(*) FROM attempt WHERE outcome IS NULL OR outcome = 'unknown'), "
            "(SELECT count(*) FROM message WHERE repeats > 0), "
            "(SELECT count(*) FROM message WHERE state = ANY(%s) "
            "OR state NOT IN ('accepted', 'delivered') AND reason IS NULL)",
            list(OPEN_STATES),
        )[0]
        return Count(
            self.seed, len(rows), round(seconds, 1), kills, flushes, crashed,
            missing=sum(id_ not in ledger and id_ not in parked for id_, _ in rows),
            doubled=sum(times > 1 for times in ledger.values()),
            without_a_story=figures[2], parked=len(parked), unknown_on_the_way=figures[0], repeated_emails=figures[1],
        )  # fmt: skip


def settled(cluster: Cluster, seconds: float = 60) -> None:
    """Wait until nothing is on its way any more."""
    try:
        until(lambda: cluster.left() == 0, seconds, "everything to be settled")
    except AssertionError as error:
        found = cluster.sql("SELECT channel, state, reason, count(*) FROM message GROUP BY 1, 2, 3")
        found += cluster.sql("SELECT * FROM breaker")
        raise AssertionError(f"{error}: {found}") from None
