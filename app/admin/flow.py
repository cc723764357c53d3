"""A journey in plain words, step by step, as it is drawn. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from app.admin.words import CHANNELS, CONSENTS, MESSAGE_STATES, REASONS, _, spelled
from app.journeys.catalogue import FIELDS as KNOWN
from app.journeys.definition import UNITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.conditions import Condition
    from app.journeys.definition import Definition, Send, Step, Wait

    Money = Callable[[int], str]

TRIGGERS: Final = {
    "checkout_abandoned": _("Somebody leaves a checkout without paying"),
    "cart_abandoned": _("Somebody we know leaves a filled cart without going to checkout"),
    "order_placed": _("Somebody places an order"),
    "product_running_low": _("Somebody bought something that runs out, and we know about when"),
    "went_quiet": _(
        "Somebody we write to has neither opened, clicked nor bought anything for as long as your settings say"
    ),
}
TRIGGER_MOMENTS: Final = {
    "checkout_abandoned": _("the checkout was last touched"),
    "cart_abandoned": _("the cart was last changed"),
    "order_placed": _("the order was placed"),
    "product_running_low": _("it was bought"),
    "went_quiet": _("we noticed the silence"),
}
MOMENTS: Final = {
    "previous": _("the step before"),
    "entered": _("entering the journey"),
    "placed": _("the order was placed"),
    "shipped": _("it was shipped"),
    "delivered": _("it was delivered"),
}
FIELDS: Final = {
    "bought": _("they bought"),
    "engaged": _("they opened or clicked something"),
    "checkout_started": _("they went on to checkout"),
    "emptied": _("they emptied it"),
    "gone": _("it no longer exists"),
    "checkout.total": _("the checkout's total"),
    "checkout.items": _("different things in the checkout"),
    "checkout.gift_cards_only": _("only gift cards are in it"),
    "cart.total": _("the cart's total"),
    "cart.items": _("different things in the cart"),
    "order.total": _("the order's total"),
    "order.items": _("different things in the order"),
    "order.channel": _("the order's origin"),
    "order.first": _("it is their first order"),
    "order.delivered": _("the order has arrived"),
    "order.reviewable": _("products to ask about"),
    "order.cancelled": _("the order was cancelled"),
    "order.refunded": _("the order was refunded"),
    "product.available": _("the product can be bought"),
    "given_back": _("they gave it back"),
    "customer.orders_count": _("their orders so far"),
    "customer.spent": _("what they spent so far"),
    "customer.country": _("their country"),
    "customer.tags": _("their tags"),
    "customer.email_consent": _("their consent to email"),
    "customer.sms_consent": _("their consent to SMS"),
    "clicked": _("they clicked in any message of this journey"),
    "channels": _("the channels they were written to on"),
}
NEGATED: Final = {
    "checkout.gift_cards_only": _("more than gift cards are in it"),
    "bought": _("they didn't buy"),
    "order.first": _("it isn't their first order"),
    "order.delivered": _("the order hasn't arrived"),
    "product.available": _("the product can't be bought"),
    "clicked": _("they clicked in no message of this journey"),
}
VALUES: Final = {
    "online": _("the online store"),
    "pos": _("the shop's counter"),
    "draft": _("an order you wrote"),
    "other": _("another channel"),
    **{code: word.lower() for code, word in (CONSENTS | MESSAGE_STATES).items()},
    **CHANNELS,
}
"""What choices are called."""
TOPICS: Final = {
    "baskets": _("Baskets they left"),
    "orders": _("Their orders"),
    "reviews": _("Reviews"),
    "refills": _("Reminders to reorder"),
    "news": _("News and offers"),
}
"""What a journey can be about, as people may leave it out on their own page."""
OUTRANKED: Final = {
    "wait": _("It waits and is asked about again"),
    "merge": _("It counts as said, if the other is about the same"),
    "end": _("It is given up"),
}
AMOUNTS: Final = {field.name for field in KNOWN if field.kind == "money"}
OWN_EXIT: Final = "left_by_rule"
"""The reason of exits that a merchant makes: what they say is what they ask."""
COMPARISONS: Final = {
    "is": _("is"),
    "is_not": _("is not"),
    "at_least": _("is at least"),
    "at_most": _("is at most"),
    "more_than": _("is more than"),
    "less_than": _("is less than"),
    "has": _("has"),
    "lacks": _("lacks"),
    "one_of": _("is one of"),
    "is_known": _("is known"),
    "is_missing": _("isn't known"),
}
UNIT_WORDS: Final = {"m": _("minutes"), "h": _("hours"), "d": _("days"), "w": _("weeks")}
UNIT_SPANS: Final = {letter: timedelta(**{name: 1}) for letter, name in UNITS.items()}
MOST: Final = timedelta(days=730)
NUMBER: Final = re.compile(r"\d{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Delay:
    """A wait's span as a form asks for it."""

    number: str
    unit: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One step as it is drawn."""

    id: str
    kind: str
    """wait | send | split | until | let_go"""
    title: str
    notes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    yes: tuple[Drawn, ...] = field(default=())
    no: tuple[Drawn, ...] = field(default=())


def draw(definition: Definition, money: Money = str) -> tuple[Drawn, ...]:
    """All steps. `money` writes an amount in minor units as the shop does."""
    return tuple(draw_one(definition, step, money) for step in definition.steps)


def draw_one(definition: Definition, step: Step, money: Money = str) -> Drawn:
    """One step of a journey, with what lies behind it."""
    if step.wait:
        return _wait(step.id, step.wait, definition.trigger.event)
    if step.send:
        notes = _send_notes(step.send, money)
        return Drawn(step.id, "send", _send_title(step.send), notes, channels=tuple(step.send.templates))
    if step.split:
        return Drawn(
            step.id,
            "split",
            _("Does it hold that {what}?", what=conditions(step.split.when, money)),
            yes=tuple(draw_one(definition, s, money) for s in step.split.yes),
            no=tuple(draw_one(definition, s, money) for s in step.split.no),
        )
    if step.let_go:
        notes = (_("Until they come back by themselves: by a click, a new yes or an order."),)
        return Drawn(step.id, "let_go", _("Leave them alone"), notes)
    assert step.until is not None  # noqa: S101 a step has exactly one part: checked by its definition
    return Drawn(
        step.id,
        "until",
        _("Wait until {what}", what=conditions(step.until.when, money)),
        (_("At most {span}, then on to the next step.", span=span(step.until.at_most)),),
    )


def _wait(name: str, wait: Wait, event: str) -> Drawn:
    after = moment(wait.after, event)
    notes = []
    if wait.otherwise:
        notes.append(
            _(
                "When we never hear of that: {span} after {moment}.",
                span=span(wait.otherwise.wait),
                moment=moment(wait.otherwise.after, event),
            )
        )
    if wait.give_up:
        notes.append(_("Leaves when we still don't know after {span}.", span=span(wait.give_up)))
    if wait.wait is None:
        share = round((wait.share_of_gap or 0) * 100)
        title = (
            _("Wait until they usually buy again")
            if share == 100  # noqa: PLR2004 per cent
            else _("Wait until {share} % of the usual time between purchases has passed", share=share)
        )
        return Drawn(name, "wait", title, (*notes, _("Learned from how often your own customers buy it again.")))
    title = _("Wait {span} after {moment}", span=span(wait.wait), moment=after)
    return Drawn(name, "wait", title, tuple(notes))


def moment(name: str, event: str) -> str:
    """The moment a wait counts from."""
    return TRIGGER_MOMENTS[event] if name == "trigger" else MOMENTS[name]


def _send_title(send: Send) -> str:
    if len(send.templates) > 1:
        return _("Send an email or an SMS")
    return _("Send an SMS") if send.sms else _("Send an email")


def _send_notes(send: Send, money: Money) -> tuple[str, ...]:
    notes = []
    if len(send.templates) > 1:
        notes.append(_("On the channel they answered before, else by email; never both."))
    if send.audience == "anyone":
        notes.append(_("By email also to people who never said yes or no to marketing."))
    if send.purpose == "transactional":
        notes.append(_("About their order, so it goes at any hour and to everybody."))
    notes += [_("Only when {what}.", what=condition_words(condition, money)) for condition in send.only_if]
    notes.append(_("Not sent any more when it is {span} late.", span=span(send.useful_for)))
    return tuple(notes)


def conditions(some: Iterable[Condition], money: Money = str) -> str:
    """Conditions joined to one phrase."""
    return _(" and ").join(condition_words(c, money) for c in some)


def condition_words(condition: Condition, money: Money = str) -> str:
    """One condition as a phrase."""
    name = field_words(condition.field)
    if condition.comparison == "is" and condition.value is True:
        return name
    if condition.comparison == "is" and condition.value is False:
        return NEGATED.get(condition.field) or _("it isn't so that {what}", what=name)
    value = condition.value
    step, _dot, what = condition.field.rpartition(".")
    if what == "channel" and isinstance(value, str) and value in CHANNELS and condition.comparison in ("is", "is_not"):
        went = (
            _("the message “{step}” went by {channel}")
            if condition.comparison == "is"
            else _("the message “{step}” didn't go by {channel}")
        )
        return went.format(step=spelled(step), channel=CHANNELS[value])
    values = value if isinstance(value, list | tuple) else [value]
    shown = ", ".join(_value_words(condition.field, each, money) for each in values)
    if condition.comparison in ("is_known", "is_missing"):
        return f"{name} {COMPARISONS[condition.comparison]}"
    return f"{name} {COMPARISONS[condition.comparison]} {shown}"


def field_words(name: str) -> str:
    """What a field is called."""
    step, dot, what = name.rpartition(".")
    about = {
        "clicked": _("they clicked in the message “{step}”"),
        "channel": _("the channel of the message “{step}”"),
        "state": _("what became of the message “{step}”"),
    }
    if name not in FIELDS and dot and what in about:
        return about[what].format(step=spelled(step))
    return FIELDS.get(name, spelled(name))


def _value_words(field: str, value: object, money: Money) -> str:
    if field == "customer.tags":
        return f"“{value}”"
    if field in AMOUNTS and isinstance(value, int):
        return money(value)
    return VALUES.get(str(value), str(value))


def exits(definition: Definition, money: Money = str) -> list[str]:
    """Why people leave early."""
    return [
        conditions(leaving.when, money)
        if leaving.reason == OWN_EXIT
        else REASONS.get(leaving.reason, spelled(leaving.reason))
        for leaving in definition.exits
    ]


def rules(definition: Definition, money: Money = str) -> list[str]:
    """Who gets in, and how often."""
    found = [_("Only when {what}.", what=condition_words(c, money)) for c in definition.trigger.filters]
    again = {
        "once": _("Once for each of these."),
        "move": _("While they are still shopping, the clock starts again."),
        "replace": _("A new purchase takes the place of the one before."),
    }
    found.append(again[definition.reentry.again])
    if definition.reentry.cooldown:
        found.append(_("At most once in {span} for the same person.", span=span(definition.reentry.cooldown)))
    return found


def span(length: timedelta) -> str:
    """A length of time in words: `1 hour`, `3 days`, `90 minutes`."""
    shown = delay(length)
    names = {"m": _("1 minute"), "h": _("1 hour"), "d": _("1 day"), "w": _("1 week")}
    return names[shown.unit] if shown.number == "1" else f"{shown.number} {UNIT_WORDS[shown.unit]}"


def delay(length: timedelta) -> Delay:
    """A length of time in the largest unit that needs no fraction; weeks from two on, days from three."""
    for unit, least in (("w", 2), ("d", 3), ("h", 1)):
        count, rest = divmod(length, UNIT_SPANS[unit])
        if not rest and count >= least:
            return Delay(str(count), unit)
    return Delay(str(length // UNIT_SPANS["m"]), "m")


def typed(number: str, unit: str) -> Delay:
    """What a merchant typed, with what is wrong about it."""
    number = number.strip()
    unit = unit if unit in UNIT_SPANS else "h"
    if not NUMBER.fullmatch(number):
        return Delay(number, unit, _("Use a whole number, such as 1 or 24."))
    if int(number) * UNIT_SPANS[unit] > MOST:
        return Delay(number, unit, _("Two years are the longest a journey can wait."))
    return Delay(number, unit)
