"""Handing messages over: gates, intent, call, outcome. The intent is committed before the provider is called.

For each shop's part of a batch: in one transaction the gates run and those that may go become `sending` with an
attempt; without any database connection the provider is called, all of the chunk at once; in one transaction the
outcomes are settled. Whatever dies in between leaves a row that says how far it came.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import clock, faults, registry
from app.channels.base import RetryLater
from app.messages import breaker
from app.messages.claiming import LEASE, claim, release
from app.messages.intent import Intent, intend, worth_asking
from app.messages.settling import Outcome, settle
from app.platforms import access

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.channels.base import Answer
    from config import Settings

log = logging.getLogger(__name__)

CHUNK = 64
"""Messages in flight at once: all of them go out right after their common commit."""


@dataclass(slots=True)
class Handover:
    """One worker's way of sending; keeps its threads between drains."""

    settings: Settings
    pool: ThreadPoolExecutor

    @classmethod
    def start(cls, settings: Settings) -> Handover:
        """Make the threads that wait for providers."""
        return cls(settings, ThreadPoolExecutor(CHUNK, "handover"))

    def drain(self, should_stop: Callable[[], bool] = lambda: False, limit: int = 100_000) -> int:
        """Hand over what is due until nothing is left, `limit` is reached or it is time to stop; returns how many."""
        done = 0
        while done < limit and not should_stop():
            channels = breaker.open_channels()
            token, by_shop = claim(clock.now(), channels) if channels else (0, {})
            if not by_shop:
                break
            begun = clock.monotonic()
            for shop_id, ids in by_shop.items():
                for first in range(0, len(ids), CHUNK):
                    if should_stop():
                        release(token)
                        return done
                    done += self._chunk(shop_id, ids[first : first + CHUNK], token, begun)
        return done

    def _chunk(self, shop_id: int, ids: Sequence[int], token: int, begun: float) -> int:
        bought = self._already_bought(shop_id, ids)
        faults.point("before_intent")
        intents = intend(self.settings, shop_id, ids, token, bought)
        faults.point("after_intent")
        if intents:
            answers = list(self.pool.map(lambda intent: self._send(intent, begun), intents))
            faults.point("before_settle")
            settle(shop_id, [Outcome(i, a) for i, a in zip(intents, answers, strict=True)])
            faults.point("after_settle")
            breaker.note([(i.provider, a) for i, a in zip(intents, answers, strict=True)])
        return len(ids)

    def _send(self, intent: Intent, begun: float) -> Answer:
        """One call. A worker that was held up for long after its claim gives up before the call, not after it."""
        if clock.monotonic() - begun > LEASE.total_seconds() / 4:
            return RetryLater("held_up")
        return registry.provider(intent.provider).send(intent.outbound, intent.account)

    def _already_bought(self, shop_id: int, ids: Sequence[int]) -> dict[int, bool | None]:
        """Ask the store itself, before cart messages: its webhook may be late. No database connection is held."""
        questions = worth_asking(shop_id, ids)
        if not questions:
            return {}
        store = access.open_store(shop_id)
        if store is None:
            return dict.fromkeys((q.message_id for q in questions), None)
        platform, key = store
        answers = self.pool.map(
            lambda q: platform.order_exists(key, checkout_token=q.checkout_token, email=q.email, since=q.since),
            questions,
        )
        return {q.message_id: answer for q, answer in zip(questions, answers, strict=True)}
