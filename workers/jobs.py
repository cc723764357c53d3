"""What a rung bell does. A job carries no facts: it drains what the database says is due, within its time.

A worker has one queue, so each job brings what it needs itself: sending loads no imports, planning no providers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock, doorbell

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.messages.handover import Handover
    from config import Settings

WORK_SECONDS = 25
"""A job stops taking on work well before RQ's own limit of 60 s ends it: asking a silent store and then a silent
provider about one chunk may take half a minute."""


class _Worker:
    settings: Settings | None = None
    handover: Handover | None = None
    stopping = False


def prepare(settings: Settings) -> None:
    """Give this process's jobs what they need (called once at start)."""
    _Worker.settings = settings
    _Worker.handover = None


def stop_soon() -> None:
    """Finish the chunk in hand and take on no more."""
    _Worker.stopping = True


def _time_is_up() -> Callable[[], bool]:
    until = clock.monotonic() + WORK_SECONDS
    return lambda: _Worker.stopping or clock.monotonic() > until


def apply_inbox() -> int:
    """Apply waiting deliveries."""
    from app.inbox.service import apply_pending

    done = apply_pending(_time_is_up())
    if done:
        doorbell.ring("plan")
    return done


def plan() -> int:
    """Advance people who are due."""
    from app.journeys.service import plan_due

    done = plan_due(_time_is_up())
    if done:
        doorbell.ring("send")
    return done


def send() -> int:
    """Hand over what is due."""
    from app.messages.handover import Handover

    if _Worker.handover is None:
        _Worker.handover = Handover.start(_settings())
    return _Worker.handover.drain(_time_is_up())


def slow() -> int:
    """Everything that talks to stores at length, or tidies up."""
    from app.brakes import service as brakes
    from app.customers import files, telling
    from app.domains import service as domains
    from app.hooks import delivering
    from app.inbox import importing, reconciling
    from app.messages import confirming, evidence
    from app.privacy import service as privacy
    from app.reports import counting, service as reports
    from app.texting import service as texting

    over = _time_is_up()
    counting.run(over)  # first, and no reason to come again: pages read what waits here at each visit
    done = (
        privacy.run(_settings(), over)
        + confirming.run(over)
        + files.run(over)
        + telling.run(over)
        + delivering.run(over)
        + importing.run(over)
        + reconciling.run(over)
        + brakes.run(over)
        + domains.run(_settings(), over)
        + texting.run(_settings(), over)
    )
    return done + evidence.resolve(_settings()) + reports.run(over)


def _settings() -> Settings:
    assert _Worker.settings is not None  # noqa: S101 workers.run prepares before it works
    return _Worker.settings
