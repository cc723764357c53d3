"""What consent allows. Pure: the ledger's entries in, a word out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

LEDGER_CHANNELS = ("email", "sms", "whatsapp")
"""What the ledger keeps words about. Nothing is sent by WhatsApp: what is said about it stays on record."""
STRICTNESS = {"unsubscribed": 3, "pending": 2, "never_asked": 1, "subscribed": 0}
STRICTEST_FIRST = sorted(STRICTNESS, key=lambda state: -STRICTNESS[state])
"""The same for statements: of two words at one moment the earlier in this list counts."""
UNCONFIRMED = "unconfirmed"
"""Said yes once where a second yes is needed. Not in the ledger: it follows from the entries and from who asks."""
SECOND_STEP_COUNTRIES = frozenset({"US", "CA"})
"""Where texts about a basket need a double opt-in. BEHAVIOUR "Cart SMS (US)"; Canada's law asks for no less."""
BASKETS = ("cart", "checkout")
ASK_WITHIN = timedelta(hours=24)
"""An older yes is not followed by a request to confirm it: by then it comes out of the blue. Ours."""
ASK_AGAIN_AFTER = timedelta(days=30)
"""Who didn't answer is not asked again sooner, however often they tick the box. Ours."""
CONFIRM_WITHIN = {"email": timedelta(days=7), "sms": timedelta(days=2)}
"""How long a request to confirm can be answered. Ours."""


SPACING = {"all": timedelta(), "weekly": timedelta(days=7), "less": timedelta(days=30)}
"""Frequency -> the least time between two marketing messages on any channel. Ours: nobody names a number."""
PAUSE = timedelta(days=30)


SUNSET = "sunset"
"""The reason of a suppression that is a courtesy: it ends by any word of the person's, and bars marketing only."""


def barred(unreachable: str | None, purpose: str) -> str | None:
    """Why a channel can't be used for a purpose, or None. Who was let go for silence still hears about their orders."""
    return None if unreachable == f"suppressed:{SUNSET}" and purpose != "marketing" else unreachable


@dataclass(frozen=True, slots=True)
class Suppressed:
    """An address that must not be written to."""

    reason: str
    since: datetime

    def holds(self, last_order_at: datetime | None, last_yes_at: datetime | None) -> bool:
        """Whether it still does: an order or a new yes after it ends a courtesy, and nothing else."""
        signs = [at for at in (last_order_at, last_yes_at) if at is not None]
        return self.reason != SUNSET or all(at <= self.since for at in signs)


@dataclass(frozen=True, slots=True)
class Choices:
    """What one person has chosen on their page; as it comes, nothing."""

    topics_off: frozenset[str] = frozenset()
    frequency: str = "all"
    paused_until: datetime | None = None
    locale: str | None = None
    """A language code, or None for the one the store knows them by."""


NOTHING_CHOSEN = Choices()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    state: str
    effective_at: datetime
    double_opt_in: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What all of a person's words on a channel come to."""

    state: str
    since: datetime
    """Of a yes: since the first one after the last that wasn't. Else: of the last word."""
    confirmed: bool = False
    """A yes that was confirmed by a second step; a plain yes after it takes nothing away, anything else does."""


def present_state(entries: Iterable[Entry]) -> Entry | None:
    """The word that counts: the latest by when it took effect, never by when we heard of it.

    A tie goes to the stricter.
    """
    return max(entries, key=lambda e: (e.effective_at, STRICTNESS[e.state]), default=None)


def standing(entries: Iterable[Entry]) -> Standing | None:
    """The sum of all words, in whatever order they come in; None without any.

    `queries.standings` says the same in SQL, and a test holds the two together.
    """
    words = list(entries)
    last = present_state(words)
    if last is None:
        return None
    if last.state == "never_asked":
        # The store says so of a new address, or by default: that doesn't take back what somebody said.
        refused = max((e.effective_at for e in words if e.state == "unsubscribed"), default=None)
        agreed = max((e.effective_at for e in words if e.state == "subscribed"), default=None)
        if refused is not None and (agreed is None or refused >= agreed):
            return Standing("unsubscribed", refused)
    if last.state != "subscribed":
        return Standing(last.state, last.effective_at)
    ended = max((e.effective_at for e in words if e.state != "subscribed"), default=None)
    yes = [e for e in words if e.state == "subscribed" and (ended is None or e.effective_at > ended)]
    return Standing("subscribed", min(e.effective_at for e in yes), any(e.double_opt_in for e in yes))


def second_step_missing(
    found: Standing | None, channel: str, countries: Iterable[str | None], email_since: datetime | None
) -> bool:
    """Whether a yes is waiting for its second step.

    Email: when the shop asks for one, of every yes given since it does (`email_since`). Texts: always in the countries
    of the cart-SMS rule; what they then may carry is for `state_about` to say. `countries`: of the number and the
    address; any one of them is enough.
    """
    if found is None or found.state != "subscribed" or found.confirmed:
        return False
    if channel == "email":
        return email_since is not None and found.since >= email_since
    return channel == "sms" and not SECOND_STEP_COUNTRIES.isdisjoint(c for c in countries if c)


def state_about(state: str | None, channel: str, subject_kind: str, *, unconfirmed: bool) -> str | None:
    """The state that counts for a message about a subject: a plain yes to texts doesn't cover those about a basket."""
    if unconfirmed and (channel == "email" or subject_kind in BASKETS):
        return UNCONFIRMED
    return state


def may_receive_marketing(state: str | None, audience: str, channel: str) -> str | None:
    """None when a marketing message may go; else the reason why not.

    `audience` is `subscribers`, or `anyone`: the one courtesy mail about a cart that a person who never said no may
    get without having said yes. SMS always needs a yes.
    """
    if state == "subscribed":
        return None
    if state == "unsubscribed":
        return "unsubscribed"
    if audience == "anyone" and channel == "email" and state in (None, "never_asked", UNCONFIRMED):
        return None
    return "not_confirmed" if state in (UNCONFIRMED, "pending") else "no_consent"
