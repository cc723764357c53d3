"""The set-up guide: what is left to do, found out by looking, never ticked off by hand. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.admin.words import _

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about a shop."""

    connected: bool
    imports: Sequence[Any]
    """The parts of the import: state, lines_read, things."""
    sends_as: str
    """The address mail is sent from; empty while the merchant has set none."""
    domain_verified: bool
    """Whether the world believes that mail from that address is the shop's."""
    email: bool
    sms: bool
    """Whether there is a way out for each."""
    brand_chosen: bool
    consent_chosen: bool
    postal_address: bool
    """In the settings, or the store's own."""
    journeys_on: int
    test_received: bool


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do once."""

    code: str
    title: str
    text: str
    done: bool
    link: str = ""
    label: str = ""
    share: float | None = None
    """How far it is by itself, 0 to 1."""


def tasks(found: Found) -> list[Task]:
    """Everything a shop needs before its first message, in the order in which it makes sense."""
    share = _share(found.imports)
    return [
        Task(
            "store",
            _("Connect your store"),
            _("News of carts, orders and customers reach us.")
            if found.connected
            else _("Your store no longer lets us in. Close the app and open it again."),
            found.connected,
        ),
        Task(
            "history",
            _("Read your store's history"),
            _("Customers, products and orders, the newest 90 days first. Go on meanwhile: it needs nothing from you."),
            share == 1,
            "/admin/health" if any(part.state == "failed" for part in found.imports) else "",
            _("See what is wrong"),
            share,
        ),
        Task(
            "sender",
            _("Send from your own domain"),
            _("Mailboxes believe mail whose domain vouches for it. Marketing waits until they do.")
            if found.sends_as
            else _("Say which address your email comes from: one of your own domain, which your mail provider knows."),
            bool(found.sends_as) and found.email and found.domain_verified,
            "/admin/settings/sending" if found.sends_as else "/admin/settings#sender",
            _("See the domain") if found.sends_as else _("Set the sender"),
        ),
        Task(
            "address",
            _("Give a postal address"),
            _("The law asks for it in the footer of every marketing email."),
            found.postal_address,
            "/admin/settings#postal_address",
            _("Give the address"),
        ),
        Task(
            "sms",
            _("Have a number for SMS"),
            _("Whoever runs this installation sets up Twilio. Until then what would go by SMS is kept."),
            found.sms,
            "/admin/health",
            _("How the providers are"),
        ),
        Task(
            "brand",
            _("Make it look like you"),
            _("Logo, colours and font of your emails."),
            found.brand_chosen,
            "/admin/settings#brand",
            _("Set the brand"),
        ),
        Task(
            "consent",
            _("Decide how people say yes"),
            _("Which sentence people agree to, and whether a yes to email needs a second one. Save either choice."),
            found.consent_chosen,
            "/admin/settings#consent",
            _("Decide"),
        ),
        Task(
            "test",
            _("Get a test message"),
            _("Open a message of any journey and send it to yourself."),
            found.test_received,
            "/admin/journeys/abandoned_checkout/preview/first/email",
            _("Choose a message"),
        ),
        Task(
            "journey",
            _("Turn the first journey on"),
            _("You see what will happen before it does, and can turn it off at any time."),
            found.journeys_on > 0,
            "/admin/journeys",
            _("Look at the journeys"),
        ),
    ]


def _share(imports: Sequence[Any]) -> float:
    """How much of the history is in, each part weighing the same."""
    if not imports:
        return 0
    parts = [
        1.0
        if part.state == "done"
        else min(part.lines_read / part.things, 0.99)
        if part.state == "reading" and part.things
        else 0.0
        for part in imports
    ]
    return sum(parts) / len(parts)
