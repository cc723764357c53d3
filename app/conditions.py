"""Conditions: a merchant's sentence about a fact, as data. Pure.

`{field: checkout.total, is: at_least, value: 5000}` reads as it is meant. A field that isn't known satisfies only
`is_missing` and the negative comparisons (`is_not`, `lacks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Comparison = Literal[
    "is", "is_not", "at_least", "at_most", "more_than", "less_than", "has", "lacks", "one_of", "is_known", "is_missing"
]


class Condition(BaseModel):
    """One sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    field: str = Field(pattern=r"^[a-z][a-z0-9_.]*$", max_length=80)
    comparison: Comparison = Field("is", alias="is")
    value: Any = True

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether it is so."""
        known = facts.get(self.field)
        if self.comparison == "is_known":
            return known is not None
        if self.comparison == "is_missing":
            return known is None
        if known is None:
            return self.comparison in ("is_not", "lacks")
        return _COMPARE[self.comparison](known, self.value)


def _number(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def safely(known: Any, value: Any) -> bool:
        try:
            return compare(known, value)
        except TypeError:
            return False

    return safely


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "is": lambda known, value: bool(known == value),
    "is_not": lambda known, value: bool(known != value),
    "at_least": _number(lambda known, value: bool(known >= value)),
    "at_most": _number(lambda known, value: bool(known <= value)),
    "more_than": _number(lambda known, value: bool(known > value)),
    "less_than": _number(lambda known, value: bool(known < value)),
    "has": _number(lambda known, value: value in known),
    "lacks": _number(lambda known, value: value not in known),
    "one_of": _number(lambda known, value: known in value),
}


def first_failing(conditions: Sequence[Condition], facts: Mapping[str, Any]) -> Condition | None:
    """The first condition that doesn't hold; None when all do."""
    return next((c for c in conditions if not c.holds(facts)), None)
