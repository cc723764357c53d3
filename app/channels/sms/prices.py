"""What a text costs, at most, by the country it goes to. Used before the call, so that a cap can't be overrun.

Twilio names a message's own price only after it was sent, in its Messages resource and not in the callbacks; a cap that
waited for it would be late by thousands of texts. So this counts by a table: Twilio's public list prices per segment
for long codes with the carriers' fees, rounded up. A country that isn't in it counts as one of the dearest there are.
"""

from __future__ import annotations

from typing import Final

MICROS_PER_DOLLAR: Final = 1_000_000
UNKNOWN: Final = 350_000
"""Micro-dollars a segment for a country without a line here."""

PER_SEGMENT: Final[dict[str, int]] = {
    "US": 13_000, "PR": 45_000, "CA": 16_000, "MX": 80_000, "BR": 65_000, "AR": 90_000, "CL": 75_000, "CO": 60_000,
    "GB": 57_000, "IE": 90_000, "FR": 90_000, "DE": 120_000, "AT": 115_000, "CH": 85_000, "NL": 120_000, "BE": 120_000,
    "LU": 100_000, "ES": 90_000, "PT": 60_000, "IT": 100_000, "GR": 95_000, "SE": 65_000, "NO": 80_000, "DK": 60_000,
    "FI": 100_000, "IS": 90_000, "PL": 50_000, "CZ": 70_000, "SK": 90_000, "HU": 95_000, "RO": 85_000, "BG": 120_000,
    "HR": 100_000, "SI": 120_000, "EE": 110_000, "LV": 100_000, "LT": 70_000, "MT": 90_000, "CY": 95_000,
    "AU": 58_000, "NZ": 115_000, "JP": 90_000, "KR": 55_000, "SG": 60_000, "HK": 85_000, "TW": 75_000, "IN": 95_000,
    "ZA": 60_000, "IL": 270_000, "AE": 120_000, "TR": 60_000, "UA": 150_000,
}  # fmt: skip
"""ISO 3166 -> micro-dollars a segment."""


def micros(country: str | None, segments: int) -> int:
    """The most that a text of so many segments to a country is taken to cost, in micro-dollars."""
    return PER_SEGMENT.get(country or "", UNKNOWN) * max(1, segments)
