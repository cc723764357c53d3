"""How providers are doing: a dead one costs a probe now and then, a full one is left alone, the other channel goes on.

Kept in the database, since every worker must know it; read once per claim.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import text

from app import clock, registry
from app.channels.base import HELD_UP, RetryLater, Unknown
from app.transaction import across_shops

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from app.channels.base import Answer

FAILURES_TO_OPEN = 20
HEARD_EVERY_SECONDS = 0.5
RATE_LIMITED = "rate_limited"
PROBE_EVERY = timedelta(seconds=10)
LONGEST_PAUSE_SECONDS = 120.0
DEFAULT_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """Which channels may be used now."""

    open: tuple[str, ...]
    probing: tuple[str, ...]
    """Broken so far: this caller, and nobody else for ten seconds, may try one message."""
    reopens_in: float | None
    """Seconds until the next paused channel may be used again; None when none is paused."""


def gauge() -> Gauge:
    """Look how the host's providers are doing."""
    channel_of = {
        default.key: channel
        for channel in sorted({p.channel for p in registry.providers()})
        if (default := registry.default_provider(channel)) is not None
    }
    closed: set[str] = set()
    probing: set[str] = set()
    waits: list[float] = []
    with across_shops() as session:
        rows = session.execute(
            text("""
                SELECT provider, failures >= :limit AS broken,
                    EXTRACT(EPOCH FROM paused_until - clock_timestamp())::float AS pause
                FROM breaker WHERE provider = ANY(:providers)
                    AND (failures >= :limit OR paused_until > clock_timestamp())
            """),
            {"limit": FAILURES_TO_OPEN, "providers": list(channel_of)},
        ).all()
        for row in rows:
            closed.add(channel_of[row.provider])
            if row.pause is not None and row.pause > 0:
                waits.append(row.pause)
            elif row.broken and _may_probe(session, row.provider):
                probing.add(channel_of[row.provider])
    usable = tuple(c for c in channel_of.values() if c not in closed)
    return Gauge(usable, tuple(sorted(probing)), min(waits, default=None))


def _may_probe(session: Session, provider: str) -> bool:
    taken = session.execute(
        text(
            "UPDATE breaker SET paused_until = clock_timestamp() + :wait WHERE provider = :provider "
            "AND (paused_until IS NULL OR paused_until <= clock_timestamp()) RETURNING 1"
        ),
        {"provider": provider, "wait": PROBE_EVERY},
    )
    return taken.first() is not None


def limited(answers: Iterable[Answer]) -> bool:
    """Whether a chunk's answers ask to leave a provider alone for now: a rate limit, or not one usable answer."""
    given = list(answers)
    silent = bool(given) and all(isinstance(a, Unknown | RetryLater) for a in given)
    return silent or any(isinstance(a, RetryLater) and a.code == RATE_LIMITED for a in given)


def note(answers: Iterable[tuple[str, Answer]]) -> None:
    """Count a chunk's outcomes on the host's accounts: an answer closes the breaker, silence opens it, a limit pauses.

    What a shop's own account is refused is that shop's matter.
    """
    by_provider: dict[str, list[Answer]] = {}
    for provider, answer in answers:
        if not (isinstance(answer, RetryLater) and answer.code == HELD_UP):
            by_provider.setdefault(provider, []).append(answer)
    if not by_provider:
        return
    with across_shops() as session:
        for provider, some in sorted(by_provider.items()):
            failed = sum(isinstance(a, Unknown | RetryLater) for a in some)
            pauses = [
                a.after_seconds or DEFAULT_PAUSE_SECONDS
                for a in some
                if isinstance(a, RetryLater) and a.code == RATE_LIMITED
            ]
            session.execute(
                text("""
                    INSERT INTO breaker AS b (provider, failures, opened_at, paused_until)
                    VALUES (:provider, CASE WHEN :answered THEN 0 ELSE CAST(:failed AS bigint) END,
                        CASE WHEN NOT :answered AND :failed >= :limit THEN clock_timestamp() END, COALESCE(
                        clock_timestamp() + CAST(:pause AS interval),
                        CASE WHEN NOT :answered AND :failed >= :limit THEN clock_timestamp() + :probe END))
                    ON CONFLICT (provider) DO UPDATE SET
                        failures = CASE WHEN :answered THEN 0 ELSE b.failures + excluded.failures END,
                        opened_at = CASE WHEN :answered THEN NULL
                            WHEN b.failures + excluded.failures >= :limit
                            THEN COALESCE(b.opened_at, clock_timestamp()) END,
                        paused_until = COALESCE(clock_timestamp() + CAST(:pause AS interval),
                            CASE WHEN :answered THEN NULL
                                WHEN b.failures + excluded.failures >= :limit THEN clock_timestamp() + :probe
                                ELSE b.paused_until END)
                """),
                {
                    "provider": provider,
                    "failed": failed,
                    "answered": failed < len(some),
                    "limit": FAILURES_TO_OPEN,
                    "probe": PROBE_EVERY,
                    "pause": timedelta(seconds=min(max(pauses), LONGEST_PAUSE_SECONDS)) if pauses else None,
                },
            )


class _Heard:
    """What this process has noted last, by provider: moment of the news, in its own monotonic time."""

    noted: ClassVar[dict[str, float]] = {}
    deaf_until: ClassVar[dict[str, float]] = {}
    """Until when what is heard proves nothing, because something before it could not be taken."""
    lock: ClassVar[threading.Lock] = threading.Lock()


def heard(provider: str, lag_seconds: float) -> None:
    """A receipt came, about something that happened so long ago: silence about what was before that means something.

    Receipts that come late, because there are many, prove nothing about messages younger than what they tell of.
    """
    told_of = clock.monotonic() - max(0.0, lag_seconds)
    with _Heard.lock:
        if clock.monotonic() < _Heard.deaf_until.get(provider, float("-inf")):
            return
        before = _Heard.noted.get(provider, float("-inf"))
        if told_of < before + HEARD_EVERY_SECONDS:
            return
        # Noted before it is written: of many threads with the same news one writes, the others need not queue for it.
        _Heard.noted[provider] = told_of
    try:
        _write_heard(provider, lag_seconds)
    except BaseException:  # whatever it was, the news is not on record: the next receipt tells it again
        with _Heard.lock:
            if _Heard.noted.get(provider) == told_of:
                _Heard.noted[provider] = before
        raise


def refused(provider: str, seconds: float) -> None:
    """Receipts could not be taken: the provider tells them again at its own pace, and others come before them.

    For so long nothing that is heard gives silence a meaning. A storm with three crashes of the database repeated 109
    of 100,000 emails whose receipts were on their second way (seed 11).
    """
    with _Heard.lock:
        _Heard.deaf_until[provider] = clock.monotonic() + seconds


def _write_heard(provider: str, lag_seconds: float) -> None:
    with across_shops() as session:
        session.execute(
            text("""
                INSERT INTO breaker (provider, failures, last_receipt_at)
                VALUES (:provider, 0, clock_timestamp() - CAST(:lag AS interval))
                ON CONFLICT (provider) DO UPDATE
                    SET last_receipt_at = GREATEST(breaker.last_receipt_at, excluded.last_receipt_at)
            """),
            {"provider": provider, "lag": timedelta(seconds=max(0.0, lag_seconds))},
        )
