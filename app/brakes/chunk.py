"""The brakes as one chunk of a shop's messages meets them: read once, asked for each, written down at the end.

Nothing is read for a chunk of texts about orders but where they go and what they cost.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from app.brakes import queries, rules
from app.brakes.rules import BLOCK_WINDOW, NEW_PERSON, Hold, Standing, Texting
from app.channels.base import OutboundEmail
from app.channels.sms import prices
from app.content.dates import zone_of
from app.content.segments import segments
from app.shops import settings as shop_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from app.channels.base import Outbound
    from app.customers.queries import Profile
    from app.shops.models import Shop
    from app.shops.settings import ShopSettings


EMAILS = "emails"


@dataclass(slots=True)
class _Purse:
    """What may still be spent; its rows are locked until the transaction ends."""

    today: int
    month: int


@dataclass
class Brakes:
    """One shop's, for one chunk. `people` are those of its texts."""

    session: Session
    shop: Shop
    domain: str
    """Which vouches for its mails."""
    now: datetime
    people: Sequence[int] = ()
    wanted: Counter[str] = field(default_factory=Counter)
    """What the messages of this chunk that may go would use: `emails`, and new numbers by their block."""
    used: Counter[str] = field(default_factory=Counter)
    """The same of those that do go; a few may be left for the next chunk."""
    spent: int = 0
    held: set[str] = field(default_factory=set)
    full: set[str] = field(default_factory=set)

    def against_shop(self, channel: str, purpose: str, phone: str | None) -> Hold | None:
        """What stands against this shop's mails or its marketing, or against texts to this country."""
        if channel == "sms" and phone is not None and rules.country_of(phone) not in self._texting.countries:
            return Hold("sms_country")
        if channel == "sms" and purpose != "marketing":
            return None
        return rules.held_as_shop(self._standing, channel, purpose, self.now)

    def against_more(self, channel: str, purpose: str, person: Profile) -> Hold | None:
        """What the day and the hour still allow: the ramp, and new numbers of one block."""
        if channel == "sms":
            return self._new_number(person.id, person.addresses[channel])
        if purpose != "marketing":
            return None
        hold = rules.held_by_ramp(self._standing, channel, purpose, self.wanted[EMAILS])
        if hold is None:
            self.wanted[EMAILS] += 1
        else:
            self.full.add("ramp_full_at")
        return hold

    def foreseen(self, channel: str, purpose: str, person: Profile, pieces: int) -> Hold | None:
        """What would stand against a message of so many segments just now; nothing is locked, counted or taken."""
        phone = person.addresses.get("sms")
        if hold := self.against_shop(channel, purpose, phone):
            return hold
        if channel != "sms" or phone is None:
            return rules.held_by_ramp(self._standing, channel, purpose, 0)
        blocks = queries.blocks(self.session, self.shop.id, self.now - BLOCK_WINDOW)
        if hold := self._new_number(person.id, phone, blocks):
            return hold
        month = queries.spent_this_month(self.session, self.shop.id, self.day)
        cost = prices.micros(rules.country_of(phone), pieces)
        return rules.over_budget(
            self._texting, self._row.sms_micros, month, cost, self.now, zone_of(self.shop.timezone)
        )

    def reserve(self, person: Profile, words: str) -> Hold | tuple[date, int]:
        """Take what a text costs out of the purse before it is sent: day and micro-dollars, or why it can't be had."""
        phone = person.addresses["sms"]
        cost = prices.micros(rules.country_of(phone), segments(words).count)
        purse, zone = self._purse, zone_of(self.shop.timezone)
        hold = rules.over_budget(self._texting, purse.today, purse.month, cost, self.now, zone)
        if hold is not None:
            self.full.add("sms_capped_at")
            return hold
        purse.today, purse.month = purse.today + cost, purse.month + cost
        if person.id in self._newcomers:
            self.wanted[rules.block_of(phone)] += 1
        return self.day, cost

    def let_go(self, person: int, outbound: Outbound, reserved: tuple[date, int] | None) -> None:
        """Count a message whose intent is written down."""
        if reserved is not None:
            self.spent += reserved[1]
            if person in self._newcomers:
                self.used[rules.block_of(outbound.to)] += 1
        elif isinstance(outbound, OutboundEmail) and not outbound.transactional:
            self.used[EMAILS] += 1

    def write(self) -> None:
        """Add what this chunk used to what the shop has used."""
        emails = self.used.pop(EMAILS, 0)
        ramping = emails if emails and self._standing.emails_left is not None else 0
        if ramping or self.spent or self.full:
            self.session.execute(
                text("""
                    INSERT INTO sending_day AS d (shop_id, day, sms_micros, marketing_emails, sms_capped_at,
                        ramp_full_at)
                    VALUES (:shop, :day, :micros, :emails, :capped, :ramp)
                    ON CONFLICT (shop_id, day) DO UPDATE SET sms_micros = d.sms_micros + excluded.sms_micros,
                        marketing_emails = d.marketing_emails + excluded.marketing_emails,
                        sms_capped_at = COALESCE(d.sms_capped_at, excluded.sms_capped_at),
                        ramp_full_at = COALESCE(d.ramp_full_at, excluded.ramp_full_at)
                """),
                {
                    "shop": self.shop.id,
                    "day": self.day,
                    "micros": self.spent,
                    "emails": ramping,
                    "capped": self.now if "sms_capped_at" in self.full else None,
                    "ramp": self.now if "ramp_full_at" in self.full else None,
                },
            )
        if self.used or self.held:
            self._write_blocks()

    def _write_blocks(self) -> None:
        rows = [
            {
                "block": block,
                "from_at": self._blocks.get(block, (self.now, 0))[0],
                "firsts": self._blocks.get(block, (self.now, 0))[1] + self.used[block],
                "held_at": self.now if block in self.held else None,
            }
            for block in sorted(self.used.keys() | self.held)
        ]
        self.session.execute(
            text("""
                INSERT INTO number_block AS b (shop_id, block, from_at, firsts, held_at)
                SELECT :shop, r.block, r.from_at, r.firsts, r.held_at
                FROM json_to_recordset(CAST(:rows AS json))
                    AS r (block text, from_at timestamptz, firsts bigint, held_at timestamptz)
                ON CONFLICT (shop_id, block) DO UPDATE SET from_at = excluded.from_at, firsts = excluded.firsts,
                    held_at = COALESCE(excluded.held_at, b.held_at)
            """),
            {"shop": self.shop.id, "rows": orjson.dumps(rows).decode()},
        )

    def _new_number(
        self, person: int, phone: str, blocks: Mapping[str, tuple[datetime, int]] | None = None
    ) -> Hold | None:
        limit = self._texting.new_numbers_per_hour
        if not limit or person not in self._newcomers:
            return None
        block = rules.block_of(phone)
        from_at, firsts = (self._blocks if blocks is None else blocks).get(block, (self.now, 0))
        if firsts + self.wanted[block] < limit:
            return None
        self.held.add(block)
        return Hold("sms_new_numbers", from_at + BLOCK_WINDOW)

    @cached_property
    def chosen(self) -> ShopSettings:
        """What the merchant has set."""
        return shop_settings.of(self.shop)

    @cached_property
    def day(self) -> date:
        """Which day it is where the shop is."""
        return rules.day_of(self.now, zone_of(self.shop.timezone))

    @cached_property
    def _row(self) -> Any:
        return queries.standing(self.session, self.shop.id, self.domain, self.day)

    @cached_property
    def _standing(self) -> Standing:
        return standing(self.shop, self.chosen, self._row, self.now)

    @cached_property
    def _texting(self) -> Texting:
        return texting(self.shop, self.chosen, self._row)

    @cached_property
    def _purse(self) -> _Purse:
        return _Purse(*queries.lock_purse(self.session, self.shop.id, self.day))

    @cached_property
    def _blocks(self) -> dict[str, tuple[datetime, int]]:
        assert self._purse is not None  # noqa: S101 its lock keeps the other workers of this shop from counting too
        return queries.blocks(self.session, self.shop.id, self.now - BLOCK_WINDOW)

    @cached_property
    def _newcomers(self) -> set[int]:
        return queries.newcomers(self.session, self.shop.id, self.people, self.now - NEW_PERSON)


def standing(shop: Shop, chosen: ShopSettings, row: Any, now: datetime) -> Standing:
    """How a shop stands, of what was read."""
    zone = zone_of(shop.timezone)
    begun = max((at for at in (shop.installed_at, row.verified_at) if at is not None), default=None)
    most = rules.ceiling(begun, now) if chosen.sending.ramp else None
    return Standing(
        complaints=row.state or rules.CALM,
        domain_verified=row.domain_state == "verified",
        domain_taken=bool(row.taken),
        unverified_allowed=chosen.sending.unverified,
        emails_left=None if most is None else most - row.marketing_emails,
        tomorrow=rules.start_of(rules.day_after(rules.day_of(now, zone)), zone),
    )


def texting(shop: Shop, chosen: ShopSettings, row: Any) -> Texting:
    """What the merchant allows for texts."""
    limits = chosen.texting
    return Texting(
        rules.countries(limits.chosen, shop.country, row.sells_to or ()),
        limits.daily_cap * prices.MICROS_PER_DOLLAR,
        limits.monthly_cap * prices.MICROS_PER_DOLLAR,
        limits.new_numbers_per_hour,
    )
