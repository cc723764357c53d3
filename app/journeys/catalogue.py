"""What conditions can ask about: each field once, with its kind and the journeys that know it. Pure.

The editor's form draws its choices from here and a definition is checked against it, so neither can allow what the
other refuses. The words for fields stand in `app/admin/flow.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from app.journeys.definition import Event, Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.conditions import Condition

Kind = Literal["flag", "number", "money", "choice", "country", "tags", "channels"]
EVENTS: Final[tuple[Event, ...]] = get_args(Event)
BASKETS: Final = ("checkout_abandoned", "cart_abandoned")
CONSENTS: Final = ("subscribed", "unsubscribed", "pending", "never_asked")
CHANNELS: Final = ("email", "sms")
MOST_VALUES: Final = 50
LONGEST_WORD: Final = 120
MOST_NUMBER: Final = 10**12

COMPARISONS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "flag": ("is",),
    "number": ("at_least", "at_most", "more_than", "less_than", "is", "is_not"),
    "money": ("at_least", "at_most", "more_than", "less_than"),
    "choice": ("is", "is_not", "one_of", "is_known", "is_missing"),
    "country": ("is", "is_not", "one_of", "is_known", "is_missing"),
    "tags": ("has", "lacks"),
    "channels": ("has", "lacks"),
}
"""Which comparisons make sense, most usual first."""
VALUELESS: Final = ("is_known", "is_missing")


@dataclass(frozen=True, slots=True)
class Field:
    """One fact: `money` in minor units of the shop's currency, `country` by its two letters."""

    name: str
    kind: Kind
    events: tuple[str, ...] = EVENTS
    choices: tuple[str, ...] = ()
    of_messages: bool = False
    """About this journey's own messages, so unknown on the way in."""

    @property
    def comparisons(self) -> tuple[str, ...]:
        """What it can be compared by."""
        return COMPARISONS[self.kind]


FIELDS: Final = (
    Field("bought", "flag", (*BASKETS, "product_running_low", "went_quiet")),
    Field("engaged", "flag", ("went_quiet",)),
    Field("checkout_started", "flag", ("cart_abandoned",)),
    Field("emptied", "flag", BASKETS),
    Field("gone", "flag"),
    Field("checkout.total", "money", ("checkout_abandoned",)),
    Field("checkout.items", "number", ("checkout_abandoned",)),
    Field("checkout.gift_cards_only", "flag", ("checkout_abandoned",)),
    Field("cart.total", "money", ("cart_abandoned",)),
    Field("cart.items", "number", ("cart_abandoned",)),
    Field("order.total", "money", ("order_placed",)),
    Field("order.items", "number", ("order_placed",)),
    Field("order.channel", "choice", ("order_placed",), ("online", "other", "draft", "pos")),
    Field("order.first", "flag", ("order_placed",)),
    Field("order.delivered", "flag", ("order_placed",)),
    Field("order.reviewable", "number", ("order_placed",)),
    Field("order.cancelled", "flag", ("order_placed",)),
    Field("order.refunded", "flag", ("order_placed",)),
    Field("product.available", "flag", ("product_running_low",)),
    Field("given_back", "flag", ("product_running_low",)),
    Field("customer.orders_count", "number"),
    Field("customer.spent", "money"),
    Field("customer.country", "country"),
    Field("customer.tags", "tags"),
    Field("customer.email_consent", "choice", EVENTS, CONSENTS),
    Field("customer.sms_consent", "choice", EVENTS, CONSENTS),
    Field("clicked", "flag", of_messages=True),
    Field("channels", "channels", EVENTS, CHANNELS, of_messages=True),
)
STATES: Final = ("due", "deferred", "accepted", "delivered", "bounced", "complained", "skipped", "expired", "cancelled")
"""What may have become of a message, as far as somebody would ask."""


def fields(event: str, messages: Iterable[str] = (), *, entering: bool = False) -> dict[str, Field]:
    """All fields of a journey by name. `messages`: its sending steps; `entering`: only what is known on the way in."""
    found = {f.name: f for f in FIELDS if event in f.events and not (entering and f.of_messages)}
    if entering:
        return found
    for step in messages:
        for field in (
            Field(f"{step}.clicked", "flag", of_messages=True),
            Field(f"{step}.channel", "choice", EVENTS, CHANNELS, of_messages=True),
            Field(f"{step}.state", "choice", EVENTS, STATES, of_messages=True),
        ):
            found[field.name] = field
    return found


def moments(event: str) -> tuple[Moment, ...]:
    """The moments a wait can count from in journeys that this event starts."""
    more: tuple[Moment, ...] = ("placed", "shipped", "delivered") if event == "order_placed" else ()
    return ("previous", "trigger", "entered", *more)


def flaw_of(condition: Condition, known: Mapping[str, Field]) -> tuple[str, str] | None:
    """Why a condition can't be asked here: (`field`, `is` or `value`, a sentence); None when it can."""
    field = known.get(condition.field)
    if field is None:
        return "field", "This journey knows nothing of that."
    if condition.comparison not in field.comparisons and condition.comparison not in VALUELESS:
        return "is", f"This can be compared by {', '.join(field.comparisons)}."
    if condition.comparison in VALUELESS:
        return None
    wrong = _value_flaw(field, condition.comparison, condition.value)
    return ("value", wrong) if wrong else None


def _value_flaw(field: Field, comparison: str, value: Any) -> str | None:
    if comparison == "one_of":
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_VALUES:
            return "Choose at least one."
        return next((wrong for each in value if (wrong := _value_flaw(field, "is", each))), None)
    if field.kind == "flag":
        return None if isinstance(value, bool) else "Say yes or no."
    if field.kind in ("number", "money"):
        is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_NUMBER
        return None if is_number else "Use a number."
    return _word_flaw(field, value)


def _word_flaw(field: Field, value: Any) -> str | None:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_WORD:
        return "Say what to look for."
    if field.choices and value not in field.choices:
        return f"Use one of {', '.join(field.choices)}."
    if field.kind == "country" and not (len(value) == 2 and value.isascii() and value.isupper()):  # noqa: PLR2004
        return "Use a country's two letters, such as US."
    return None
