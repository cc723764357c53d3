"""The little search language of Admin connections: `updated_at:>='2026-01-01' AND -status:closed`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.clock import parse_iso
from simulator.ids import number_of

Getter = Callable[[Any], Any]
_TERM = re.compile(
    r"(?P<minus>-|NOT\s+)?(?:(?P<field>[a-z_]+):)?(?P<op>>=|<=|>|<)?"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s()]+)",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition."""

    field: str
    """Empty for free text."""
    op: str
    value: str
    negated: bool


def parse(query: str | None) -> list[list[Term]]:
    """Alternatives (OR), each a list of conditions that must all hold (AND); an empty query has none."""
    alternatives: list[list[Term]] = [[]]
    for match in _TERM.finditer((query or "").replace("(", " ").replace(")", " ")):
        word = match.group(0)
        if word == "OR":
            alternatives.append([])
        elif word != "AND":
            alternatives[-1].append(
                Term(match["field"] or "", match["op"] or "=", match["value"].strip("'\""), bool(match["minus"]))
            )
    return [terms for terms in alternatives if terms]


def matches(alternatives: list[list[Term]], item: Any, getters: Mapping[str, Getter]) -> bool:
    """Whether an item meets a query; fields nobody knows are ignored, as the platform does."""
    if not alternatives:
        return True
    return any(all(_holds(term, item, getters) for term in terms) for terms in alternatives)


def _holds(term: Term, item: Any, getters: Mapping[str, Getter]) -> bool:
    getter = getters.get(term.field)
    if getter is None:
        return True
    return _compare(getter(item), term) is not term.negated


def _compare(value: Any, term: Term) -> bool:
    if value is None:
        return False
    if isinstance(value, list | tuple | set):
        return any(_compare(each, term) for each in value)
    if isinstance(value, bool):
        return (term.value.lower() == "true") is value
    if isinstance(value, datetime):
        return _ordered(value, parse_iso(term.value), term.op)
    return _compare_number(value, term) if isinstance(value, int) else _compare_text(str(value).lower(), term)


def _compare_number(value: int, term: Term) -> bool:
    number = number_of(term.value)
    return number is not None and _ordered(value, number, term.op)


def _compare_text(text: str, term: Term) -> bool:
    wanted = term.value.lower()
    if not term.field:
        return wanted.rstrip("*") in text
    return text.startswith(wanted[:-1]) if wanted.endswith("*") else text == wanted


def _ordered(left: Any, right: Any, op: str) -> bool:
    outcomes: dict[str, bool] = {
        "=": left == right,
        ">": left > right,
        ">=": left >= right,
        "<": left < right,
        "<=": left <= right,
    }
    return outcomes[op]
