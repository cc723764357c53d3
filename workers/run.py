"""`python -m workers.run <queue>`: one process, one queue.

RQ rings; PostgreSQL knows. The worker runs jobs in its own process (no fork, so the app is loaded once), takes only
the jobs we name, and asks the database itself whenever the bell has been silent: losing Redis only costs promptness.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import redis
import rq
from rq.exceptions import StopRequested

from app import clock, create_app, doorbell, faults, garbage
from config import Settings
from workers import jobs
from workers.memory import be_frugal
from workers.queues import NAMES

if TYPE_CHECKING:
    from types import FrameType

    from rq.job import Job

log = logging.getLogger(__name__)

SILENCE_SECONDS = 5.0
"""How long a worker waits for the bell before it looks for itself."""
REDIS_PATIENCE_SECONDS = 2.0
"""How much longer than the silence it was asked for Redis may take to answer."""
LONGEST_LOOP_SECONDS = 90.0
"""A worker that hasn't come round for so long is stuck; it ends itself and is started again."""


class Guarded(rq.SimpleWorker):
    """Runs the jobs we name, and no others, whatever somebody may have put into Redis."""

    beat = 0.0

    def execute_job(self, job: Job, queue: rq.Queue) -> None:
        """Run a job of ours; a foreign one is deleted unread."""
        try:
            allowed = job.func_name == doorbell.JOBS.get(queue.name) and not job.args and not job.kwargs
        except Exception:  # whatever it is that can't be read, it isn't ours
            log.warning("foreign_job", exc_info=True)
            allowed = False
        if not allowed:
            log.warning("foreign_job_refused", extra={"queue": queue.name})
            # Not job.delete(): it looks into the job, and there may be anything in it.
            self.connection.delete(job.key)
            queue.intermediate_queue.remove(job.id)
            return
        super().execute_job(job, queue)

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Also note that the loop has come round. Without Redis, leave it.

        RQ itself waits until Redis is back, up to a minute between two tries, deaf to a stop.
        """
        self.beat = clock.monotonic()
        try:
            super().heartbeat(*args, **kwargs)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise StopRequested from error

    def subscribe(self) -> None:
        """Take no commands over Redis: whoever can write there must not steer workers."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed."""

    def _install_signal_handlers(self) -> None:
        """Keep ours: finish the chunk in hand."""

    def stop(self) -> None:
        """Leave the loop after the job in hand."""
        self._stop_requested = True


def main(queue: str) -> None:
    """Work until told to stop."""
    be_frugal()
    settings = Settings.from_env()
    app = create_app(settings, pages=False)
    jobs.prepare(settings)
    garbage.settle()
    loop = Loop(queue, settings)
    signal.signal(signal.SIGTERM, loop.stop)
    signal.signal(signal.SIGINT, loop.stop)
    with app.app_context():
        loop.run()


class Loop:
    """Waits for the bell, or for silence to have lasted, and does the work."""

    def __init__(self, queue: str, settings: Settings) -> None:
        self.queue = queue
        self.work = getattr(jobs, doorbell.JOBS[queue].rpartition(".")[2])
        self.connection = doorbell.connect(settings.redis_url, timeout=SILENCE_SECONDS + REDIS_PATIENCE_SECONDS)
        self.bell: Guarded | None = None
        self.stopping = False
        self.beat = clock.monotonic()

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Finish what is in hand and take on no more."""
        self.stopping = True
        jobs.stop_soon()
        if self.bell is not None:
            self.bell.stop()

    def run(self) -> None:
        """Come round until stopped. Redis may be away: then the loop looks for itself."""
        threading.Thread(target=self._watch, daemon=True).start()
        log.info("worker_started", extra={"queue": self.queue})
        self._look()  # what came while nobody was here has no bell to ring again
        while not self.stopping:
            self.beat = clock.monotonic()
            if not self._answer_bell() and not self.stopping:
                self._look()
        log.info("worker_stopped", extra={"queue": self.queue})

    def _answer_bell(self) -> bool:
        """Run rung jobs until the bell has been silent for a while. False when it never rang."""
        try:
            queue = rq.Queue(self.queue, connection=self.connection, serializer="json")
            self.bell = Guarded(
                [queue], connection=self.connection, serializer="json", log_job_description=False, worker_ttl=60
            )
            return bool(self.bell.work(max_idle_time=int(SILENCE_SECONDS), logging_level="WARNING"))
        except redis.RedisError:
            clock.pause(1.0)
            return False
        finally:
            self.bell = None

    def _look(self) -> None:
        try:
            self.work()
        except Exception:  # the outermost edge: a database that is away today is back tomorrow
            log.exception("work_failed", extra={"queue": self.queue})
            clock.pause(1.0)

    def _watch(self) -> None:
        """End a process that is stuck; its supervisor starts it again."""
        while True:
            clock.pause(5.0)
            beat = max(self.beat, self.bell.beat if self.bell is not None else 0.0)
            if clock.monotonic() - beat > LONGEST_LOOP_SECONDS:
                log.error("worker_stuck", extra={"queue": self.queue})
                faults.abandon()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in NAMES:  # noqa: PLR2004 the program and its one argument
        sys.exit(f"usage: python -m workers.run {'|'.join(NAMES)}")
    main(sys.argv[1])
