"""Conditions as a form: rows of field, comparison and value, drawn from the catalogue and read back. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from app.admin import flow
from app.admin.words import _
from app.conditions import Condition
from app.content.money import minor_digits
from app.journeys.catalogue import VALUELESS, fields as known_fields, flaw_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from werkzeug.datastructures import MultiDict

    from app.journeys.catalogue import Field

MOST: Final = 12
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Row:
    """One condition as the form shows it."""

    field: str
    comparison: str
    values: tuple[str, ...] = ()
    error: str = ""

    @property
    def value(self) -> str:
        """The one value, or all of them with commas."""
        return ", ".join(self.values)


@dataclass(frozen=True, slots=True)
class Rows:
    """All conditions of a form. `found`: what they say; None while something is wrong with them."""

    rows: tuple[Row, ...]
    found: tuple[Condition, ...] | None


@dataclass(frozen=True, slots=True)
class Asking:
    """What a form of conditions may offer, and how it writes money."""

    known: Mapping[str, Field]
    currency: str

    @property
    def groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """(group, [(field, its words)]): about the occasion, the person, the messages."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, field in self.known.items():
            title = (
                _("Messages of this journey")
                if field.of_messages
                else _("The customer")
                if name.startswith("customer.")
                else _("What happened")
            )
            groups.setdefault(title, []).append((name, flow.field_words(name)))
        return list(groups.items())


def asking(event: str, messages: Iterable[str], currency: str, *, entering: bool = False) -> Asking:
    """What can be asked at a place of a journey."""
    return Asking(known_fields(event, messages, entering=entering), currency)


def shown(conditions: Iterable[Condition], about: Asking) -> Rows:
    """Conditions as rows."""
    conditions = tuple(conditions)
    return Rows(tuple(_row(c, about) for c in conditions), conditions)


def _row(condition: Condition, about: Asking) -> Row:
    field = about.known.get(condition.field)
    values = condition.value if isinstance(condition.value, list | tuple) else [condition.value]
    if condition.comparison in VALUELESS:
        values = []
    return Row(condition.field, condition.comparison, tuple(_written(v, field, about.currency) for v in values))


def _written(value: Any, field: Field | None, currency: str) -> str:
    if isinstance(value, bool):
        return YES if value else NO
    if field is not None and field.kind == "money" and isinstance(value, int):
        digits = minor_digits(currency)
        return f"{Decimal(value).scaleb(-digits):.{digits}f}"
    return str(value)


def typed(form: MultiDict[str, str], about: Asking) -> Rows:
    """What was typed, checked; and changed as its buttons say: `more` adds a row, `less` takes one away."""
    rows = []
    for number in range(MOST):
        field = form.get(f"c{number}.field")
        if field is not None and form.get("less") != str(number):
            before = form.get(f"c{number}.was")
            values = () if before not in (None, field) else tuple(form.getlist(f"c{number}.value"))
            rows.append(_fitting(Row(field, form.get(f"c{number}.is", ""), values), about))
    if "more" in form and len(rows) < MOST:
        rows.append(blank(about))
    read = [_read(row, about) for row in rows]
    fine = all(condition is not None for _row, condition in read)
    return Rows(tuple(row for row, _c in read), tuple(c for _r, c in read if c is not None) if fine else None)


def blank(about: Asking) -> Row:
    """A row to begin with: the first field there is."""
    return _fitting(Row(next(iter(about.known)), ""), about)


def _fitting(row: Row, about: Asking) -> Row:
    """A row whose field was just chosen compares as that field is most usually compared."""
    field = about.known.get(row.field)
    if field is None:
        return row
    comparison = row.comparison if row.comparison in (*field.comparisons, *VALUELESS) else field.comparisons[0]
    values = row.values
    if not values and (field.kind == "flag" or field.choices) and comparison not in VALUELESS:
        values = (YES,) if field.kind == "flag" else field.choices[:1]
    return replace(row, comparison=comparison, values=values)


def _read(row: Row, about: Asking) -> tuple[Row, Condition | None]:
    field = about.known.get(row.field)
    if field is None:
        return replace(row, error=_("This can't be asked here.")), None
    value: Any = True
    if row.comparison == "one_of":
        parts = row.values if field.choices else [p.strip() for p in ",".join(row.values).split(",")]
        value = [_value(part, field, about.currency) for part in parts if part]
    elif row.comparison not in VALUELESS:
        value = _value(row.values[0] if row.values else "", field, about.currency)
    condition = Condition.model_validate({"field": row.field, "is": row.comparison, "value": value})
    wrong = flaw_of(condition, about.known)
    if wrong is None:
        return row, condition
    return replace(row, error=_error(field)), None


def _value(text: str, field: Field, currency: str) -> Any:
    text = text.strip()
    if field.kind == "flag":
        return {YES: True, NO: False}.get(text)
    if field.kind in ("number", "money"):
        try:
            number = Decimal(text).scaleb(minor_digits(currency) if field.kind == "money" else 0)
            return int(number) if number == number.to_integral_value() else None
        except (InvalidOperation, ValueError, OverflowError):
            return None
    return text.upper() if field.kind == "country" else text


def _error(field: Field) -> str:
    return {
        "number": _("Use a whole number, such as 2."),
        "money": _("Use an amount, such as 45.00."),
        "country": _("Use countries' two letters, such as US or SE."),
        "tags": _("Type the tag as your store writes it."),
    }.get(field.kind, _("Choose something."))


def stored(rows: Sequence[Condition]) -> list[dict[str, Any]]:
    """Conditions as a definition writes them."""
    return [
        {"field": c.field, "is": c.comparison, **({} if c.comparison in VALUELESS else {"value": c.value})}
        for c in rows
    ]
