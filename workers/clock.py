"""`python -m workers.clock`: looks every second for what is due and rings. One leads; others wait to take over.

The leader holds an advisory lock on a connection of its own: when it dies, the lock goes with its connection.
"""

from __future__ import annotations

import logging
import signal
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import clock, create_app, doorbell, transaction
from app.catalog import learning
from app.journeys import sunset
from app.journeys.service import admit_running_low
from app.messages import claiming
from config import Settings
from workers import statistics

if TYPE_CHECKING:
    from datetime import datetime
    from types import FrameType

    from sqlalchemy import Connection

log = logging.getLogger(__name__)

LEADER_LOCK = 7_261_602
TICK_SECONDS = 1.0
LEARN_EVERY = timedelta(days=1)

DUE = {
    "inbox": "SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 'pending')",
    "plan": "SELECT EXISTS (SELECT 1 FROM enrolment WHERE state = 'active' AND due_at <= :now)",
    "send": "SELECT EXISTS (SELECT 1 FROM message WHERE state IN ('due', 'deferred') AND due_at <= :now)",
    "slow": """
        SELECT EXISTS (SELECT 1 FROM import WHERE state IN ('waiting', 'exporting', 'reading') AND due_at <= :now)
            OR EXISTS (SELECT 1 FROM reconciliation WHERE due_at <= :now)
            OR EXISTS (SELECT 1 FROM message WHERE state = 'unknown' AND lease_until < clock_timestamp())
            OR EXISTS (SELECT 1 FROM privacy_request r WHERE r.done_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM processor_erasure e WHERE e.shop_id = r.shop_id AND e.request_id = r.id))
            OR EXISTS (SELECT 1 FROM processor_erasure WHERE done_at IS NULL AND due_at <= :now)
            OR EXISTS (SELECT 1 FROM consent_write WHERE done_at IS NULL AND due_at <= :now)
            OR EXISTS (SELECT 1 FROM opt_in WHERE asked_at IS NULL AND done_at IS NULL AND due_at <= :now)
            OR EXISTS (SELECT 1 FROM people_file WHERE state = 'running' AND due_at <= :now)
            OR EXISTS (SELECT 1 FROM hook_delivery
                WHERE state = 'due' AND due_at <= :now OR state = 'sending' AND lease_until < clock_timestamp())
            OR EXISTS (SELECT 1 FROM shop s LEFT JOIN retention r ON r.shop_id = s.id
                WHERE r.due_at IS NULL OR r.due_at <= :now)
            OR EXISTS (SELECT 1 FROM shop s LEFT JOIN brake b ON b.shop_id = s.id
                WHERE s.state = 'installed' AND (b.due_at IS NULL OR b.due_at <= :now))
            OR EXISTS (SELECT 1 FROM sending_domain WHERE due_at <= :now)
            OR EXISTS (SELECT 1 FROM hosted_service WHERE due_at <= :now)
    """,
}


class Clock:
    """Ticks while it leads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = False
        self.to_learn: deque[int] = deque()
        self.to_look_at: deque[tuple[int, int]] = deque()
        """Shops to look for quiet people in, each with the last person looked at."""
        self.listed_at: datetime | None = None

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Leave after this tick."""
        self.stopping = True

    def run(self) -> None:
        """Lead when nobody else does; tick; begin again after anything goes wrong."""
        while not self.stopping:
            try:
                with transaction.engine().connect() as connection:
                    self._lead(connection.execution_options(isolation_level="AUTOCOMMIT"))
            except DBAPIError as error:
                log.warning("clock_lost_database", extra={"error": type(error).__name__})
                clock.pause(TICK_SECONDS)

    def _lead(self, connection: Connection) -> None:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LEADER_LOCK}):
            clock.pause(TICK_SECONDS)
            return
        log.info("clock_leads")
        try:
            while not self.stopping:
                connection.execute(text("SELECT 1"))  # the lock lives with this connection: notice when it is gone
                self.tick()
                if grown := statistics.refresh(connection):
                    log.info("statistics_refreshed", extra={"tables": len(grown)})
                clock.pause(TICK_SECONDS)
        finally:
            if not connection.invalidated:
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LEADER_LOCK})

    def tick(self) -> None:
        """Ring for what is due, sweep up after dead workers, and once a day learn."""
        now = clock.now()
        with transaction.across_shops() as session:
            due = [queue for queue, question in DUE.items() if session.scalar(text(question), {"now": now})]
        for queue in due:
            doorbell.ring(queue)
        again, lost = claiming.sweep(now, self.settings)
        if again or lost:
            log.info("swept", extra={"due_again": again, "unknown": lost})
        self._learn_one(now)
        self._look_at_some(now)

    def _learn_one(self, now: datetime) -> None:
        """Once a day every shop's gaps are learned anew, one shop a tick, so that no tick is a long one."""
        if self.listed_at is None or now - self.listed_at > max(LEARN_EVERY, timedelta(minutes=2) * clock.speed()):
            self.listed_at = now
            with transaction.across_shops() as session:
                rows = session.execute(text("SELECT id FROM shop WHERE state = 'installed' ORDER BY id"))
                self.to_learn = deque(row.id for row in rows)
            self.to_look_at = deque((shop_id, 0) for shop_id in self.to_learn)
        if not self.to_learn:
            return
        with transaction.transaction(self.to_learn.popleft()) as session:
            learned_at = session.scalar(
                text("SELECT max(learned_at) FROM reorder_gap WHERE shop_id = :shop"),
                {"shop": session.info["shop_id"]},
            )
            # A clock that has just started finds what the one before it has done.
            if learned_at is None or now - learned_at > LEARN_EVERY / 2:
                learning.learn(session)
            admit_running_low(session, now)

    def _look_at_some(self, now: datetime) -> None:
        """Once a day people who have gone quiet are looked for, a slice of one shop a tick."""
        if not self.to_look_at:
            return
        shop_id, after = self.to_look_at.popleft()
        with transaction.transaction(shop_id) as session:
            last = sunset.look(session, after, now)
        if last is not None:
            self.to_look_at.append((shop_id, last))


def main() -> None:
    """Tick until told to stop."""
    settings = Settings.from_env()
    app = create_app(settings, pages=False)
    ticking = Clock(settings)
    signal.signal(signal.SIGTERM, ticking.stop)
    signal.signal(signal.SIGINT, ticking.stop)
    with app.app_context():
        ticking.run()


if __name__ == "__main__":
    main()
