"""What a merchant can set, with the defaults; stored as JSON on the shop, read as a value."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.shops.models import Shop

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

CLOCK_TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
COLOR = r"^#[0-9a-fA-F]{6}$"
COUNTRIES = r"^([A-Z]{2}(, [A-Z]{2})*)?$"


class QuietHours(BaseModel):
    """When nobody is written to, by the person's own clock. BEHAVIOUR "Quiet hours".

    Texts also keep to the law where the person is, whatever is set here. The hours as they come make way for it (in
    France texts may come until 22:00); hours of the shop's own choice hold beside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    start: str = Field(default="21:00", pattern=CLOCK_TIME)
    end: str = Field(default="08:00", pattern=CLOCK_TIME)
    law_for_email: bool = False
    """Keep mails to the hours that the law asks of texts, too."""


class Limits(BaseModel):
    """How often one person is written to, over all journeys. BEHAVIOUR "Gates"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email_window_hours: int = Field(default=16, ge=0, le=168)
    sms_window_hours: int = Field(default=24, ge=0, le=168)
    email_per_week: int = Field(default=4, ge=0, le=50)
    sms_per_week: int = Field(default=2, ge=0, le=20)


class Sunset(BaseModel):
    """When somebody counts as gone quiet, and the sunset journey asks them. BEHAVIOUR "Flows"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days_silent: int = Field(default=120, ge=30, le=730)
    """Without a human opening or clicking anything."""
    days_without_order: int = Field(default=90, ge=0, le=730)
    """0: an order doesn't count."""


class Sender(BaseModel):
    """Whose name the mail carries. Empty: the shop's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", max_length=70)
    email: str = Field(default="", max_length=254)
    reply_to: str = Field(default="", max_length=254)


class Brand(BaseModel):
    """How mails look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    logo_url: str = Field(default="", max_length=500)
    color: str = Field(default="#1f5f4a", pattern=COLOR)
    text_color: str = Field(default="#1f2421", pattern=COLOR)
    background: str = Field(default="#f6f4ef", pattern=COLOR)
    font: str = Field(default="", max_length=120)
    button_radius: int = Field(default=6, ge=0, le=40)


class BrandRead(BaseModel):
    """What was last taken over from the store's own looks, so that what the merchant chose can be told from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    logo_url: str = ""
    color: str = ""


class Consent(BaseModel):
    """What counts as a yes. Texts about a basket need a second yes in some countries, whatever is set here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email_double_opt_in: bool = False
    email_since: datetime | None = None
    """Since when: yeses given before stay good."""

    @property
    def since(self) -> datetime | None:
        """Of which moment on a yes to email needs a second one; None when none does."""
        return self.email_since if self.email_double_opt_in else None


class Retention(BaseModel):
    """How long personal data is kept that nothing needs any more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_content_days: int = Field(default=730, ge=1, le=3650)
    """What messages said; that they were sent stays on record."""


class Team(BaseModel):
    """What staff may do who open the app for the first time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    newcomers: Literal["viewer", "editor"] = "viewer"


class Texting(BaseModel):
    """What texts may cost, and where they may go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    daily_cap: int = Field(default=50, ge=0, le=100_000)
    monthly_cap: int = Field(default=500, ge=0, le=1_000_000)
    """Whole US dollars, which providers bill in. Ours: enough for most shops, and nothing that ruins one."""
    countries: str = Field(default="", max_length=800, pattern=COUNTRIES)
    """ISO 3166 codes; empty: where the shop is and where it has sold."""
    new_numbers_per_hour: int = Field(default=30, ge=0, le=10_000)
    """New people's numbers of one block of a hundred thousand that get their first text within an hour; 0: any number.
    Ours: an honest shop with five thousand new numbers an hour has one or two to a block."""

    @field_validator("countries", mode="before")
    @classmethod
    def _tidy(cls, typed: object) -> object:
        """As people type them: in small letters, with commas or without."""
        return ", ".join(sorted(set(re.findall(r"[^\s,;]+", typed.upper())))) if isinstance(typed, str) else typed

    @property
    def chosen(self) -> frozenset[str]:
        """The countries, one by one."""
        return frozenset(self.countries.split(", ")) - {""}


class Sending(BaseModel):
    """What protects the name of the shop's domain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ramp: bool = True
    """Begin with few emails a day and let them grow; off for a domain that already sends much."""
    unverified: bool = False
    """The merchant's word, on record: marketing may go from a domain that isn't verified."""


class Guide(BaseModel):
    """The set-up guide of the home page: what can't be found out by looking."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: bool = False
    test_message: int | None = None
    """The last test that was sent."""


class ShopSettings(BaseModel):
    """All of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    quiet_hours: QuietHours = QuietHours()
    limits: Limits = Limits()
    sunset: Sunset = Sunset()
    sender: Sender = Sender()
    brand: Brand = Brand()
    brand_read: BrandRead = BrandRead()
    retention: Retention = Retention()
    team: Team = Team()
    guide: Guide = Guide()
    consent: Consent = Consent()
    texting: Texting = Texting()
    sending: Sending = Sending()
    postal_address: str = Field(default="", max_length=300)
    """In the footer of every mail; empty: the store's own address."""
    stopped: bool = False
    """The one switch that stops all marketing."""


def of(shop: Shop) -> ShopSettings:
    """A shop's settings, defaults filled in."""
    return ShopSettings.model_validate(shop.settings)


def read(session: Session) -> ShopSettings:
    """The settings of the shop whose transaction this is."""
    return of(session.get_one(Shop, session.info["shop_id"]))


def sender_of(shop: Shop, host_address: str) -> str:
    """The address that the shop's mails come from: its own, else the host's."""
    return of(shop).sender.email or host_address or f"store@{shop.domain}"


def domain_of(address: str) -> str:
    """The domain of an address, as DNS writes it."""
    return address.rpartition("@")[2].strip().rstrip(".").lower()


def sending_domain(shop: Shop, host_address: str) -> str:
    """The domain that vouches for the shop's mails; of the host's domain only the host's own address may be used."""
    sender = sender_of(shop, host_address)
    domain = domain_of(sender)
    return "" if domain == domain_of(host_address) and sender.lower() != host_address.lower() else domain


def changed(shop: Shop, part: str, values: dict[str, Any]) -> dict[str, Any]:
    """The stored settings with one part replaced, checked.

    Raises:
        pydantic.ValidationError: a value can't be; names the field.
    """
    merged = {**shop.settings, part: values}
    ShopSettings.model_validate(merged)
    return merged
