"""The life of a message: one table of allowed transitions.

`planned -> due -> claimed -> sending -> accepted -> delivered`, and the ways out of it. A transition that isn't in the
table is a late or repeated report and changes nothing.
"""

from __future__ import annotations

TRANSITIONS: dict[str, frozenset[str]] = {
    "planned": frozenset({"due", "cancelled"}),
    "due": frozenset({"claimed", "expired", "cancelled"}),
    "deferred": frozenset({"claimed", "expired", "cancelled"}),
    "claimed": frozenset({"due", "deferred", "sending", "skipped", "expired", "cancelled", "parked"}),
    "sending": frozenset({"due", "accepted", "delivered", "failed", "unknown", "bounced", "complained"}),
    "unknown": frozenset({"due", "accepted", "delivered", "failed", "parked", "bounced", "complained"}),
    "accepted": frozenset({"delivered", "bounced", "failed", "complained"}),
    "delivered": frozenset({"complained", "bounced"}),
    "bounced": frozenset({"delivered", "complained"}),
    "parked": frozenset({"due", "accepted", "delivered", "failed", "bounced", "complained", "cancelled"}),
    "failed": frozenset({"delivered"}),
    "skipped": frozenset(),
    "expired": frozenset(),
    "cancelled": frozenset(),
    "complained": frozenset(),
}

STATES = tuple(TRANSITIONS)
OPEN_STATES = ("planned", "due", "deferred", "claimed", "sending", "unknown")
"""States in which something is still to happen by itself."""
REACHED_STATES = ("accepted", "delivered", "complained")
"""States in which the provider has the message."""


def may_become(state: str, following: str) -> bool:
    """Whether a message in one state may go to the other."""
    return following in TRANSITIONS[state]
