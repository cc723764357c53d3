"""The gates: may this message go to this person now? In a fixed order, each with its reason. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.conditions import Condition, first_failing
from app.customers.rules import NOTHING_CHOSEN, SPACING, Choices, barred, may_receive_marketing
from app.messages.quiet import next_allowed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from app.brakes.rules import Hold
    from app.messages.quiet import Watch

WEEK = timedelta(days=7)
BETWEEN_CHANNELS = timedelta(hours=1)
"""From a message on one channel to marketing on another. Ours: nobody names a number."""
BASKET_TEXT_WITHIN = timedelta(hours=48)
"""A text about a basket goes within this of its being left, or not at all. BEHAVIOUR "Cart SMS (US)"."""
UNANSWERED_WAIT = timedelta(minutes=2)
"""How long to wait when the store could not be asked whether the checkout was bought."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one person may be written to on this channel, by the shop's settings."""

    window: timedelta
    per_week: int


@dataclass(frozen=True, slots=True)
class Basket:
    """A basket that a text is about, where the cart-SMS rule holds: double opt-in, one text, inside 48 hours.

    The first of the three is a matter of consent: there, a plain yes counts as unconfirmed.
    """

    left_at: datetime
    texted: bool
    """Whether a text about it went already, or may have."""


RIVAL_WAIT = timedelta(minutes=2)
"""How long to wait for a more important message that is due and not yet decided upon."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A more important marketing message to the same person at the same time."""

    channel: str
    topic: str
    going: bool = True
    """False: it is due, and its own gates are still to be asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gates look at: the message, its person, its subject, and the state of the world."""

    channel: str
    purpose: str
    audience: str
    useful_until: datetime
    shop_active: bool
    shop_stopped: bool
    unreachable: str | None
    consent: str | None
    fields: Mapping[str, Any]
    only_if: Sequence[Condition]
    exits: Sequence[tuple[Sequence[Condition], str]]
    watches: Collection[Watch]
    """Quiet hours in all the places the person may be."""
    limits: Limits
    filters: Sequence[Condition] = ()
    """The journey's own, asked again before every message."""
    topic: str = "news"
    outranked: str = "wait"
    """wait | merge | end: what becomes of it beside a more important one."""
    rival: Rival | None = None
    choices: Choices = NOTHING_CHOSEN
    """The person's own: topics, how often, a pause."""
    any_sent_at: datetime | None = None
    """When the person last got marketing on any channel (or may have)."""
    store_answered: bool = True
    """False: the store could not be asked whether the basket was bought, and it is worth asking again."""
    sent_at: Sequence[datetime] = ()
    """When the person got marketing on this channel in the last week (or may have)."""
    elsewhere_at: datetime | None = None
    """When the person last got anything on another channel (or may have)."""
    basket: Basket | None = None
    """None: the cart-SMS rule has nothing to say."""
    against_shop: Hold | None = None
    """What stands against the shop's marketing as a whole, or against texts to the person's country."""


@dataclass(frozen=True, slots=True)
class Go:
    """All gates are open."""


@dataclass(frozen=True, slots=True)
class Skip:
    """This message will not go."""

    reason: str
    state: str = "skipped"


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now; asked again then."""

    until: datetime
    reason: str


Verdict = Go | Skip | Defer


def gate(asked: Asked, now: datetime) -> Verdict:
    """Ask every gate in its order; the first that is closed gives the reason."""
    for one in GATES:
        verdict = one(asked, now)
        if verdict is not None:
            return verdict
    return Go()


def _suppressed(asked: Asked, _now: datetime) -> Verdict | None:
    reason = barred(asked.unreachable, asked.purpose)
    return Skip(reason) if reason is not None and reason.startswith("suppressed:") else None


def _consent(asked: Asked, _now: datetime) -> Verdict | None:
    if asked.purpose != "marketing":
        return None
    reason = may_receive_marketing(asked.consent, asked.audience, asked.channel)
    return None if reason is None else Skip(reason)


def _gone(asked: Asked, _now: datetime) -> Verdict | None:
    """The person or the shop: erased, deleted, without an address, uninstalled."""
    if (reason := barred(asked.unreachable, asked.purpose)) is not None:
        return Skip(reason)
    if not asked.shop_active:
        return Skip("uninstalled", "cancelled")
    return Skip("all_marketing_stopped") if asked.shop_stopped and asked.purpose == "marketing" else None


def _basket_text(asked: Asked, now: datetime) -> Verdict | None:
    """The cart-SMS rule's other two parts: one text about a basket, and none after two days."""
    if asked.basket is None or asked.purpose != "marketing":
        return None
    if asked.basket.texted:
        return Skip("one_text_per_basket")
    return Skip("too_late_for_a_text", "expired") if now >= asked.basket.left_at + BASKET_TEXT_WITHIN else None


def _chosen(asked: Asked, now: datetime) -> Verdict | None:
    """What the person asked for on their page: not this topic, nothing for a while, not so often."""
    if asked.purpose != "marketing":
        return None
    choices = asked.choices
    if asked.topic in choices.topics_off:
        return Skip("topic_off")
    if choices.paused_until is not None and choices.paused_until > now:
        return _until(choices.paused_until, "paused", asked)
    return None


def _shop_held(asked: Asked, _now: datetime) -> Verdict | None:
    """Complaints, a sending domain that isn't verified, a country the merchant doesn't text."""
    return None if asked.against_shop is None else held(asked.against_shop, asked)


def _filters(asked: Asked, _now: datetime) -> Verdict | None:
    if (failing := first_failing(asked.filters, asked.fields)) is not None:
        return Skip(f"filter:{failing.field}")
    failing = first_failing(asked.only_if, asked.fields)
    return None if failing is None else Skip(f"condition:{failing.field}")


def _bought(asked: Asked, now: datetime) -> Verdict | None:
    """What ends the journey ends its messages; where the store couldn't be asked, it is asked again shortly."""
    for conditions, reason in asked.exits:
        if first_failing(conditions, asked.fields) is None:
            return Skip(reason, "cancelled")
    return None if asked.store_answered else _until(now + UNANSWERED_WAIT, "store_unreachable", asked)


def _expired(asked: Asked, now: datetime) -> Verdict | None:
    return Skip("too_late", "expired") if now >= asked.useful_until else None


def _quiet(asked: Asked, now: datetime) -> Verdict | None:
    if asked.purpose != "marketing":
        return None
    allowed = next_allowed(now, asked.watches)
    return _until(allowed, "quiet_hours", asked) if allowed > now else None


def _arbiter(asked: Asked, now: datetime) -> Verdict | None:
    """Of several that are due, a person gets the most important; the others wait, count as said, or end.

    BEHAVIOUR "Gates" has it last; it stands before the windows, which would otherwise answer for it.
    """
    rival = asked.rival
    if asked.purpose != "marketing" or rival is None:
        return None
    if not rival.going:
        return _until(now + RIVAL_WAIT, "outranked", asked)
    if asked.outranked == "end":
        return Skip("outranked")
    if asked.outranked == "merge" and rival.topic == asked.topic:
        return Skip("merged")
    after = asked.limits.window if rival.channel == asked.channel else BETWEEN_CHANNELS
    return _until(now + max(after, RIVAL_WAIT), "outranked", asked)


def _window(asked: Asked, now: datetime) -> Verdict | None:
    if asked.purpose != "marketing" or not asked.sent_at:
        return None
    over = max(asked.sent_at) + asked.limits.window
    return _until(over, "channel_window", asked) if over > now else None


def _frequency(asked: Asked, now: datetime) -> Verdict | None:
    """Somebody who chose to hear less often: over all channels together."""
    if asked.purpose != "marketing" or asked.any_sent_at is None:
        return None
    over = asked.any_sent_at + SPACING[asked.choices.frequency]
    return _until(over, "frequency", asked) if over > now else None


def _other_channel(asked: Asked, now: datetime) -> Verdict | None:
    """A mail and a text at the same minute are one too many, also when both waited for the morning."""
    if asked.purpose != "marketing" or asked.elsewhere_at is None:
        return None
    over = asked.elsewhere_at + BETWEEN_CHANNELS
    return _until(over, "other_channel", asked) if over > now else None


def _weekly_cap(asked: Asked, now: datetime) -> Verdict | None:
    cap = asked.limits.per_week
    this_week = sorted(at for at in asked.sent_at if at + WEEK > now)
    if asked.purpose != "marketing" or len(this_week) < cap:
        return None
    # Room is made when enough of the week's messages are a week old.
    return _until(this_week[-cap] + WEEK, "weekly_cap", asked) if cap else Skip("weekly_cap")


def held(hold: Hold, asked: Asked) -> Defer | Skip:
    """A hold as a verdict: wait for its end, or skip where waiting doesn't help."""
    return Skip(hold.reason) if hold.until is None else _until(hold.until, hold.reason, asked)


def _until(moment: datetime, reason: str, asked: Asked) -> Defer | Skip:
    """Wait, unless the message will have lost its use by then."""
    return Defer(moment, reason) if moment < asked.useful_until else Skip(reason, "expired")


GATES: tuple[Callable[[Asked, datetime], Verdict | None], ...] = (
    _suppressed, _consent, _gone, _shop_held, _chosen, _filters, _bought, _expired, _basket_text, _quiet, _arbiter,
    _window, _other_channel, _weekly_cap, _frequency,
)  # fmt: skip
"""In DESIGN's order. A journey's cool-down is asked as people enter, a provider's limit as messages are claimed;
the shop's own ramp and purse (`brakes.chunk`) when all of these are open: nothing is taken from them in vain."""
