"""Handing messages over: gates, intent, call, outcome. The intent is committed before the provider is called.

For each shop's part of a batch: in one transaction the gates run and those that may go become `sending` with an
attempt; without any database connection the provider is called, all of the chunk at once; in one transaction the
outcomes are settled. Whatever dies in between leaves a row that says how far it came.
"""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError

from app import clock, faults, registry
from app.channels.base import RetryLater, Unknown
from app.messages import breaker
from app.messages.asking import worth_asking
from app.messages.claiming import claim, release
from app.messages.intent import intend
from app.messages.settling import Outcome, settle
from app.platforms import access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from app.channels.base import Answer
    from app.messages.asking import Question
    from app.messages.claiming import Claim
    from app.messages.intent import Intent
    from app.platforms.base import Platform, ShopAccess
    from config import Settings

log = logging.getLogger(__name__)

CHUNK = 64
"""Messages that share a commit: all of them go out right after it."""
LANES = 2
"""Chunks under way at once."""
LONGEST_NAP_SECONDS = 2.0
"""A provider that asks for a shorter pause than this is waited for."""
SETTLE_TRIES = 6
SETTLE_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class Handover:
    """One worker's way of sending; keeps its threads between drains."""

    settings: Settings
    pool: ThreadPoolExecutor
    lanes: ThreadPoolExecutor

    @classmethod
    def start(cls, settings: Settings) -> Handover:
        """Make the threads that wait for providers."""
        return cls(settings, ThreadPoolExecutor(CHUNK * LANES, "handover"), ThreadPoolExecutor(LANES, "lane"))

    def drain(self, should_stop: Callable[[], bool] = lambda: False, limit: int = 100_000) -> int:
        """Hand over what is due until nothing is left, `limit` is reached or it is time to stop; returns how many."""
        done = 0
        while done < limit and not should_stop():
            gauge = breaker.gauge()
            claims = self._claim(gauge)
            if not claims:
                if gauge.reopens_in is None or gauge.reopens_in > LONGEST_NAP_SECONDS:
                    break
                clock.pause(gauge.reopens_in)
            for claimed in claims:
                done += self._hand_over(claimed, should_stop)
        return done

    def _claim(self, gauge: breaker.Gauge) -> list[Claim]:
        lease = self.settings.lease_seconds
        claims = [claim(clock.now(), gauge.open, lease)] if gauge.open else []
        claims += [claim(clock.now(), [channel], lease, size=1) for channel in gauge.probing]
        return [claimed for claimed in claims if claimed.by_shop]

    def _hand_over(self, claimed: Claim, should_stop: Callable[[], bool]) -> int:
        """Hand over what was claimed; while one chunk waits for its provider, the next one passes its gates.

        What can't be begun now is given back at once.
        """
        begun, done, pause = 0, 0, False
        pending: set[Future[tuple[int, bool]]] = set()
        try:
            for shop_id, ids in claimed.chunks(CHUNK):
                if len(pending) == LANES:
                    ready, pending = wait(pending, return_when=FIRST_COMPLETED)
                    done, pause = _sum(ready, done, pause=pause)
                if pause or should_stop():
                    break
                begun += len(ids)
                pending.add(self.lanes.submit(self._chunk, shop_id, ids, claimed.token))
        finally:
            ready, _ = wait(pending)
            with suppress(DBAPIError):  # without a database the lease runs out by itself
                if begun < len(claimed):
                    release(claimed.token)
        return _sum(ready, done, pause=pause)[0]

    def _chunk(self, shop_id: int, ids: Sequence[int], token: int) -> tuple[int, bool]:
        """Hand over one chunk; returns its size, and whether its provider should be left alone for now."""
        bought = self._already_bought(shop_id, ids)
        faults.point("before_intent")
        begun = clock.monotonic()
        intents = intend(self.settings, shop_id, ids, token, bought)
        faults.point("after_intent")
        if not intents:
            return len(ids), False
        answers = list(self.pool.map(lambda intent: self._send(intent, begun), intents))
        faults.point("before_settle")
        self._settle(shop_id, [Outcome(i, a) for i, a in zip(intents, answers, strict=True)])
        faults.point("after_settle")
        breaker.note((i.provider, a) for i, a in zip(intents, answers, strict=True) if not i.account.credentials)
        return len(ids), breaker.limited(answers)

    def _send(self, intent: Intent, begun: float) -> Answer:
        """One call. A worker that was held up for long after its intent gives up before the call, not after it."""
        if clock.monotonic() - begun > self.settings.lease_seconds / 4:
            return RetryLater(breaker.HELD_UP)
        faults.point("at_call")
        try:
            answer = registry.provider(intent.provider).send(intent.outbound, intent.account)
        except Exception as error:  # a provider must not raise; if one does, nobody knows how far it came
            log.exception("provider_raised", extra={"provider": intent.provider})
            answer = Unknown(f"error:{type(error).__name__}")
        faults.point("after_response")
        return answer

    def _settle(self, shop_id: int, outcomes: Sequence[Outcome]) -> None:
        """Settle; a database that restarts meanwhile is waited for, since these answers are known to us alone."""
        for _ in range(SETTLE_TRIES - 1):
            try:
                return settle(self.settings, shop_id, outcomes)
            except OperationalError:
                log.warning("settle_waits_for_database", extra={"shop": shop_id})
                clock.pause(SETTLE_PAUSE_SECONDS)
        return settle(self.settings, shop_id, outcomes)

    def _already_bought(self, shop_id: int, ids: Sequence[int]) -> dict[int, bool | None]:
        """Ask the store itself, before cart messages: its webhook may be late. No database connection is held."""
        questions = worth_asking(shop_id, ids)
        store = access.open_store(shop_id) if questions else None
        if store is None:
            return dict.fromkeys((q.message_id for q in questions), None)
        platform, key = store
        answers = self.pool.map(lambda question: _ask_store(platform, key, question), questions)
        return {q.message_id: answer for q, answer in zip(questions, answers, strict=True)}


def _sum(ready: Iterable[Future[tuple[int, bool]]], done: int, *, pause: bool) -> tuple[int, bool]:
    """What chunks that have ended add to the count, and whether any of them asks for a pause."""
    for future in ready:
        size, limited = future.result()
        done, pause = done + size, pause or limited
    return done, pause


def _ask_store(platform: Platform, key: ShopAccess, question: Question) -> bool | None:
    try:
        return platform.order_exists(
            key, checkout_token=question.checkout_token, email=question.email, since=question.since
        )
    except Exception:  # an adapter must not raise; if one does, the store counts as unreachable
        log.exception("store_adapter_raised", extra={"shop": key.shop_id})
        return None
