"""Invented people: names, homes with zones, addresses that can't reach anybody, and what they agreed to.

Mail domains are reserved ones; phone numbers come from the ranges set aside for fiction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.store.models import Address, Consent, Customer

if TYPE_CHECKING:
    import random
    from datetime import datetime

    from simulator.ids import Ids

EMAIL_SHARE = 0.60
SMS_SHARE = 0.30
PHONE_SHARE = 0.55


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = {
    "en": _words("""
        Maya Owen Priya Lucas Nora Theo Isla Caleb Ruby Felix Amara Jonah Hazel Miles Leila Oscar Wren
        Dylan Tessa Marcus Ivy Rafael Clara Elias Naomi Jasper Freya Silas Alma Gideon Sofia Hugo Daphne
        Kai Odette Ezra
    """),
    "fr": _words("""
        Camille Louis Manon Antoine Élise Baptiste Inès Rémi Margaux Étienne Léa Théodore
    """),
    "de": _words("""
        Jonas Lena Moritz Greta Fabian Mila Jürgen Annika Lukas Käthe Sören Paula
    """),
}
_LAST = {
    "en": _words("""
        Brooks Hale Raman Whitfield Okafor Lindqvist Marsh Delgado Quinn Abbott Castellan Novak Pryor
        Sato Winslow Fairley Moreau Tanaka Beckett Osei Larkin Vance Holloway Ferris Adeyemi Calloway
        Drummond Reyes Thorne Park
    """),
    "fr": _words("""
        Lefèvre Moulin Garnier Roussel Chevalier Aubert Perrin Lacroix
    """),
    "de": _words("""
        Brandt Köhler Vogt Seidel Lorenz Krüger Albrecht Winkler
    """),
}
_STREETS = {
    "en": (
        "Alder Street",
        "Mill Lane",
        "Harbor Road",
        "Juniper Avenue",
        "Quarry Hill",
        "Orchard Way",
        "Lantern Court",
        "Birch Terrace",
    ),
    "fr": ("rue des Tilleuls", "rue du Moulin", "avenue des Cèdres", "quai des Brumes"),
    "de": ("Lindenstraße", "Mühlenweg", "Am Alten Markt", "Gartenallee"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A city with what an address and a phone number need."""

    city: str
    province: str
    province_code: str
    country: str
    country_code: str
    zip_pattern: str
    time_zone: str
    phone_prefix: str | None
    language: str
    weight: float


_US = ("United States", "US")
_PLACES = (
    Place("New York", "New York", "NY", *_US, "100##", "America/New_York", "+1212555", "en", 12),
    Place("Boston", "Massachusetts", "MA", *_US, "021##", "America/New_York", "+1617555", "en", 6),
    Place("Philadelphia", "Pennsylvania", "PA", *_US, "191##", "America/New_York", "+1215555", "en", 5),
    Place("Atlanta", "Georgia", "GA", *_US, "303##", "America/New_York", "+1404555", "en", 5),
    Place("Miami", "Florida", "FL", *_US, "331##", "America/New_York", "+1305555", "en", 4),
    Place("Chicago", "Illinois", "IL", *_US, "606##", "America/Chicago", "+1312555", "en", 7),
    Place("Austin", "Texas", "TX", *_US, "787##", "America/Chicago", "+1512555", "en", 6),
    Place("Minneapolis", "Minnesota", "MN", *_US, "554##", "America/Chicago", "+1612555", "en", 3),
    Place("Denver", "Colorado", "CO", *_US, "802##", "America/Denver", "+1303555", "en", 5),
    Place("Phoenix", "Arizona", "AZ", *_US, "850##", "America/Phoenix", "+1602555", "en", 3),
    Place("Seattle", "Washington", "WA", *_US, "981##", "America/Los_Angeles", "+1206555", "en", 6),
    Place("Portland", "Oregon", "OR", *_US, "972##", "America/Los_Angeles", "+1503555", "en", 5),
    Place("Los Angeles", "California", "CA", *_US, "900##", "America/Los_Angeles", "+1323555", "en", 9),
    Place("San Francisco", "California", "CA", *_US, "941##", "America/Los_Angeles", "+1415555", "en", 6),
    Place("Toronto", "Ontario", "ON", "Canada", "CA", "M5V #K#", "America/Toronto", "+1416555", "en", 5),
    Place("Calgary", "Alberta", "AB", "Canada", "CA", "T2P #H#", "America/Edmonton", "+1403555", "en", 2),
    Place("Bristol", "", "", "United Kingdom", "GB", "BS# #QD", "Europe/London", None, "en", 4),
    Place("Edinburgh", "", "", "United Kingdom", "GB", "EH# #LF", "Europe/London", None, "en", 3),
    Place("Lyon", "", "", "France", "FR", "6900#", "Europe/Paris", None, "fr", 3),
    Place("Berlin", "", "", "Germany", "DE", "101##", "Europe/Berlin", "+49171392", "de", 3),
)
_DOMAINS = ("mail.example.com", "post.example.org", "inbox.example.net")


class People:
    """Makes customers who could exist, the same ones for the same seed."""

    def __init__(self, ids: Ids, rng: random.Random) -> None:
        self._ids = ids
        self._rng = rng
        self._weights = [place.weight for place in _PLACES]
        self._serial = 0
        self._phones: set[str] = set()

    def make(self, born_at: datetime, *, contactable: bool = False, american: bool = False) -> Customer:
        """A new customer; `contactable` ones have agreed to both channels, `american` ones live in the States."""
        rng = self._rng
        place = self._place(american=american or contactable)
        first, last = rng.choice(_FIRST[place.language]), rng.choice(_LAST[place.language])
        self._serial += 1
        phone = self._phone(place) if contactable or rng.random() < PHONE_SHARE else None
        email = f"{_ascii(first)}.{_ascii(last)}{self._serial}@{rng.choice(_DOMAINS)}"
        decided = born_at + timedelta(minutes=rng.randint(1, 9))
        return Customer(
            id=self._ids.next("Customer"),
            first_name=first,
            last_name=last,
            email=email,
            phone=phone,
            locale=place.language if place.language != "en" else f"en-{place.country_code}",
            address=self._address(place, first, last, phone),
            created_at=born_at,
            updated_at=born_at,
            email_consent=self._consent(contactable or rng.random() < EMAIL_SHARE, decided),
            # This store has texts confirmed, as texts about baskets have to be where most of its people live.
            sms_consent=self._consent(
                phone is not None and (contactable or rng.random() < SMS_SHARE / PHONE_SHARE),
                decided,
                "confirmed_opt_in",
            ),
        )

    def _place(self, *, american: bool) -> Place:
        while True:
            place = self._rng.choices(_PLACES, self._weights)[0]
            if not american or place.country_code == "US":
                return place

    def _phone(self, place: Place) -> str | None:
        """A number nobody answers, given to one person only; None where the range is used up."""
        if place.phone_prefix is None:
            return None
        for _ in range(8):
            digits = (
                f"01{self._rng.randrange(100):02d}"
                if place.phone_prefix.startswith("+1")
                else (f"00{self._rng.randrange(100):02d}")
            )
            number = place.phone_prefix + digits
            if number not in self._phones:
                self._phones.add(number)
                return number
        return self._neighbouring_phone()

    def _neighbouring_phone(self) -> str | None:
        """A fictional number under another area code: people keep theirs when they move."""
        for _ in range(40):
            area = f"{self._rng.choice(_AREA_CODES)}"
            number = f"+1{area}55501{self._rng.randrange(100):02d}"
            if number not in self._phones:
                self._phones.add(number)
                return number
        return None

    def _address(self, place: Place, first: str, last: str, phone: str | None) -> Address:
        rng = self._rng
        street = rng.choice(_STREETS[place.language])
        house = rng.randint(2, 480)
        return Address(
            id=self._ids.next("MailingAddress"),
            first_name=first,
            last_name=last,
            address1=f"{street} {house}" if place.language == "de" else f"{house} {street}",
            city=place.city,
            province=place.province,
            province_code=place.province_code,
            country=place.country,
            country_code=place.country_code,
            zip="".join(str(rng.randrange(10)) if c == "#" else c for c in place.zip_pattern),
            time_zone=place.time_zone,
            phone=phone,
        )

    def _consent(
        self,
        given: bool,  # noqa: FBT001 - reads as the answer it is
        decided: datetime,
        level: str = "single_opt_in",
    ) -> Consent:
        if given:
            return Consent("subscribed", level, decided)
        if self._rng.random() < 0.08:
            return Consent("unsubscribed", "single_opt_in", decided)
        return Consent("not_subscribed", None, None)


_AREA_CODES = (
    201,
    202,
    203,
    205,
    206,
    207,
    208,
    209,
    210,
    212,
    213,
    214,
    215,
    216,
    217,
    218,
    219,
    224,
    225,
    228,
    229,
    231,
    234,
    239,
    240,
    248,
    251,
    252,
    253,
    254,
    256,
    260,
    262,
    267,
    269,
    270,
    272,
    276,
    281,
    301,
    302,
    303,
    304,
    305,
    307,
    308,
    309,
    310,
    312,
    313,
    314,
    315,
    316,
    317,
    318,
    319,
    320,
    321,
    323,
    325,
    330,
    331,
    334,
    336,
    337,
    339,
    347,
    351,
    352,
)
_PLAIN = str.maketrans("àâäáçéèêëíîïóôöúùûüß", "aaaaceeeeiiiooouuuus")


def _ascii(name: str) -> str:
    return name.lower().translate(_PLAIN)
