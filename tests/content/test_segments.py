# ruff: noqa: RUF001  letters that look alike are what this is about
from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from app.content.segments import Segments, plain_letters, segments


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("ж" * 70, "UCS-2", 70, 1),
        ("ж" * 71, "UCS-2", 71, 2),
        ("ж" * 134, "UCS-2", 134, 2),
        ("ж" * 135, "UCS-2", 135, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 80 + "a", "GSM-7", 161, 2),
        ("{}[]~^|\\€\f", "GSM-7", 20, 1),
        ("ÄÖÑÜ§¿äöñüàΔΩ", "GSM-7", 13, 1),
        ("ç", "UCS-2", 1, 1),
        ("Ç", "GSM-7", 1, 1),
        ("😀" * 35, "UCS-2", 70, 1),
        ("😀" * 35 + "a", "UCS-2", 71, 2),
    ],
)
def test_segments_are_counted_as_a_provider_charges_them(text: str, encoding: str, units: int, count: int) -> None:
    assert segments(text) == Segments(encoding, units, count)  # type: ignore[arg-type]


def test_an_escaped_letter_is_never_cut_in_two() -> None:
    """152 letters and a euro sign leave one unit of the first segment empty."""
    assert segments("a" * 152 + "€" + "a" * 152).count == 3
    assert segments("a" * 151 + "€" + "a" * 153).count == 2


def test_a_surrogate_pair_is_never_cut_in_two() -> None:
    assert segments("ж" * 66 + "😀" + "ж" * 66).count == 3


@given(st.text(max_size=400))
def test_segments_hold_every_unit_and_none_is_spare(text: str) -> None:
    found = segments(text)
    alone, joined = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    if found.units <= alone:
        assert found.count == (1 if text else 0)
    else:
        assert (found.count - 1) * (joined - 1) < found.units <= found.count * joined


def test_typographic_marks_become_cheap_ones_and_letters_stay() -> None:
    assert plain_letters("“It’s here” – Zoë’s café…\u00a0\u200bŁódź") == "\"It's here\" - Zoë's café... Łódź"
    assert segments(plain_letters("“It’s here”…")).encoding == "GSM-7"


@given(st.text())
def test_plain_letters_is_done_after_once(text: str) -> None:
    assert plain_letters(plain_letters(text)) == plain_letters(text)
