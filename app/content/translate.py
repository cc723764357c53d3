"""Turn parsed Liquid into one Python function per template, so that a message costs microseconds.

An interpreter walks the tree for every person; a function is made once. No text of an author ever becomes part of the
Python source: literals are constants with made-up names, and only the names in `FILTERS` can be called. Each generated
line remembers the place in the template that it came from, so a fault while rendering names the author's own line.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from liquid import Environment, RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.filtered import FilteredExpression
from liquid.builtin.expressions.path import Path
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode

from app.content import runtime
from app.content.expressions import Expressions, Names
from app.content.faults import Stop
from app.content.language import Place, UrlNode, parse
from app.content.program import FILE, Program, Wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import CodeType

    from liquid.token import Token


FIXED_NAMES: Final = frozenset({"brand", "shop"})
"""What is the same in every message of a shop: in a starter's mail every second value, colours and names and fonts."""

_NO_CONTEXT: Final = RenderContext(Environment().from_string(""))
"""Asked for by the nodes' interface; those we allow never look at it."""

_WRITERS: Final = {Place.HTML: "html_safe", Place.CSS: "css_safe", Place.TEXT: "plain"}


def _html_url(text: str, wrap: Wrap | None, meter: runtime.Meter) -> str:
    return runtime.html_safe(_plain_url(text, wrap, meter), meter)


def _plain_url(text: str, wrap: Wrap | None, meter: runtime.Meter) -> str:
    if len(text) > runtime.UNIT:
        meter.spend(len(text) // runtime.UNIT)
    url = runtime.safe_url(text)
    return wrap(url) if wrap is not None and runtime.is_web_url(url) else url


def _call(meter: runtime.Meter, function: Callable[..., object], value: object, *args: object) -> object:
    meter.weigh(value)
    made = function(value, *args)
    meter.weigh(made)
    return made


_RUNTIME: Final[dict[str, object]] = {
    "__builtins__": {"dict": dict, "enumerate": enumerate, "len": len},
    "call": _call,
    "html_url": _html_url,
    "plain_url": _plain_url,
    "join": "".join,
    **{
        name: getattr(runtime, name)
        for name in [
            "Html",
            "dig",
            "equal",
            "less",
            "less_or_equal",
            "contains",
            "is_empty",
            "is_blank",
            "rounds",
            "span",
            "html_safe",
            "plain",
            "css_safe",
            "url_part",
        ]
    },
}


def translate(tokens: Iterable[Token], *, markup: bool) -> Program:
    """Compile tokens into a program; with `markup`, what `capture` holds is HTML already. Raises `Stop`."""
    nodes = parse(tokens)
    writer = _Writer(_assigned(nodes), markup=markup)
    writer.block(nodes)
    code, offsets = writer.finish()
    space = dict(_RUNTIME) | writer.expressions.constants
    exec(code, space)  # noqa: S102  our own text: no character of it comes from an author
    variables = frozenset(writer.names.used)
    return Program(space["render"], space["fixed"], offsets, variables)  # type: ignore[arg-type]


def _assigned(nodes: Sequence[Node]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, AssignNode | CaptureNode):
            found.add(str(node.name))
        found |= _assigned(_inside(node))
    return found


def _inside(node: Node) -> list[Node]:
    """Answer the blocks and nodes directly in a node."""
    if isinstance(node, UrlNode | CaptureNode | MultiExpressionBlockNode):
        return [node.block]
    return list(node.children(_NO_CONTEXT))


def _cost(node: Node) -> int:
    own = 1 + len(node.text) // runtime.UNIT if isinstance(node, ContentNode) else 1
    return own + sum(map(_cost, _inside(node)))


class _Writer:
    """Writes the function: `self.pending` gathers what goes out together, so that a run of outputs is one call.

    Literals and outputs that are the same in every message of a shop are put together by a function of their own.
    """

    def __init__(self, assigned: set[str], *, markup: bool) -> None:
        self.markup = markup
        self.names = Names(assigned)
        self.expressions = Expressions(self.names)
        self.lines: list[str] = []
        self.offsets: list[int] = []
        self.pending: list[tuple[str, int]] = []
        self.fixed: list[list[tuple[str, int]]] = []
        self.same: set[str] = set()
        self.depth = 1
        self.buffers = ["o"]
        self.loops = 0
        self.place = 0

    def finish(self) -> tuple[CodeType, tuple[int, ...]]:
        """Close the function and compile it."""
        self.flush()
        roots = [f" {local} = get({constant})" for local, constant in self.expressions.roots()]
        head = ["def render(get, m, words, wrap, f):", " spend = m.spend", " out = []", " o = out.extend", *roots]
        lines = [*head, *self.lines, " return join(out)", "def fixed(get, m):", *roots, " return ("]
        offsets = [*[0] * len(head), *self.offsets, *[0] * (len(roots) + 3)]
        for stretch in self.fixed:
            lines += [" join((", *(f"{expression}," for expression, _ in stretch), " )),"]
            offsets += [0, *(place for _, place in stretch), 0]
        return compile("\n".join([*lines, " )"]), FILE, "exec"), (*offsets, 0)

    def line(self, text: str) -> None:
        """Write one line of Python, belonging to the node being written."""
        self.lines.append(" " * self.depth + text)
        self.offsets.append(self.place)

    def emit(self, expression: str, *, same: bool = False) -> None:
        """Send one text to the output; `same` when it is so in every message of a shop."""
        self.pending.append((expression, self.place))
        if same:
            self.same.add(expression)

    def flush(self) -> None:
        """Write what is pending, one line each so that a fault finds its place."""
        if not self.pending:
            return
        self.line(f"{self.buffers[-1]}((")
        for same, stretch in groupby(self.pending, lambda text: text[0] in self.same):
            texts = list(stretch)
            if same and len(texts) > 1:
                self.fixed.append(texts)
                texts = [(f"f[{len(self.fixed) - 1}]", texts[0][1])]
            for expression, place in texts:
                self.lines.append(f"{expression},")
                self.offsets.append(place)
        self.lines.append("))")
        self.offsets.append(self.place)
        self.pending.clear()

    def block(self, nodes: Sequence[Node], *, blank: bool = False) -> None:
        """Write nodes one after another; the white space of a `blank` block is not written."""
        for node in nodes:
            self.place = max(node.token.start_index, 0)
            if isinstance(node, ContentNode):
                if not blank:
                    self.emit(self.expressions.constant(node.text), same=True)
            elif isinstance(node, OutputNode):
                self.emit(self.output(node), same=self.is_same(node))
            elif isinstance(node, UrlNode):
                self.url(node)
            else:
                self.flush()
                self.tag(node)

    def inner(self, block: BlockNode) -> None:
        """Write a block one step deeper."""
        self.depth += 1
        before = len(self.lines)
        self.block(block.nodes, blank=block.blank)
        self.flush()
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1

    def output(self, node: OutputNode) -> str:
        """Write `{{ value }}` for the place where it stands."""
        place = Place(node.token.value)
        value = self.expressions.filtered(node.expression)
        return f"url_part({value})" if place is Place.URL else f"{_WRITERS[place]}({value}, m)"

    def is_same(self, node: OutputNode) -> bool:
        """Whether `{{ value }}` is the same in every message of a shop: a plain name of its brand or its own."""
        spoken = node.expression
        value = spoken.left if isinstance(spoken, FilteredExpression) and not spoken.filters else None
        if not isinstance(value, Path) or not all(isinstance(step, str) for step in value.path):
            return False
        head = str(value.path[0])
        return head in FIXED_NAMES and head not in self.names.assigned and self.names.find(head) is None

    def url(self, node: UrlNode) -> None:
        """Write the value of a URL attribute: put together first, then checked as a whole, then escaped."""
        writer = "html_url" if node.in_html else "plain_url"
        wrap = "wrap" if node.link else "None"
        if all(isinstance(inner, ContentNode | OutputNode) for inner in node.block.nodes):
            parts = [self.url_part(inner) for inner in node.block.nodes]
            text = parts[0] if len(parts) == 1 else f"join(({''.join(part + ',' for part in parts)}))"
            self.emit(f"{writer}({text}, {wrap}, m)")
            return
        self.flush()
        buffer = self.open_buffer()
        self.block(node.block.nodes)
        self.close_buffer()
        self.emit(f"{writer}(join({buffer}), {wrap}, m)")

    def url_part(self, node: Node) -> str:
        """Write one part of a URL."""
        if isinstance(node, ContentNode):
            return self.expressions.constant(node.text)
        assert isinstance(node, OutputNode)  # noqa: S101  the caller looked
        return self.output(node)

    def open_buffer(self) -> str:
        """Send what follows to a new list, and answer its name."""
        buffer = self.expressions.fresh("b")
        self.line(f"{buffer} = []")
        self.line(f"{buffer}o = {buffer}.extend")
        self.buffers.append(f"{buffer}o")
        return buffer

    def close_buffer(self) -> None:
        """Go back to the list before."""
        self.flush()
        self.buffers.pop()

    def tag(self, node: Node) -> None:
        """Write a tag."""
        if isinstance(node, IfNode | UnlessNode):
            self.condition(node)
        elif isinstance(node, ForNode):
            self.loop(node)
        elif isinstance(node, AssignNode):
            self.assign(node)
        elif isinstance(node, CaptureNode):
            self.capture(node)
        elif isinstance(node, CaseNode):
            self.choice(node)
        elif isinstance(node, BreakNode | ContinueNode):
            if not self.loops:
                raise Stop("break and continue belong inside a for loop.", self.place)
            self.line("break" if isinstance(node, BreakNode) else "continue")
        elif isinstance(node, BlockNode):
            self.block(node.nodes, blank=node.blank)
        else:
            raise Stop(f"This tag cannot be used here: {node.token.value}.", self.place)

    def assign(self, node: AssignNode) -> None:
        """Write `assign`; a name for something already there reads as that thing in `variables`."""
        value, name = self.expressions.filtered(node.expression), str(node.name)
        self.line(f"{self.names.local(name)} = {value}")
        spoken = node.expression
        simple = spoken.left if isinstance(spoken, FilteredExpression) and not spoken.filters else None
        self.names.aliases[name] = self.names.alias(simple) if simple else ""

    def condition(self, node: IfNode | UnlessNode) -> None:
        """Write `if` or `unless` with its branches."""
        first = self.expressions.truth(node.condition)
        self.line(f"if {first}:" if isinstance(node, IfNode) else f"if not ({first}):")
        self.inner(node.consequence)
        for branch in node.alternatives:
            self.place = max(branch.token.start_index, 0)
            self.line(f"elif {self.expressions.truth(branch.expression)}:")
            self.inner(branch.block)
        if node.default:
            self.line("else:")
            self.inner(node.default)

    def choice(self, node: CaseNode) -> None:
        """Write `case`: the first `when` that fits, else every `else`."""
        value = self.expressions.fresh("t")
        self.line(f"{value} = {self.expressions.value(node.expression)}")
        word = "if"
        for branch in node.blocks:
            if isinstance(branch, MultiExpressionBlockNode):
                tests = [f"equal({value}, {self.expressions.value(e)})" for e in branch.expression.expressions]
                self.line(f"{word} {' or '.join(tests)}:")
                self.inner(branch.block)
                word = "elif"
        for branch in node.blocks:
            if isinstance(branch, BlockNode):
                self.line("else:" if word == "elif" else "if True:")
                self.inner(branch)
                break

    def capture(self, node: CaptureNode) -> None:
        """Write `capture`: what its block makes becomes a value, already safe where it was made."""
        buffer = self.open_buffer()
        self.block(node.block.nodes)
        self.close_buffer()
        name = self.names.local(str(node.name))
        self.line(f"{name} = Html(join({buffer}))" if self.markup else f"{name} = join({buffer})")
        self.line(f"m.weigh({name})")

    def loop(self, node: ForNode) -> None:
        """Write `for`, with `else` for nothing to go through."""
        spoken = node.expression
        items, index, item = (self.expressions.fresh(letter) for letter in "sir")
        source = self.expressions.value(spoken.iterable)
        limit = self.expressions.value(spoken.limit) if spoken.limit else "None"
        offset = self.expressions.value(spoken.offset) if spoken.offset else "0"
        if offset == "None" or getattr(spoken.offset, "value", None) == "continue":
            raise Stop("offset: continue is not supported; give a number.", self.place)
        self.line(f"{items} = rounds({source}, {limit}, {offset}, backwards={bool(spoken.reversed)})")
        self.line(f"if {items}:")
        self.depth += 1
        self.line(f"for {index}, {item} in enumerate({items}):")
        self.depth += 1
        self.line(f"spend({_cost(node.block)})")
        self.depth -= 1
        self.loops += 1
        self.names.enter(spoken.identifier, item, index, items, self.names.alias(spoken.iterable))
        self.inner(node.block)
        self.names.leave()
        self.loops -= 1
        self.depth -= 1
        if node.default:
            self.line("else:")
            self.inner(node.default)
