"""Why a target is missed, where one is: what the profile (py-spy) shows, and the limit it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.table import Row

REASONS: dict[str, str] = {}
"""The beginning of a line's path -> one sentence."""


def reason(row: Row) -> str:
    """What is known about a missed line."""
    return next((words for path, words in REASONS.items() if row.path.startswith(path)), "not looked into yet.")
