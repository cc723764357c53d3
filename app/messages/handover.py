"""Handing messages over: gates, intent, call, outcome. The intent is committed before the provider is called.

For each shop's part of a batch: in one transaction the gates run and those that may go become `sending` with an
attempt; without any database connection the provider is called, all of the chunk at once; in one transaction the
outcomes are settled. Whatever dies in between leaves a row that says how far it came.
"""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError

from app import clock, faults, registry
from app.channels.base import HELD_UP, Packer, RetryLater, Unknown
from app.messages import breaker
from app.messages.asking import worth_asking
from app.messages.calls import AT_ONCE
from app.messages.claiming import BATCH, LARGE_BATCH, claim, release
from app.messages.intent import intend
from app.messages.settling import Outcome, settle
from app.platforms import access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from app.channels.base import Answer
    from app.messages.asking import Question
    from app.messages.calls import Call
    from app.messages.claiming import Claim
    from app.platforms.base import Platform, ShopAccess
    from config import Settings

log = logging.getLogger(__name__)

CHUNK = AT_ONCE
"""Messages that share a commit where each needs a call of its own: all of them go out right after it."""
TOGETHER = 250
"""Messages that share a commit where one call takes many. Larger ones are hardly faster, and a worker that dies over
one leaves as many of unknown outcome."""
LANES = 2
"""Chunks under way at once."""
LONGEST_NAP_SECONDS = 2.0
"""A provider that asks for a shorter pause than this is waited for."""
SETTLE_TRIES = 6
SETTLE_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class _Chunk:
    """What came of a chunk."""

    messages: int
    left: list[tuple[int, list[int]]]
    """Parts of it that need more calls than could be made at once: they are still to be begun."""
    pause: bool = False
    """Whether its provider should be left alone for now."""


@dataclass(slots=True)
class _Progress:
    """What came of all chunks of a claim so far."""

    waiting: deque[tuple[int, list[int]]]
    messages: int = 0
    pause: bool = False

    def add(self, ended: Iterable[Future[_Chunk]]) -> None:
        for chunk in [future.result() for future in ended]:
            self.messages += chunk.messages
            self.waiting.extend(chunk.left)
            self.pause = self.pause or chunk.pause


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
        done, size = 0, BATCH
        while done < limit and not should_stop():
            gauge = breaker.gauge()
            claims = self._claim(gauge, size)
            if not claims:
                if gauge.reopens_in is None or gauge.reopens_in > LONGEST_NAP_SECONDS:
                    break
                clock.pause(gauge.reopens_in)
            for claimed in claims:
                done += self._hand_over(claimed, should_stop)
            size = LARGE_BATCH if any(len(claimed) >= size for claimed in claims) else BATCH
        return done

    def _claim(self, gauge: breaker.Gauge, size: int) -> list[Claim]:
        lease = self.settings.lease_seconds
        claims = [claim(clock.now(), gauge.open, lease, size)] if gauge.open else []
        claims += [claim(clock.now(), [channel], lease, size=1) for channel in gauge.probing]
        return [claimed for claimed in claims if claimed.by_shop]

    def _hand_over(self, claimed: Claim, should_stop: Callable[[], bool]) -> int:
        """Hand over what was claimed; while one chunk waits for its provider, the next one passes its gates.

        What can't be begun now is given back at once.
        """
        so_far = _Progress(deque(claimed.chunks(CHUNK, TOGETHER)))
        pending: set[Future[_Chunk]] = set()
        try:
            while (so_far.waiting or pending) and not (so_far.pause or should_stop()):
                if so_far.waiting and len(pending) < LANES:
                    shop_id, ids = so_far.waiting.popleft()
                    pending.add(self.lanes.submit(self._chunk, shop_id, ids, claimed.token))
                else:
                    ready, pending = wait(pending, return_when=FIRST_COMPLETED)
                    so_far.add(ready)
        finally:
            ready, _ = wait(pending)
            with suppress(DBAPIError):  # without a database the lease runs out by itself
                if so_far.waiting or any(f.exception() is None and f.result().left for f in ready):
                    release(claimed.token)
        so_far.add(ready)
        return so_far.messages

    def _chunk(self, shop_id: int, ids: Sequence[int], token: int) -> _Chunk:
        """Hand over one chunk."""
        bought = self._already_bought(shop_id, ids)
        faults.point("before_intent")
        calls, left = intend(self.settings, shop_id, ids, token, bought)
        faults.point("after_intent")
        chunk = _Chunk(len(ids) - len(left), [(shop_id, left[n : n + CHUNK]) for n in range(0, len(left), CHUNK)])
        if not calls:
            return chunk
        answers = list(self.pool.map(self._call, calls))
        faults.point("before_settle")
        pairs = [
            pair for call, some in zip(calls, answers, strict=True) for pair in zip(call.intents, some, strict=True)
        ]
        self._settle(shop_id, [Outcome(intent, answer) for intent, answer in pairs])
        faults.point("after_settle")
        # A call counts once, however many messages it was for.
        heard = [(call.intents[0], some[-1]) for call, some in zip(calls, answers, strict=True)]
        breaker.note((i.provider, a) for i, a in heard if not i.account.credentials)
        chunk.pause = breaker.limited(answer for _, answer in heard)
        return chunk

    def _call(self, call: Call) -> list[Answer]:
        """One call. A worker that was held up for long after its intent gives up before the call, not after it."""

        def may_go() -> bool:
            return clock.monotonic() - call.since <= self.settings.lease_seconds / 4

        if not may_go():
            return [RetryLater(HELD_UP)] * len(call.intents)
        faults.point("at_call")
        first = call.intents[0]
        try:
            provider = registry.provider(first.provider)
            if call.parcel is not None and isinstance(provider, Packer):
                answers = provider.send_parcel(call.parcel, first.account, may_go)
            else:
                answers = [provider.send(first.outbound, first.account)]
        except Exception as error:  # a provider must not raise; if one does, nobody knows how far it came
            log.exception("provider_raised", extra={"provider": first.provider})
            answers = [Unknown(f"error:{type(error).__name__}")] * len(call.intents)
        faults.point("after_response")
        return answers

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


def _ask_store(platform: Platform, key: ShopAccess, question: Question) -> bool | None:
    try:
        return platform.order_exists(
            key, checkout_token=question.checkout_token, email=question.email, since=question.since
        )
    except Exception:  # an adapter must not raise; if one does, the store counts as unreachable
        log.exception("store_adapter_raised", extra={"shop": key.shop_id})
        return None
