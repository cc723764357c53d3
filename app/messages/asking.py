"""What is asked before a message goes: the store, and the gates with all they look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app.conditions import Condition
from app.customers.rules import BASKETS, SECOND_STEP_COUNTRIES
from app.messages import places
from app.messages.quiet import Hours, Watch
from app.messages.rules import Asked, Basket, Limits
from app.shops import settings as shop_settings
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.brakes.chunk import Brakes
    from app.brakes.rules import Hold
    from app.customers.queries import Profile
    from app.messages.hearing import Heard
    from app.orders.subjects import Subject
    from app.shops.models import Shop

UNANSWERED_TRIES = 3
"""A store that can't be asked so often isn't waited for any longer: what its webhooks told us decides."""
USUAL_NIGHT = (shop_settings.QuietHours().start, shop_settings.QuietHours().end)


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask the store before a message about a basket goes out."""

    message_id: int
    checkout_token: str | None
    email: str | None = field(repr=False)
    since: datetime


def worth_asking(shop_id: int, ids: Sequence[int]) -> list[Question]:
    """Messages about a basket, and what identifies its order at the store."""
    with transaction(shop_id) as session:
        rows = session.execute(
            text("""
                SELECT m.id, k.token, p.email, LEAST(COALESCE(k.created_at, c.created_at), m.since) AS since
                FROM message m
                JOIN customer p ON p.shop_id = m.shop_id AND p.id = m.customer_id
                LEFT JOIN checkout k ON m.subject_kind = 'checkout' AND k.shop_id = m.shop_id
                    AND k.id = m.subject_key::bigint
                LEFT JOIN cart c ON m.subject_kind = 'cart' AND c.shop_id = m.shop_id AND c.id = m.subject_key::bigint
                WHERE m.shop_id = :shop AND m.id = ANY(:ids) AND m.subject_kind IN ('checkout', 'cart')
            """),
            {"shop": shop_id, "ids": list(ids)},
        )
        return [Question(r.id, r.token, r.email, r.since) for r in rows]


class Asker:
    """Gathers what the gates look at, for the messages of one shop."""

    def __init__(self, shop: Shop, brakes: Brakes | None = None) -> None:
        """Without `brakes` the shop is taken to be well: what stands against it is asked apart (`Brakes.foreseen`)."""
        self.shop, self.brakes = shop, brakes
        self.chosen = shop_settings.of(shop)
        self._limits = {channel: self._limits_of(channel) for channel in ("email", "sms")}

    def asked(self, message: Any, person: Profile, subject: Subject, heard: Heard, *, bought: bool | None) -> Asked:
        """All that the gates need. `bought` is the store's own word: None when it couldn't be asked."""
        fields = {**person.fields, **subject.fields}
        if bought:
            fields["bought"] = True
        kept, choices = _kept(orjson.dumps(message.conditions)), person.choices
        phone = person.addresses.get("sms")
        return Asked(
            channel=message.channel,
            purpose=message.purpose,
            audience=message.audience,
            useful_until=message.useful_until,
            shop_active=self.shop.active,
            shop_stopped=self.chosen.stopped,
            unreachable=person.unreachable.get(message.channel),
            consent=person.consent_about(message.subject_kind).get(message.channel),
            basket=self._basket(message, person, heard),
            fields=fields,
            filters=kept.filters,
            # What a step asks about the journey's other messages was answered when it was planned.
            only_if=[c for c in kept.only_if if "." not in c.field or c.field in fields],
            exits=kept.exits,
            store_answered=bought is not None or message.tries + 1 >= UNANSWERED_TRIES,
            watches=self._watches(person, message.channel),
            limits=self._limits[message.channel],
            topic=kept.topic,
            outranked=kept.outranked,
            rival=heard.rival(message.priority),
            choices=choices,
            any_sent_at=heard.latest_marketing(),
            sent_at=heard.marketing.get(message.channel, ()),
            elsewhere_at=heard.elsewhere(message.channel),
            against_shop=self._against_shop(message, phone),
        )

    def _basket(self, message: Any, person: Profile, heard: Heard) -> Basket | None:
        """For a text about a basket to somebody in a country of the cart-SMS rule."""
        if message.channel != "sms" or message.subject_kind not in BASKETS:
            return None
        if SECOND_STEP_COUNTRIES.isdisjoint(person.countries):
            return None
        texted = (message.subject_kind, message.subject_key) in heard.texted_about
        return Basket(message.since, texted=texted)

    def _against_shop(self, message: Any, phone: str | None) -> Hold | None:
        return None if self.brakes is None else self.brakes.against_shop(message.channel, message.purpose, phone)

    def zones(self, person: Profile, channel: str) -> tuple[str, ...]:
        """Where the person may be: by address, and for texts by the number too; the stricter counts."""
        return tuple(sorted({place.zone for place in self._places(person, channel)}))

    def _places(self, person: Profile, channel: str) -> tuple[places.Place, ...]:
        phone = person.addresses.get("sms") if channel == "sms" else None
        return places.places_of(person.country, person.province, phone, self.shop.timezone)

    def _watches(self, person: Profile, channel: str) -> tuple[Watch, ...]:
        chosen = self.chosen.quiet_hours
        own = Hours(time.fromisoformat(chosen.start), time.fromisoformat(chosen.end)) if chosen.enabled else None
        usual = (chosen.start, chosen.end) == USUAL_NIGHT
        lawful = channel == "sms" or chosen.law_for_email
        return places.watches(self._places(person, channel), own, usual=usual, lawful=lawful)

    def _limits_of(self, channel: str) -> Limits:
        limits = self.chosen.limits
        window, cap = (
            (limits.sms_window_hours, limits.sms_per_week)
            if channel == "sms"
            else (limits.email_window_hours, limits.email_per_week)
        )
        return Limits(timedelta(hours=window), cap)


@dataclass(frozen=True, slots=True)
class _Conditions:
    """What must still hold for a message, as it was kept with it."""

    filters: Sequence[Condition]
    only_if: Sequence[Condition]
    exits: Sequence[tuple[Sequence[Condition], str]]
    topic: str
    outranked: str


@lru_cache(maxsize=512)
def _kept(conditions: bytes) -> _Conditions:
    """Read once for all messages of a step: checking their form takes longer than asking them."""
    said: dict[str, Any] = orjson.loads(conditions)
    return _Conditions(
        _read(said.get("filters", ())),
        _read(said.get("only_if", ())),
        [(_read(leaving["if"]), leaving["reason"]) for leaving in said.get("exits", ())],
        said.get("topic", "news"),
        said.get("outranked", "wait"),
    )


def _read(conditions: Sequence[Any]) -> list[Condition]:
    return [Condition.model_validate(c) for c in conditions]
