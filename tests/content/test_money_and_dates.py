from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from babel.numbers import format_currency
from hypothesis import given, strategies as st

from app.content.dates import local_date, moment_of
from app.content.money import locale_of, minor_digits, money_format

LOCALES = [
    "en",
    "en_US",
    "en_GB",
    "en_IN",
    "de_DE",
    "de_CH",
    "fr_FR",
    "fr_CA",
    "es_ES",
    "es_MX",
    "pt_BR",
    "pt_PT",
    "it",
    "nl",
    "sv",
    "nb",
    "da",
    "fi",
    "pl",
    "cs",
    "hu",
    "tr",
    "ja",
    "ko",
    "zh",
    "hi",
    "he",
    "ar",
]
CURRENCIES = ["USD", "EUR", "GBP", "JPY", "KRW", "KWD", "BHD", "CHF", "INR", "SEK", "BRL", "CLP", "TND", "MXN", "CAD"]


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "written"),
    [
        (123456, "USD", "en-US", "$1,234.56"),
        (123456, "EUR", "de-DE", "1.234,56 €"),
        (4800, "JPY", "en-US", "¥4,800"),
        (2400, "KWD", "en-KW", "KWD 2.400"),
        (-500, "USD", "en-US", "-$5.00"),
        (12345678900, "INR", "en-IN", "₹12,34,56,789.00"),
        (5, "USD", "en", "$0.05"),
        (0, "JPY", "ja", "￥0"),
        (100, "XYZ", "en", "XYZ 1.00"),
        (100, "USD", "xx-YY", "$1.00"),
    ],
)
def test_amounts_are_written_as_the_locale_does(minor: int, currency: str, locale: str, written: str) -> None:
    assert money_format(locale, currency).format(minor).replace("\u00a0", " ") == written


@given(st.integers(-(10**14), 10**14), st.sampled_from(LOCALES), st.sampled_from(CURRENCIES))
def test_the_fast_way_writes_what_babel_writes(minor: int, locale: str, currency: str) -> None:
    """Babel leaves out the blank that CLDR wants between letters and digits; blanks are not compared."""
    expected = format_currency(Decimal(minor).scaleb(-minor_digits(currency)), currency, locale=locale_of(locale))
    mine = money_format(locale, currency).format(minor)
    assert "".join(mine.split()) == "".join(expected.split())


def test_a_currency_shown_without_its_minor_unit_is_rounded() -> None:
    assert money_format("en", "IQD").format(1_500_500).endswith("1,500")
    assert money_format("en", "IQD").format(1_501_500).endswith("1,502")


def test_moments_are_written_in_the_shops_zone() -> None:
    late = datetime(2026, 3, 10, 3, 30, tzinfo=UTC)
    assert local_date(late, "month_day", "en-US", "America/New_York") == "March 9"
    assert local_date(late, "month_day", "de", "Europe/Berlin") == "10. März"
    assert local_date(late, "long", "fr-FR", "Asia/Tokyo") == "10 mars 2026"
    assert local_date(late, "weekday", "en", "No/Such_Zone") == "Tuesday"
    assert local_date(date(2026, 3, 10), "time", "en", "UTC") == "March 10, 2026"


def test_moments_are_read_from_text_or_not_at_all() -> None:
    assert moment_of("2026-03-10T03:30:00Z") == datetime(2026, 3, 10, 3, 30, tzinfo=UTC)
    assert moment_of("soon") is None
    assert moment_of(17) is None
