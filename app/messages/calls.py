"""Which messages of a chunk share a call: many mails of one template may, everything else goes one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app import clock, registry
from app.channels.base import Packer, Parcel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.messages.intent import Intent

AT_ONCE = 64
"""Calls that one chunk makes at the same time."""
TOGETHER_FROM = 20
"""Messages that make it worth looking for what they share; fewer go one by one, as promptly as ever."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider."""

    intents: tuple[Intent, ...]
    parcel: Parcel | None = None
    """How they travel together; None for a message that goes alone."""
    since: float = 0.0
    """When it was put together, after gates and rendering, in this process's monotonic time. Its lease begins later."""


def grouped(intents: Sequence[Intent]) -> list[Call]:
    """The calls that hand these over, those for many first; no more than can be made at once.

    Whoever is in none of them hasn't been promised anything yet: an intent holds only for calls that are made at once.
    """
    calls = [call for key in sorted({i.provider for i in intents}) for call in _together(key, intents)]
    together = {i.message_id for call in calls for i in call.intents}
    alone = [Call((intent,)) for intent in intents if intent.message_id not in together]
    since = clock.monotonic()
    return [replace(call, since=since) for call in [*calls, *alone][:AT_ONCE]]


def _together(key: str, intents: Sequence[Intent]) -> list[Call]:
    """What a provider takes in one call. A message that had an unknown outcome before goes alone.

    Mails in two languages share next to nothing, so each language is looked at by itself.
    """
    provider = registry.provider(key)
    first = [i for i in intents if i.provider == key and not i.repeated]
    if len(first) < TOGETHER_FROM or not isinstance(provider, Packer):
        return []
    alike = [[i for i in first if i.words == words] for words in sorted({i.words for i in first})]
    return [
        Call(tuple(some[n] for n in parcel.places), parcel)
        for some in alike
        for parcel in provider.pack([i.outbound for i in some])
    ]
