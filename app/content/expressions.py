"""Liquid's expressions as Python expressions, and which Python name holds which Liquid variable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.builtin.expressions.filtered import Filter, FilteredExpression
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.path import Path
from liquid.builtin.expressions.primitive import (
    Blank,
    Empty,
    FalseLiteral,
    FloatLiteral,
    IntegerLiteral,
    Nil,
    RangeLiteral,
    StringLiteral,
    TrueLiteral,
)

from app.content.faults import Stop
from app.content.filters import FILTERS, Rule
from app.content.runtime import MAX_NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from liquid.expression import Expression

MAX_STEPS = 12
MAX_FILTERS = 12
MAX_TERMS = 24
MAX_DEPTH = 3
"""Limits of one expression, so that the Python made of it is never too deep for Python's own parser."""

_WORDS: Final = {"money": ("words.money", Rule(len, 0, 1)), "date_local": ("words.date_local", Rule(len, 0, 1))}
_SPECIAL: Final = frozenset({"first", "last", "size"})
_LOOP: Final = {
    "index": "({i} + 1)",
    "index0": "{i}",
    "rindex": "(len({s}) - {i})",
    "rindex0": "(len({s}) - {i} - 1)",
    "first": "({i} == 0)",
    "last": "({i} == len({s}) - 1)",
    "length": "len({s})",
}


@dataclass(frozen=True, slots=True)
class Loop:
    """A `for` around the place being written: its Liquid variable and the Python names that hold its state."""

    variable: str
    item: str
    index: str
    items: str
    alias: str


@dataclass(slots=True)
class Names:
    """Which Python local holds which Liquid name, here and now."""

    assigned: set[str]
    aliases: dict[str, str] = field(default_factory=dict)
    locals: dict[str, str] = field(default_factory=dict)
    loops: list[Loop] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def local(self, name: str) -> str:
        """Answer the local of a name outside any loop."""
        return self.locals.setdefault(name, f"n{len(self.locals)}")

    def enter(self, variable: str, item: str, index: str, items: str, alias: str) -> None:
        """Step into a loop."""
        self.loops.append(Loop(variable, item, index, items, alias))

    def leave(self) -> None:
        """Step out of the innermost loop."""
        self.loops.pop()

    def find(self, name: str) -> Loop | None:
        """Answer the innermost loop that names its variable so."""
        return next((loop for loop in reversed(self.loops) if loop.variable == name), None)

    def alias(self, expression: Expression) -> str:
        """Say what an expression reads, in dotted names; empty for what reads nothing."""
        if not isinstance(expression, Path) or not isinstance(expression.path[0], str):
            return ""
        head, *rest = expression.path
        loop = self.find(str(head))
        if loop:
            start = f"{loop.alias}[]" if loop.alias else ""
        else:
            start = self.aliases.get(str(head), "") if head in self.assigned else str(head)
        if not start:
            return ""
        for step in rest:
            if step in ("first", "last") or isinstance(step, int):
                start += "[]"
            elif isinstance(step, str) and step != "size":
                start += f".{step}"
        return start


class Expressions:
    """Writes Python for expressions; keeps the constants and the locals they need."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.constants: dict[str, object] = {}
        self._by_value: dict[tuple[type, object], str] = {}
        self._fresh = 0

    def fresh(self, letter: str) -> str:
        """Answer a Python name that nothing else has."""
        self._fresh += 1
        return f"{letter}{self._fresh}"

    def constant(self, value: str | float) -> str:
        """Answer the name of a constant."""
        key = (type(value), value)
        if key not in self._by_value:
            self._by_value[key] = f"k{len(self._by_value)}"
            self.constants[self._by_value[key]] = value
        return self._by_value[key]

    def roots(self) -> Iterator[tuple[str, str]]:
        """Answer each local that is filled when the function begins, with the constant that names it."""
        for name, local in self.names.locals.items():
            yield local, self.constant(name)

    def filtered(self, expression: Expression) -> str:
        """Write a value with its filters."""
        if not isinstance(expression, FilteredExpression):
            return self.value(expression)
        filters = expression.filters or []
        if len(filters) > MAX_FILTERS:
            raise Stop(f"At most {MAX_FILTERS} filters can follow one another.", expression.token.start_index)
        written = self.value(expression.left)
        for each in filters:
            written = self.filter(written, each)
        return written

    def filter(self, written: str, spoken: Filter) -> str:
        """Write one filter around what is written already."""
        offset = spoken.token.start_index
        name, rule = _WORDS.get(spoken.name, ("", FILTERS.get(spoken.name)))
        if rule is None:
            raise Stop(f"There is no filter called '{spoken.name}'.", offset)
        if any(isinstance(argument, KeywordArgument) for argument in spoken.args):
            raise Stop(f"'{spoken.name}' takes no named values.", offset)
        arguments = [self.value(argument.value) for argument in spoken.args]
        if not rule.least <= len(arguments) <= rule.most:
            wanted = str(rule.least) if rule.least == rule.most else f"{rule.least} to {rule.most}"
            raise Stop(f"'{spoken.name}' takes {wanted} value(s) after its colon, not {len(arguments)}.", offset)
        if not name:
            name = f"f_{spoken.name}"
            self.constants[name] = rule.call
        listed = ", ".join([written, *arguments])
        return f"{name}({listed})" if rule.light or name.startswith("words.") else f"call(m, {name}, {listed})"

    def value(self, expression: Expression) -> str:  # noqa: PLR0911  one answer for each kind of value
        """Write a value."""
        if isinstance(expression, Path):
            return self.path(expression)
        if isinstance(expression, StringLiteral):
            return self.constant(expression.value)
        if isinstance(expression, IntegerLiteral | FloatLiteral):
            if abs(expression.value) > MAX_NUMBER:
                raise Stop("This number is too large.", expression.token.start_index)
            return self.constant(expression.value)
        if isinstance(expression, RangeLiteral):
            return f"span({self.value(expression.start)}, {self.value(expression.stop)})"
        if isinstance(expression, TrueLiteral | FalseLiteral):
            return str(isinstance(expression, TrueLiteral))
        if isinstance(expression, Nil | Empty | Blank):
            return "None"
        return self.truth(expression)

    def path(self, expression: Path, depth: int = 0) -> str:
        """Write `a.b[c]`. A plain `dict` is read without a call; everything else by `dig`."""
        head, *steps = expression.path
        offset = expression.token.start_index
        if not isinstance(head, str) or len(steps) > MAX_STEPS or depth > MAX_DEPTH:
            raise Stop("This name is too complicated.", offset)
        if head == "forloop":
            return self.forloop(steps, offset)
        loop = self.names.find(head)
        alias = self.names.alias(expression)
        if alias:
            self.names.used.add(alias)
        written, simple = (loop.item if loop else self.names.local(head)), True
        for step in steps:
            key = self.path(step, depth + 1) if isinstance(step, Path) else self.constant(step)
            if isinstance(step, str) and step not in _SPECIAL:
                name = written if simple else self.fresh("t")
                tested = name if simple else f"({name} := {written})"
                written = f"({name}.get({key}) if {tested}.__class__ is dict else dig({name}, {key}))"
            else:
                written = f"dig({written}, {key})"
            simple = False
        return written

    def forloop(self, steps: Sequence[object], offset: int) -> str:
        """Write `forloop.index` and its like."""
        loops = list(self.names.loops)
        while loops and steps and steps[0] == "parentloop":
            loops.pop()
            steps = steps[1:]
        if not loops or len(steps) != 1 or steps[0] not in _LOOP:
            raise Stop(f"forloop knows these: {', '.join(_LOOP)}.", offset)
        return _LOOP[str(steps[0])].format(i=loops[-1].index, s=loops[-1].items)

    def truth(self, expression: Expression, terms: int = 0) -> str:
        """Write a condition that is a Python bool."""
        if terms > MAX_TERMS:
            raise Stop("This condition is too long.", expression.token.start_index)
        if isinstance(expression, BooleanExpression):
            return self.truth(expression.expression, terms)
        if isinstance(expression, LogicalAndExpression | LogicalOrExpression):
            word = "and" if isinstance(expression, LogicalAndExpression) else "or"
            return f"({self.truth(expression.left, terms + 1)} {word} {self.truth(expression.right, terms + 1)})"
        if isinstance(expression, TrueLiteral | FalseLiteral):
            return self.value(expression)
        if isinstance(expression, EqExpression | NeExpression):
            same = self.equality(expression)
            return same if isinstance(expression, EqExpression) else f"(not {same})"
        compared = self.comparison(expression)
        if compared:
            return compared
        name = self.fresh("t")
        return f"(({name} := {self.value(expression)}) is not None and {name} is not False)"

    def equality(self, expression: EqExpression | NeExpression) -> str:
        """Write `==`; `empty` and `blank` are questions, not values."""
        left, right = expression.left, expression.right
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Empty | Blank):
                return f"is_{'empty' if isinstance(one, Empty) else 'blank'}({self.value(other)})"
        return f"equal({self.value(left)}, {self.value(right)})"

    def comparison(self, expression: Expression) -> str:
        """Write `<`, `<=`, `>`, `>=` and `contains`; empty when it is none of them."""
        if isinstance(expression, LtExpression | LeExpression):
            word = "less" if isinstance(expression, LtExpression) else "less_or_equal"
            return f"{word}({self.value(expression.left)}, {self.value(expression.right)})"
        if isinstance(expression, GtExpression | GeExpression):
            word = "less" if isinstance(expression, GtExpression) else "less_or_equal"
            return f"{word}({self.value(expression.right)}, {self.value(expression.left)})"
        if isinstance(expression, ContainsExpression):
            return f"call(m, contains, {self.value(expression.left)}, {self.value(expression.right)})"
        return ""
