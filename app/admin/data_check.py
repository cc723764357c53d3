"""Data check: what would keep messages from reaching people, in the store's data and in the settings; and the fix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from flask import Response, g

from app.admin import record
from app.admin.flow import VALUES
from app.admin.guard import bp, settings as installation
from app.admin.queries import checks as queries
from app.admin.showing import page
from app.admin.words import _
from app.shops import settings as shop_settings
from app.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Check:
    """What is looked for: its name, why it matters, how to mend it, and where its rows are shown."""

    title: str
    why: str
    fix: str
    of: str
    """customers | products | orders: what it is counted among."""
    shown_at: str = ""
    """Address of a row, by its number."""


@dataclass(frozen=True, slots=True)
class Found:
    """A check and what it found."""

    check: Check
    count: int
    examples: Sequence[Any] = field(default=())


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that isn't set, or set in a way that needs a second look."""

    title: str
    text: str
    link: str = ""


CUSTOMER: Final = "/admin/customers/{id}"
CHECKS: Final[dict[str, Check]] = {
    "no_address": Check(
        _("Customers without email and phone"),
        _("Nothing can be sent to them."),
        _("Add an address in your store's admin, under Customers; it comes over by itself."),
        "customers", CUSTOMER,
    ),
    "same_email": Check(
        _("Customers with the same email"),
        _("One person may be counted, and written to, as several."),
        _("Merge them in your store's admin: open one, then More actions, Merge customer."),
        "customers", CUSTOMER,
    ),
    "same_phone": Check(
        _("Customers with the same phone number"),
        _("Often one person twice, or a family. Texts could reach the same phone more often than you allow."),
        _("Where it is one person, merge them in your store's admin: open one, then More actions, Merge customer."),
        "customers", CUSTOMER,
    ),
    "never_asked": Check(
        _("Customers who were never asked about marketing"),
        _("They get messages about their orders, and at most one email about a basket they left."),
        _("Turn on the marketing tick box at checkout: in your store's admin, Settings, Checkout, Marketing options."),
        "customers", CUSTOMER,
    ),
    "no_image": Check(
        _("Products without a picture"),
        _("Emails show a gap where the picture would be, and they are never recommended."),
        _("Add a picture to the product in your store's admin."),
        "products",
    ),
    "no_customer": Check(
        _("Orders without a customer"),
        _("Nobody can be thanked or reminded. Sales over the counter are often like this."),
        _("Ask for an email at the counter, for example for the receipt."),
        "orders",
    ),
}  # fmt: skip


@bp.get("/admin/data-check", endpoint="data_check")
def data_check() -> Response:
    """The page."""
    with transaction(g.shop_id) as session:
        totals = queries.totals(session, g.shop_id)
        found = [Found(check, *queries.count(session, g.shop_id, name)) for name, check in CHECKS.items()]
        record.note(session, record.Action.PEOPLE_LISTED, page="data_check")
    return page(
        "data_check.html",
        title=_("Data check"),
        found=[each for each in found if each.count],
        fine=[each.check for each in found if not each.count],
        settings=_settings(),
        totals=totals._asdict(),
        values=VALUES,
        is_empty=not totals.customers + totals.products + totals.orders,
    )


def _settings() -> list[Setting]:
    chosen = shop_settings.of(g.shop)
    found = []
    if not (chosen.postal_address or g.shop.address):
        found.append(
            Setting(
                _("No postal address"),
                _("The law asks for one in the footer of every marketing email."),
                "/admin/settings#postal_address",
            )
        )
    if not (chosen.sender.email or installation().sender_email):
        found.append(
            Setting(
                _("No sender's email address"),
                _("Emails leave under a stand-in of your store's address, which many mailboxes refuse."),
                "/admin/settings#sender",
            )
        )
    if not chosen.quiet_hours.enabled:
        found.append(
            Setting(
                _("Quiet hours are off"),
                _("People may hear from you at night. For texts, that is against the law in some places."),
                "/admin/settings#quiet_hours",
            )
        )
    return found
