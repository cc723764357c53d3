"""How providers are doing: a dead one costs a probe now and then, a full one is left alone, the other channel goes on.

Kept in the database, since every worker must know it; read once per claim.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app import registry
from app.channels.base import RetryLater, Unknown
from app.transaction import across_shops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.channels.base import Answer

FAILURES_TO_OPEN = 20
PROBE_EVERY = timedelta(seconds=10)
LONGEST_PAUSE_SECONDS = 120.0
DEFAULT_PAUSE_SECONDS = 2.0


def open_channels() -> list[str]:
    """Channels whose provider may be called now. Of an open breaker, one caller in ten seconds gets through."""
    with across_shops() as session:
        session.execute(
            text(
                "INSERT INTO breaker (provider, failures) SELECT unnest(CAST(:names AS text[])), 0 "
                "ON CONFLICT DO NOTHING"
            ),
            {"names": sorted(p.key for p in registry.providers())},
        ) if not _Known.rows else None
        _Known.rows = True
        rows = session.execute(
            text("""
                SELECT provider, failures >= :limit AS broken, paused_until > clock_timestamp() AS paused FROM breaker
            """),
            {"limit": FAILURES_TO_OPEN},
        ).all()
        closed = {row.provider for row in rows if row.paused}
        for row in rows:
            if row.broken and not row.paused:
                probe = session.execute(
                    text(
                        "UPDATE breaker SET paused_until = clock_timestamp() + :wait WHERE provider = :provider "
                        "AND (paused_until IS NULL OR paused_until <= clock_timestamp()) RETURNING 1"
                    ),
                    {"provider": row.provider, "wait": PROBE_EVERY},
                ).first()
                if probe is None:
                    closed.add(row.provider)
    channels = {p.channel for p in registry.providers()}
    return sorted(
        channel
        for channel in channels
        if (default := registry.default_provider(channel)) is None or default.key not in closed
    )


class _Known:
    rows = False


def note(answers: Sequence[tuple[str, Answer]]) -> None:
    """Count a chunk's outcomes: an answer closes the breaker, silence and errors open it, a limit pauses."""
    by_provider: dict[str, list[Answer]] = {}
    for provider, answer in answers:
        by_provider.setdefault(provider, []).append(answer)
    with across_shops() as session:
        for provider, some in by_provider.items():
            failed = sum(isinstance(a, Unknown | RetryLater) for a in some)
            pauses = [
                a.after_seconds or DEFAULT_PAUSE_SECONDS
                for a in some
                if isinstance(a, RetryLater) and a.code == "rate_limited"
            ]
            session.execute(
                text("""
                    INSERT INTO breaker AS b (provider, failures, paused_until)
                    VALUES (:provider, CAST(:failed AS bigint), clock_timestamp() + CAST(:pause AS interval))
                    ON CONFLICT (provider) DO UPDATE SET
                        failures = CASE WHEN :answered THEN 0 ELSE b.failures + CAST(:failed AS bigint) END,
                        opened_at = CASE WHEN :answered THEN NULL
                            WHEN b.failures + CAST(:failed AS bigint) >= :limit
                            THEN COALESCE(b.opened_at, clock_timestamp()) END,
                        paused_until = COALESCE(clock_timestamp() + CAST(:pause AS interval),
                            CASE WHEN :answered THEN NULL ELSE b.paused_until END)
                """),
                {
                    "provider": provider,
                    "failed": failed,
                    "answered": failed < len(some),
                    "limit": FAILURES_TO_OPEN,
                    "pause": timedelta(seconds=min(max(pauses), LONGEST_PAUSE_SECONDS)) if pauses else None,
                },
            )


def heard(provider: str) -> None:
    """A receipt came: silence about other messages of this provider begins to mean something."""
    with across_shops() as session:
        session.execute(
            text(
                "INSERT INTO breaker (provider, failures, last_receipt_at) VALUES (:provider, 0, clock_timestamp()) "
                "ON CONFLICT (provider) DO UPDATE SET last_receipt_at = excluded.last_receipt_at "
                "WHERE breaker.last_receipt_at IS NULL "
                "OR breaker.last_receipt_at < excluded.last_receipt_at - interval '1 second'"
            ),
            {"provider": provider},
        )
