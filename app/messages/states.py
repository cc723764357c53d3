"""The life of a message: one table of allowed transitions.

`planned -> due -> claimed -> sending -> accepted -> delivered`, and the ways out of it. A transition that isn't in the
table is a late or repeated report and changes nothing.
"""

from __future__ import annotations

REPORTED = frozenset({"accepted", "delivered", "bounced", "failed", "complained"})
"""What a report may make of a message. A message that waits to be repeated may still be found to have arrived."""

TRANSITIONS: dict[str, frozenset[str]] = {
    "planned": frozenset({"due", "cancelled"}),
    "due": frozenset({"claimed", "cancelled"}) | REPORTED,
    "deferred": frozenset({"claimed", "cancelled"}) | REPORTED,
    "claimed": frozenset({"due", "deferred", "sending", "skipped", "expired", "cancelled", "parked"}) | REPORTED,
    "sending": frozenset({"due", "unknown"}) | REPORTED,
    "unknown": frozenset({"due", "parked"}) | REPORTED,
    "accepted": frozenset({"delivered", "bounced", "failed", "complained"}),
    "delivered": frozenset({"complained", "bounced"}),
    "bounced": frozenset({"delivered", "complained"}),
    "parked": frozenset({"due", "cancelled"}) | REPORTED,
    "failed": frozenset({"delivered"}),
    # Given up while it waited to be repeated; an earlier hand-over may turn out to have arrived all the same.
    "skipped": REPORTED - {"failed"},
    "expired": REPORTED - {"failed"},
    "cancelled": REPORTED - {"failed"},
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
