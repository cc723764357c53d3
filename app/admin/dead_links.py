"""Whether what a message links to is there: asked over the network, a few at a time, for a few seconds.

Only an answer that says so makes a link dead: 404, 410, or that there is no such name. Shops' own sites and others keep
programs out (401, 403, 429), are slow or have a bad minute; such a link could not be checked, and that stops nothing.
Never call this inside a transaction.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from enum import Enum
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Final

from app.security import outbound
from app.security.http import NoAnswer, NotSent, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

AT_ONCE: Final = 4
"""Calls under way in one process, whoever asks."""
CHECKS_AT_ONCE: Final = 2
"""Pages that wait for them: each holds a thread that other pages need."""
SECONDS: Final = 8.0
"""How long a page waits; what isn't answered by then could not be checked."""
PATIENCE: Final = (2.0, 3.0)
"""Seconds for one call: to connect, to answer."""
MOST: Final = 60
"""Addresses of one check."""
GONE: Final = (404, 410)
FIRST_FAILURE: Final = 400

_calls: Final = ThreadPoolExecutor(AT_ONCE, "links")
_checks: Final = BoundedSemaphore(CHECKS_AT_ONCE)


class Found(Enum):
    """What asking for an address told."""

    THERE = "there"
    GONE = "gone"
    NO_SUCH_SITE = "no_such_site"
    UNCLEAR = "unclear"


def ask(urls: Iterable[str]) -> dict[str, Found]:
    """Ask for each address once, within `SECONDS` in all."""
    wanted = list(dict.fromkeys(urls))
    found = dict.fromkeys(wanted, Found.UNCLEAR)
    if not wanted or not _checks.acquire(blocking=False):
        return found
    try:
        asked = {_calls.submit(_ask, url): url for url in wanted[:MOST]}
        done, late = wait(asked, SECONDS)
    finally:
        _checks.release()
    for each in late:
        each.cancel()
    return found | {asked[each]: each.result() for each in done}


def _ask(url: str) -> Found:
    """HEAD costs the other side least; who doesn't know it, or says no to it, is asked as a browser asks."""
    answer = outbound.look(url, "HEAD", PATIENCE)
    if isinstance(answer, NoAnswer) or (isinstance(answer, Reply) and answer.status >= FIRST_FAILURE):
        answer = outbound.look(url, "GET", PATIENCE)
    match answer:
        case Reply(status) if status < FIRST_FAILURE:
            return Found.THERE
        case Reply(status) if status in GONE:
            return Found.GONE
        case NotSent("name_not_found"):
            return Found.NO_SUCH_SITE
        case _:
            return Found.UNCLEAR
