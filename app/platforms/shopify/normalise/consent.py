"""A person's word on marketing. Shopify spells it in three ways by topic, and a fourth before 2025-01."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.platforms.base import Ignored
from app.platforms.events import Channel, ConsentChanged, ConsentState, Fact, Person
from app.platforms.shopify.normalise import people
from app.platforms.shopify.normalise.reading import Json, Unfit, child, instant, needed_id, text

if TYPE_CHECKING:
    from app.platforms.shopify.normalise.delivery import Delivery

STATES = {
    "subscribed": ConsentState.SUBSCRIBED,
    "unsubscribed": ConsentState.UNSUBSCRIBED,
    "pending": ConsentState.PENDING,
    "not_subscribed": ConsentState.NEVER_ASKED,
    # No yes can be read from an erased or broken record, so it is a no.
    "redacted": ConsentState.UNSUBSCRIBED,
    "invalid": ConsentState.UNSUBSCRIBED,
}
SOURCE = "shopify"


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How one topic names its parts."""

    channel: Channel
    customer: str
    address: str
    consent: str
    changed: str
    collected: str = ""


EMAIL = _Spelling(Channel.EMAIL, "customer_id", "email_address", "email_marketing_consent", "consent_updated_at")
SMS = _Spelling(Channel.SMS, "id", "phone", "sms_marketing_consent", "consent_updated_at", "consent_collected_from")
WHATSAPP = _Spelling(
    Channel.WHATSAPP, "customer_id", "phone_number", "whats_app_marketing_consent", "updated_at", "collected_from"
)


def email_consent(delivery: Delivery) -> tuple[Fact, ...] | Ignored:
    """`customers_email_marketing_consent/update`."""
    return _told(delivery, EMAIL)


def sms_consent(delivery: Delivery) -> tuple[Fact, ...] | Ignored:
    """`customers_marketing_consent/update`: by its name about all, in fact about SMS."""
    return _told(delivery, SMS)


def whatsapp_consent(delivery: Delivery) -> tuple[Fact, ...] | Ignored:
    """`customers_whats_app_marketing_consent/update`."""
    return _told(delivery, WHATSAPP)


def _told(delivery: Delivery, spelling: _Spelling) -> tuple[Fact, ...] | Ignored:
    data = delivery.data
    customer_id = needed_id(data, spelling.customer)
    if data.get(spelling.consent) is None:
        raise Unfit(f"missing_field:{spelling.consent}")
    word = child(data[spelling.consent])
    if word.get("state") is None:
        return Ignored("no_consent_told")
    state = state_of(word.get("state"))
    if state is None:
        raise Unfit(f"bad_field:{spelling.consent}.state")
    at = instant(word.get(spelling.changed))
    if state is ConsentState.NEVER_ASKED and at is None:
        return Ignored("no_consent_told")  # how every customer begins: nobody's word, so it takes nobody's back
    person = _person(spelling.channel, customer_id, data.get(spelling.address))
    return (
        ConsentChanged(
            person=person,
            channel=spelling.channel,
            state=state,
            effective_at=at or delivery.moment,
            source=source_of(word.get(spelling.collected)),
            double_opt_in=is_double(word.get("opt_in_level")),
        ),
    )


def _person(channel: Channel, customer_id: str, address: Any) -> Person:
    if channel is Channel.EMAIL:
        return Person(customer_id=customer_id, email=people.email(address))
    return Person(customer_id=customer_id, phone=people.phone(address))


def state_of(value: Any) -> ConsentState | None:
    """A consent's state in either spelling (webhooks lower-case, GraphQL upper-case); None when unknown."""
    return STATES.get(value.lower()) if isinstance(value, str) else None


def source_of(value: Any) -> str:
    """How consent was collected; `other` says nothing that `shopify` doesn't."""
    found = text(value, 40).lower()
    return SOURCE if found in ("", "other") else found


def is_double(value: Any) -> bool:
    """Whether the person confirmed by a second step."""
    return isinstance(value, str) and value.lower() == "confirmed_opt_in"


def within_customer(data: Json, person: Person) -> list[Fact]:
    """What an older payload's customer says; without a time it could overrule a later word, so it counts not."""
    found: list[Fact] = []
    for spelling in (EMAIL, SMS, WHATSAPP):
        word = child(data.get(spelling.consent))
        state, at = state_of(word.get("state")), instant(word.get(spelling.changed))
        if state is not None and at is not None:
            found.append(
                ConsentChanged(
                    person=person,
                    channel=spelling.channel,
                    state=state,
                    effective_at=at,
                    source=source_of(word.get(spelling.collected)),
                    double_opt_in=is_double(word.get("opt_in_level")),
                )
            )
    if not child(data.get(EMAIL.consent)):
        found.extend(_oldest(data, person))
    return found


def _oldest(data: Json, person: Person) -> list[Fact]:
    """The spelling of before 2022: one flag, for email."""
    accepts, at = data.get("accepts_marketing"), instant(data.get("accepts_marketing_updated_at"))
    if not isinstance(accepts, bool) or at is None:
        return []
    return [
        ConsentChanged(
            person=person,
            channel=Channel.EMAIL,
            state=ConsentState.SUBSCRIBED if accepts else ConsentState.UNSUBSCRIBED,
            effective_at=at,
            source=SOURCE,
            double_opt_in=is_double(data.get("marketing_opt_in_level")),
        )
    ]
