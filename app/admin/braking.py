"""How the shop stands as a sender, in plain sentences: complaints, its domain, the ramp, texts and their money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import g

from app import clock
from app.admin.diagnosis import Finding
from app.admin.guard import settings as installation
from app.admin.words import _
from app.brakes import chunk, queries, rules
from app.channels.sms.prices import MICROS_PER_DOLLAR
from app.content.dates import zone_of
from app.shops import accounts, settings as shop_settings
from app.texting import service as texting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from app.brakes.rules import Standing
    from app.shops.settings import ShopSettings

PAGE: Final = "/admin/settings/sending"
STATES: Final = {
    "calm": ("done", _("Fine")),
    "warned": ("unknown", _("Watch it")),
    "stopped": ("failed", _("Held")),
}

NUMBERS: Final = {
    "unasked": _("Your texts get a number of their own as soon as a journey that texts is on."),
    "wanted": _("Your own number is being set up; texts wait for it."),
    "late": _("Twilio hasn't set up your number yet; we ask again in a few minutes. Texts wait for it."),
    "no_number": _(
        "All numbers are taken just now, so your texts wait. They go as soon as whoever runs Regulars adds one, or by "
        "a Twilio account of your own."
    ),
    "ready": _("Your texts come from a number of your own. STOP to it opts out of your store alone."),
}


@dataclass(frozen=True, slots=True)
class Stand:
    """Everything the page and the notices tell of."""

    domain: str
    row: Any
    """`brakes.queries.standing`"""
    chosen: ShopSettings
    standing: Standing
    ceiling: int | None
    month: int
    """Micro-dollars reserved for texts since the first of the month."""
    held_blocks: int
    countries: tuple[str, ...]
    number: str | None
    """Where its texts stand that go by the host's account: `numbered`; None when no shop there has a number of its own,
    or this one has an account of its own."""

    @property
    def share(self) -> str:
        """The share of complaints, in per cent."""
        return f"{100 * (self.row.complained or 0) / self.row.sent:.2f}" if self.row.sent else "0.00"


def stand(session: Session) -> Stand:
    """How the shop of this request stands now."""
    now, shop = clock.now(), g.shop
    chosen = shop_settings.of(shop)
    domain = shop_settings.sending_domain(shop, installation().sender_email)
    day = rules.day_of(now, zone_of(shop.timezone))
    row = queries.standing(session, shop.id, domain, day)
    standing = chunk.standing(shop, chosen, row, now)
    return Stand(
        domain=domain,
        row=row,
        chosen=chosen,
        standing=standing,
        ceiling=None if standing.emails_left is None else standing.emails_left + row.marketing_emails,
        month=queries.spent_this_month(session, shop.id, day),
        held_blocks=queries.held_blocks(session, shop.id, now - rules.NEW_PERSON),
        countries=tuple(sorted(chunk.texting(shop, chosen, row).countries)),
        number=numbered(session),
    )


def numbered(session: Session) -> str | None:
    """How far the shop's own number is: a key of `NUMBERS`."""
    if not texting.is_divided() or accounts.own(session, "sms") is not None:
        return None
    row = texting.of(session)
    if row is None or row.state in ("leaving", "removing"):
        return "unasked"
    return "late" if row.error is not None and row.state == "wanted" else row.state


def findings(found: Stand) -> list[Finding]:
    """What wants the merchant's eye; one good word when nothing does."""
    wanting = [*_mail(found), *_texts(found)]
    return wanting or [Finding("good", _("Your name as a sender"), _("Nothing is held back for its sake."), "", PAGE)]


def _mail(found: Stand) -> Iterator[Finding]:
    if found.standing.complaints == rules.STOPPED:
        yield Finding(
            "bad", _("Complaints"),
            _("{share} % of last week's readers marked your emails as spam, so marketing is held.", share=found.share),
            _("Above 0.3 % mailboxes begin to refuse you. See what you sent, then let it go again."),
            f"{PAGE}#complaints",
        )  # fmt: skip
    elif found.standing.complaints == rules.WARNED:
        yield Finding(
            "care", _("Complaints"),
            _("{share} % of last week's readers marked your emails as spam.", share=found.share),
            _("At 0.3 % we hold marketing. Write to fewer people, or less often."), f"{PAGE}#complaints",
        )  # fmt: skip
    if not found.standing.domain_verified:
        tone, text = ("care", _("Marketing goes all the same, as you said."))
        if found.standing.domain_taken:
            tone, text = ("bad", _("Another store has proved that it is its own, so no email goes from it."))
        elif not found.standing.unverified_allowed:
            tone, text = ("bad", _("Marketing emails wait until it is. Messages about orders go."))
        yield Finding(
            tone, _("Sending domain"), f"{_('{domain} is not verified.', domain=found.domain or '?')} {text}",
            _("Put the records into its DNS; they stand ready to be copied."), f"{PAGE}#domain",
        )  # fmt: skip
    if found.row.ramp_full_at is not None and found.ceiling is not None:
        yield Finding(
            "care", _("New sender"), _("Today's {n} marketing emails are used up; the rest goes tomorrow.",
                                       n=found.ceiling),
            _("The number doubles every day."), f"{PAGE}#ramp",
        )  # fmt: skip


def _texts(found: Stand) -> Iterator[Finding]:
    if found.number in (texting.NO_NUMBER, "late"):
        yield Finding("bad", _("A number for texts"), NUMBERS[found.number], "", f"{PAGE}#texting")
    if found.row.sms_capped_at is not None:
        yield Finding(
            "care", _("Money for texts"), _("A cap was reached, so texts wait."),
            _("Raise it, or let them wait for tomorrow."), f"{PAGE}#texting",
        )  # fmt: skip
    if found.held_blocks:
        yield Finding(
            "care", _("New numbers"),
            _("Suspiciously many new numbers look alike; their texts are held for an hour at a time."),
            _("See whether somebody fills in your forms by machine."), f"{PAGE}#texting",
        )  # fmt: skip


def dollars(micros: int) -> str:
    """Micro-dollars as dollars and cents."""
    return f"${micros / MICROS_PER_DOLLAR:,.2f}"
